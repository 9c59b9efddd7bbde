import os
import re
import runpy
import subprocess
import sys
import tomllib

import pytest
from django.conf import settings

from classifier.tests.factories import BASE_DIR, environment, manage

KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def production(folder, **changes: str) -> dict[str, str]:
    return environment(
        folder, **{"DEBUG": "false", "HTTPS": "true", "SECRET_KEY": KEY, "ALLOWED_HOSTS": "example.org", **changes}
    )


def test_version_is_that_of_the_package():
    package = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())
    assert package["project"]["version"] == settings.VERSION


def pins(name: str) -> set[str]:
    """The packages with their versions that a requirements file pins, without the platforms they are for."""
    lines = (BASE_DIR / name).read_text().splitlines()
    return {match[0] for line in lines if (match := re.match(r"[\w.-]+==[\w.]+", line))}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set."),
        ({"SECRET_KEY": "short"}, "SECRET_KEY has fewer than 32 characters."),
        ({"SECRET_KEY": "ab" * 30}, "SECRET_KEY repeats a few characters."),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is not set."),
        ({"DEBUG": "perhaps"}, '"DEBUG" invalid'),
        ({"HTTPS": "perhaps"}, '"HTTPS" invalid'),
        ({"MAX_UPLOAD_MEGABYTES": "many"}, '"MAX_UPLOAD_MEGABYTES" invalid'),
        ({"MAX_IMAGE_MEGAPIXELS": "0"}, '"MAX_IMAGE_MEGAPIXELS" invalid'),
        ({"INTERPRETERS": "-1"}, '"INTERPRETERS" invalid'),
        ({"HISTORY_PAGE_SIZE": "-1"}, '"HISTORY_PAGE_SIZE" invalid'),
        ({"LOG_LEVEL": "LOUD"}, '"LOG_LEVEL" invalid'),
        ({"DATABASE_URL": "nonsense"}, '"DATABASE_URL" invalid'),
        ({"LOG_FORMAT": "loud"}, '"LOG_FORMAT" invalid'),
        ({"THROTTLE_CLASSIFY_PERSON": "often"}, '"THROTTLE_CLASSIFY_PERSON" invalid'),
        ({"REDIS_URL": "http://example.org"}, '"REDIS_URL" invalid'),
        ({"LOCKOUT_FAILURES": "0"}, '"LOCKOUT_FAILURES" invalid'),
        ({"METRICS_TOKEN": "short"}, '"METRICS_TOKEN" invalid'),
        ({"SIGN_UP": "perhaps"}, '"SIGN_UP" invalid'),
        ({"EMAIL_HOST": "mail.example.org"}, "DEFAULT_FROM_EMAIL is not set."),
        ({"EMAIL_USE_SSL": "true", "EMAIL_USE_TLS": "true"}, "EMAIL_USE_SSL and EMAIL_USE_TLS are both on."),
        ({"TIME_ZONE": "Mars/Olympus"}, "TIME_ZONE"),
        ({"STORAGE_URL": "bucket"}, '"STORAGE_URL" invalid'),
        ({"STORAGE_URL": "s3://Bucket/../x"}, '"STORAGE_URL" invalid'),
        ({"SERVE_UPLOADS": "somehow"}, '"SERVE_UPLOADS" invalid'),
        ({"SERVE_UPLOADS": "accel"}, "SERVE_UPLOADS=accel needs nginx in front of the site."),
        ({"AWS_ENDPOINT_URL": "s3.example.org"}, '"AWS_ENDPOINT_URL" invalid'),
        ({"AWS_ACCESS_KEY_ID": "key"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together."),
    ],
)
def test_bad_configuration_stops_the_start_and_names_the_variable(tmp_path, changes, message):
    done = manage("check", env=production(tmp_path, **changes))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_production_settings_pass_djangos_own_check(tmp_path):
    done = manage("check", "--deploy", "--fail-level", "WARNING", env=production(tmp_path))
    assert done.returncode == 0, done.stderr


def test_development_makes_a_key_for_itself_once(tmp_path):
    file = tmp_path / "secret_key"
    env = environment(tmp_path, DEBUG="true", SECRET_KEY="", SECRET_KEY_FILE=str(file))
    show = ("shell", "--no-imports", "--command", "from django.conf import settings; print(settings.SECRET_KEY)")
    first, second = (manage(*show, env=env).stdout.strip() for _ in range(2))
    assert first == second == file.read_text()
    assert len(first) >= 50
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.glob("secret_key*")] == [file]


def test_a_key_file_that_others_may_write_is_refused(tmp_path):
    file = tmp_path / "secret_key"
    file.write_text("0123456789abcdefghijklmnopqrstuvwxyz0123456789")
    file.chmod(0o666)
    done = manage("check", env=production(tmp_path) | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(file)})
    assert done.returncode != 0
    assert f"Run: chmod 600 {file}" in done.stderr


def test_the_database_file_is_readable_by_its_owner_alone(tmp_path):
    file = tmp_path / "db.sqlite3"
    file.touch(0o644)
    env = environment(tmp_path, DATABASE_URL=f"sqlite:///{file}")
    # The other two files last as long as the connection.
    show = "from django.db import connection as c; c.cursor().execute('CREATE TABLE t (x)'); "
    show += f"import pathlib; print([oct(f.stat().st_mode & 0o777) for f in pathlib.Path('{tmp_path}').glob('db*')])"
    done = manage("shell", "--no-imports", "--command", show, env=env)
    assert done.stdout.strip() == str(["0o600"] * 3), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600


def test_no_migration_is_missing(tmp_path):
    done = manage("makemigrations", "--check", "--dry-run", env=environment(tmp_path))
    assert done.returncode == 0, done.stdout


def test_complete_requirements_contain_those_of_serving():
    assert pins("requirements-serve.txt")
    assert pins("requirements-serve.txt") <= pins("requirements.txt")


def test_serving_requires_no_tensorflow():
    packages = {pin.partition("==")[0] for pin in pins("requirements-serve.txt")}
    assert packages & {"tensorflow", "keras", "tensorflow-cpu"} == set()
    assert {"django", "ai-edge-litert", "gunicorn", "whitenoise"} <= packages


@pytest.mark.parametrize(
    ("processors", "given", "interpreters"),
    [
        (2, {}, "1"),
        (8, {}, "2"),
        (8, {"WEB_CONCURRENCY": "1"}, "8"),
        (1, {"WEB_CONCURRENCY": "3"}, "1"),
        (8, {"INTERPRETERS": "5"}, "5"),
    ],
)
def test_processes_share_one_interpreter_a_processor(monkeypatch, tmp_path, processors, given, interpreters):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    for name in ("WEB_CONCURRENCY", "INTERPRETERS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    runpy.run_path(str(BASE_DIR / "cifarsite" / "gunicorn.py"))
    assert os.environ["INTERPRETERS"] == interpreters


def test_a_wrong_setting_of_the_server_stops_it_and_is_named(tmp_path):
    command = [sys.executable, "-m", "gunicorn", "--config", "python:cifarsite.gunicorn", "cifarsite.wsgi"]
    for name, value in {"WEB_CONCURRENCY": "0", "WEB_THREADS": "0", "PORT": "70000", "CLIENT_SECONDS": "0"}.items():
        env = environment(tmp_path, **{name: value})
        done = subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True)
        assert done.returncode == 1
        assert f'Environment variable "{name}" invalid' in done.stderr


@pytest.mark.parametrize(
    ("address", "place"), [("s3://photos", ("photos", "")), ("s3://photos/a/b/", ("photos", "a/b"))]
)
def test_address_of_a_bucket_moves_the_uploads_there(tmp_path, address, place):
    code = (
        "from django.core.files.storage import default_storage as s; print((s.bucket_name, s.location), s.endpoint_url)"
    )
    env = production(tmp_path, STORAGE_URL=address, AWS_ENDPOINT_URL="https://s3.example.org")
    done = manage("shell", "--no-imports", "-c", code, env=env)
    assert done.stdout.strip() == f"{place} https://s3.example.org", done.stderr


@pytest.mark.parametrize(("durable", "kind"), [("true", "DurableStorage"), ("false", "LocalStorage")])
def test_uploads_are_on_the_local_disk_by_default(tmp_path, durable, kind):
    code = "from django.core.files.storage import storages; print(type(storages['default']).__name__)"
    done = manage("shell", "--no-imports", "-c", code, env=production(tmp_path, SYNC_TO_DISK=durable))
    assert done.stdout.strip() == kind, done.stderr
