import pytest
from django.core.management import CommandError, call_command

from classifier.models import Activation, ModelVersion
from classifier.services.models.publishing import activate_version, delete_version, publish, roll_back
from classifier.tests.factories import another_model, damage, make_prediction, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def models(capsys, *arguments: str) -> str:
    call_command("models", *arguments)
    return capsys.readouterr().out


def active() -> str:
    return str(ModelVersion.objects.get(active=True))


@pytest.fixture
def another(models_dir) -> ModelVersion:
    return publish(folder=another_model(models_dir / "another"))


@pytest.fixture
def third(models_dir) -> ModelVersion:
    return publish(folder=another_model(models_dir / "third"))


def test_list_marks_the_model_that_answers(shipped, another, capsys):
    make_prediction()
    heading, first, second = models(capsys, "list").splitlines()
    assert "tested" in heading
    assert " of 10,000 test images of CIFAR-10 as a JPEG copy (95% interval " in second
    assert first.split()[:2] == ["another", "v1"]
    assert second.split()[:3] == ["*", "student_cnn", "v1"]
    assert second.split()[4] == "1"


def test_show_says_what_a_model_is_and_how_it_was_trained(shipped, capsys):
    shown = models(capsys, "show", "student_cnn")
    assert "It is active." in shown
    assert shipped.digest in shown
    assert "Parameters: 11,332,138. Input: 32 × 32 pixels." in shown
    assert "45,000 images of CIFAR-10" in shown


def test_publish_activate_and_roll_back(models_dir, shipped, capsys):
    folder = another_model(models_dir / "another")
    assert "Published as another v1." in models(capsys, "publish", str(folder))
    another_model(models_dir / "by-name")
    assert "Published as by-name v1." in models(capsys, "publish", "by-name")
    assert active() == "student_cnn v1"
    assert "another v1 is now active." in models(capsys, "activate", "another@1")
    assert active() == "another v1"
    assert "student_cnn v1 is active again." in models(capsys, "rollback")
    assert active() == "student_cnn v1"


def test_rollbacks_go_further_and_further_back(shipped, another, third):
    for version in (another, third, another):
        activate_version(version=version)
    assert [str(roll_back()) for _ in range(3)] == ["third v1", "another v1", "student_cnn v1"]
    with pytest.raises(CommandError, match="No model answered before the active one"):
        call_command("models", "rollback")
    activate_version(version=third)
    assert roll_back() == shipped


def test_activating_the_active_model_leaves_no_trace(shipped):
    before = Activation.objects.count()
    activate_version(version=shipped)
    assert Activation.objects.count() == before == 1


def test_a_rollback_says_who_did_it(another):
    user = make_user()
    activate_version(version=another, user=user)
    roll_back(user=user)
    assert [(entry.user, entry.rollback) for entry in Activation.objects.all()[:2]] == [(user, True), (user, False)]


def test_rollback_passes_over_a_deleted_model(shipped, another, third):
    activate_version(version=another)
    activate_version(version=third)
    delete_version(version=another)
    assert roll_back() == shipped


def test_damaged_model_is_not_gone_back_to(shipped, models_dir, another):
    activate_version(version=another)
    damage(shipped.path)
    with pytest.raises(CommandError, match="is not the file its card describes"):
        call_command("models", "rollback")
    assert active() == "another v1"


def test_verify_names_every_model_that_is_not_what_was_published(shipped, another, models_dir, capsys):
    damage(another.path)
    with pytest.raises(CommandError, match="1 of 2 models differ from what was published"):
        call_command("models", "verify")
    captured = capsys.readouterr()
    assert "student_cnn v1: unchanged" in captured.out
    assert "another v1:" in captured.err


def test_verify_scores_a_sample_where_there_is_a_data_set(shipped, cifar10_folder):
    """The drawn data set is not what it was trained on, and that is found out."""
    with pytest.raises(CommandError, match="1 of 1 models"):
        call_command("models", "verify", "student_cnn", "--data-dir", str(cifar10_folder))


def test_verify_reports_the_sample(shipped, cifar10_folder, capsys):
    card = shipped.card
    card["metrics"]["test"]["accuracy"] = 0.04
    ModelVersion.objects.filter(pk=shipped.pk).update(card=card)
    shown = models(capsys, "verify", "student_cnn", "--data-dir", str(cifar10_folder))
    assert "of 500 test images correct (4.0% in the card)" in shown


def test_model_that_answers_or_has_answered_is_kept(shipped, another, models_dir):
    with pytest.raises(CommandError, match="student_cnn v1 is active"):
        call_command("models", "delete", "student_cnn@1", "--yes")
    make_prediction()
    activate_version(version=another)
    with pytest.raises(CommandError, match="student_cnn v1 has 1 predictions"):
        call_command("models", "delete", "student_cnn@1", "--yes")
    assert shipped.path.is_dir()


def test_unused_model_is_deleted_with_its_folder(shipped, another, capsys):
    assert "another v1 was deleted." in models(capsys, "delete", "another@1", "--yes")
    assert not another.path.exists()
    assert not ModelVersion.objects.filter(name="another").exists()
    assert shipped.path.is_dir()


def test_folder_outside_is_left(tmp_path, shipped, capsys):
    version = publish(folder=another_model(tmp_path / "elsewhere"))
    models(capsys, "delete", "elsewhere@1", "--yes")
    assert version.path.is_dir()


@pytest.mark.parametrize(("answer", "kept"), [("n", True), ("", True), ("y", False)])
def test_it_asks_before_it_deletes(another, monkeypatch, answer, kept):
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    call_command("models", "delete", "another@1")
    assert another.path.exists() is kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "nobody"], "There is no model 'nobody'"),
        (["activate", "student_cnn@7"], "There is no model 'student_cnn@7'"),
        (["delete", "student_cnn", "--yes"], "Name the version of student_cnn"),
        (["publish", "/nowhere"], "is not a model folder"),
        (["verify", "student_cnn", "--data-dir", "/nowhere"], "There is no data set in /nowhere"),
    ],
)
def test_wrong_argument_is_named(arguments, message, shipped):
    with pytest.raises(CommandError, match=message):
        call_command("models", *arguments)
