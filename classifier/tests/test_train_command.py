import json
import signal
import subprocess
import sys
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from classifier.models import ModelVersion, TrainingRun
from classifier.services.models.training import complete_run
from classifier.services.models.training_lock import exclusive, is_locked
from classifier.tests.factories import (
    BASE_DIR,
    another_model,
    database_url,
    environment,
    make_training_run,
    manage,
    pictures,
    without,
)
from ml.artifacts import folder as artifacts
from ml.classes import CLASS_NAMES
from ml.tests.factories import run_settings, small_dataset

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def runs_dir(settings):
    return settings.RUNS_DIR


@pytest.fixture
def env(tmp_path, models_dir) -> dict[str, str]:
    """For a command in a process of its own, with the database of this one."""
    return environment(tmp_path, DATABASE_URL=database_url(), MODELS_DIR=str(models_dir), PYTHONUNBUFFERED="1")


@pytest.fixture
def training(env, tmp_path):
    """A function that starts the real command on little data and hands over its process."""
    source, processes = pictures(tmp_path / "pictures", CLASS_NAMES, count=40), []

    def start(*arguments: str) -> subprocess.Popen:
        # A resumed run knows where its data are.
        data = [] if "--resume" in arguments else ["--data-dir", str(source)]
        command = [sys.executable, "manage.py", "train", *data, *arguments]
        process = subprocess.Popen(
            command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def read_until(process: subprocess.Popen, words: str) -> None:
    """Wait for a line of the process's output."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return
    pytest.fail("".join(lines))


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return " ".join(output.split())  # long lines are wrapped


def epochs_of(run: TrainingRun) -> list[int]:
    return [*run.epochs.values_list("number", flat=True)]


@pytest.mark.endurance
def test_killed_and_interrupted_run_resumes_to_its_end_and_is_published(training, runs_dir):
    process = training("--name", "mine", "--limit", "300", "--epochs", "4", "--batch-size", "32")
    read_until(process, "epoch 1/4")
    process.kill()
    process.communicate()
    assert TrainingRun.objects.get().status == TrainingRun.Status.RUNNING

    process = training("--resume", "--name", "mine")
    read_until(process, "epoch 2/4")
    process.send_signal(signal.SIGINT)
    assert "Stopped. Resume with: manage.py train --resume --name mine" in finish(process)
    run = TrainingRun.objects.get()
    assert run.status == TrainingRun.Status.STOPPED
    assert epochs_of(run) in ([1, 2], [1, 2, 3])
    assert (runs_dir / "mine").is_dir()
    assert not ModelVersion.objects.filter(name="mine").exists()

    output = finish(training("--resume", "--activate", "--yes"))
    assert "epoch 2/4" not in output
    assert "epoch 4/4" in output
    assert "mine v1 is now active." in output
    run, version = TrainingRun.objects.get(), ModelVersion.objects.get(active=True)
    assert (run.status, run.message, run.ended_at is None) == (TrainingRun.Status.FINISHED, "", False)
    assert (run.epoch_count, run.image_limit, run.recipe["batch_size"]) == (4, 300, 32)
    assert epochs_of(run) == [1, 2, 3, 4]
    assert [*run.epochs.values_list("loss", flat=True)] == [
        epoch["loss"] for epoch in artifacts.read_history(version.path)
    ]
    assert (version.name, version.folder, version.training_run) == ("mine", "mine", run)
    assert artifacts.verify(version.path).digest == version.digest
    assert not (runs_dir / "mine").exists()


def fail(process: subprocess.Popen) -> str:
    output, _ = process.communicate()
    assert process.returncode == 1, output
    return " ".join(output.split())


def test_trained_network_survives_a_failure_after_its_last_epoch(training, models_dir):
    process = training("--name", "mine", "--limit", "100", "--epochs", "2", "--batch-size", "32")
    read_until(process, "epoch 1/2")
    aside = models_dir.rename(models_dir.with_name("aside"))
    models_dir.write_text("a file is in the way")
    output = fail(process)
    assert "The network is trained, but its model was not published: " in output
    assert "manage.py train --resume --name mine" in output
    run = TrainingRun.objects.get()
    assert (run.status, "models" in run.message) == (TrainingRun.Status.FAILED, True)

    models_dir.unlink()
    aside.rename(models_dir)
    output = finish(training("--resume"))
    assert "epoch 2/2" not in output
    assert "Published as mine v1" in output
    run.refresh_from_db()
    assert (run.status, run.message) == (TrainingRun.Status.FINISHED, "")


def test_model_that_was_written_but_not_published_is_published_by_resuming(models_dir, runs_dir, shipped, tmp_path):
    source = pictures(tmp_path / "pictures", CLASS_NAMES)
    folder = another_model(models_dir / "mine", "mine")
    replace(run_settings(small_dataset()), name="mine", data_dir=str(source)).save(runs_dir / "mine")
    (runs_dir / "mine" / "model.txt").write_text(str(folder))
    output = StringIO()
    call_command("train", "--resume", "--name", "mine", stdout=output)
    assert "evaluate" not in output.getvalue()
    assert "Published as mine v1" in output.getvalue()
    assert not (runs_dir / "mine").exists()
    assert not (models_dir / "mine-2").exists()


def test_few_images_train_a_head_on_the_features_of_a_network_that_has_learnt(models_dir, tmp_path):
    source, output = pictures(tmp_path / "pictures", ["red", "green", "blue"], count=6), StringIO()
    (source / "red" / "broken.png").write_bytes(b"broken")
    arguments = ["--architecture", "efficientnet_lite0", "--data-dir", str(source), "--image-size", "32"]
    with pytest.raises(CommandError, match="--skip-unreadable"):
        call_command("train", *arguments, "--name", "few")
    call_command("train", *arguments, "--name", "few", "--skip-unreadable", stdout=output)
    said = " ".join(output.getvalue().split())
    assert "3 classes, 18 files (6 + 6 + 6), 1 skipped, see " in said
    assert "few-images.txt" in said
    assert "12 training images are too few to fine-tune efficientnet_lite0: a linear layer is trained" in said
    card = artifacts.verify(models_dir / "few")
    assert (card.recipe["name"], card.training["epochs"]) == ("linear_head", 1)
    assert card.metrics["test"]["accuracy"] == 1


def test_run_that_another_process_works_on_is_refused(runs_dir):
    run_settings(small_dataset()).save(runs_dir / "mine")
    TrainingRun.objects.filter(pk=make_training_run("mine").pk).update(status=TrainingRun.Status.RUNNING)
    with exclusive(name="mine"):
        for arguments in (["--name", "mine"], ["--resume", "--name", "mine"]):
            with pytest.raises(CommandError, match="The run mine is being trained by another process"):
                call_command("train", *arguments)
        with pytest.raises(CommandError, match="There is no run to resume"):
            call_command("train", "--resume")
    with pytest.raises(CommandError, match="A run called mine has not ended"):
        call_command("train", "--name", "mine")
    assert [path.name for path in runs_dir.iterdir()] == ["mine"]


def test_killed_process_leaves_its_run_to_others(env, runs_dir):
    program = (
        "import django, time; django.setup()\nfrom classifier.services.models.training_lock import exclusive\n"
        "with exclusive(name='mine'): print('locked', flush=True); time.sleep(600)"
    )
    env = {**env, "DJANGO_SETTINGS_MODULE": "cifarsite.settings", "RUNS_DIR": str(runs_dir)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True) as process:
        read_until(process, "locked")
        assert is_locked("mine")
        process.kill()
    assert not is_locked("mine")
    with exclusive(name="mine"):
        assert is_locked("mine")


@pytest.mark.endurance
def test_run_on_another_backend_is_written_by_tensorflow(training, env):
    pytest.importorskip("torch")
    env["KERAS_BACKEND"] = "torch"
    output = finish(training("--name", "mine", "--limit", "300", "--epochs", "2", "--batch-size", "32"))
    assert "write the model with tensorflow" in output
    version = ModelVersion.objects.get(name="mine")
    card = artifacts.verify(version.path)
    assert card.training["backend"] == "torch"
    assert "tensorflow" in card.libraries
    assert epochs_of(version.training_run) == [1, 2]


def test_finished_run_keeps_the_active_model_by_default(models_dir, runs_dir, shipped):
    (runs_dir / "first-run").mkdir(parents=True)
    folder = another_model(models_dir / "first-run")
    version = complete_run(run=make_training_run(), model_folder=folder)
    assert not (runs_dir / "first-run").exists()
    assert version.training_run.name == "first-run"
    assert ModelVersion.objects.get(active=True) == shipped


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--architecture", "none"], "There is no architecture 'none'. Choose one of: "),
        (["--recipe", "none"], "There is no recipe 'none'. Choose one of: adam_cosine, "),
        (["--name", "Bad Name"], "A model cannot be called 'Bad Name'"),
        (["--name", "../up"], r"A model cannot be called '\.\./up'"),
        (["--resume", "--name", "../up"], r"A model cannot be called '\.\./up'"),
        (["--epochs", "0"], "argument --epochs: '0' is not a whole number of at least 1"),
        (["--epochs", "ten"], "argument --epochs: 'ten' is not a whole number of at least 1"),
        (["--batch-size", "-1"], "argument --batch-size: '-1' is not a whole number of at least 1"),
        (["--limit", "1.5"], "argument --limit: '1.5' is not a whole number of at least 1"),
        (["--learning-rate", "0"], "argument --learning-rate: '0' is not a number above 0"),
        (["--learning-rate", "nan"], "argument --learning-rate: 'nan' is not a number above 0"),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0 to 2147483647"),
        (["--compute-dtype", "float8"], "argument --compute-dtype: invalid choice"),
        (["--data-dir", "/nowhere"], "There is no data set in /nowhere"),
        (["--image-size", "0"], "argument --image-size: '0' is not a whole number of at least 1"),
        (["--image-size", "64"], "CIFAR-10's images have 32 pixels a side: leave the image size out"),
        (["--resume"], "There is no run to resume."),
        (["--resume", "--name", "none"], "contains no run to resume"),
        (["--resume", "--epochs", "3", "--seed", "0"], "A resumed run keeps its settings. Remove --epochs, --seed."),
        (["--weights", "none"], "There is no model 'none'. Available: student_cnn."),
        (["--teacher", "student_cnn"], "has no use for a teacher: leave out --teacher"),
        (["--recipe", "adam_distilled"], "needs a teacher. Name a trained model with --teacher"),
        (["--architecture", "compact_resnet", "--weights", "student_cnn"], "its weights do not fit a compact_resnet"),
        (["--resume", "--weights", "student_cnn"], "A resumed run keeps its settings. Remove --weights."),
        (["--resume", "--image-size", "16"], "A resumed run keeps its settings. Remove --image-size."),
    ],
)
def test_wrong_argument_is_named_and_starts_nothing(arguments, message, models_dir):
    with pytest.raises(CommandError, match=message):
        call_command("train", *arguments)
    assert not TrainingRun.objects.exists()
    assert [path.name for path in models_dir.iterdir()] == ["student_cnn"]


def test_name_of_an_unfinished_run_is_not_taken(cifar10_folder, runs_dir):
    folder = runs_dir / "mine"
    folder.mkdir(parents=True)
    folder.joinpath("settings.json").write_text(json.dumps({}))
    with pytest.raises(CommandError, match=r"A run called mine has not ended\. Resume it with: .*--resume --name mine"):
        call_command("train", "--name", "mine", "--data-dir", str(cifar10_folder), "--limit", "300")
    assert not TrainingRun.objects.exists()
    assert folder.joinpath("settings.json").exists()


def test_without_tensorflow_it_says_what_installs_it(env, tmp_path):
    done = manage("train", env=without("tensorflow", "keras", env=env, folder=tmp_path))
    assert done.returncode == 1
    assert "Training needs TensorFlow, which is not installed. Run: pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr
