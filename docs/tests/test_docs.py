"""The documentation is complete, and what is generated in it is up to date."""

import re

import pytest
from environs import validate

from cifarsite.environment import DocumentedEnv
from classifier.tests.factories import BASE_DIR
from docs import generate, settings_page

DOCS = BASE_DIR / "docs"
#: Set for the programs that the project starts, or by the system that it runs on.
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE", "OPENBLAS_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"}


def test_generated_pages_are_what_the_generator_writes():
    assert [path.name for path in generate.stale()] == []


def test_a_page_that_is_missing_or_out_of_date_is_found(tmp_path):
    assert {path.name for path in generate.stale(tmp_path)} == set(generate.PAGES)
    for path, text in generate.stale(tmp_path).items():
        path.write_text(text)
    assert generate.stale(tmp_path) == {}
    (tmp_path / "settings.md").write_text("old")
    assert [path.name for path in generate.stale(tmp_path)] == ["settings.md"]


def test_every_variable_that_the_code_reads_is_documented():
    read = set()
    for package in ("cifarsite", "classifier", "ml"):
        for path in (BASE_DIR / package).rglob("*.py"):
            if "tests" not in path.parts:
                source = path.read_text()
                read |= set(re.findall(r'os\.environ(?:\.\w+\(|\[)\s*"(\w+)"|"(\w+)" in os\.environ', source))
                read |= {(name, "") for name in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source)}
    names = {name for pair in read for name in pair if name}
    assert {"ALLOWED_HOSTS", "CIFAR10_DIR", "WEB_CONCURRENCY"} <= names
    page = (DOCS / "settings.md").read_text()
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE)
    assert sorted(names - NOT_FOR_PEOPLE - set(documented)) == []
    assert sorted(set(documented)) == sorted(documented)
    declared = {setting.name for setting in settings_page.declared()}
    assert sorted(set(documented) - declared - names) == []


def test_a_setting_cannot_be_declared_without_a_description(monkeypatch):
    env = DocumentedEnv(BASE_DIR)
    with pytest.raises(TypeError, match="help"):
        env.int("NEW_SETTING", 5)
    monkeypatch.setenv("NEW_SETTING", "7")
    env.section("News")
    assert env.int("NEW_SETTING", 5, validate=validate.Range(min=1), help="How many.") == 7
    assert [(one.section, one.default, one.help) for one in env.settings] == [("News", "`5`", "How many.")]
