import json
import re

import pytest
from django.core.management import CommandError, call_command

from classifier.tests.factories import BASE_DIR, SHIPPED_FOLDER

READMES = {"README.md": ".", "README.uk.md": ","}


def card() -> dict:
    return json.loads((BASE_DIR / "ml" / "trained" / "student_cnn" / "card.json").read_text())


@pytest.mark.parametrize(("readme", "separator"), READMES.items())
def test_the_readme_states_the_figures_of_the_shipped_model(readme, separator):
    test = card()["metrics"]["test"]
    text = (BASE_DIR / readme).read_text()
    for share in (test["accuracy"], *test["interval"], card()["metrics"]["validation"]["accuracy"]):
        assert f"{100 * share:.2f}%".replace(".", separator) in text


@pytest.mark.parametrize("readme", READMES)
def test_every_file_and_make_target_that_the_readme_names_is_there(readme):
    text = (BASE_DIR / readme).read_text()
    targets = set(re.findall(r"\bmake (\w+)", "\n".join(re.findall(r"`[^`]*`|^\$ .*$", text, re.MULTILINE))))
    assert targets >= {"run", "test", "train"}
    makefile = (BASE_DIR / "Makefile").read_text()
    assert [target for target in sorted(targets) if f"\n{target}: " not in makefile] == []
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in links if not (BASE_DIR / link).exists()] == []


def test_the_readmes_tables_are_those_of_the_models(settings):
    settings.MODELS_DIR = SHIPPED_FOLDER.parent
    call_command("document_models", "--check")


def test_a_table_that_is_out_of_date_is_found_and_written_anew(settings, models_dir, tmp_path):
    settings.BASE_DIR = tmp_path
    for readme in READMES:
        (tmp_path / readme).write_text("Before\n<!-- figures: student_cnn -->\nold\n<!-- end of figures -->\nAfter\n")
    with pytest.raises(CommandError, match=r"Out of date: README\.md, README\.uk\.md\. Run: "):
        call_command("document_models", "--check")
    call_command("document_models")
    call_command("document_models", "--check")
    for readme, separator in READMES.items():
        text = (tmp_path / readme).read_text()
        assert text.startswith("Before\n<!-- figures: student_cnn -->\n| | |\n")
        assert text.endswith("|\n<!-- end of figures -->\nAfter\n")
        assert f"**{100 * card()['metrics']['test']['accuracy']:.2f}%**".replace(".", separator) in text


def test_a_model_that_is_not_there_is_named(settings, models_dir, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "README.md").write_text("<!-- figures: nobody -->\n<!-- end of figures -->\n")
    with pytest.raises(CommandError, match="nobody is not a model folder"):
        call_command("document_models")
