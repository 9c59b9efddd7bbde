"""`make` with a Python that cannot install what a command needs: told before anything is made."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pretend(folder: Path, name: str, version: str) -> None:
    """Put a Python in a folder that says that it is another version, and writes down what it is asked to do."""
    major, minor = version.split(".")
    program = f"import sys, runpy; sys.version_info = ({major}, {minor}, 0, 'final', 0); sys.argv = sys.argv[1:]; "
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    script = f'#!/bin/sh\necho "$@" >> {folder}/asked\nexec {sys.executable} -c "{program}" "$@"\n'
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def make(tmp_path: Path, goal: str) -> subprocess.CompletedProcess:
    for name in ("Makefile", "requirements.txt", "requirements-serve.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("tests"), dirs_exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name not in ("VENV", "PYTHON", "MAKEFLAGS")}
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    return subprocess.run(["make", goal], cwd=tmp_path, env=env, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("goal", "version", "needed"),
    [
        ("run", "3.10", "3.11 to 3.14"),
        ("run", "3.15", "3.11 to 3.14"),
        ("train", "3.14", "3.11 to 3.13"),
        ("test", "2.7", "3.11 to 3.13"),
        ("lint", "3.14", "3.11 to 3.13"),
    ],
)
def test_another_python_is_refused_before_anything_is_made(tmp_path, goal, version, needed):
    pretend(tmp_path / "bin", "python3", version)
    done = make(tmp_path, goal)
    assert done.returncode != 0
    assert f"`make {goal}` needs Python {needed}, but " in done.stderr
    assert f" is {version}." in done.stderr
    assert f"PYTHON=python3.12 make {goal}\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".venv").exists()
    assert (tmp_path / "bin" / "asked").read_text().count("\n") == 1


@pytest.mark.parametrize(("goal", "version"), [("run", "3.11"), ("run", "3.14"), ("train", "3.13")])
def test_python_that_will_do_makes_the_environment(tmp_path, goal, version):
    pretend(tmp_path / "bin", "python3", version)
    make(tmp_path, goal)
    assert (tmp_path / "bin" / "asked").read_text().splitlines()[1] == "-m venv .venv"


def test_environment_that_serves_but_cannot_train_is_left_and_another_is_asked_for(tmp_path):
    pretend(tmp_path / ".venv" / "bin", "python", "3.14")
    done = make(tmp_path, "train")
    assert done.returncode != 0
    assert "VENV=.venv-3.12 PYTHON=python3.12 make train" in done.stderr
    assert not list((tmp_path / ".venv").glob(".installed*"))


def test_missing_program_is_named(tmp_path):
    (tmp_path / "bin").mkdir()
    done = subprocess.run(
        ["make", "-C", ROOT, "run", f"VENV={tmp_path / 'venv'}", "PYTHON=python3.99"], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "python3.99 is not installed." in done.stderr


def test_the_package_says_the_same_range():
    assert re.search(r'requires-python = "([^"]+)"', (ROOT / "pyproject.toml").read_text())[1] == ">=3.11,<3.15"
