"""Texts in tables that spreadsheets open."""

#: What makes a spreadsheet take a cell for a formula (OWASP, CSV Injection).
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain_text(text: str) -> str:
    """The text, led by an apostrophe where a spreadsheet would compute it."""
    return f"'{text}" if text.startswith(FORMULA) else text
