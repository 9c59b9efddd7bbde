"""The tables, one file each."""

from classifier.models.activation import Activation
from classifier.models.api_token import ApiToken
from classifier.models.batch_claim import BatchClaim
from classifier.models.correction import Correction
from classifier.models.invitation import Invitation
from classifier.models.job import Job, JobItem, JobPart
from classifier.models.model_version import ModelVersion
from classifier.models.prediction import Prediction
from classifier.models.training_run import Epoch, TrainingRun
from classifier.models.upload import Retention, Upload
from classifier.models.visitor_claim import VisitorClaim

__all__ = [
    "Activation",
    "ApiToken",
    "BatchClaim",
    "Correction",
    "Epoch",
    "Invitation",
    "Job",
    "JobItem",
    "JobPart",
    "ModelVersion",
    "Prediction",
    "Retention",
    "TrainingRun",
    "Upload",
    "VisitorClaim",
]
