"""The tables, one file each."""

from classifier.models.activation import Activation
from classifier.models.api_token import ApiToken
from classifier.models.batch_claim import BatchClaim
from classifier.models.classifier import Classifier, Example, Features, LearntClass
from classifier.models.correction import Correction
from classifier.models.group import PinFailures, Pupil, PupilGroup
from classifier.models.invitation import Invitation
from classifier.models.job import Job, JobItem, JobPart
from classifier.models.model_version import ModelVersion
from classifier.models.prediction import Prediction
from classifier.models.revision import Comparison, Head, HeldOutAnswer, Revision, RevisionItem
from classifier.models.training_run import Epoch, TrainingRun
from classifier.models.upload import Retention, Upload
from classifier.models.visitor_claim import VisitorClaim

__all__ = [
    "Activation",
    "ApiToken",
    "BatchClaim",
    "Classifier",
    "Comparison",
    "Correction",
    "Epoch",
    "Example",
    "Features",
    "Head",
    "HeldOutAnswer",
    "Invitation",
    "Job",
    "JobItem",
    "JobPart",
    "LearntClass",
    "ModelVersion",
    "PinFailures",
    "Prediction",
    "Pupil",
    "PupilGroup",
    "Retention",
    "Revision",
    "RevisionItem",
    "TrainingRun",
    "Upload",
    "VisitorClaim",
]
