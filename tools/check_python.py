"""Exit with what to do unless this Python can install a file of requirements.

`python tools/check_python.py requirements train`. Any Python can run it, so it is written for old ones too.
"""

import os
import sys

#: h5py and TensorFlow, which train, have no wheels for 3.14.
OLDEST = (3, 11)
NEWEST = {"requirements-serve": (3, 14), "requirements": (3, 13)}


def main(name, goal):
    if OLDEST <= sys.version_info[:2] <= NEWEST[name]:
        return
    lines = ["`make {0}` needs Python {1}.{2} to {3}.{4}, but {5} is {6}.{7}."]
    if os.path.exists(os.path.join(os.environ.get("VENV", "."), "bin", "python")):
        lines.append("Make another environment: VENV=.venv-3.12 PYTHON=python3.12 make {0}")
    else:
        lines.append("Name one that you have: PYTHON=python3.12 make {0}")
    versions = OLDEST + NEWEST[name]
    parts = (goal,) + versions + (sys.executable,) + tuple(sys.version_info[:2])
    sys.exit("\n".join(lines).format(*parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
