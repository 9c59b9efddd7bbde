import re
import subprocess
import sys

import pytest

from benchmarks.bulk import BASE_DIR, together


def test_steps_one_after_the_other_have_the_rate_of_their_times_together():
    assert together(100, 100) == pytest.approx(50)
    assert together(300, 150) == pytest.approx(100)


def test_a_small_run_prints_every_figure():
    command = [sys.executable, "-m", "benchmarks.bulk", "--count", "20", "--model", "student_cnn", "--save"]
    said = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "student_cnn, 20 files" in said.stdout
    for name in ("decoding alone", "inference alone", "one after the other", "manage.py classify"):
        assert float(re.search(rf"^{name} +([\d.]+)", said.stdout, re.M)[1]) > 0
    assert re.search(r"^peak memory \d+ MB, -?\d+ MB more than for one file$", said.stdout, re.M)
