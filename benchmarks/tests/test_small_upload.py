import subprocess
import sys

from benchmarks.serving.processes import ROOT
from benchmarks.small_upload import STEPS, table


def test_table_has_medians_and_the_median_of_the_ratios():
    rounds = [[[1.0] * len(STEPS), [after] * len(STEPS)] for after in (1.0, 3.0, 1.1)]
    assert table(rounds).splitlines()[2:] == [f"| {step} | 1.00 ms | 1.10 ms | 1.10 |" for step in STEPS]


def test_two_checkouts_are_measured_in_turn():
    command = [sys.executable, "-m", "benchmarks.small_upload", ".", ".", "--rounds", "1", "--requests", "2"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert [line.split(" | ")[0].strip("| ") for line in said.stdout.splitlines()[2:]] == [*STEPS]
