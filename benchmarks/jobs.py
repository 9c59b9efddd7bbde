"""What a job costs beside `manage.py classify --save` on the same files, and what each part adds.

    python -m benchmarks.jobs                          1,000 drawn JPEGs of 1600 x 1200 pixels, three rounds
    python -m benchmarks.jobs PHOTOS_DIR --count 2000  the pictures below PHOTOS_DIR, one after the other

Command and worker run in turn, each on a new SQLite database, and both store everything. Compared is processor time,
which other programs on the machine change little; the start of each, measured with one file, is taken off.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.bulk import BASE_DIR, draw, fill
from ml.serving.bulk import find_images

_DRAWN = 64
_SUBMIT = """
from django.contrib.auth.models import User
from django.core.files import File
from classifier.services.jobs.submission import submit_archive
from classifier.services.people.ownership import Owner
with open({archive!r}, "rb") as file:
    owner = Owner(user=User.objects.get(username="benchmark"))
    submit_archive(archive=File(file, "files.zip"), owner=owner, part_size={part_size})
"""


class Cost(NamedTuple):
    """Of a process and its children: seconds of the clock, and of processors."""

    seconds: float
    cpu: float

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(self.seconds - other.seconds, self.cpu - other.cpu)


class Site:
    """An empty database with one account."""

    def __init__(self, folder: Path, model: str) -> None:
        folder.mkdir()
        self.env = {
            **os.environ,
            "CIFARSITE_DEVELOPMENT": "1",
            "CELERY_BROKER_URL": "",
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "MEDIA_ROOT": str(folder / "media"),
            "SWEEP_AT_START": "false",
            "DJANGO_SUPERUSER_PASSWORD": "of the benchmark",
        }
        self.run("migrate", "--verbosity", "0")
        self.run("createsuperuser", "--no-input", "--username", "benchmark", "--email", "b@example.org")
        self.run("models", "activate", model)

    def run(self, *arguments: object) -> Cost:
        command = [sys.executable, "manage.py", *map(str, arguments)]
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=BASE_DIR, env=self.env, stdout=subprocess.DEVNULL)  # noqa: S603
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        # Some photographs of a collection may be damaged, which makes it 1.
        if process.returncode not in (0, 1):
            raise subprocess.CalledProcessError(process.returncode, command)
        return Cost(time.perf_counter() - started, used.ru_utime + used.ru_stime)

    def submit(self, archive: Path, part_size: int) -> None:
        self.run("shell", "--no-imports", "-c", _SUBMIT.format(archive=str(archive), part_size=part_size))

    def work(self, archive: Path, part_size: int = 200) -> Cost:
        self.submit(archive, part_size)
        return self.run("worker", "--once")


def archive_of(files: list[Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def measure(folder: Path, files: list[Path], model: str) -> tuple[Cost, Cost, float]:
    """Return what the command and the worker take for all files but one, and seconds of processors for a part more."""
    one, everything = archive_of(files[:1], folder / "one.zip"), archive_of(files, folder / "all.zip")
    site = Site(folder / "command", model)
    start = site.run("classify", files[0], "--save", "--model", model)
    command = site.run("classify", files[0].parent, "--save", "--model", model) - start
    site = Site(folder / "worker", model)
    start = site.work(one)
    worker = site.work(everything) - start
    small = Site(folder / "parts", model).work(everything, part_size=10) - start
    parts = len(files) / 10 - len(files) / 200
    return command, worker, (small.cpu - worker.cpu) / parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="?", type=Path, metavar="PHOTOS_DIR", help="pictures to take instead of drawn")
    parser.add_argument("--count", type=int, default=1000, help="files of the job")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="cifar10_duo", help="a folder in ml/trained")
    options = parser.parse_args()

    ratios, times, overheads = [], [], []
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        if options.photos:
            pictures = list(find_images([options.photos], recursive=True))
        else:
            pictures = draw(home / "drawn", min(options.count, _DRAWN))
        files = fill(home / "files", pictures, options.count)
        for number in range(options.rounds):
            (home / f"round{number}").mkdir()
            command, worker, overhead = measure(home / f"round{number}", files, options.model)
            ratios.append(command.cpu / worker.cpu)
            times.append((command, worker))
            overheads.append(overhead)
            each = 1000 / (len(files) - 1)
            print(
                f"round {number + 1}: classify {command.cpu * each:.1f} ms of CPU a file ({command.seconds:.1f} s), "
                f"job {worker.cpu * each:.1f} ms ({worker.seconds:.1f} s)",
                flush=True,
            )
    print(f"{options.model}, {len(files):,} files, {os.cpu_count()} processors, medians of {options.rounds}")
    print(f"speed of a job beside manage.py classify, by CPU {statistics.median(ratios):8.2f}")
    clock = statistics.median(command.seconds / worker.seconds for command, worker in times)
    print(f"the same by the clock                            {clock:8.2f}")
    print(f"CPU of a part more, ms                           {1000 * statistics.median(overheads):8.1f}")


if __name__ == "__main__":
    main()
