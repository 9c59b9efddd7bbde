"""A file that is not read is named with what to do: by the page, the API and the command, in both languages."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from classifier.services.predictions.intake import explain_image_error
from classifier.tests.api import PREDICTIONS, problem_of, program
from classifier.tests.factories import image_file
from ml.images.codecs.other_files import refusal
from ml.tests.test_other_files import FILES

pytestmark = pytest.mark.django_db

NAMED = {
    "PDF": ("This is a PDF", "Це PDF"),
    "DNG": ("This is a camera RAW file", "Це RAW-файл"),
    "NEF or ARW": ("This is a camera RAW file", "Це RAW-файл"),
    "MP4": ("This is a video", "Це відео"),
    "Photoshop": ("This is a Photoshop document", "Це документ Photoshop"),
    "JPEG XL": ("This is a JPEG XL image", "Це зображення JPEG XL"),
    "SVG": ("This is an SVG drawing", "Це малюнок SVG"),
    "ZIP": ("This is an archive", "Це архів"),
    "DOCX": ("This is a document", "Це документ"),
    "web page": ("This is a web page", "Це вебсторінка"),
    "text": ("This is a text file", "Це текстовий файл"),
    "bytes": ("This file type is not supported. Use one of these: JPEG", "Цей тип файлу не підтримується"),
}


@pytest.mark.parametrize("name", NAMED)
def test_page_and_api_name_the_kind_of_file_in_both_languages(client, user, name):
    content, _error = FILES[name]
    for language, expected in zip(("en", "uk"), NAMED[name]):
        headers = {"Accept-Language": language}
        page = client.post("/", {"image": image_file(content=content)}, headers=headers)
        assert (page.status_code, expected in page.text) == (400, True)
        sent = program(user).post(PREDICTIONS, {"image": image_file(content=content)}, headers=headers)
        assert problem_of(sent, 400)["errors"][0]["detail"].startswith(expected)


def test_command_names_the_kind_of_each_file(tmp_path):
    paths = []
    for number, name in enumerate(NAMED):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(FILES[name][0])
    errors = io.StringIO()
    with pytest.raises(CommandError, match=f"{len(NAMED)} of {len(NAMED)} files"):
        call_command("classify", *map(str, paths), stdout=io.StringIO(), stderr=errors)
    for path, (english, _ukrainian) in zip(paths, NAMED.values()):
        assert f"{path}: {english}" in errors.getvalue()


def test_page_and_command_say_the_same():
    for content, _error in FILES.values():
        error = refusal(content)
        with translation.override("en"):
            assert explain_image_error(error) == str(error)
