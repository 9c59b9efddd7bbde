"""File sizes in words: the same in pages, messages and scripts."""

from pathlib import Path

import pytest
from django.utils import translation

from classifier.presentation.sizes import size_in_words
from classifier.tests.factories import BASE_DIR, make_prediction

#: Bytes, and what is said of them in English and in Ukrainian.
SIZES = {
    0: ("0 bytes", "0 байтів"),
    1: ("1 byte", "1 байт"),
    6: ("6 bytes", "6 байтів"),
    999: ("999 bytes", "999 байтів"),
    1_000: ("1 kB", "1 кБ"),
    1_049: ("1 kB", "1 кБ"),
    1_450: ("1.5 kB", "1,5 кБ"),
    9_940: ("9.9 kB", "9,9 кБ"),
    17_400: ("17 kB", "17 кБ"),
    218_600: ("219 kB", "219 кБ"),
    999_499: ("999 kB", "999 кБ"),
    999_600: ("1 MB", "1 МБ"),
    3_140_000: ("3.1 MB", "3,1 МБ"),
    20_971_520: ("21 MB", "21 МБ"),
    1_500_000_000: ("1.5 GB", "1,5 ГБ"),
}


@pytest.mark.parametrize("count", SIZES)
def test_size_is_written_in_the_unit_that_suits(count):
    for language, words in zip(("en", "uk"), SIZES[count]):
        with translation.override(language):
            assert size_in_words(count).replace("\xa0", " ") == words


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("language", "number"), [("en-GB", 0), ("uk-UA", 1)])
def test_script_writes_sizes_as_the_site_does(open_browser, language, number):
    page = open_browser(locale=language)
    page.goto("/")
    written = page.evaluate("sizes => sizes.map((bytes) => UploadRow.size(bytes))", [*SIZES])
    assert [text.replace("\xa0", " ") for text in written] == [words[number] for words in SIZES.values()]


@pytest.mark.django_db
def test_receipt_says_the_size_as_the_queue_does(user, user_client):
    prediction = make_prediction(user)
    size = size_in_words(prediction.upload.size)
    assert f"150 × 100, {size}</dd>" in user_client.get(f"/predictions/{prediction.pk}/").text


def test_no_template_or_command_writes_sizes_in_a_way_of_its_own():
    for folder, kinds in (("templates", "*.html"), ("classifier", "*.py")):
        for path in Path(BASE_DIR / folder).rglob(kinds):
            assert path.name == Path(__file__).name or "filesizeformat" not in path.read_text(encoding="utf-8"), path
