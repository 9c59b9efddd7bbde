"""A file that may arrive more than once, because the answer to it was lost or a form was sent again, is kept once."""

from uuid import UUID, uuid5

from django.db import IntegrityError

from classifier.models import Prediction
from classifier.services.classification import classify
from classifier.services.intake import SubmittedImage
from classifier.services.ownership import Owner, predictions_of

_SUBMISSIONS = UUID("5b0f0f62-6f0c-4f0e-9a55-0c1f6f8f2a37")


def classify_once(
    *, image: SubmittedImage, owner: Owner, submission: UUID | None, keep_days: int | None = None
) -> Prediction:
    """Classify and store as `classify` does; the same content under the same number returns what is stored of it.

    submission: the number that the page gave to this sending, None if it gave none. Raises serving.NoModel.
    """
    if submission is None:
        return classify(image=image, owner=owner, keep_days=keep_days)
    # The prediction's own id is made of all that makes it the same: no column is needed, and the key keeps it unique.
    person = owner.user.pk if owner.user else owner.visitor
    prediction_id = uuid5(_SUBMISSIONS, f"{person}\n{submission}\n{image.sha256}")
    stored = predictions_of(owner).filter(pk=prediction_id)
    if prediction := stored.first():
        return prediction
    try:
        return classify(image=image, owner=owner, prediction_id=prediction_id, keep_days=keep_days)
    except IntegrityError:
        # It arrived twice at once, and the other one was faster.
        return stored.get()
