"""Measure the site and its peers, and write the results: `make bench`.

    python -m benchmarks.serving --python .venv-bench/bin/python

It takes less than ten minutes. Every round is written to the folder runs/bench, and a summary to
benchmarks/README.md too, unless --quick is given or only some servers are measured.
"""

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.serving.contestants import COMMON_MODEL, NAMES, contestants
from benchmarks.serving.inprocess import measure_overheads
from benchmarks.serving.inputs import LARGE, SMALL, write_inputs
from benchmarks.serving.load import load_generator
from benchmarks.serving.machine import conditions
from benchmarks.serving.measuring import Turn, take_turn
from benchmarks.serving.processes import ROOT
from benchmarks.serving.report import Results, put_between_markers

_QUICK_SECONDS = 0.5


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        results = measure(options, Path(name))
    whole = not options.quick and options.servers == [*NAMES]
    _write(results, options.folder, whole=whole)
    print(results.as_markdown())


def measure(options: argparse.Namespace, folder: Path) -> Results:
    """Measure everything; what the servers write goes to `folder`."""
    rounds, seconds = (1, _QUICK_SECONDS) if options.quick else (options.rounds, options.seconds)
    inputs = write_inputs(folder, options.photos)
    with load_generator(options.python) as generator:
        servers = contestants(options.servers, python=options.python, folder=folder, cache=options.folder)
        turns: list[Turn] = []
        for number in range(rounds):
            for server in servers:
                print(f"round {number + 1} of {rounds}: {server.name}", flush=True)
                log = folder / f"{server.name}.log"
                turns.append(take_turn(server, generator, inputs, seconds=seconds, log=log))
    pictures = {name: inputs[name][0] for name in (SMALL, LARGE)}
    overheads = measure_overheads(ROOT / "ml" / "trained" / COMMON_MODEL, pictures, seconds=2 * seconds)
    sizes = {name: _describe(files) for name, files in inputs.items()}
    return Results(conditions(options.python, rounds, seconds), sizes, turns, overheads)


def _write(results: Results, folder: Path, *, whole: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(results.as_json())
    (folder / "results.md").write_text(results.as_markdown())
    if whole:
        put_between_markers(ROOT / "benchmarks" / "README.md", results.as_markdown())


def _describe(files: list[Path]) -> str:
    size = sum(path.stat().st_size for path in files) / len(files)
    count = "one file" if len(files) == 1 else f"{len(files)} files"
    return f"{count}, {size / 1000:,.0f} kB" + (" on average" if len(files) > 1 else "")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--python", type=Path, required=True, help="the Python that has benchmarks/serving/requirements.txt"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each server has its turn")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each load lasts")
    parser.add_argument("--servers", nargs="+", choices=NAMES, default=[*NAMES], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="see that everything works; the figures mean nothing")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "bench", help="for results and the ONNX file")
    photos = os.environ.get("PHOTOS_DIR")
    parser.add_argument("--photos", type=Path, default=photos, help="photographs to mix; by default PHOTOS_DIR")
    options = parser.parse_args()
    # Not resolved: Python finds its virtual environment by the link.
    options.python = options.python.absolute()
    return options


if __name__ == "__main__":
    main()
