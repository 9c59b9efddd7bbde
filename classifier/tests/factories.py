"""What the tests of the site are made of: pictures, people, predictions, model folders and processes."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image

from classifier.models import Prediction, TrainingRun
from classifier.services.models.training import record_epoch
from classifier.services.people.ownership import Owner
from classifier.services.predictions.classification import classify
from classifier.services.predictions.intake import read_image
from classifier.tests import forking
from ml.artifacts.folder import CARD_FILE, KERAS_FILE, LITERT_FILE
from ml.confidence.abstention import SCORES
from ml.tests.factories import encode, photograph
from ml.training.checkpoints import EpochRecord

#: For the site beside tests that are about something else: limits that are asked about and never reached.
UNREACHED_LIMITS = {
    f"THROTTLE_{name}": "1000000/minute"
    for name in (
        "CLASSIFY_PERSON",
        "CLASSIFY_ADDRESS",
        "READ_PERSON",
        "READ_ADDRESS",
        "SIGN_IN_ADDRESS",
        "SIGN_UP_ADDRESS",
        "API_PERSON",
        "API_ADDRESS",
        "WORK_PERSON",
        "WORK_ADDRESS",
    )
}
BASE_DIR = Path(__file__).resolve().parents[2]
SHIPPED_FOLDER = BASE_DIR / "ml" / "trained" / "student_cnn"


def image_bytes(kind: str = "JPEG", *, width: int = 150, height: int = 100, seed: int = 0, **options) -> bytes:
    return encode(photograph(width, height, seed), kind, **options)


def image_file(name: str = "photo.jpg", content: bytes | None = None, **options) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, image_bytes() if content is None else content, **options)


def make_user(name: str = "olena", **fields) -> User:
    return User.objects.create_user(name, password=f"password of {name}", **fields)


def make_superuser(name: str = "admin") -> User:
    return make_user(name, is_staff=True, is_superuser=True)


def make_prediction(
    owner: User | None = None, *, visitor: UUID | None = None, name: str = "photo.jpg", seed: int = 0, **changes
) -> Prediction:
    """Classify and keep a picture as the site does; `changes` are put over the fields of its prediction."""
    if owner is None and visitor is None:
        visitor = uuid4()
    image = read_image(image_file(name, image_bytes(seed=seed)))
    prediction = classify(image=image, owner=Owner(user=owner, visitor=visitor))
    if changes:
        Prediction.objects.filter(pk=prediction.pk).update(**changes)
        prediction.refresh_from_db()
    return prediction


def make_training_run(name: str = "first-run", *, epochs: int = 2) -> TrainingRun:
    run = TrainingRun.objects.create(
        name=name,
        status=TrainingRun.Status.FINISHED,
        architecture="student_cnn",
        recipe={"name": "adam_cosine"},
        seed=1,
        dataset_fingerprint="sha256:00",
        epoch_count=epochs,
        machine="here",
        process_id=1,
    )
    for number in range(1, epochs + 1):
        record_epoch(run=run, record=EpochRecord(number, 2 / number, 0.1 * number, 2.1 / number, 0.2, 1e-3, 1.5))
    return run


def linked_model(folder: Path) -> Path:
    """The shipped model's folder, made of links to its files: whatever is evaluated in it stays in it."""
    folder.mkdir(parents=True)
    for path in filter(Path.is_file, SHIPPED_FOLDER.iterdir()):
        (folder / path.name).symlink_to(path)
    return folder


def another_model(folder: Path, name: str | None = None, **entries) -> Path:
    """A model that answers as the shipped one does, but is another: its name, its Keras file and `entries` differ."""
    linked_model(folder)
    card = json.loads((folder / CARD_FILE).read_text()) | entries
    content = f"Keras file of {folder.name}".encode()
    card["name"], card["files"][KERAS_FILE] = name or folder.name, hashlib.sha256(content).hexdigest()
    replace(folder / KERAS_FILE, content)
    replace(folder / CARD_FILE, json.dumps(card).encode())
    return folder


def doubtful_model(folder: Path) -> Path:
    """A model that asks for more than any image has, and so abstains from every answer."""
    return another_model(folder, abstention=_abstention("relative_mahalanobis", 1e9))


def certain_model(folder: Path) -> Path:
    """A model that looks at no score, and so always answers."""
    return another_model(folder, abstention=_abstention(None, 1e9))


def _abstention(score: str | None, threshold: float) -> dict[str, object]:
    return {"score": score, "coverage": 0.95, "thresholds": dict.fromkeys(SCORES, threshold)}


def pictures(folder: Path, class_names: Iterable[str], count: int = 3, side: int = 32) -> Path:
    """A folder with a sub-folder of pictures for each class, which a colour tells apart."""
    for number, name in enumerate(class_names):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            noise = np.random.default_rng([number, index]).integers(0, 60, (side, side, 3))
            colour = np.array([number * 83 % 190, number * 47 % 190, number * 131 % 190])
            picture = Image.fromarray((colour + noise).astype(np.uint8))
            (folder / name / f"{index}.png").write_bytes(encode(picture, "PNG"))
    return folder


def damage(folder: Path) -> None:
    """Put a file into a model's folder that is not the one its card describes."""
    replace(folder / LITERT_FILE, b"not a model")


def replace(path: Path, content: bytes) -> None:
    """Replace a link by a file, and leave the target of the link alone."""
    path.unlink()
    path.write_bytes(content)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """What a process of the site needs to run beside this one: all that it writes lies in `folder`."""
    return {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "MEDIA_ROOT": str(folder / "media"),
        "STATIC_ROOT": str(folder / "static"),
        "RUNS_DIR": str(folder / "runs"),
        **UNREACHED_LIMITS,
        **variables,
    }


def database_url() -> str:
    """The database of this test, for a process that is to share it."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    parts = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")}
    return "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**parts)


def only_on_sqlite() -> None:
    """Skip a test that speaks to SQLite itself where the tests have another database."""
    if connection.vendor != "sqlite":
        pytest.skip("speaks to SQLite itself")


def manage(*arguments: str, env: dict[str, str], wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run manage.py in a process of its own, started by the command `wrapper` if there is one."""
    if not wrapper and env.get("PYTHONPATH") == os.environ.get("PYTHONPATH"):
        return forking.manage([*arguments], env)
    command = [*wrapper, sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, check=False)


def without(*packages: str, env: dict[str, str], folder: Path) -> dict[str, str]:
    """The environment of a process that cannot import these packages, as if they were not installed."""
    hook = folder / "without" / "sitecustomize.py"
    hook.parent.mkdir()
    hook.write_text(f"import sys\nsys.modules.update(dict.fromkeys({packages!r}))\n")
    return {**env, "PYTHONPATH": str(hook.parent)}
