"""Compare a new version with the active one on images that neither was trained on, and promote it."""

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction

from classifier.models import Comparison, Head, HeldOutAnswer, ModelVersion, RevisionItem
from classifier.services.classifiers.features import vectors_of
from ml.heads import comparison
from ml.heads.head import Head as LoadedHead


def compare_with_active(version: ModelVersion) -> Comparison | None:
    """Compare the version with its classifier's active one and store that; None where none is active."""
    baseline = ModelVersion.every.filter(classifier=version.classifier_id, active=True).first()
    if baseline is None:
        return None
    answers = list(version.held_out_answers.select_related("example"))
    before = _answers_of(baseline, answers)
    answers = [answer for answer in answers if answer.example_id in before]
    known = set(baseline.class_names)
    answers = [answer for answer in answers if answer.class_name in known]
    names = sorted({answer.class_name for answer in answers})
    places = {name: place for place, name in enumerate(names)}
    found = comparison.compare(
        np.array([places.get(answer.predicted, -1) for answer in answers], int),
        np.array([places.get(before[answer.example_id], -1) for answer in answers], int),
        np.array([places[answer.class_name] for answer in answers], int),
        names,
        np.array([answer.example.must_stay_right for answer in answers], bool),
    )
    return Comparison.objects.create(
        candidate=version,
        baseline=baseline,
        count=found.count,
        better=found.better,
        worse=found.worse,
        p_value=found.p_value,
        reasons=found.reasons,
    )


def record_override(*, version: ModelVersion, reason: str, user: User | None) -> None:
    """Keep why a version was promoted although the comparison spoke against it."""
    with transaction.atomic():
        Comparison.objects.filter(candidate=version).update(reason=reason, forced_by=user)


def flips_of(comparison: Comparison) -> list[tuple[HeldOutAnswer, str]]:
    """The candidate's answers that the comparison is about and the baseline has otherwise, with the baseline's."""
    answers = list(comparison.candidate.held_out_answers.select_related("example__upload"))
    before = _answers_of(comparison.baseline, answers)
    pairs = [(answer, before[answer.example_id]) for answer in answers if answer.example_id in before]
    return [(answer, earlier) for answer, earlier in pairs if answer.is_right != (earlier == answer.class_name)]


def _answers_of(baseline: ModelVersion, answers: list[HeldOutAnswer]) -> dict:
    """What the baseline says to those of these images that it has not learnt from, by the example's id.

    It has said so already, or the images were not there yet and it says so now.
    """
    stored = dict(baseline.held_out_answers.values_list("example", "predicted"))
    learnt = set(RevisionItem.objects.filter(revision__heads__version=baseline).values_list("example", flat=True))
    new = [answer for answer in answers if answer.example_id not in stored and answer.example_id not in learnt]
    if not new:
        return stored
    row = Head.objects.get(version=baseline)
    vectors = vectors_of(upload_ids=[answer.example.upload_id for answer in new], backbone=row.backbone)
    new = [answer for answer in new if answer.example.upload_id in vectors]
    if new:
        head = LoadedHead.load(bytes(row.content))
        best = head.predict(np.stack([vectors[answer.example.upload_id] for answer in new])).best()
        stored |= {answer.example_id: head.class_names[place] for answer, place in zip(new, best.tolist())}
    return stored
