"""What the toured site shows: people, the drawn examples classified and corrected, and training runs.

`python -m classifier.tests.tour.content` fills the database that the environment names and prints what the tour needs
to know of it as JSON.
"""

import json
import math
from datetime import datetime, timedelta
from uuid import UUID

import django

if __name__ == "__main__":
    django.setup()

from django.apps import apps
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.core.files import File
from django.test import Client
from django.utils import timezone

from classifier.models import ModelVersion, Prediction, Pupil, PupilGroup, TrainingRun
from classifier.services.groups.pupils import add_pupils
from classifier.services.groups.sign_in import PIN_BACKEND
from classifier.services.groups.teaching import create_group, let_teach
from classifier.services.history.correction import correct
from classifier.services.jobs.control import cancel
from classifier.services.models.training import end_run, record_epoch
from classifier.services.people.invitations import create_invitations
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import classify
from classifier.services.predictions.example_images import EXAMPLES, EXAMPLES_FOLDER
from classifier.services.predictions.intake import read_image
from classifier.tests.classifiers import make_version
from classifier.tests.factories import make_superuser, make_training_run, make_user
from classifier.tests.jobs import BAD, make_job, work
from ml.training.checkpoints import EpochRecord

#: The same whenever the pictures of the pages are made, like everything that can be.
TIMINGS = {"decode": 2.4, "resize": 1.1, "infer": 9.8, "thumbnail": 1.6}
#: A picture's name is a camera's as often as one that says what it shows.
CAMERA_NAME = "a-rather-long-name-of-a-file-as-some-cameras-and-telephones-give-{number}.jpg"


def fill() -> dict:
    """Make everything; return sessions by person, predictions by example, and the other numbers in addresses."""
    people = {name: make_user(name) for name in ("olena", "taras", "teacher")}
    people |= {"admin": make_superuser(), "clerk": make_user("clerk", is_staff=True)}
    made = _predictions(people["olena"])
    finished = _training_run("student-cnn", TrainingRun.Status.FINISHED, ended=40)
    stopped = _training_run("one-more-try", TrainingRun.Status.STOPPED, ended=12)
    return {
        **{name: str(prediction.pk) for name, prediction in made.items()},
        "run": finished.pk,
        "stopped_run": stopped.pk,
        "active_model": ModelVersion.objects.get(active=True).name,
        "active_model_row": ModelVersion.objects.get(active=True).pk,
        "other_model": "student_cnn",
        **_jobs(people["olena"]),
        **_classifier(people["olena"]),
        **_group(people),
        "rows": _rows(),
        "sessions": {name: _session(user) for name, user in people.items()},
    }


def _predictions(user: User) -> dict[str, Prediction]:
    """Each example twice: under its own name, corrected or not, and before that as some camera calls it."""
    today = timezone.localtime().replace(hour=9, minute=30, second=0, microsecond=0)
    for number, example in enumerate(EXAMPLES):
        _prediction(user, example, CAMERA_NAME.format(number=1001 + number), today - timedelta(days=9, minutes=number))
    made = {
        example: _prediction(user, example, f"{example}.jpg", today - timedelta(days=1, minutes=number))
        for number, example in enumerate(EXAMPLES)
    }
    correct(prediction=made["ship"], label="ship", user=user)
    correct(prediction=made["bird"], label="airplane", user=user)
    return made


def _prediction(user: User, example: str, name: str, time: datetime) -> Prediction:
    with (EXAMPLES_FOLDER / f"{example}.jpg").open("rb") as file:
        image = read_image(File(file, name))
    number = UUID(int=Prediction.objects.count() + 1, version=4)
    prediction = classify(image=image, owner=Owner(user=user), prediction_id=number)
    Prediction.objects.filter(pk=number).update(created_at=time, timings=TIMINGS)
    return prediction


def _training_run(name: str, status: TrainingRun.Status, *, ended: int) -> TrainingRun:
    """A run of 40 epochs, of which some have ended, that learns as runs do."""
    run = make_training_run(name, epochs=0)
    run.epoch_count = 40
    for epoch in range(1, ended + 1):
        left, noise = math.exp(-epoch / 9), 0.02 * math.sin(5 * epoch)
        rate = 1e-3 * (1 + math.cos(math.pi * epoch / 40)) / 2
        losses = 0.35 + 1.5 * left, 0.45 + 1.3 * left + noise
        accuracies = 0.9 - 0.5 * left, 0.88 - 0.45 * left + noise
        record_epoch(run=run, record=EpochRecord(epoch, losses[0], accuracies[0], losses[1], accuracies[1], rate, 41.5))
    run.save()
    end_run(run=run, status=status)
    return run


def _jobs(user: User) -> dict[str, str]:
    """One that has ended with a file that failed, and one that was cancelled."""
    owner = Owner(user=user)
    files = {"trip/ship.jpg": (EXAMPLES_FOLDER / "ship.jpg").read_bytes(), "trip/notes.jpg": BAD}
    ended = make_job(owner, files)
    work()
    # Its images are not in the history's pictures.
    user.uploads.filter(original_name="trip/ship.jpg").delete()
    cancel(job=(cancelled := make_job(owner)))
    return {"job": str(ended.pk), "cancelled_job": str(cancelled.pk)}


def _classifier(user: User) -> dict[str, str | int]:
    version = make_version(user.predictions.order_by("created_at").first())
    version.active, version.activated_at = True, timezone.now()
    version.save()
    return {"classifier": str(version.classifier_id), "classifier_version": version.number}


def _group(people: dict[str, User]) -> dict[str, str]:
    """A group with three pupils, of whom one has uploaded something; its session is added to those of the others."""
    teacher = people["teacher"]
    let_teach(user=teacher, may=True)
    group = create_group(teacher=teacher, name="7-B")
    PupilGroup.objects.update(code="CDFHJKMN")
    cards = add_pupils(group=group, nicknames=["Bohdan", "Ivan", "Оля"])
    pupil = cards[0].pupil
    people["bohdan"] = pupil.user
    _prediction(pupil.user, "ship", "ship.jpg", timezone.now() - timedelta(hours=1))
    return {"group": str(group.pk), "pupil": str(pupil.pk), "code": "CDFH-JKMN", "link": cards[0].token}


def _rows() -> dict[str, str]:
    """The number of a row of each table that the administration shows, under the name that its addresses begin with."""
    Group.objects.create(name="editors")
    create_invitations(count=1, days=7, note="class 7b", by=User.objects.get(username="admin"))
    return {
        f"admin:{table._meta.app_label}_{table._meta.model_name}": str(table.objects.order_by("pk").last().pk)
        for table in filter(site.is_registered, apps.get_models())
    }


def _session(user: User) -> str:
    client = Client()
    client.force_login(user, backend=PIN_BACKEND if Pupil.objects.filter(user=user).exists() else None)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    print(json.dumps(fill()))
