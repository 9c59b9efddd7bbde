"""Log formatters: one JSON object per line, or plain lines. Both include the request ID.

Of a request a line says the pattern of its address, whatever Django would say of it.
"""

import copy
import datetime
import logging
import re

from django.http import HttpRequest
from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

from classifier.web.request_ids import current_request_id, route_of

_SECURITY, _CSRF = "django.security.", "django.security.csrf"
#: A whole Referer or Origin, as Django tells of one that is not the site's.
_QUOTED = re.compile(r"(?s)- .* does not match")
#: Characters that end a line, move the cursor or change the writing direction.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class JsonFormatter(_JsonFormatter):
    """Only what is named here reaches the log: whatever else hangs on a record, a request for one, stays out of it."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_without_what_was_sent(record))

    def add_fields(self, log_data: dict, record: logging.LogRecord, message_dict: dict) -> None:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        log_data["time"] = moment.isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = record.message
        if request_id := current_request_id():
            log_data["request_id"] = request_id
        log_data.update(getattr(record, "answered", {}))
        log_data.update(message_dict)


class TextFormatter(logging.Formatter):
    """A line for people. Nothing that a person sends begins a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(_without_what_was_sent(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.request_id = current_request_id() or "-"
        return _escaped(super().formatMessage(record))

    def formatException(self, info) -> str:
        return _indented(super().formatException(info))

    def formatStack(self, stack_info: str) -> str:
        return _indented(stack_info)


def _without_what_was_sent(record: logging.LogRecord) -> logging.LogRecord:
    """The same line with the pattern in the address's place, and without the headers and values that Django quotes."""
    request = getattr(record, "request", None)
    if not isinstance(request, HttpRequest) or not isinstance(record.args, tuple):
        return record
    route, arguments, record = route_of(request), record.args, copy.copy(record)
    if record.name == _CSRF:
        arguments = tuple(_QUOTED.sub("- it does not match", str(value)) for value in arguments)
    elif record.name.startswith(_SECURITY):
        # The message, and the exception with it, may quote anything: a name says what it was.
        record.msg, arguments = "%s: %s", (record.name.removeprefix(_SECURITY), route)
        record.exc_info = record.exc_text = None
    address = request.path.encode("unicode_escape").decode("ascii")
    record.args = tuple(route if value in (request.path, address) else value for value in arguments)
    return record


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _indented(text: str) -> str:
    return "\n".join(f"    {_escaped(line)}" for line in text.splitlines())


def formatter(log_format: str) -> logging.Formatter:
    """How a line is written: "json" or, anything else, for people."""
    if log_format == "json":
        return JsonFormatter()
    return TextFormatter("{asctime} {levelname} {request_id} {name}: {message}", style="{")


def logging_settings(*, log_format: str, level: str) -> dict:
    """Everything to the standard error output, in one way. log_format: "json" or "text"."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "log_format": log_format}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Each request has its line already; these would show its whole address.
            "django.request": {"level": "ERROR"},
            # Requests for another host are logged too, and their Host header may say anything.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.server": {"handlers": ["console"], "level": "ERROR", "propagate": False},
            "axes": {"level": "WARNING"},
            "PIL": {"level": "WARNING"},
            # Where each thread has found the keys of the bucket.
            "botocore": {"level": "WARNING"},
            "tensorflow": {"level": "WARNING"},
        },
    }
