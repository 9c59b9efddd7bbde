"""Classifiers of people's own classes, for tests."""

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from classifier.models import Classifier, Example, HeldOutAnswer, LearntClass, ModelVersion, Prediction
from classifier.services.classifiers.collection import add_image, create_classifier
from classifier.services.classifiers.training import store_trained, train
from classifier.services.people.ownership import Owner
from ml.tests.factories import encode, scene

#: What tells the classes apart: the colour of the whole picture.
COLOURS = {"bolts": (1.0, 0.1, 0.1), "nuts": (0.1, 0.2, 1.0), "screws": (0.1, 1.0, 0.1)}


def example_bytes(class_name: str, number: int) -> bytes:
    """A picture of a class; each number is another one."""
    seed = 1000 * list(COLOURS).index(class_name) + number
    pixels = np.asarray(scene(96, seed)) * COLOURS[class_name]
    return encode(Image.fromarray(pixels.astype(np.uint8)), "PNG")


def example_file(class_name: str, number: int) -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{class_name} {number}.png", example_bytes(class_name, number))


def make_classifier(owner: Owner, *, images: int = 6, classes: int = 2, name: str = "fasteners") -> Classifier:
    """A classifier with so many images of each class."""
    names = list(COLOURS)[:classes]
    classifier = create_classifier(owner=owner, name=name, class_names=names)
    for class_name in names:
        for number in range(images):
            add_image(file=example_file(class_name, number), classifier=classifier, class_name=class_name)
    return classifier


def make_trained(owner: Owner, *, images: int = 6, name: str = "fasteners") -> ModelVersion:
    """Version 1 of a classifier of bolts and nuts, trained and in use."""
    classifier = make_classifier(owner, images=images, name=name)
    return store_trained(classifier=classifier, trained=train(classifier=classifier))


def make_version(prediction: Prediction, *, name: str = "fasteners") -> ModelVersion:
    """Version 1 of a classifier that belongs to the prediction's owner, with the upload for an example. It is not
    trained: its card says what pages show.
    """
    classifier = Classifier.objects.create(owner_id=prediction.owner_id, visitor=prediction.visitor, name=name)
    bolts, _nuts = (
        LearntClass.objects.create(classifier=classifier, name=one, position=place)
        for place, one in enumerate(("bolts", "nuts"))
    )
    example = Example.objects.create(
        classifier=classifier, upload=prediction.upload, learnt_class=bolts, group="0" * 64, held_out=True
    )
    card = {
        "class_names": ["bolts", "nuts"],
        "metrics": {"test": {"count": 3, "confusion": [[1, 1], [0, 1]], "interval": [0.2, 0.94]}},
        "cross_validated": True,
        "doubts": [],
    }
    version = ModelVersion.every.create(
        name=f"own-{classifier.pk.hex}", number=1, digest=classifier.pk.hex, card=card, classifier=classifier
    )
    HeldOutAnswer.objects.create(
        version=version,
        example=example,
        class_name="bolts",
        predicted="nuts",
        confidence=0.6,
        class_probability=0.4,
        abstained=False,
    )
    return version
