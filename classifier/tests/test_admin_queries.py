"""Addresses in the administration that ask for what there cannot be: answered as Django answers other nonsense."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import DateTimeField
from django.test import Client

from classifier.admin.read_only import BoundedPaginator
from classifier.models import Activation, ModelVersion, Prediction, TrainingRun, Upload
from classifier.tests.factories import make_prediction, make_superuser, make_training_run

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:DateTimeField:RuntimeWarning"),
]

MODELS = (Prediction, Upload, ModelVersion, Activation, TrainingRun)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.model_name)

#: What no moment can be asked for, and what no list can; a line has several.
NO_MOMENTS = """
    year=-1 year=0 year=99999 year=99999999999999999999 year=x iso_year=-1 iso_year=10000 month=x month=-1 day=x
    day=99999999999999999999 week=x hour=x gte=0001-01-01 lt=9999-12-31 gte=x in=0001-01-01 range=1 date=0001-01-01
    date=9999-12-31 time=x isnull=x regex=( iregex=( contains=%00 nonsense=1 =1
"""
NONSENSE = """
    p=99999999999999999999 p=-1 p=x p= o=9.-9 o=- o=.. o=--1 o=99999999999999999999 q=%00 q=%ff q=( all=x e=1 e=x
    id__exact=zzz id=zzz id__in=, id__regex=( id__iregex=( pk=99999999999999999999 _to_field= _to_field=x
    username__regex=( was_right__exact=x was_right__isnull=x abstained__exact=x active__exact=x rollback__exact=x
    is_staff__exact=x groups__id__exact=x
    class=%00 class=x confidence_band=x confidence_band=%00 confidence__gt=x confidence__gt=1e999 confidence__exact=nan
    name=%00 format__exact=%00 status__exact=%00 architecture=%00 owner=99999999999999999999 owner__id__exact=-
    model_version__id__exact=x model_version__id__exact=99999999999999999999 version__id__exact=x
    number__gt=99999999999999999999 timings__contains=1 card__a=1 card=x probabilities__a=1 id__foo__bar=1
    _facets=True&created_at__year=-1 e=1&created_at__year=-1 created_at__year=2024&created_at__month=13
    _popup=x nonsense=1 __=1 %00=1 =1
"""


@pytest.fixture
def overseer(user) -> Client:
    """A superuser's client, where there is a row of everything."""
    make_prediction(user)
    make_training_run()
    client = Client()
    client.force_login(make_superuser())
    return client


def test_query_that_makes_no_sense_is_no_fault_in_any_list(overseer):
    for model in filter(admin.site.is_registered, apps.get_models()):
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        moments = [field.name for field in model._meta.fields if isinstance(field, DateTimeField)]
        no_moments = [f"{moment}__{no}" for moment in moments for no in NO_MOMENTS.split()]
        for query in [*NONSENSE.split(), f"p={'9' * 5000}", *no_moments]:
            response = overseer.get(f"{address}?{query}")
            assert response.status_code in (200, 302, 400), query
            assert response.status_code != 302 or response["Location"] == f"{address}?e=1"


@each_model
def test_moment_that_no_calendar_has_leads_back_to_the_whole_list(overseer, model):
    address = f"/admin/classifier/{model._meta.model_name}/"
    moment = "started_at" if model is TrainingRun else "created_at"
    for no in ("year=-1", "year=99999"):
        assert overseer.get(f"{address}?{moment}__{no}")["Location"] == f"{address}?e=1"
    # PostgreSQL knows the first year, SQLite's times do not.
    assert overseer.get(f"{address}?{moment}__gte=0001-01-01").status_code in (200, 302)
    assert len(overseer.get(f"{address}?e=1").context["cl"].result_list) == 1
    assert len(overseer.get(f"{address}?{moment}__year=2000").context["cl"].result_list) == 0


@pytest.mark.parametrize("query", ["", "?e=1", "?p=1&o=1"])
def test_list_that_fails_by_itself_is_a_fault(overseer, monkeypatch, query):
    monkeypatch.setattr(BoundedPaginator, "count", property(lambda _paginator: int("x")))
    with pytest.raises(ValueError, match="invalid literal"):
        overseer.get(f"/admin/classifier/prediction/{query}")


@each_model
def test_page_of_a_row_is_the_same_whatever_field_is_not_named(overseer, model):
    for page in ("change", "delete"):
        address = f"/admin/classifier/{model._meta.model_name}/{model.objects.get().pk}/{page}/"
        assert overseer.get(f"{address}?_to_field=").status_code == overseer.get(address).status_code
        assert overseer.get(f"{address}?_to_field=x").status_code == 400


@pytest.mark.parametrize("model", ["user", "group"])
def test_people_and_groups_are_administered_as_before(overseer, user, model):
    user.groups.create(name="readers")
    page = overseer.get(f"/admin/auth/{model}/")
    assert ("olena" if model == "user" else "readers") in page.text
    assert overseer.get(f"/admin/auth/{model}/add/").status_code == 200


def test_people_are_still_not_found_by_their_passwords(overseer):
    assert overseer.get("/admin/auth/user/?password__startswith=m").status_code == 400
