"""Class names in plots: never parsed as formulas, shortened, in an available font."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Tried in this order after Matplotlib's own font, which has Latin, Greek and Cyrillic letters but no others.
FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Hebrew",
    "Arial Unicode MS",
)
_OWN_FONT = "DejaVu Sans"
_LONGEST = 32


def prepare(figure: "Figure") -> None:
    """Let every text of the figure stand as it is, `$` and all, in the fonts that are installed."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_fontfamily(list(_fonts()))


def label(name: str, number: int) -> str:
    """Return what stands for the class of this name and number, counted from 0, in a plot.

    A name in a script that no font here has becomes Latin letters behind the class's number.
    """
    glyphs = _glyphs()
    if all(ord(letter) in glyphs for letter in name):
        return _shortened(name)
    from anyascii import anyascii

    written = "".join(letter if ord(letter) in glyphs else anyascii(letter) for letter in name).strip()
    return _shortened(f"{number + 1}: {written}" if written else f"class {number + 1}")


def labels(class_names: tuple[str, ...]) -> list[str]:
    return [label(name, number) for number, name in enumerate(class_names)]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@cache
def _fonts() -> tuple[str, ...]:
    """The families to draw with. Only those that are installed: Matplotlib warns of every other one, at every text."""
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return (_OWN_FONT, *(family for family in FALLBACK_FONTS if family in installed))


@cache
def _glyphs() -> frozenset[int]:
    """The code points that the fonts have between them."""
    from matplotlib import font_manager

    return frozenset().union(
        *(font_manager.get_font(font_manager.findfont(family)).get_charmap() for family in _fonts())
    )
