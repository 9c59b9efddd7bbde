"""The examples in docs/api.md do what they say."""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from classifier.models import Prediction
from classifier.tests.api import make_token
from classifier.tests.factories import BASE_DIR, image_bytes
from classifier.tests.jobs import photographs, work, zip_bytes

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = (BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run(live_server, user, tmp_path):
    """A function that runs a command beside a photograph, with the site's address and a token in its environment."""
    (tmp_path / "cat.jpg").write_bytes(image_bytes())
    (tmp_path / "trip.zip").write_bytes(zip_bytes(photographs(2)))
    env = {**os.environ, "SITE": live_server.url, "TOKEN": make_token(user)}

    def run_command(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_command


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_examples_in_curl_store_predictions_and_download_one(run, tmp_path):
    commands = [example for example in examples("sh") if example.startswith("curl")]
    (download,) = [example for example in examples("sh") if example.startswith("id=")]
    answers = [run("sh", "-c", command) for command in commands]
    assert len(answers) == 5
    (job,) = [answer for answer in answers if '"probabilities"' not in answer]
    assert '"kind":"classify"' in job
    # One each, and two by that of many images.
    assert Prediction.objects.count() == 5
    assert Prediction.objects.exclude(upload__expires_at=None).count() == 1
    run("sh", "-c", download)
    assert (tmp_path / "image").read_bytes() == image_bytes()
    assert (tmp_path / "thumbnail.jpg").read_bytes()[:3] == b"\xff\xd8\xff"


def test_example_in_python_waits_for_a_job_and_downloads_its_results(run, shipped):
    example, _ = examples("python")
    report = "print(job['state'], job['done'], table.count('.jpg'), errors.count('.jpg'), images[:2].decode())"
    with ThreadPoolExecutor(1) as executor:
        said = executor.submit(run, sys.executable, "-c", f"{example}\n{report}")
        while not said.done():
            work()
            time.sleep(0.1)
    assert said.result().splitlines()[-1] == "finished 2 2 0 PK"


def test_example_in_python_creates_corrects_lists_and_deletes_a_prediction(run):
    _, example = examples("python")
    made, listed = run(sys.executable, "-c", example).splitlines()
    assert re.fullmatch(r"[a-z]+ 0\.\d+", made)
    assert re.fullmatch(r"[0-9a-f-]{36} cat (True|False)", listed)
    assert not Prediction.objects.exists()
