"""The speed and memory of `manage.py classify` on a folder, compared with decoding and inference alone.

    python -m benchmarks.bulk                          10,000 drawn JPEGs of 1600 x 1200 pixels
    python -m benchmarks.bulk PHOTOS_DIR --count 2000  the pictures below PHOTOS_DIR, repeated

The command uses its own database and does not touch the site. Its rate includes its start. Decoding and inference are
measured separately in the same number of threads.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ml.images import errors as image_errors
from ml.images import preprocessing
from ml.serving.bulk import BATCH_SIZE, find_images
from ml.serving.inference import LoadedModel, NetworkInput

BASE_DIR = Path(__file__).resolve().parent.parent
_DRAWN = 64


class Finished(NamedTuple):
    """The cost of a process: seconds from start to end, and its peak memory in MB."""

    seconds: float
    peak_megabytes: float


def draw(folder: Path, count: int, size: tuple[int, int] = (1600, 1200)) -> list[Path]:
    """Write JPEGs of smooth patches under noise, about the file size of photographs."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(count):
        patches = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        pixels = np.asarray(patches.resize(size, Image.Resampling.BICUBIC)) * 0.85
        noise = rng.integers(0, 38, (size[1], size[0], 1))
        Image.fromarray((pixels + noise).astype(np.uint8)).save(folder / f"{number}.jpg", quality=85)
    return sorted(folder.iterdir())


def fill(folder: Path, pictures: list[Path], count: int) -> list[Path]:
    """Link files into a folder, repeating the pictures."""
    folder.mkdir()
    for number, picture in enumerate(islice(cycle(pictures), count)):
        (folder / f"{number:07}{picture.suffix.lower()}").symlink_to(picture.resolve())
    return sorted(folder.iterdir())


def run_command(*arguments: object, env: dict[str, str]) -> Finished:
    """Run manage.py and wait for it. Raises CalledProcessError."""
    command = [sys.executable, "manage.py", *map(str, arguments)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=subprocess.DEVNULL)  # noqa: S603
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # Status 1 means that some photographs of a collection are damaged.
    if process.returncode not in (0, 1):
        raise subprocess.CalledProcessError(process.returncode, command)
    return Finished(time.perf_counter() - started, used.ru_maxrss / 1024)


def measure_command(folder: Path, files: list[Path], model: str, save: bool, home: Path) -> tuple[Finished, Finished]:
    """Return the cost of one file, which is that of the start and the model, and the cost of all."""
    env = {
        **os.environ,
        "CIFARSITE_DEVELOPMENT": "1",
        "DATABASE_URL": f"sqlite:///{home / 'db.sqlite3'}",
        "MEDIA_ROOT": str(home / "media"),
        "DJANGO_SUPERUSER_PASSWORD": "of the benchmark",
    }
    run_command("migrate", "--verbosity", "0", env=env)
    run_command("createsuperuser", "--no-input", "--username", "benchmark", "--email", "b@example.org", env=env)
    options = ["--model", model, *(["--save"] if save else [])]
    one = run_command("classify", files[0], "--csv", home / "one.csv", *options, env=env)
    return one, run_command("classify", folder, "--csv", home / "all.csv", *options, env=env)


def rate(work: Callable, items: Iterable, count: int) -> tuple[float, list]:
    """Do the work on all items in one thread per processor; return images per second, `count` images in total."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = time.perf_counter()
        results = list(pool.map(work, items))
        return count / (time.perf_counter() - started), results


def measure_apart(model: LoadedModel, files: list[Path]) -> tuple[float, float]:
    """Return the rates of decoding and of inference alone, in images per second."""

    def see(path: Path) -> NetworkInput | None:
        try:
            decoded = preprocessing.decode(path.read_bytes())
            return model.prepare(decoded.picture, decoded.size)
        except image_errors.ImageError:
            return None

    decoding, results = rate(see, files, len(files))
    inputs = [one for one in results if one is not None]
    batches = [inputs[start : start + BATCH_SIZE] for start in range(0, len(inputs), BATCH_SIZE)]
    # Not counted: every thread creates its interpreter.
    rate(model.predict, batches[: 2 * (os.cpu_count() or 1)], 0)
    inference, _answers = rate(model.predict, batches, len(inputs))
    return decoding, inference


def together(*rates: float) -> float:
    """The rate of consecutive steps with these rates."""
    return 1 / sum(1 / one for one in rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="?", type=Path, metavar="PHOTOS_DIR", help="pictures to take instead of drawn")
    parser.add_argument("--count", type=int, default=10_000, help="files that the command classifies")
    parser.add_argument("--sample", type=int, default=1000, help="of these, files that are measured apart")
    parser.add_argument("--model", default="cifar10_duo", help="a folder in ml/trained")
    parser.add_argument("--save", action="store_true", help="let the command store files and answers, too")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        if options.photos:
            pictures = list(find_images([options.photos], recursive=True))
        else:
            pictures = draw(home / "drawn", min(options.count, _DRAWN))
        files = fill(home / "files", pictures, options.count)
        # The command runs first: a process inherits its parent's peak.
        one, everything = measure_command(home / "files", files, options.model, options.save, home)
        model = LoadedModel(BASE_DIR / "ml" / "trained" / options.model)
        decoding, inference = measure_apart(model, files[: options.sample])

    apart, command = together(decoding, inference), len(files) / everything.seconds
    started = (len(files) - 1) / max(everything.seconds - one.seconds, 1e-9)
    print(f"{options.model}, {len(files):,} files, {os.cpu_count()} threads; images a second")
    print(f"decoding alone           {decoding:10.1f}")
    print(f"inference alone          {inference:10.1f}")
    print(f"one after the other      {apart:10.1f}")
    print(f"manage.py classify       {command:10.1f}   {command / apart:.2f} of that")
    print(f"  once it has started    {started:10.1f}   {started / apart:.2f} of that")
    beyond = everything.peak_megabytes - one.peak_megabytes
    print(f"peak memory {everything.peak_megabytes:,.0f} MB, {beyond:,.0f} MB more than for one file")


if __name__ == "__main__":
    main()
