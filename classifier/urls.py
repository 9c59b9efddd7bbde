"""The URLs of the pages, each with its limits."""

from django.contrib.auth import views as auth_views
from django.urls import path

from classifier.services.people.throttling import Throttle
from classifier.services.predictions.batch import MOST_IMAGES
from classifier.views import (
    accounts,
    again,
    classifier_versions,
    classifiers,
    correction,
    explanation,
    export,
    files,
    health,
    history,
    home,
    jobs,
    metrics,
    model_versions,
    password_reset,
    tokens,
    training,
)
from classifier.web.limits import limited, takes, unlimited

urlpatterns = [
    path("", takes(limited(home.home, POST=Throttle.CLASSIFY), images=1), name="home"),
    path("history/", unlimited(history.history), name="history"),
    path("history/predictions.csv", limited(export.as_csv, GET=Throttle.READ), name="export_csv"),
    path("history/predictions.zip", limited(export.as_zip, GET=Throttle.READ), name="export_zip"),
    path("history/export/", limited(export.export, POST=Throttle.READ), name="export"),
    path("history/selected/", limited(history.selected, POST=Throttle.READ), name="selected"),
    path("history/delete/", unlimited(history.delete_all), name="delete_all"),
    path("predictions/<uuid:prediction_id>/", unlimited(history.detail), name="prediction"),
    path("predictions/<uuid:prediction_id>/correction/", unlimited(correction.correct), name="correct"),
    path(
        "predictions/<uuid:prediction_id>/explanation/",
        limited(explanation.explanation, GET=Throttle.READ),
        name="explanation",
    ),
    path("predictions/<uuid:prediction_id>/seen.png", limited(explanation.seen, GET=Throttle.READ), name="seen"),
    path(
        "predictions/<uuid:prediction_id>/map.png",
        limited(explanation.occlusion_map, GET=Throttle.READ),
        name="occlusion_map",
    ),
    path(
        "predictions/<uuid:prediction_id>/again/",
        takes(limited(again.again, POST=Throttle.CLASSIFY), images=1),
        name="classify_again",
    ),
    path("predictions/<uuid:prediction_id>/delete/", unlimited(history.delete), name="delete_prediction"),
    path(
        "predictions/<uuid:prediction_id>/example/",
        limited(classifiers.from_history, POST=Throttle.READ),
        name="example_from_history",
    ),
    path("uploads/<uuid:upload_id>/image", unlimited(files.image), name="image"),
    path("uploads/<uuid:upload_id>/thumbnail", unlimited(files.thumbnail), name="thumbnail"),
    path("jobs/", takes(limited(jobs.jobs, POST=Throttle.CLASSIFY), archives=1), name="jobs"),
    path("jobs/<uuid:job_id>/", limited(jobs.job, POST=Throttle.READ), name="job"),
    path("jobs/<uuid:job_id>/progress/", unlimited(jobs.progress), name="job_progress"),
    path("jobs/<uuid:job_id>/results.csv", limited(jobs.as_csv, GET=Throttle.READ), name="job_csv"),
    path("jobs/<uuid:job_id>/errors.csv", limited(jobs.errors, GET=Throttle.READ), name="job_errors"),
    path("jobs/<uuid:job_id>/results.zip", limited(jobs.as_zip, GET=Throttle.READ), name="job_zip"),
    path("jobs/<uuid:job_id>/export", limited(jobs.result, GET=Throttle.READ), name="job_export"),
    path("classifiers/", takes(limited(classifiers.classifiers, POST=Throttle.READ), archives=1), name="classifiers"),
    path("classifiers/<uuid:classifier_id>/", limited(classifiers.classifier, POST=Throttle.READ), name="classifier"),
    path("classifiers/<uuid:classifier_id>/delete/", unlimited(classifiers.delete), name="classifier_delete"),
    path(
        "classifiers/<uuid:classifier_id>/examples/",
        takes(limited(classifiers.examples, POST=Throttle.CLASSIFY), images=MOST_IMAGES),
        name="classifier_examples",
    ),
    path(
        "classifiers/<uuid:classifier_id>/archive/",
        takes(limited(classifiers.archive, POST=Throttle.CLASSIFY), archives=1),
        name="classifier_archive",
    ),
    path("classifiers/<uuid:classifier_id>/training/", unlimited(classifiers.training), name="classifier_training"),
    path(
        "classifiers/<uuid:classifier_id>/versions/<int:number>/",
        unlimited(classifier_versions.version),
        name="classifier_version",
    ),
    path(
        "classifiers/<uuid:classifier_id>/use/",
        takes(limited(classifier_versions.use, POST=Throttle.CLASSIFY), images=1),
        name="classifier_use",
    ),
    path(
        "classifiers/<uuid:classifier_id>/classifier.zip",
        limited(classifiers.as_zip, GET=Throttle.READ),
        name="classifier_zip",
    ),
    path("models/", unlimited(model_versions.models), name="models"),
    path("models/<slug:name>/", unlimited(model_versions.model), name="model"),
    path("models/<slug:name>/<int:number>/<path:path>.png", unlimited(model_versions.plot), name="model_plot"),
    path("training/", limited(training.runs, POST=Throttle.READ), name="training"),
    path("training/<int:run_id>/", unlimited(training.run), name="training_run"),
    path("training/<int:run_id>/progress/", unlimited(training.progress), name="training_progress"),
    path("accounts/sign-up/", limited(accounts.sign_up, POST=Throttle.SIGN_UP), name="sign_up"),
    path(
        "accounts/sign-up/<str:invitation>/",
        limited(accounts.sign_up, POST=Throttle.SIGN_UP),
        name="sign_up_invited",
    ),
    path(
        "accounts/sign-in/",
        limited(accounts.SignIn.as_view(), POST=Throttle.SIGN_IN),
        name="login",
    ),
    path("accounts/sign-out/", unlimited(accounts.SignOut.as_view()), name="logout"),
    path(
        "accounts/password/",
        limited(accounts.ChangePassword.as_view(), POST=Throttle.SIGN_IN),
        name="password_change",
    ),
    path("accounts/tokens/", unlimited(tokens.tokens), name="tokens"),
    path("accounts/tokens/<uuid:number>/revoke/", unlimited(tokens.revoke), name="revoke_token"),
    path("accounts/email/", limited(accounts.change_email, POST=Throttle.SIGN_IN), name="change_email"),
    path(
        "accounts/reset/",
        limited(password_reset.ForgottenPassword.as_view(), POST=Throttle.RESET),
        name="password_reset",
    ),
    path("accounts/reset/sent/", unlimited(auth_views.PasswordResetDoneView.as_view()), name="password_reset_done"),
    path(
        "accounts/reset/done/",
        unlimited(auth_views.PasswordResetCompleteView.as_view()),
        name="password_reset_complete",
    ),
    path(
        "accounts/reset/<uidb64>/<token>/",
        limited(password_reset.NewPassword.as_view(), POST=Throttle.RESET),
        name="password_reset_confirm",
    ),
    path("accounts/delete/", limited(accounts.delete_account, POST=Throttle.SIGN_IN), name="delete_account"),
    path(
        "accounts/password/done/", unlimited(auth_views.PasswordChangeDoneView.as_view()), name="password_change_done"
    ),
    path("healthz", unlimited(health.healthz), name="healthz"),
    path("readyz", unlimited(health.readyz), name="readyz"),
    path("metrics", unlimited(metrics.metrics), name="metrics"),
]
