"""Parse the IDs of rows."""

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """Parse a UUID; None if the text is not one."""
    try:
        return UUID(text)
    except ValueError:
        return None
