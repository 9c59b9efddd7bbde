"""On PostgreSQL searches find under any collation, clashes pass, and closed connections are replaced."""

import subprocess
import urllib.error
import urllib.request

import pytest

from classifier.tests.factories import linked_model
from classifier.tests.migrated import migrate
from classifier.tests.server import serve
from classifier.tests.test_backup import Place

#: Prints what a search by each beginning finds, and whether PostgreSQL reads it along the index.
SEARCH = """
from classifier.admin.search import search
from classifier.models import Upload
from classifier.tests.factories import make_user
from django.db import connection
names = ["Cat.jpg", "cat 2.jpg", "catalogue.png", "CAT😀.png", "кіт.jpg", "кішка.jpg", "dog", "cas", "cau", "c_t"]
user, fields = make_user("olena"), dict(format="JPEG", content_type="image/jpeg", width=1, height=1, size=1)
for number, name in enumerate(names):
    Upload.objects.create(owner=user, original_name=name, sha256=f"{number}c" * 32, **fields)
for words in ("cat", "кі", "c", "c_", "3c3c", "olen"):
    print(*sorted(names.index(row.original_name) for row in search(Upload.objects.all(), words, upload="pk")))
with connection.cursor() as cursor:
    cursor.execute("SET enable_seqscan = off")
print("upload_name" in Upload.objects.order_by().filter(folded_name__startswith="cat").explain())
"""

#: Two transactions that each wait for the other's row, and two that may not both be; prints the site's words for it.
CLASH = """
import threading
from classifier.services.operations.storage import as_unavailable
from classifier.tests.factories import make_user
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
keys = [make_user("one").pk, make_user("two").pk]
def clash(isolation, orders):
    both, reasons = threading.Barrier(2), []
    def write(order):
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
                User.objects.count()
                both.wait()
                for number, key in enumerate(order):
                    User.objects.filter(pk=key).update(first_name="x")
                    if len(order) > 1 and not number:
                        both.wait()
        except DatabaseError as error:
            reasons.append(as_unavailable(error).reason.value)
        finally:
            connection.close()
    threads = [threading.Thread(target=write, args=(order,)) for order in orders]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(*reasons)
clash("READ COMMITTED", [keys, keys[::-1]])
clash("REPEATABLE READ", [keys[:1], keys[:1]])
"""


@pytest.fixture
def site(postgresql, tmp_path):
    """A function that makes a site on a database of a collation."""

    def make(collation: str = "C.UTF-8") -> Place:
        place = Place(tmp_path / "site", DATABASE_URL=postgresql(collation))
        linked_model(place.models / "student_cnn")
        migrate(place.env)
        return place

    return make


@pytest.mark.parametrize("collation", ["C.UTF-8", "uk"])
def test_beginnings_are_found_under_any_collation(site, collation):
    assert site(collation).shell(SEARCH).splitlines() == [
        "0 1 2 3",
        "4 5",
        "0 1 2 3 7 8 9",
        "9",
        "3",
        "0 1 2 3 4 5 6 7 8 9",
        "True",
    ]


def test_deadlocks_and_clashing_transactions_are_passing_trouble(site):
    assert site().shell(CLASH).splitlines() == ["busy", "busy"]


def test_connections_that_the_server_has_closed_cost_no_request(site):
    place = site()
    url = place.env["DATABASE_URL"]
    variables = {"DATABASE_URL": url, "MODELS_DIR": str(place.models), "WEB_CONCURRENCY": "1"}
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with serve(place.folder, **variables) as served:
        for _ in range(3):
            assert [_status(f"{served.address}/readyz") for _ in range(12)] == [200] * 12
            command = ["psql", "--dbname", url, "-qtAc", f"{end_all} pg_backend_pid()"]
            ended = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert "t" in ended.split()


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
