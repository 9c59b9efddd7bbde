"""The project: settings, addresses, and how it is served."""

import os

# Every request, and every thread of a bulk job, has small matrices of its own. A library's own threads for each of them
# would be in one another's way: photographs were answered four times as slowly. NumPy reads it when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

#: As in pyproject.toml.
__version__ = "1.0.0rc1"
