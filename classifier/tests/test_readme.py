import json
import re

import pytest

from classifier.tests.factories import BASE_DIR

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


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_lists_every_setting(readme):
    settings = (BASE_DIR / "cifarsite" / "settings.py").read_text()
    names = set(re.findall(r'env\.\w+\(\s*"(\w+)"', settings))
    assert "ALLOWED_HOSTS" in names
    table = (BASE_DIR / readme).read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in table] == []
