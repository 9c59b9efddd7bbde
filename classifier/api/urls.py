"""The API's addresses."""

from django.urls import include, path, re_path

from classifier.api import (
    account,
    classifier_examples,
    classifier_versions,
    classifiers,
    images,
    job_files,
    jobs,
    model_versions,
    pages,
    predictions,
)
from classifier.services.predictions.batch import MOST_IMAGES
from classifier.web.limits import takes, unlimited

_v1 = [
    path("predictions/", takes(predictions.Predictions.as_view(), images=1), name="api_predictions"),
    path("predictions/batch/", takes(predictions.Batch.as_view(), images=MOST_IMAGES), name="api_batch"),
    path("predictions/<uuid:prediction_id>/", predictions.OnePrediction.as_view(), name="api_prediction"),
    path("predictions/<uuid:prediction_id>/correction/", predictions.Correction.as_view(), name="api_correction"),
    path("predictions/<uuid:prediction_id>/image/", images.Image.as_view(), name="api_image"),
    path("predictions/<uuid:prediction_id>/thumbnail/", images.Thumbnail.as_view(), name="api_thumbnail"),
    path("jobs/", takes(jobs.Jobs.as_view(), archives=1), name="api_jobs"),
    path("jobs/rescoring/", jobs.Rescoring.as_view(), name="api_rescoring"),
    path("jobs/exports/", jobs.Exports.as_view(), name="api_exports"),
    path("jobs/<uuid:job_id>/", jobs.OneJob.as_view(), name="api_job"),
    path("jobs/<uuid:job_id>/resume/", jobs.Resume.as_view(), name="api_job_resume"),
    path("jobs/<uuid:job_id>/retry/", jobs.Retry.as_view(), name="api_job_retry"),
    path("jobs/<uuid:job_id>/results/", job_files.Results.as_view(), name="api_job_results"),
    path("jobs/<uuid:job_id>/errors/", job_files.Errors.as_view(), name="api_job_errors"),
    path("jobs/<uuid:job_id>/images/", job_files.Images.as_view(), name="api_job_images"),
    path("jobs/<uuid:job_id>/file/", job_files.ExportedFile.as_view(), name="api_job_file"),
    path("models/", model_versions.Models.as_view(), name="api_models"),
    re_path(r"^models/(?P<model>[-a-zA-Z0-9_]+(?:@[0-9]+)?)/$", model_versions.OneModel.as_view(), name="api_model"),
    path("classifiers/", classifiers.Classifiers.as_view(), name="api_classifiers"),
    path("classifiers/<uuid:classifier_id>/", classifiers.OneClassifier.as_view(), name="api_classifier"),
    path("classifiers/<uuid:classifier_id>/classes/", classifiers.Classes.as_view(), name="api_classes"),
    path("classifiers/<uuid:classifier_id>/classes/<int:class_id>/", classifiers.OneClass.as_view(), name="api_class"),
    path(
        "classifiers/<uuid:classifier_id>/examples/",
        takes(classifier_examples.Examples.as_view(), images=1),
        name="api_examples",
    ),
    path(
        "classifiers/<uuid:classifier_id>/examples/<uuid:example_id>/",
        classifier_examples.OneExample.as_view(),
        name="api_example",
    ),
    path("classifiers/<uuid:classifier_id>/runs/", classifier_versions.Runs.as_view(), name="api_runs"),
    path("classifiers/<uuid:classifier_id>/versions/", classifier_versions.Versions.as_view(), name="api_versions"),
    path(
        "classifiers/<uuid:classifier_id>/versions/<int:number>/",
        classifier_versions.OneVersion.as_view(),
        name="api_version",
    ),
    path(
        "classifiers/<uuid:classifier_id>/versions/<int:number>/activate/",
        classifier_versions.Activate.as_view(),
        name="api_activate_version",
    ),
    path(
        "classifiers/<uuid:classifier_id>/comparisons/",
        classifier_versions.Comparisons.as_view(),
        name="api_comparisons",
    ),
    path("me/", account.Me.as_view(), name="api_me"),
    re_path("^.*$", pages.Nothing.as_view()),
]

urlpatterns = [
    path("v1/", include(_v1)),
    path("schema/", pages.schema, name="api_schema"),
    path("docs/", pages.docs, name="api_docs"),
    path("problems/", unlimited(pages.problems), name="api_problems"),
    re_path("^.*$", pages.Nothing.as_view()),
]
