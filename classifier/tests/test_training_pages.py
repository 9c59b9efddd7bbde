import os
from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.models import TrainingRun
from classifier.services.models import training, training_lease
from classifier.services.models.training import outlook, record_progress
from classifier.tests.factories import make_training_run, make_user
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def running(db) -> TrainingRun:
    """A run of this process, after two epochs of four."""
    run = make_training_run()
    run.status, run.epoch_count, run.recipe = TrainingRun.Status.RUNNING, 4, {"name": "adam_cosine", "epochs": 4}
    run.machine, run.process_id = training_lease.machine(), os.getpid()
    run.save()
    record_progress(run=run, epoch=3, batch=50, batches=100, loss=0.5, accuracy=0.8)
    return run


def state(client, run: TrainingRun, part: str = "") -> dict[str, str]:
    (found,) = elements(client.get(f"/training/{run.pk}/{part}").text, "data-run")
    return found


def test_runs_are_listed_for_anyone(client):
    make_training_run("older")
    make_training_run("newer")
    page = client.get("/training/").text
    assert page.index("newer") < page.index("older")


def test_a_site_where_nothing_was_trained_says_how_to(client, db):
    assert "python manage.py train" in client.get("/training/").text


def test_page_polls_a_run_in_progress(client, running):
    found = state(client, running)
    assert (found["data-status"], found["data-epochs"]) == ("running", "2")
    assert found["hx-get"] == f"/training/{running.pk}/progress/"
    assert found["hx-trigger"] == "every 2s"
    page = client.get(f"/training/{running.pk}/").text
    assert "2 of 4 epochs" in page
    assert "Epoch 3, batch 50 of 100" in page
    assert "Best epoch so far: 2" in page
    assert 'value="0.6250"' in page


def test_polling_fetches_only_the_changing_part(client, running):
    part = client.get(f"/training/{running.pk}/progress/").text
    assert "<html" not in part
    assert "<polyline" in part
    training.end_run(run=running, status=TrainingRun.Status.FINISHED)
    assert "hx-get" not in state(client, running, "progress/")
    ended = client.get(f"/training/{running.pk}/").text
    assert "Best epoch: 2 (validation accuracy" in ended
    assert "Best epoch so far" not in ended


def test_time_left_is_what_the_last_epochs_took(running):
    found = outlook(running, list(running.epochs.order_by("number").values()))
    assert found.share == 2.5 / 4
    assert (found.seconds_an_epoch, found.seconds_left) == (1.5, 1.5 * 1.5)
    running.progress = {}
    assert outlook(running, []) == training.Outlook(0.0, None, None)


@pytest.mark.parametrize("machine", ["here", "elsewhere"])
def test_run_whose_lease_expired_is_interrupted_and_says_how_to_resume(client, running, settings, machine):
    ours = training_lease.machine() if machine == "here" else "elsewhere"
    TrainingRun.objects.filter(pk=running.pk).update(machine=ours, process_id=2**22 + 1)
    running.refresh_from_db()
    assert state(client, running)["data-status"] == "running"
    expired = timezone.now() - timedelta(seconds=settings.JOB_LEASE_SECONDS + 1)
    TrainingRun.objects.filter(pk=running.pk).update(updated_at=expired)
    found = state(client, running)
    assert found["data-status"] == "interrupted"
    assert "hx-get" not in found
    assert "manage.py train --resume --name first-run" in client.get(f"/training/{running.pk}/").text
    assert ">interrupted<" in client.get("/training/").text


@pytest.mark.parametrize("status", ["finished", "stopped", "failed"])
def test_run_that_has_ended_is_not_interrupted(client, running, status):
    training.end_run(run=running, status=status, message="out of memory")
    assert state(client, running)["data-status"] == status


def test_only_staff_reads_the_name_of_the_machine_and_what_went_wrong_on_it(client, running):
    TrainingRun.objects.update(machine="secret-host (x86_64, 2 processors)")
    running.refresh_from_db()
    training.end_run(run=running, status=TrainingRun.Status.FAILED, message="no space in /srv")
    page = client.get(f"/training/{running.pk}/").text
    assert "Training failed." in page
    assert "/srv" not in page
    assert "x86_64, 2 processors" in page
    assert "secret-host" not in page
    client.force_login(make_user("staff", is_staff=True))
    page = client.get(f"/training/{running.pk}/").text
    assert "no space in /srv" in page
    assert running.machine in page


def test_unknown_run_is_not_found(client, db):
    assert client.get("/training/99/").status_code == client.get("/training/99/progress/").status_code == 404


def test_epochs_of_a_run_can_be_downloaded(client):
    run = make_training_run(epochs=3)
    (link,) = elements(client.get(f"/training/{run.pk}/").text, "download")
    response = client.get(link["href"])
    assert response["Content-Disposition"] == 'attachment; filename="first-run-epochs.csv"'
    assert response.text.splitlines()[:2] == [
        "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds",
        "1,2.0,0.1,2.1,0.2,0.001,1.5",
    ]
    assert len(response.text.splitlines()) == 4


def test_curves_show_the_learning_rate_and_values_on_hover(client):
    page = client.get(f"/training/{make_training_run().pk}/").text
    assert "Epoch 2: training 20.00%, validation 20.00%" in page
    assert "Epoch 2: training 1.000, validation 1.050" in page
    assert "Epoch 2: 0.001000" in page
