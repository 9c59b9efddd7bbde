"""Dates and times on pages: one way to write them in each language, and one that programs read."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import formats, timezone, translation

from classifier.models import Prediction
from classifier.templatetags.moments import day, moment
from classifier.tests.factories import BASE_DIR, make_prediction

THEN = datetime(2026, 11, 27, 3, 49, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "date", "time"),
    [("en", "27 Nov 2026", "27 Nov 2026, 05:49"), ("uk", "27.11.2026", "27.11.2026, 05:49")],
)
def test_dates_are_written_alike_everywhere(settings, language, date, time):
    settings.TIME_ZONE = "Europe/Kyiv"
    with translation.override(language):
        assert moment(THEN) == f'<time datetime="2026-11-27T05:49:00+02:00">{time}</time>'
        assert day(THEN) == f'<time datetime="2026-11-27T05:49:00+02:00">{date}</time>'
        local = timezone.localtime(THEN)
        for name in ("DATE_FORMAT", "SHORT_DATE_FORMAT"):
            assert formats.date_format(local, name) == date
        for name in ("DATETIME_FORMAT", "SHORT_DATETIME_FORMAT"):
            assert formats.date_format(local, name) == time


@pytest.mark.parametrize(
    ("age", "english", "ukrainian"),
    [
        (timedelta(0), "now", "зараз"),
        (timedelta(minutes=1), "a minute ago", "1 хвилину тому"),
        (timedelta(minutes=2), "2 minutes ago", "2 хвилини тому"),
        (timedelta(minutes=35), "35 minutes ago", "35 хвилин тому"),
        (timedelta(hours=21), "21 hours ago", "21 годину тому"),
    ],
)
def test_recent_moment_is_shown_as_time_ago(age, english, ukrainian):
    then = timezone.now() - age
    for language, words in (("en", english), ("uk", ukrainian)):
        with translation.override(language):
            told = moment(then, "small", is_ago=True).replace("\xa0", " ")
            assert told.startswith('<time class="small" datetime="')
            assert told.endswith(f">{words}</time>")
            assert f' title="{formats.date_format(timezone.localtime(then), "DATETIME_FORMAT")}"' in told


@pytest.mark.parametrize("age", [timedelta(days=1), timedelta(days=400), timedelta(hours=-1)])
def test_older_moment_is_shown_as_a_date(age):
    then = timezone.now() - age
    assert moment(then, is_ago=True) == moment(then)


@pytest.mark.django_db
def test_history_and_result_say_when(user, user_client):
    prediction = make_prediction(user)
    Prediction.objects.update(created_at=timezone.now() - timedelta(minutes=2, seconds=30))
    assert re.search(r"<time [^>]*title=[^>]*>2\xa0minutes ago</time>", user_client.get("/history/").text)
    page = user_client.get(f"/predictions/{prediction.pk}/").text
    assert re.search(r"<time datetime=[^>]*>\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d</time>", page)


def test_no_template_writes_dates_in_a_way_of_its_own():
    for path in Path(BASE_DIR / "templates").rglob("*.html"):
        assert not re.findall(r"\|(?:date|time):", path.read_text(encoding="utf-8")), path
