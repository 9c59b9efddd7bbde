"""The admin: models and results to oversee. Results are read, never edited."""

from classifier.admin.classifiers import ClassifierAdmin
from classifier.admin.groups import PupilGroupAdmin
from classifier.admin.invitations import InvitationAdmin
from classifier.admin.jobs import JobAdmin
from classifier.admin.model_versions import ModelVersionAdmin, TrainingRunAdmin
from classifier.admin.people import CarefulGroupAdmin, PersonAdmin
from classifier.admin.predictions import PredictionAdmin, UploadAdmin

__all__ = [
    "CarefulGroupAdmin",
    "ClassifierAdmin",
    "InvitationAdmin",
    "JobAdmin",
    "ModelVersionAdmin",
    "PersonAdmin",
    "PredictionAdmin",
    "PupilGroupAdmin",
    "TrainingRunAdmin",
    "UploadAdmin",
]
