"""The process that generates the load, with Locust: a line of JSON in, a line of JSON out.

It runs in the virtual environment of `make bench`; `load.py` is its other side and says what the fields are.
Locust, because a classification by Gradio takes three dependent requests, because a mix of files is just a list of
bodies, and because pip installs it. It sends the same requests to every server, and its own CPU time is measured with
each load.
"""

import itertools
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, task
from locust.env import Environment
from urllib3.filepost import encode_multipart_formdata

_PATIENCE = 60.0
_PAUSE_BETWEEN_TRIES = 0.02


def main() -> None:
    for line in sys.stdin:
        question = json.loads(line)
        answer = {"wait": wait, "load": load}[question.pop("do")](**question)
        print(json.dumps(answer), flush=True)


def wait(endpoint: dict[str, Any], files: list[str], seconds: float) -> dict[str, Any]:
    """Upload until there is a response, for at most the given seconds."""
    user = _user_of(endpoint, _bodies(endpoint, files), [])(Environment())
    until, problem = time.perf_counter() + seconds, "nothing asked"
    while problem and time.perf_counter() < until:
        problem = user.classify()
        if problem:
            gevent.sleep(_PAUSE_BETWEEN_TRIES)
    return {"problem": problem}


def load(endpoint: dict[str, Any], files: list[str], concurrency: int, seconds: float) -> dict[str, Any]:
    """Upload from several clients without a pause; after the time is up, each waits for its last response."""
    samples: list[tuple[float, float, str]] = []
    environment = Environment(
        user_classes=[_user_of(endpoint, _bodies(endpoint, files), samples)], stop_timeout=2 * _PATIENCE
    )
    runner = environment.create_local_runner()
    processor_seconds = time.process_time()
    runner.start(concurrency, spawn_rate=concurrency)
    gevent.sleep(seconds)
    runner.stop()
    processor_seconds = time.process_time() - processor_seconds
    runner.quit()
    return {
        "latencies": [finished - started for started, finished, problem in samples if not problem],
        "problems": Counter(problem for _started, _finished, problem in samples if problem),
        "seconds": max(sample[1] for sample in samples) - min(sample[0] for sample in samples),
        "processor_seconds": processor_seconds,
    }


def _bodies(endpoint: dict[str, Any], files: list[str]) -> list[tuple[bytes, str]]:
    """Each file as the body of an upload, and its content type."""
    fields = endpoint["fields"]
    uploads = [(Path(file).name, Path(file).read_bytes(), "image/jpeg") for file in files]
    return [encode_multipart_formdata({**fields, endpoint["file_field"]: upload}) for upload in uploads]


def _user_of(
    endpoint: dict[str, Any], bodies: list[tuple[bytes, str]], samples: list[tuple[float, float, str]]
) -> type[FastHttpUser]:
    """A Locust user who uploads the bodies in turn with all others, and writes down start, end and what went wrong."""
    turns = itertools.cycle(bodies)
    exchange = {"post": _post, "gradio": _ask_gradio}[endpoint["exchange"]]

    class Uploader(FastHttpUser):
        host = endpoint["address"]
        connection_timeout = network_timeout = _PATIENCE

        @task
        def upload(self) -> None:
            started = time.perf_counter()
            problem = self.classify()
            samples.append((started, time.perf_counter(), problem))

        def classify(self) -> str:
            """Return the failure, or ""."""
            body, content_type = next(turns)
            return exchange(self.client, endpoint, body, endpoint["headers"] | {"Content-Type": content_type})

    return Uploader


def _post(client: Any, endpoint: dict[str, Any], body: bytes, headers: dict[str, str]) -> str:
    answer = client.post(endpoint["path"], data=body, headers=headers, allow_redirects=False)
    return _problem(answer) or _missing(answer, endpoint["expected"])


def _ask_gradio(client: Any, endpoint: dict[str, Any], body: bytes, headers: dict[str, str]) -> str:
    """Upload the file, join the queue and wait for the response, as Gradio documents for programs."""
    uploaded = client.post("/gradio_api/upload", data=body, headers=headers)
    if problem := _problem(uploaded):
        return problem
    picture = {"path": json.loads(uploaded.content)[0], "meta": {"_type": "gradio.FileData"}}
    queued = client.post(endpoint["path"], json={"data": [picture]}, name="queue")
    if problem := _problem(queued):
        return problem
    event = json.loads(queued.content)["event_id"]
    answer = client.get(f"{endpoint['path']}/{event}", name="answer")
    return _problem(answer) or _missing(answer, endpoint["expected"])


def _problem(answer: Any) -> str:
    if answer.status_code == 0:
        return type(answer.error).__name__
    return "" if answer.status_code == 200 else f"status {answer.status_code}"


def _missing(answer: Any, expected: str) -> str:
    return "" if expected.encode() in answer.content else "an answer without a classification"


if __name__ == "__main__":
    main()
