import re
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.test.utils import CaptureQueriesContext

from classifier.admin.read_only import BoundedPaginator
from classifier.models import Activation, ModelVersion, Prediction, Upload
from classifier.services.history.correction import correct
from classifier.services.models.publishing import publish
from classifier.tests.factories import (
    another_model,
    damage,
    make_prediction,
    make_superuser,
    make_training_run,
    make_user,
)
from classifier.tests.pages import elements

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ("prediction", "upload", "modelversion", "activation", "trainingrun")


@pytest.fixture
def admin(db) -> Client:
    client = Client()
    client.force_login(make_superuser())
    return client


def staff_with(*permissions: str, name: str = "staff") -> Client:
    client, staff = Client(), make_user(name, is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(staff)
    return client


def found(client: Client, model: str = "prediction", **filters: str) -> int:
    """How many rows a list shows."""
    page = client.get(f"/admin/classifier/{model}/", filters)
    assert page.status_code == 200
    return len(page.context["cl"].result_list)


def act(client: Client, action: str, model: str, rows) -> str:
    selected = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    page = client.post(f"/admin/classifier/{model}/", selected, follow=True)
    return "".join(map(str, page.context["messages"]))


@pytest.fixture
def rows(user) -> dict[str, object]:
    prediction = make_prediction(user)
    return {
        "prediction": prediction,
        "upload": prediction.upload,
        "modelversion": prediction.model_version,
        "activation": prediction.model_version.activations.get(),
        "trainingrun": make_training_run(),
    }


@pytest.mark.parametrize("model", LISTS)
def test_lists_and_rows_are_shown(admin, rows, model):
    assert found(admin, model) == 1
    page = admin.get(f"/admin/classifier/{model}/{rows[model].pk}/change/")
    assert page.status_code == 200
    assert str(rows[model]) in page.text


def test_accuracy_says_what_it_was_measured_on(admin, shipped):
    for address in ("", f"{shipped.pk}/change/"):
        page = admin.get(f"/admin/classifier/modelversion/{address}").text
        assert " of 10,000 test images of CIFAR-10 as a JPEG copy (95% interval " in page


def test_abstention_is_shown_in_words_and_without_a_class(admin):
    make_prediction(seed=1, predicted_class="cat", abstained=True)
    page = admin.get("/admin/classifier/prediction/").text
    assert "no answer (closest: Cat)" in page
    assert "icon-yes" not in page
    assert found(admin, **{"class": "cat"}) == 0
    make_prediction(seed=2, predicted_class="cat", abstained=False)
    assert found(admin, **{"class": "cat"}) == 1


def test_predictions_are_filtered_and_exported_by_owner(admin, user):
    mine, others = make_prediction(user, seed=1), make_prediction(make_user("ivan"), seed=2)
    anonymous = make_prediction(seed=3)
    page = admin.get("/admin/classifier/prediction/").text
    assert f"?owner={user.pk}" in page
    for model in ("prediction", "upload"):
        assert [found(admin, model, owner=str(whose)) for whose in (user.pk, "anonymous", "x")] == [1, 1, 3]
    address = f"/admin/classifier/prediction/?owner={user.pk}"
    every = {"action": "as_csv", "select_across": "1", "_selected_action": [str(mine.pk)]}
    exported = b"".join(admin.post(address, every)).decode()
    assert str(mine.pk) in exported
    assert str(others.pk) not in exported
    assert exported.splitlines()[0].endswith(',"owner"')
    assert exported.splitlines()[1].endswith(f',"{user.get_username()}"')
    every = {"action": "as_csv", "_selected_action": [str(anonymous.pk)]}
    assert b"".join(admin.post("/admin/classifier/prediction/", every)).decode().splitlines()[1].endswith(',""')


@pytest.mark.parametrize("model", LISTS)
def test_nothing_can_be_added_or_changed(admin, rows, model):
    assert admin.get(f"/admin/classifier/{model}/add/").status_code == 403
    page = f"/admin/classifier/{model}/{rows[model].pk}/change/"
    assert admin.post(page, {"name": "changed", "original_name": "changed"}).status_code == 403
    assert [field for field in elements(admin.get(page), "name") if field["name"] == "_save"] == []


@pytest.mark.parametrize("model", ["prediction", "modelversion", "activation", "trainingrun"])
def test_only_uploads_and_unused_models_can_be_deleted(admin, rows, model):
    assert admin.post(f"/admin/classifier/{model}/{rows[model].pk}/delete/", {"post": "yes"}).status_code == 403
    act(admin, "delete_selected", model, [rows[model]])
    assert type(rows[model]).objects.filter(pk=rows[model].pk).exists()


@pytest.mark.parametrize("model", ["prediction", "upload"])
def test_number_of_queries_does_not_grow_with_the_list(admin, model):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            admin.get(f"/admin/classifier/{model}/")
        return len(captured)

    for number in range(5):
        make_prediction(make_user(f"user{number}"))
    found(admin, model)
    with_five = queries()
    for number in range(5, 30):
        make_prediction(make_user(f"user{number}"))
    assert found(admin, model) == 30
    assert queries() == with_five


def test_filters_by_class_and_confidence(admin):
    for name, confidence in (("cat", 0.3), ("cat", 0.5), ("dog", 0.95), ("dog", 1.0)):
        make_prediction(predicted_class=name, confidence=confidence)
    assert found(admin, **{"class": "cat"}) == 2
    assert found(admin, **{"class": "ship"}) == 0
    bands = ("0-50", "50-70", "70-90", "90-99", "99-100")
    assert [found(admin, confidence_band=band) for band in bands] == [1, 1, 0, 1, 1]
    assert found(admin, **{"class": "dog", "confidence_band": "99-100"}) == 1
    assert found(admin, confidence_band="nonsense") == 4


def test_band_of_confidence_begins_with_the_least_sure(admin):
    for seed, confidence in enumerate((0.45, 0.2, 0.3, 0.9)):
        make_prediction(seed=seed, confidence=confidence)
    page = admin.get("/admin/classifier/prediction/?confidence_band=0-50")
    assert [row.confidence for row in page.context["cl"].result_list] == [0.2, 0.3, 0.45]


def test_filter_lists_the_ten_classes_by_their_readable_names(admin):
    page = admin.get("/admin/classifier/prediction/").text
    for name in ("Airplane", "Automobile", "Bird", "Cat", "Deer", "Dog", "Frog", "Horse", "Ship", "Truck"):
        assert name in page


@pytest.mark.parametrize("model", ["prediction", "upload"])
def test_search_by_file_name_owner_checksum_and_number(admin, user, model):
    prediction = make_prediction(user, name="boat.jpg")
    make_prediction(name="cat.jpg", seed=1)
    number = prediction.pk if model == "prediction" else prediction.upload_id
    for words in ("boat", "olena", prediction.upload.sha256, prediction.upload.sha256[:12], str(number)):
        assert found(admin, model, q=words) == 1, words
    assert found(admin, model, q="nothing like it") == 0


def test_corrections_are_found_and_shown_with_who_and_when(admin, user):
    wrong = make_prediction(user, predicted_class="cat", abstained=False)
    make_prediction(seed=1)
    correct(prediction=wrong, label="cat", user=user)
    correct(prediction=wrong, label="dog", user=None)
    assert [found(admin, was_right__exact=value) for value in (0, 1)] == [1, 0]
    assert found(admin, was_right__isnull="True") == 1
    page = admin.get(f"/admin/classifier/prediction/{wrong.pk}/change/").text
    for expected in ("Corrected class", "Dog", "anonymous", "Cat", "olena"):
        assert expected in page


@pytest.mark.parametrize("model", ["prediction", "upload"])
def test_long_list_is_counted_no_further_than_it_is_shown(admin, model, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "MOST", 2)
    for seed in range(4):
        make_prediction(seed=seed)
    with CaptureQueriesContext(connection) as captured:
        page = admin.get(f"/admin/classifier/{model}/")
    assert page.context["cl"].result_count == 2
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 2" in counts[0]
    assert "use the filters to find others" in page.text


def test_abstentions_are_found_and_shown_with_their_score(admin):
    made = make_prediction(abstained=True, abstention_score=-1234.5)
    make_prediction(seed=1, abstained=False)
    assert [found(admin, abstained__exact=value) for value in (1, 0)] == [1, 1]
    page = admin.get(f"/admin/classifier/prediction/{made.pk}/change/").text
    assert "Abstention score" in page
    assert "-1234.5" in page


def test_anonymous_upload_is_called_so(admin):
    make_prediction()
    assert "anonymous" in admin.get("/admin/classifier/prediction/").text


def test_exactly_one_model_can_be_activated(admin, shipped, tmp_path):
    another = publish(folder=another_model(tmp_path / "another"))
    assert "another v1 is now active." in act(admin, "activate", "modelversion", [another])
    assert [*ModelVersion.objects.filter(active=True)] == [another]


def test_two_models_are_refused(admin, shipped, tmp_path):
    another = publish(folder=another_model(tmp_path / "another"))
    assert "Select exactly one model to activate." in act(admin, "activate", "modelversion", [another, shipped])
    assert [*ModelVersion.objects.filter(active=True)] == [shipped]


def test_damaged_model_is_not_activated(admin, shipped, tmp_path):
    another = publish(folder=another_model(tmp_path / "another"))
    damage(tmp_path / "another")
    assert "is not the file its card describes" in act(admin, "activate", "modelversion", [another])
    assert [*ModelVersion.objects.filter(active=True)] == [shipped]


def test_version_whose_folder_was_replaced_is_not_activated(admin, shipped, models_dir):
    older = publish(folder=another_model(models_dir / "another"))
    (models_dir / "another").rename(models_dir / "older")
    another_model(models_dir / "another", metrics={})
    assert "no longer contains the files that were published as another v1" in act(
        admin, "activate", "modelversion", [older]
    )
    assert [*ModelVersion.objects.filter(active=True)] == [shipped]


@pytest.mark.parametrize(("permission", "active"), [("view", "student_cnn"), ("change", "another")])
def test_activating_needs_the_permission(shipped, tmp_path, permission, active):
    another = publish(folder=another_model(tmp_path / "another"))
    staff = staff_with("view_modelversion", f"{permission}_modelversion")
    assert ("Activate the selected model" in staff.get("/admin/classifier/modelversion/").text) == (
        permission == "change"
    )
    act(staff, "activate", "modelversion", [another])
    assert ModelVersion.objects.get(active=True).name == active


def press(client: Client, button: str) -> str:
    page = client.post(f"/admin/classifier/modelversion/{button}/", follow=True)
    return "".join(map(str, page.context["messages"])) if page.status_code == 200 else str(page.status_code)


def test_rolling_back_leads_to_the_model_before_and_says_who_did_it(admin, shipped, tmp_path):
    publish(folder=another_model(tmp_path / "another"), activate=True)
    assert "roll-back" in admin.get("/admin/classifier/modelversion/").text
    assert press(admin, "roll-back") == "student_cnn v1 is now active."
    assert str(Activation.objects.first().user) == "admin"
    assert "there is nothing to go back to" in press(admin, "roll-back")


def test_new_folders_are_published_at_the_press_of_a_button(admin, models_dir):
    another_model(models_dir / "another")
    assert press(admin, "publish") == "Published: another v1."
    assert press(admin, "publish") == "There are no new models."
    damage(another_model(models_dir / "third"))
    assert "is not the file its card describes" in press(admin, "publish")


def test_buttons_need_the_permission(shipped, models_dir):
    another_model(models_dir / "another")
    staff = staff_with("view_modelversion")
    assert "roll-back" not in staff.get("/admin/classifier/modelversion/").text
    assert press(staff, "publish") == press(staff, "roll-back") == "403"
    assert not ModelVersion.objects.filter(name="another").exists()


def test_buttons_are_no_links(admin):
    assert admin.get("/admin/classifier/modelversion/publish/").status_code == 405


def test_models_are_checked(admin, shipped, models_dir):
    another = publish(folder=another_model(models_dir / "another"))
    damage(another.path)
    said = act(admin, "verify", "modelversion", [shipped, another])
    assert "student_cnn v1 is unchanged since it was published." in said
    assert "another v1: " in said


def test_unused_model_is_deleted_with_its_folder(admin, shipped, models_dir):
    another = publish(folder=another_model(models_dir / "another"), activate=True)
    assert admin.post(f"/admin/classifier/modelversion/{another.pk}/delete/", {"post": "yes"}).status_code == 403
    press(admin, "roll-back")
    assert admin.post(f"/admin/classifier/modelversion/{another.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not another.path.exists()
    assert [*ModelVersion.objects.all()] == [shipped]


def test_model_that_answers_between_the_question_and_its_confirmation_is_kept(admin, shipped, models_dir):
    another = publish(folder=another_model(models_dir / "another"))

    def answer(sender, **_kwargs):
        make_prediction(model_version=another)

    # The admin writes its log after it has asked whether the model may go, and before it goes.
    post_save.connect(answer, sender=LogEntry)
    try:
        answered = admin.post(f"/admin/classifier/modelversion/{another.pk}/delete/", {"post": "yes"}, follow=True)
    finally:
        post_save.disconnect(answer, sender=LogEntry)
    said = [str(message) for message in answered.context["messages"]]
    assert said == ["another v1 has 1 predictions, which refer to it. It was not deleted."]
    assert ModelVersion.objects.filter(pk=another.pk).exists()
    assert another.path.is_dir()


def test_model_page_shows_curves_and_card(admin, shipped):
    page = admin.get(f"/admin/classifier/modelversion/{shipped.pk}/change/").text
    assert page.count("<polyline") == 5
    assert shipped.digest in page
    assert f"&quot;parameter_count&quot;: {shipped.card['parameter_count']}" in page


def test_model_page_opens_though_its_folder_is_gone(admin, shipped, settings, tmp_path):
    settings.MODELS_DIR = tmp_path
    page = admin.get(f"/admin/classifier/modelversion/{shipped.pk}/change/")
    assert "No epoch has finished yet." in page.text


def test_training_run_page_shows_every_epoch(admin):
    page = admin.get(f"/admin/classifier/trainingrun/{make_training_run(epochs=7).pk}/change/").text
    assert page.count("<polyline") == 5
    assert len(re.findall(r"first-run \d+\s*</p>", page)) == 7


def test_deleting_an_upload_deletes_predictions_and_files(admin, stored_files):
    kept, gone = make_prediction(), make_prediction(seed=1)
    assert admin.post(f"/admin/classifier/upload/{gone.upload_id}/delete/", {"post": "yes"}).status_code == 302
    assert [*Prediction.objects.all()] == [kept]
    assert stored_files() == sorted([kept.upload.file.name, kept.upload.thumbnail.name])


def test_deleting_many_uploads_needs_no_permission_beside_theirs(stored_files):
    uploads = [make_prediction(seed=number).upload for number in range(3)]
    staff = staff_with("view_upload", "delete_upload")
    selected = {"action": "delete_selected", "_selected_action": [str(upload.pk) for upload in uploads], "post": "yes"}
    staff.post("/admin/classifier/upload/", selected)
    assert not Upload.objects.exists()
    assert stored_files() == []


def many_uploads(count: int) -> list[Upload]:
    """Rows without files, as many as it would take too long to classify."""
    facts = {"visitor": uuid4(), "sha256": "0" * 64, "format": "JPEG", "content_type": "image/jpeg"}
    rows = [Upload(**facts, width=8, height=8, size=1, file=f"uploads/{n}", thumbnail=f"t/{n}") for n in range(count)]
    return Upload.objects.bulk_create(rows)


def test_as_many_selected_rows_as_a_list_has_are_deleted(admin):
    selected = [str(upload.pk) for upload in many_uploads(2_000)]
    question = admin.post("/admin/classifier/upload/", {"action": "delete_selected", "_selected_action": selected})
    assert question.status_code == 200
    confirmed = {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    assert admin.post("/admin/classifier/upload/", confirmed).status_code == 302
    assert not Upload.objects.exists()


def test_all_of_a_list_is_no_more_than_the_list_counts(admin, monkeypatch):
    monkeypatch.setattr(BoundedPaginator, "MOST", 3)
    many_uploads(5)
    page = admin.get("/admin/classifier/upload/").context["cl"]
    assert page.result_count == 3
    question = {"action": "delete_selected", "_selected_action": ["x"], "select_across": "1"}
    asked = admin.post("/admin/classifier/upload/", question)
    assert [*asked.context["queryset"]] == [*page.result_list][:3]


def test_account_with_a_history_is_deleted_with_it(admin, stored_files):
    users = [make_user(f"olena{number}") for number in range(3)]
    for number, user in enumerate(users):
        make_prediction(user, seed=number)
    asked = admin.get(f"/admin/auth/user/{users[0].pk}/delete/")
    assert dict(asked.context["model_count"]) == {"uploads": 1, "users": 1}
    assert admin.post(f"/admin/auth/user/{users[0].pk}/delete/", {"post": "yes"}).status_code == 302
    selected = {"action": "delete_selected", "_selected_action": [user.pk for user in users[1:]], "post": "yes"}
    assert admin.post("/admin/auth/user/", selected).status_code == 302
    assert not User.objects.filter(username__startswith="olena").exists()
    assert (Upload.objects.count(), stored_files()) == (0, [])


def test_deleting_an_account_needs_the_permission_for_its_uploads(stored_files):
    user = make_user("olena")
    make_prediction(user)
    for permissions, status in ((["delete_user"], 403), (["delete_user", "delete_upload"], 302)):
        staff = staff_with("view_user", *permissions, name=f"staff{status}")
        assert staff.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == status
    assert stored_files() == []


def test_deleting_uploads_needs_its_permission(stored_files):
    upload = make_prediction().upload
    staff = staff_with("view_upload", "delete_prediction")
    assert staff.post(f"/admin/classifier/upload/{upload.pk}/delete/", {"post": "yes"}).status_code == 403
    assert len(stored_files()) == 2


def test_admin_is_closed_to_others(user_client):
    for model in LISTS:
        assert user_client.get(f"/admin/classifier/{model}/").status_code == 302
