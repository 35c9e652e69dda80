"""The log of a service: a JSON object a line, on stderr, with the id of the request that it is about.

Of an exception stand there its type and where it came from, never its message: that may be anybody's data.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from exchange.http import REQUEST_ID

from .words import remedy

_LOG = logging.getLogger(__name__)


class Lines(logging.Formatter):
    """Writes a record as one line of ASCII, so that nothing in it ends the line or steers a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": REQUEST_ID.get() or None,
            "facts": getattr(record, "facts", None),
        }
        if (problem := getattr(record, "problem", None)) is not None:
            line |= {"code": problem.code, "facts": dict(problem.facts), "remedy": remedy(problem)}
        if record.exc_info and record.exc_info[0]:
            places = traceback.extract_tb(record.exc_info[2])
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [f"{place.filename}:{place.lineno} {place.name}" for place in places]
        line = {name: value for name, value in line.items() if value}
        text = orjson.dumps(line, default=str).decode()
        return text if text.isascii() else json.dumps(line)


@contextmanager
def to_stderr() -> Iterator[None]:
    """Send all that this process logs in the block to stderr, also exceptions that end a thread."""
    handler, root = logging.StreamHandler(sys.stderr), logging.getLogger()
    handler.setFormatter(Lines())
    level, hook = root.level, threading.excepthook
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line says them
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    threading.excepthook = _thread_ended
    try:
        yield
    finally:
        threading.excepthook = hook
        root.setLevel(level)
        root.removeHandler(handler)


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        caught = ended.exc_type, ended.exc_value, ended.exc_traceback
        _LOG.critical("a thread ended", exc_info=caught)
