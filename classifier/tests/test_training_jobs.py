"""Trainings as jobs: started by staff from a form, run by the real command, cancelled and resumed."""

import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from classifier.models import Job, ModelVersion, TrainingRun
from classifier.services.jobs import network_job
from classifier.services.jobs.control import cancel, resume
from classifier.services.jobs.queues import Queue, queue_of
from classifier.services.jobs.running import work_once
from classifier.services.jobs.submission import submit_network
from classifier.services.models import training, training_lease, training_lock
from classifier.services.models.training import RunInTheWay
from classifier.services.people.ownership import Owner
from classifier.tests.factories import database_url, make_superuser, make_training_run, make_user, pictures
from classifier.tests.jobs import work
from ml.classes import CLASS_NAMES
from ml.training.recipes import find_recipe
from ml.training.run_settings import RunSettings

pytestmark = pytest.mark.django_db(transaction=True)

CHOSEN = {"dataset": "", "architecture": "student_cnn", "recipe": "", "seed": "1"}


@pytest.fixture
def staff(client):
    client.force_login(make_superuser())
    return client


def run_settings(name: str) -> RunSettings:
    recipe = find_recipe("adam_cosine")
    return RunSettings(
        name=name,
        architecture="student_cnn",
        recipe=recipe,
        seed=1,
        class_names=CLASS_NAMES,
        image_shape=(32, 32, 3),
        fingerprint="sha256:00",
    )


def start(client, **fields):
    return client.post("/training/", CHOSEN | fields)


def test_staff_start_a_training(staff, settings, tmp_path):
    settings.DATASETS_DIR = tmp_path
    (tmp_path / "garden").mkdir()
    page = staff.get("/training/").text
    for choice in ("CIFAR-10", "garden", "compact_resnet", "sgd_cosine"):
        assert f">{choice}</option>" in page
    assert "adam_distilled" not in page
    response = start(staff, dataset="garden", recipe="adam_cosine", epochs="2", batch_size="8", learning_rate="0.01")
    job = Job.objects.get()
    assert response.url == f"/jobs/{job.pk}/"
    assert (job.kind, queue_of(job)) == ("network", Queue.TRAINING)
    (*_python, train), options = network_job.command(job)[:3], network_job.command(job)[3:]
    assert train == "train"
    assert options == [
        f"--name={job.parameters['name']}",
        "--architecture=student_cnn",
        "--recipe=adam_cosine",
        "--epochs=2",
        "--batch-size=8",
        "--learning-rate=0.01",
        "--seed=1",
        f"--data-dir={tmp_path / 'garden'}",
    ]
    training.run_folder(job.parameters["name"]).mkdir(parents=True)
    assert network_job.command(job)[3:] == ["--resume", f"--name={job.parameters['name']}"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dataset": "../etc"}, "Select a valid choice."),
        ({"architecture": "resnet9000"}, "Select a valid choice."),
        ({"recipe": "adam_distilled"}, "Select a valid choice."),
        ({"recipe": "linear_head"}, "Choose an architecture with weights from ImageNet."),
        ({"epochs": "0"}, "greater than or equal to 1"),
        ({"batch_size": "many"}, "Enter a whole number."),
        ({"learning_rate": "0"}, "The learning rate must be greater than 0."),
        ({"learning_rate": "nan"}, "Enter a number."),
        ({"seed": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_is_said(staff, fields, words):
    response = start(staff, **fields)
    assert response.status_code == 400
    assert words in response.text
    assert not Job.objects.exists()


def test_only_staff_may(client):
    for user in (None, make_user("taras")):
        if user:
            client.force_login(user)
        assert "Start a training" not in client.get("/training/").text
        assert start(client).status_code == 403
    assert not Job.objects.exists()


def test_without_tensorflow_the_page_says_what_to_install(staff, monkeypatch):
    monkeypatch.setattr(training, "find_spec", lambda _name: None)
    assert "pip install -r requirements.txt" in staff.get("/training/").text
    assert start(staff).status_code == 503


def test_page_leads_to_the_curves(staff):
    start(staff)
    job = Job.objects.get()
    assert "curves" not in staff.get(f"/jobs/{job.pk}/").text
    run = make_training_run(job.parameters["name"])
    assert f"/training/{run.pk}/" in staff.get(f"/jobs/{job.pk}/").text


def test_part_of_a_worker_that_is_stopping_is_not_concluded(staff, monkeypatch):
    start(staff)
    work(1)
    assert work_once(is_stopping=lambda: True)
    job = Job.objects.get()
    assert (job.state, job.items.get().state) == ("running", "waiting")
    assert not TrainingRun.objects.exists()


@pytest.fixture
def elsewhere(staff) -> TrainingRun:
    """The run of a job whose worker was lost, while its process lives on another machine."""
    start(staff)
    work(1)
    run = make_training_run(Job.objects.get().parameters["name"])
    TrainingRun.objects.filter(pk=run.pk).update(status="running", machine="elsewhere (x86_64)", ended_at=None)
    run.refresh_from_db()
    return run


def test_training_on_another_machine_is_waited_for(elsewhere):
    looks = iter([False, False, True])
    assert work_once(is_stopping=lambda: next(looks, True))
    assert next(looks, None) is None
    assert [run.machine for run in TrainingRun.objects.all()] == ["elsewhere (x86_64)"]


def test_training_on_another_machine_is_neither_resumed_nor_begun_here(elsewhere, settings):
    chosen = run_settings(elsewhere.name)
    with pytest.raises(RunInTheWay, match="is being trained on elsewhere"):
        training.begin_run(run_settings=chosen)
    with pytest.raises(RunInTheWay, match="is being trained on elsewhere"):
        training.resume_run(run_settings=chosen, history=[])


def test_training_of_a_lost_machine_begins_again_and_says_so(elsewhere, settings):
    expired = timezone.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS + 1)
    TrainingRun.objects.update(updated_at=expired)
    new = training.begin_run(run_settings=run_settings(elsewhere.name))
    elsewhere.refresh_from_db()
    assert (elsewhere.status, elsewhere.message) == ("failed", "Its machine was lost: elsewhere (x86_64).")
    assert network_job.training_run_of(Job.objects.get()) == new


def test_training_of_a_lost_machine_is_resumed_from_its_checkpoint(elsewhere, settings):
    TrainingRun.objects.update(updated_at=timezone.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS + 1))
    run = training.resume_run(run_settings=run_settings(elsewhere.name), history=[])
    assert (run.pk, run.machine) == (elsewhere.pk, training_lease.machine())
    # The other process may only have been out of contact: it writes nothing more.
    training.record_progress(run=elsewhere, epoch=1, batch=1, batches=2, loss=1.0, accuracy=0.1)
    training.end_run(run=elsewhere, status=TrainingRun.Status.STOPPED)
    run.refresh_from_db()
    assert (run.status, run.progress, run.ended_at) == ("running", {}, None)


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"])
def interrupt_handler(request):
    """What a shell leaves to a process that it starts in the foreground, and to one in the background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("event", ["cancelled", "resumed elsewhere"])
def test_process_that_holds_a_lease_is_told_to_end(staff, settings, event, interrupt_handler):
    settings.JOB_LEASE_SECONDS = 2
    start(staff)
    run = training.begin_run(run_settings=run_settings(Job.objects.get().parameters["name"]))
    before = run.updated_at
    with training_lease.renewed(run):
        while TrainingRun.objects.get().updated_at == before:
            threading.Event().wait(0.05)
        if event == "cancelled":
            cancel(job=Job.objects.get())
        else:
            TrainingRun.objects.update(machine="elsewhere")
        with pytest.raises(KeyboardInterrupt):
            threading.Event().wait(60)
        if event == "resumed elsewhere":
            with pytest.raises(KeyboardInterrupt):
                threading.Event().wait(60)
    assert signal.getsignal(signal.SIGINT) == interrupt_handler


@pytest.fixture
def job(monkeypatch, settings, tmp_path, models_dir) -> Job:
    """The training of a small network on 400 images; the command shares this test's database."""
    pictures(tmp_path / "sets" / "small", CLASS_NAMES, count=40)
    places = {"DATABASE_URL": database_url(), "MODELS_DIR": models_dir, "RUNS_DIR": settings.RUNS_DIR}
    for name, value in places.items():
        monkeypatch.setenv(name, str(value))
    options = {"architecture": "student_cnn", "epochs": 6, "batch_size": 32, "seed": 1, "limit": 200}
    data = {"data_dir": str(tmp_path / "sets" / "small")}
    return submit_network(owner=Owner(user=make_superuser()), options=options | data)


@pytest.mark.endurance
def test_training_is_cancelled_after_an_epoch_resumed_and_published(job):
    cancelled = threading.Event()

    def cancel_after_the_first_epoch() -> bool:
        run = TrainingRun.objects.filter(name=job.parameters["name"]).first()
        if run and run.epochs.exists() and not cancelled.is_set():
            cancelled.set()
            cancel(job=job)
        return cancelled.is_set()

    work(1)
    assert work_once(is_stopping=cancel_after_the_first_epoch)
    run = TrainingRun.objects.get()
    job.refresh_from_db()
    assert (job.state, run.status) == ("cancelled", "stopped")
    assert run.epochs.count() < 6
    cancelled.set()
    resume(job=job)
    work()
    run.refresh_from_db()
    job.refresh_from_db()
    assert (job.state, run.status, run.epochs.count()) == ("finished", "finished", 6)
    assert ModelVersion.objects.filter(name=job.parameters["name"], training_run=run).exists()


@pytest.mark.endurance
def test_cancelled_training_that_does_not_end_is_killed_and_resumed(job, settings):
    settings.TRAINING_GRACE_SECONDS = 0
    cancelled = threading.Event()

    def cancel_within_an_epoch() -> bool:
        run = TrainingRun.objects.filter(name=job.parameters["name"]).first()
        if run and run.epochs.exists() and not cancelled.is_set():
            cancelled.set()
            cancel(job=job)
        return cancelled.is_set()

    work(1)
    assert work_once(is_stopping=cancel_within_an_epoch)
    run = TrainingRun.objects.get()
    assert (run.status, run.message) == ("stopped", "It was killed: its epoch had not ended.")
    assert not training_lock.is_locked(run.name)
    cancelled.set()
    resume(job=job)
    work()
    run.refresh_from_db()
    assert (run.status, run.message, run.epochs.count()) == ("finished", "", 6)


@pytest.mark.endurance
def test_training_that_fails_says_why(job):
    job.parameters["data_dir"] = str(Path(job.parameters["data_dir"]) / "nowhere")
    job.save()
    work()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "training_failed")
    assert "nowhere" in job.error_values["reason"]
