"""Codes, nicknames and PINs: made without what looks alike, and read in whatever way people type them."""

import re
import secrets

from classifier.models.group import LONGEST_NICKNAME
from classifier.models.upload import composed, folded

#: No letter looks like a digit or like another one, and without vowels there are no words.
_LETTERS = "CDFHJKMNPRTVWXY"
_CODE_LENGTH = 8
#: Cyrillic letters that look like Latin ones: a keyboard has often the other layout.
_CYRILLIC = str.maketrans("авсенікмортхуё", "abcehikmoptxye")
#: Of letters and digits that look alike, one stands for all.
_ALIKE = str.maketrans("01l", "oii")
_PIN_DIGITS = 6
_RUNS = "01234567890 09876543210"


class BadNickname(ValueError):
    """The nickname has no letter or digit, is too long, or has characters that names have not."""


def new_code() -> str:
    """Make the code of a group: 15⁸ are 31 bits."""
    return "".join(secrets.choice(_LETTERS) for _number in range(_CODE_LENGTH))


def read_code(text: str) -> str:
    """The code that a person has typed: in any case, with spaces and hyphens, in Cyrillic letters."""
    return re.sub(r"[\W_]", "", text.lower().translate(_CYRILLIC)).upper()


def new_pin() -> str:
    """Make a PIN of six digits, none that people guess first."""
    while True:
        pin = f"{secrets.randbelow(10**_PIN_DIGITS):0{_PIN_DIGITS}}"
        if len(set(pin)) > 2 and pin not in _RUNS:
            return pin


def read_pin(text: str) -> str:
    return re.sub(r"[\s-]", "", text)


def valid_nickname(text: str) -> str:
    """Return the nickname with single spaces. Raises BadNickname."""
    nickname = composed(" ".join(text.split()))
    if len(nickname) > LONGEST_NICKNAME or not re.fullmatch(r"[\w '’ʼ.-]+", nickname) or not fold_nickname(nickname):
        raise BadNickname(f"A nickname has 1 to {LONGEST_NICKNAME} letters, digits, spaces and hyphens.")
    return nickname


def fold_nickname(text: str) -> str:
    """The nickname as it is compared: without case, spaces, hyphens, and which of two similar letters it has."""
    small = folded(text).translate(_CYRILLIC).translate(_ALIKE)
    return re.sub(r"[\W_]", "", small)[: 3 * LONGEST_NICKNAME]
