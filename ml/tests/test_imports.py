import pkgutil
import subprocess
import sys

import pytest

import ml

MODULES = [
    module.name for module in pkgutil.walk_packages(ml.__path__, "ml.") if not module.name.startswith("ml.tests")
]


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_imports_neither_tensorflow_nor_django(module):
    program = (
        f"import sys, {module}; "
        "print(*{'tensorflow', 'keras', 'django', 'ai_edge_litert', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""


def test_every_module_is_looked_at():
    assert {"ml.training.loop", "ml.building.pipeline", "ml.serving.inference", "ml.artifacts.litert"} <= set(MODULES)
    assert {"ml.networks.student_cnn", "ml.networks.compact_resnet"} <= set(MODULES)
