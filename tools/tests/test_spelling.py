import pytest

from tools.spelling import find_hunspell, messages, misspelt, words

CATALOGUE = """msgid "Your image %(name)s"
msgstr ""
"Ваше <b>зображення</b> "
"%(name)s"

msgid "%(count)s day"
msgid_plural "%(count)s days"
msgstr[0] "%(count)s день"
msgstr[1] "%(count)s дні"
"""


def test_translations_are_read_without_placeholders_and_tags():
    assert words(messages(CATALOGUE)) == {"Ваше", "зображення", "день", "дні"}


def test_misspelt_word_is_found_and_a_known_term_is_none():
    hunspell = find_hunspell()
    if hunspell is None:
        pytest.skip("hunspell and hunspell-uk are not installed")
    assert misspelt(["зображення", "зобрження", "логітів", "пам'ять"], hunspell=hunspell) == ["зобрження"]
