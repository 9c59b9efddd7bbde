"""The pages' addresses."""

from django.contrib.auth import views as auth_views
from django.urls import path

from classifier.views import (
    accounts,
    correction,
    explanation,
    export,
    files,
    health,
    history,
    home,
    metrics,
    models,
    tokens,
    training,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("history/", history.history, name="history"),
    path("history/predictions.csv", export.as_csv, name="export_csv"),
    path("history/predictions.zip", export.as_zip, name="export_zip"),
    path("history/selected/", history.selected, name="selected"),
    path("history/delete/", history.delete_all, name="delete_all"),
    path("predictions/<uuid:prediction_id>/", history.detail, name="prediction"),
    path("predictions/<uuid:prediction_id>/correction/", correction.correct, name="correct"),
    path("predictions/<uuid:prediction_id>/explanation/", explanation.explanation, name="explanation"),
    path("predictions/<uuid:prediction_id>/seen.png", explanation.seen, name="seen"),
    path("predictions/<uuid:prediction_id>/map.png", explanation.occlusion_map, name="occlusion_map"),
    path("predictions/<uuid:prediction_id>/delete/", history.delete, name="delete_prediction"),
    path("uploads/<uuid:upload_id>/image", files.image, name="image"),
    path("uploads/<uuid:upload_id>/thumbnail", files.thumbnail, name="thumbnail"),
    path("models/", models.models, name="models"),
    path("models/<slug:name>/", models.model, name="model"),
    path("models/<slug:name>/<int:number>/<path:path>.png", models.plot, name="model_plot"),
    path("training/", training.runs, name="training"),
    path("training/<int:run_id>/", training.run, name="training_run"),
    path("training/<int:run_id>/progress/", training.progress, name="training_progress"),
    path("accounts/sign-up/", accounts.sign_up, name="sign_up"),
    path("accounts/sign-in/", accounts.SignIn.as_view(), name="login"),
    path("accounts/sign-out/", accounts.SignOut.as_view(), name="logout"),
    path("accounts/password/", accounts.ChangePassword.as_view(), name="password_change"),
    path("accounts/tokens/", tokens.tokens, name="tokens"),
    path("accounts/tokens/<uuid:number>/revoke/", tokens.revoke, name="revoke_token"),
    path("accounts/delete/", accounts.delete_account, name="delete_account"),
    path("accounts/password/done/", auth_views.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
