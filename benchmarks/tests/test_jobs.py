import re
import subprocess
import sys

from benchmarks.bulk import BASE_DIR


def test_a_small_run_prints_every_figure():
    command = [sys.executable, "-m", "benchmarks.jobs", "--count", "40", "--rounds", "1", "--model", "student_cnn"]
    said = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "student_cnn, 40 files" in said.stdout
    for name in ("speed of a job beside manage.py classify, by CPU", "the same by the clock"):
        assert float(re.search(rf"^{name} +([\d.]+)", said.stdout, re.M)[1]) > 0
    assert re.search(r"^CPU of a part more, ms +-?[\d.]+$", said.stdout, re.M)
