"""What `manage.py train` shows once the epochs are over."""

import io
import re

import pytest
from rich.console import Console

from classifier.management.training_console import TrainingConsole
from classifier.tests.factories import make_training_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_after_the_training_are_shown_with_their_time(terminal):
    output = io.StringIO()
    listener = TrainingConsole(make_training_run(), Console(file=output, force_terminal=terminal, width=120))
    with listener.showing():
        listener.batch_ended(2, 10, 10, loss=0.5, accuracy=0.8)
        listener.step("evaluate")
        trained = output.getvalue()
        listener.step("export")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    if terminal:
        assert re.search(r"evaluate +0:00:0\d", shown)
        assert re.search(r"export +0:00:0\d", shown)
        # The clock of the epochs, which stands still from then on, is drawn no more.
        assert "epoch 2/2" in trained
        assert "epoch 2/2" not in output.getvalue()[len(trained) :]
    else:
        assert "evaluate ...\nexport ...\n" in shown
