"""Text that is safe to open in a spreadsheet."""

from ml.classes import FORMULA

#: Spreadsheets take a file for UTF-8 only by this mark.
BYTE_ORDER_MARK = "\ufeff"
__all__ = ["BYTE_ORDER_MARK", "FORMULA", "plain_text"]


def plain_text(text: str) -> str:
    """The text, led by an apostrophe where a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text
