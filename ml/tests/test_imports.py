import pkgutil
import subprocess
import sys

import pytest

import ml

MODULES = [
    module.name for module in pkgutil.walk_packages(ml.__path__, "ml.") if not module.name.startswith("ml.tests")
]
#: Imports each module in a child of its own, forked when NumPy and Pillow are there, which all share. Prints what came.
PROGRAM = """
import importlib, os, sys
import numpy, PIL.Image
unwanted = {'tensorflow', 'keras', 'django', 'ai_edge_litert', 'matplotlib.pyplot'}
assert not unwanted & set(sys.modules)
for module in sys.argv[1:]:
    if not (child := os.fork()):
        importlib.import_module(module)
        print(module, *unwanted & set(sys.modules), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, module
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """What importing each module has imported that it must not."""
    said = subprocess.run([sys.executable, "-c", PROGRAM, *MODULES], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return {module: found for module, *found in map(str.split, said.stdout.splitlines())}


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_imports_neither_tensorflow_nor_django(module, imported):
    assert imported[module] == []


def test_every_module_is_looked_at():
    assert {"ml.training.loop", "ml.building.pipeline", "ml.serving.inference", "ml.artifacts.litert"} <= set(MODULES)
    assert {"ml.networks.student_cnn", "ml.networks.compact_resnet"} <= set(MODULES)
