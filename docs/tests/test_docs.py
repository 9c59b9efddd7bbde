"""The documentation is complete, and what is generated in it is up to date."""

import json
import re

import pytest
from django.core.management import get_commands
from drf_spectacular.generators import SchemaGenerator
from environs import validate

from cifarsite.environment import DocumentedEnv
from classifier.tests.factories import BASE_DIR
from classifier.tests.routes import routes
from docs import commands_page, generate, models_page, settings_page
from ml.artifacts.card import ArtifactError

DOCS = BASE_DIR / "docs"
READMES = ["README.md", "README.uk.md"]
#: Set for the programs that the project starts, or by the system that it runs on.
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE", "OPENBLAS_NUM_THREADS", "TF_CPP_MIN_LOG_LEVEL"}
#: What the admin's own URL configuration has: docs/guide.md describes it.
OF_DJANGO = re.compile(r"admin/(?!overview|password_reset)|admin/$")


def test_generated_pages_are_what_the_generator_writes():
    assert [path.name for path in generate.stale(DOCS)] == []


def test_a_page_that_is_out_of_date_is_found_and_written_anew(tmp_path, monkeypatch, capsys):
    for name in generate.PAGES:
        (tmp_path / name).write_text((DOCS / name).read_text())
    (tmp_path / "settings.md").write_text("old")
    models = tmp_path / "models.md"
    models.write_text("Before\n<!-- figures: student_cnn -->\nold\n<!-- end of figures -->\nAfter\n")
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate", "--check"])
    with pytest.raises(SystemExit, match=r"Out of date: models\.md, settings\.md\. Run: python -m docs\.generate"):
        generate.main()
    monkeypatch.setattr("sys.argv", ["generate"])
    generate.main()
    assert capsys.readouterr().out == "Written: models.md\nWritten: settings.md\n"
    assert (tmp_path / "settings.md").read_text() == settings_page.text()
    card = json.loads((models_page.SHIPPED / "student_cnn" / "card.json").read_text())
    written = models.read_text()
    assert written.startswith("Before\n<!-- figures: student_cnn -->\n| | |\n")
    assert f"**{100 * card['metrics']['test']['accuracy']:.2f}%**" in written
    assert written.endswith("|\n<!-- end of figures -->\nAfter\n")


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(ArtifactError, match="nobody is not a model folder"):
        models_page.text("<!-- figures: nobody -->\n<!-- end of figures -->\n")


def test_every_shipped_model_is_described():
    shipped = {path.parent.name for path in models_page.SHIPPED.glob("*/card.json")}
    assert set(re.findall(r"<!-- figures: (\w+) -->", (DOCS / "models.md").read_text())) == shipped


def test_every_variable_that_the_code_reads_is_documented():
    read = set()
    for package in ("cifarsite", "classifier", "ml"):
        for path in (BASE_DIR / package).rglob("*.py"):
            if "tests" not in path.relative_to(BASE_DIR).parts:
                source = path.read_text()
                read |= set(re.findall(r'os\.environ(?:\.\w+\(|\[)\s*"(\w+)"|"(\w+)" in os\.environ', source))
                read |= {(name, "") for name in re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', source)}
    names = {name for pair in read for name in pair if name}
    assert {"ALLOWED_HOSTS", "CIFAR10_DIR", "WEB_CONCURRENCY"} <= names
    documented = re.findall(r"^\| `([A-Z0-9_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE)
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


def test_every_command_that_the_documentation_names_exists_and_has_a_description():
    own = commands_page.commands()
    assert [name for name, command in own.items() if not command.help] == []
    texts = [*DOCS.glob("*.md"), *(BASE_DIR / readme for readme in READMES), BASE_DIR / "CONTRIBUTING.md"]
    named = {name for path in texts for name in re.findall(r"manage\.py ([a-z_]+)", path.read_text())}
    assert named >= {"train", "backup"}
    assert sorted(named - get_commands().keys()) == []


def test_every_page_is_documented_and_every_documented_page_exists():
    there = {
        (_address(route.text), route.name)
        for route in routes()
        if route.name and not route.text.startswith("api/v1/") and not OF_DJANGO.match(route.text)
    }
    rows = re.findall(r"^\| `(/[^`]*)` \| `(\w+)` \| \S", (DOCS / "addresses.md").read_text(), re.MULTILINE)
    assert sorted(there - set(rows)) == []
    assert sorted(set(rows) - there) == []


def _address(text: str) -> str:
    return "/" + re.sub(r"<\w+:(\w+)>", r"<\1>", text)


def test_every_route_of_the_api_is_documented_and_every_documented_route_exists():
    paths = SchemaGenerator(api_version="1").get_schema(request=None, public=True)["paths"]
    there = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    rows = re.findall(r"^\| `(/api/v1/[^`]*)` \| ([A-Z, ]+) \| \S", (DOCS / "api.md").read_text(), re.MULTILINE)
    documented = {(path, method) for path, methods in rows for method in methods.split(", ")}
    assert sorted(there - documented) == []
    assert sorted(documented - there) == []


@pytest.mark.parametrize("readme", READMES)
def test_every_file_and_make_target_that_the_readme_names_is_there(readme):
    text = (BASE_DIR / readme).read_text()
    assert len(text.splitlines()) <= 90
    targets = set(re.findall(r"\bmake (\w+)", "\n".join(re.findall(r"`[^`]*`|^\$ .*$", text, re.MULTILINE))))
    assert targets >= {"run", "test", "train"}
    makefile = (BASE_DIR / "Makefile").read_text()
    assert [target for target in sorted(targets) if f"\n{target}: " not in makefile] == []
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text)
    assert len(links) > 15
    assert [link for link in links if not (BASE_DIR / link).exists()] == []


def test_both_readmes_name_the_same_files_and_commands():
    english, ukrainian = ((BASE_DIR / readme).read_text() for readme in READMES)
    for pattern in (r"\]\((?!README)([^)]+)\)", r"^\$ (.*)$"):
        assert re.findall(pattern, ukrainian, re.MULTILINE) == re.findall(pattern, english, re.MULTILINE)
