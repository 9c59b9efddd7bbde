"""`manage.py sweep` as a server starts it: what it says are lines of the server's log.

It waits first, SWEEP_AFTER_MINUTES: what was on its way when the server before was killed has its row by then, or is
nobody's, and so is what this server has left lying for as long.
"""

import io
import logging
import os
import time

import django
from django.core.management import CommandError, call_command

logger = logging.getLogger("cifarsite.sweep")

#: A file has its row within seconds, or as soon as whoever keeps the database from being written to has ended.
_MINUTES = 5.0


class _Lines(io.TextIOBase):
    def __init__(self, level: int) -> None:
        self.level = level

    def write(self, text: str) -> int:
        logger.log(self.level, "%s", text.strip())
        return len(text)


def main() -> None:
    minutes = float(os.environ.get("SWEEP_AFTER_MINUTES") or _MINUTES)
    time.sleep(60 * minutes)
    django.setup()
    said = {"stdout": _Lines(logging.INFO), "stderr": _Lines(logging.WARNING), "no_color": True}
    try:
        call_command("sweep", older_than=minutes, **said)
    except CommandError as error:
        logger.error("%s", error)
    except Exception:
        logger.exception("The sweep has stopped.")


if __name__ == "__main__":
    main()
