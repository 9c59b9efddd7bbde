"""What Gunicorn reads from the environment before it loads the site."""

import os
from dataclasses import dataclass

from environs import validate

from cifarsite.environment import DocumentedEnv


@dataclass(frozen=True)
class ServerSettings:
    host: str
    port: int
    processes: int
    threads: int
    client_seconds: float


def read(env: DocumentedEnv) -> ServerSettings:
    """Raises environs.EnvError for a value that makes no sense."""
    env.section("Server")
    processors = os.cpu_count() or 1
    return ServerSettings(
        host=env.str("HOST", "127.0.0.1", help="The address that Gunicorn listens on."),
        port=env.int(
            "PORT",
            8000,
            validate=validate.Range(min=0, max=65535),
            help="The port that Gunicorn listens on; 0 for a free one.",
        ),
        processes=env.int(
            "WEB_CONCURRENCY",
            min(processors, 4),
            validate=validate.Range(min=1),
            shown="one per core, up to 4",
            help="Gunicorn's processes.",
        ),
        threads=env.int("WEB_THREADS", 4, validate=validate.Range(min=1), help="Gunicorn's threads in each process."),
        client_seconds=env.float(
            "CLIENT_SECONDS",
            30,
            validate=validate.Range(min=0, min_inclusive=False),
            help="A client that sends or takes nothing for this many seconds is disconnected.",
        ),
    )
