"""Somebody with something on the site, and everybody whom that does not concern."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from classifier.models import ApiToken, Classifier, Job, JobItem, JobPart, Prediction, Pupil, TrainingRun
from classifier.services.people.tokens import create_token
from classifier.tests.classifiers import make_version
from classifier.tests.factories import image_bytes, image_file, make_prediction, make_training_run, make_user
from classifier.tests.groups import client_of, make_group, make_pupil, make_teacher, may_teach
from classifier.tests.pages import elements, result_of

FILE_NAME = "a-secret-of-the-owner.jpg"


@dataclass(frozen=True)
class Owner:
    """A person who has uploaded a picture. user: None for a visitor without an account."""

    client: Client
    session_key: str
    user: User | None
    prediction: Prediction
    job: Job
    classifier: Classifier
    token: ApiToken | None = None
    secret: str = ""
    pupil: Pupil | None = None

    @property
    def facts(self) -> dict[str, object]:
        """What stands in addresses, see routes.py."""
        run = TrainingRun.objects.first() or make_training_run()
        return {
            "prediction": self.prediction.pk,
            "upload": self.prediction.upload_id,
            "token": self.token.public_id if self.token else UUID(int=0),
            "job": self.job.pk,
            "classifier": self.classifier.pk,
            "class": self.classifier.classes.values_list("pk", flat=True).first() or 0,
            "example": self.classifier.examples.values_list("pk", flat=True).first() or UUID(int=0),
            "group": self.pupil.group_id if self.pupil else UUID(int=0),
            "pupil": self.pupil.pk if self.pupil else UUID(int=0),
            "pupils_classifier": self.pupil.user.classifiers.get().pk if self.pupil else UUID(int=0),
            "object": self.prediction.pk,
            "content_type": ContentType.objects.get_for_model(Prediction).pk,
            "app": "classifier",
            "nothing": "nothing",
            "model": "student_cnn",
            "number": 1,
            "plot": "confusion",
            "run": run.pk,
        }

    @property
    def secrets(self) -> set[str]:
        """What nobody else's answer may have in it."""
        upload = self.prediction.upload
        found = {FILE_NAME, FILE_NAME.removesuffix(".jpg"), upload.sha256, self.session_key}
        found |= {form for number in self._numbers for form in (str(number), number.hex)}
        if self.user:
            found |= {self.user.username, self.secret, self.token.token_key, self.token.digest}
            found |= {self.pupil.nickname, self.pupil.group.code, self.pupil.user.username}
        return found

    @property
    def _numbers(self) -> set[UUID]:
        upload = self.prediction.upload
        return {
            upload.pk,
            self.prediction.pk,
            self.job.pk,
            self.classifier.pk,
            *filter(None, [upload.visitor, self.token and self.token.public_id]),
            *([self.pupil.pk, self.pupil.group_id, self.pupil.user.uploads.get().pk] if self.pupil else []),
        }

    def copy_of_session(self) -> Client:
        """Another browser with the same cookie, such as one that somebody has taken."""
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.session_key
        return client

    def end_session(self) -> None:
        if self.user:
            self.client.post("/accounts/sign-out/")
        else:
            self.client.session.flush()


def owner_with_account(name: str = "the-owner-herself") -> Owner:
    """Somebody who also teaches a group with a pupil."""
    user, client = may_teach(make_user(name)), Client()
    client.force_login(user)
    prediction = make_prediction(user, name=FILE_NAME)
    token, secret = create_token(user=user, name=f"token of {name}", scope="write", days=30)
    pupil = make_pupil(make_group(user), f"pupil of {name}"[:30])
    make_classifier(make_prediction(pupil.user, seed=7))
    things = make_job(prediction), make_classifier(prediction), token, secret, pupil
    return Owner(client, _key(client), user, prediction, *things)


def owner_without_account() -> Owner:
    client = Client()
    page = client.post("/", {"image": image_file(FILE_NAME)}, follow=True)
    prediction = Prediction.objects.select_related("upload").get(pk=result_of(page)["data-prediction"])
    return Owner(client, _key(client), None, prediction, make_job(prediction), make_classifier(prediction))


def make_job(prediction: Prediction) -> Job:
    """An ended job that has classified a file and failed with another, and has a file to download."""
    whose = {"owner_id": prediction.owner_id, "visitor": prediction.visitor}
    result = default_storage.save(f"jobs/{uuid4()}.csv", ContentFile(FILE_NAME))
    archive = default_storage.save(f"jobs/{uuid4()}.zip", ContentFile(FILE_NAME))
    state = {"state": Job.State.FINISHED, "ended_at": timezone.now(), "total": 2}
    job = Job.objects.create(kind=Job.Kind.CLASSIFY, name=FILE_NAME, file=archive, result=result, **state, **whose)
    part = JobPart.objects.create(job=job, number=0, done=1, failed=1, finished_at=timezone.now())
    JobItem.objects.create(job=job, part=part, number=0, name=FILE_NAME, state="done", prediction=prediction)
    JobItem.objects.create(job=job, part=part, number=1, name=FILE_NAME, state="failed", error_code="empty_file")
    return job


def make_classifier(prediction: Prediction) -> Classifier:
    return make_version(prediction, name=FILE_NAME).classifier


def _key(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def another_user(_owner: Owner) -> Client:
    client = Client()
    client.force_login(user := make_user("another"))
    make_prediction(user, seed=1)
    return client


def another_teacher(_owner: Owner) -> Client:
    client = Client()
    client.force_login(teacher := make_teacher("another-teacher"))
    make_pupil(make_group(teacher, name="another group"))
    return client


def pupil_of_the_same_group(owner: Owner) -> Client:
    """For a visitor without an account: of any group."""
    group = owner.pupil.group if owner.pupil else make_group(name="another group")
    return client_of(make_pupil(group, "classmate"))


def staff_without_permission(_owner: Owner) -> Client:
    client = Client()
    client.force_login(make_user("clerk", is_staff=True))
    return client


def anonymous(_owner: Owner) -> Client:
    return Client()


def another_visitor(_owner: Owner) -> Client:
    client = Client()
    client.post("/", {"image": image_file("mine.jpg", image_bytes(seed=2))})
    return client


def session_that_was_ended(owner: Owner) -> Client:
    copy = owner.copy_of_session()
    owner.end_session()
    return copy


def session_that_has_expired(owner: Owner) -> Client:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    return owner.copy_of_session()


def session_of_a_closed_account(owner: Owner) -> Client:
    User.objects.filter(pk=owner.user.pk).update(is_active=False)
    return owner.copy_of_session()


def session_before_the_password_changed(owner: Owner) -> Client:
    owner.user.set_password("another one altogether")
    owner.user.save()
    return owner.copy_of_session()


def another_users_token(_owner: Owner) -> Client:
    return _bearer(create_token(user=make_user("another"), name="theirs", scope="write", days=30)[1])


def token_that_was_revoked(owner: Owner) -> Client:
    owner.client.post(f"/accounts/tokens/{owner.token.public_id}/revoke/")
    return _bearer(owner.secret)


def token_that_has_expired(owner: Owner) -> Client:
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    return _bearer(owner.secret)


def _bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


#: Whom the API knows, and so tells that there is no such thing; others it asks who they are.
KNOWN = (another_user, another_teacher, pupil_of_the_same_group, staff_without_permission, another_users_token)
OF_ANYBODY = (*KNOWN, anonymous, another_visitor)
OF_A_VISITOR = (*OF_ANYBODY, session_that_was_ended, session_that_has_expired)
OF_A_USER = (
    *OF_A_VISITOR,
    session_of_a_closed_account,
    session_before_the_password_changed,
    token_that_was_revoked,
    token_that_has_expired,
)
Make = Callable[[Owner], Client]
STRANGERS: dict[Callable[[], Owner], tuple[Make, ...]] = {
    owner_with_account: OF_A_USER,
    owner_without_account: OF_A_VISITOR,
}
PAIRS = [(owner, stranger) for owner, strangers in STRANGERS.items() for stranger in strangers]


def form_tokens(page: str) -> set[str]:
    return {tag["value"] for tag in elements(page, "value") if "csrf" in tag.get("name", "")}


def without_numbers(text: str) -> str:
    """An answer without what is different every time."""
    return re.sub(r"[0-9A-Za-z-]{30,}|\d\d:\d\d:\d\d", "", text)
