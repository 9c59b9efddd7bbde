from io import StringIO

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


def test_model_of_another_data_set_is_left_alone(shipped, cifar10_folder, models_dir):
    """The drawn data set is not the one that the shipped model was trained on."""
    with pytest.raises(CommandError, match="student_cnn was trained on a different data set: CIFAR-10"):
        call_command("export_model", "student_cnn", "--data-dir", str(cifar10_folder), stderr=StringIO())
    assert [path.name for path in models_dir.iterdir()] == ["student_cnn"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["none"], "There is no model 'none'"), (["student_cnn", "--data-dir", "/nowhere"], "no data set in /nowhere")],
)
def test_wrong_argument_is_named(arguments, message, shipped):
    with pytest.raises(CommandError, match=message):
        call_command("export_model", *arguments, stderr=StringIO())
