"""The markup check that every page goes through in tests, and every page in both languages."""

import re
from uuid import uuid4

import pytest

from classifier.models import ModelVersion
from classifier.services.history.correction import correct
from classifier.tests.classifiers import make_version
from classifier.tests.factories import make_prediction, make_superuser, make_training_run
from classifier.tests.groups import make_group, make_pupil
from classifier.tests.html import faults_of
from classifier.tests.routes import routes
from classifier.tests.strangers import make_job

PAGE = '<!DOCTYPE html><html lang="en"><head><title>a</title></head><body>{}</body></html>'


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ('<p class="a" class="b">a</p>', "duplicate-attribute"),
        ('<p id="a">a</p><p id="a">b</p>', "duplicate id 'a'"),
        ("<ul><li><b>a</li></ul>", "end-tag"),
        ("<div><b>a", "closing-tag|expected-one-end-tag"),
        ("<p>a</div></p>", "end-tag-too-early"),
        ("<table><p>a</p></table>", "table"),
    ],
)
def test_fault_of_a_page_or_a_part_is_found(part, fault):
    assert any(re.search(fault, found) for found in faults_of(PAGE.format(part))), faults_of(PAGE.format(part))
    assert any(re.search(fault, found) for found in faults_of(part))


@pytest.mark.parametrize(
    ("sound", "faulty"),
    [
        ('<p id="a">1</p><p id="b">2</p>', '<p id="a">1</p><p id="a">2</p>'),
        ('<p title="1">1</p>', '<p title="1" title="2">1</p>'),
        ("<table> <tr><td>1</td></tr></table>", "<table> <p>1</p><tr><td>1</td></tr></table>"),
        ('<a href="?a=1&amp;b=2">1</a>', '<a href="?a=1&b=2;&amp=3">1</a>'),
        ("<p>1 &lt; 2</p>", "<p>1 < 2</p>"),
        ('<p title="1">1</p>', '<p title="1"2">1</p>'),
        ('<p title="1 > 2" lang="en">1</p>', '<p title="1 > 2" lang="en" lang="uk">1</p>'),
    ],
)
def test_page_like_one_that_was_sound_is_no_less_looked_at(sound, faulty):
    assert faults_of(sound) == []
    assert faults_of(sound.replace("1", "7")) == []
    assert faults_of(faulty) != []


def test_sound_page_has_no_fault():
    part = '<ul><li id="a"><b>a</b><br></li></ul><svg viewBox="0 0 1 1"><path d="M0 0"/></svg>'
    assert faults_of(PAGE.format(part)) == faults_of(part) == []


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_page_is_sound_in_both_languages(language, settings, client):
    """The middleware fails whatever is not; a client that does not raise gets the pages of errors as well."""
    settings.HISTORY_PAGE_SIZE = 2
    user = make_superuser()
    predictions = [make_prediction(user, seed=seed) for seed in range(3)]
    correct(prediction=predictions[0], label="none", user=user)
    run = make_training_run()
    version = ModelVersion.objects.get(active=True)
    facts = {"prediction": predictions[0].pk, "upload": predictions[0].upload_id, "token": uuid4(), "run": run.pk}
    facts |= {"model": version.name, "number": version.number, "plot": "curves", "nothing": "nothing"}
    facts |= {"app": "classifier", "content_type": 1, "object": predictions[0].pk, "job": make_job(predictions[0]).pk}
    classifier = make_version(predictions[0]).classifier
    facts |= {"classifier": classifier.pk, "class": classifier.classes.first().pk}
    facts["example"] = classifier.examples.first().pk
    group = make_group(user)
    facts |= {"group": group.pk, "pupil": make_pupil(group).pk, "pupils_classifier": uuid4()}
    client.post("/i18n/setlang/", {"language": language, "next": "/"})
    seen = 0
    for _ in range(2):
        for route in routes():
            response = client.get(route.address(facts), headers={"accept": "text/html"})
            if response.get("Content-Type", "").startswith("text/html") and response.status_code == 200:
                assert f'lang="{language}"' in response.text or "<html" not in response.text, str(route)
                seen += 1
        client.force_login(user)
    assert seen > 40
