"""Parse the IDs of rows."""

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """The number that the text is, None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
