"""Several servers start at once on an empty database: each `migrate` succeeds, each migration is applied once."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from classifier.tests.factories import BASE_DIR, linked_model
from classifier.tests.test_backup import Place

LOOK = """
from classifier.models import ModelVersion
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT COUNT(*), COUNT(DISTINCT app || ' ' || name) FROM django_migrations")
    applied, different = cursor.fetchone()
print(applied == different > 15, ModelVersion.objects.count(), ModelVersion.objects.filter(active=True).count())
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path) -> Callable[[], Place]:
    variables = {}
    if request.param == "postgresql":
        variables["DATABASE_URL"] = request.getfixturevalue("postgresql")()
    place = Place(tmp_path / "site", **variables)
    linked_model(place.models / "student_cnn")
    return place


def test_each_migrate_succeeds(place):
    command = [sys.executable, "manage.py", "migrate", "--no-input"]
    options = {"cwd": BASE_DIR, "env": place.env, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **options) for _ in range(3)]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert place.shell(LOOK) == "True 1 1"
