"""Check the spelling of the Ukrainian messages and documents with hunspell: `python -m tools.spelling`.

Words that the dictionary does not know, such as terms and names, are listed in `ukrainian_words.txt`. Where hunspell or
its Ukrainian dictionary is not installed, nothing is checked.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "classifier" / "locale" / "uk" / "LC_MESSAGES" / "django.po"
KNOWN_WORDS = Path(__file__).with_name("ukrainian_words.txt")
DICTIONARY = "uk_UA"

_MESSAGE = re.compile(r'^msgstr(?:\[\d\])? ((?:".*"\n?)+)', re.MULTILINE)
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|<[^>]+>|&\w+;|\\n")
_CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)", re.DOTALL)
_LETTER = "А-Яа-яЄєІіЇїҐґ"
_WORD = re.compile(f"[{_LETTER}][{_LETTER}'-]*[{_LETTER}]")


def messages(catalogue: str) -> str:
    """The translations of a gettext catalogue, without placeholders and tags."""
    texts = ("".join(re.findall(r'"(.*)"', found)) for found in _MESSAGE.findall(catalogue))
    return _PLACEHOLDER.sub(" ", "\n".join(texts))


def words(text: str) -> set[str]:
    """The Ukrainian words of a text, with the apostrophe that dictionaries have."""
    return set(_WORD.findall(re.sub("[’ʼ]", "'", text)))


def find_hunspell() -> str | None:
    """The path of hunspell; None where it or its Ukrainian dictionary is not installed."""
    hunspell = shutil.which("hunspell")
    if hunspell is None:
        return None
    listed = subprocess.run([hunspell, "-D"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    return hunspell if DICTIONARY in listed.stdout + listed.stderr else None


def misspelt(found: Iterable[str], *, hunspell: str) -> list[str]:
    """The words that neither the dictionary nor the list of known words has. Raises CalledProcessError."""
    command = [hunspell, "-d", DICTIONARY, "-i", "utf-8", "-l"]
    listed = subprocess.run(command, input="\n".join(found), capture_output=True, text=True, check=True)  # noqa: S603
    known = {word.lower() for word in KNOWN_WORDS.read_text().split()}
    return sorted({word for word in listed.stdout.split() if word.lower() not in known})


def main() -> int:
    hunspell = find_hunspell()
    if hunspell is None:
        print("Ukrainian spelling was not checked: install hunspell and hunspell-uk.")
        return 0
    texts = {CATALOGUE: messages(CATALOGUE.read_text())}
    texts |= {path: _CODE.sub(" ", path.read_text()) for path in [*ROOT.glob("*.uk.md"), *ROOT.glob("docs/*.uk.md")]}
    wrong = {path: misspelt(words(text), hunspell=hunspell) for path, text in texts.items()}
    for path, unknown in wrong.items():
        if unknown:
            print(f"{path.relative_to(ROOT)}: {', '.join(unknown)}")
    if any(wrong.values()):
        print(f"Correct these words, or add names and terms to {KNOWN_WORDS.relative_to(ROOT)}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
