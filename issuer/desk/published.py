"""The issuer's log as others read it: its tiles (C2SP tlog-tiles), look-up files and DID documents.

They lie where the log's origin names them, `https://ORIGIN/…`. All of them are files that change never or as
a whole, so that a proxy in front may keep them, and nobody who asks is asked back.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from ledger.log import LogReader
from ledger.lookup import YOUNG, LookupFiles
from ledger.tiles.store import CHECKPOINT
from wire.problem import NotFound, Problem

from .. import documents

_LOG = logging.getLogger(__name__)

PAUSE = 2.0
"""Seconds between two looks at whether the log has grown."""
_PATIENCE = 3.0  # seconds for what is being written, at the end
_FOR_EVER = "public, max-age=31536000, immutable"
_BRIEFLY = "public, max-age=2"
_NUMBER = "(x[0-9]{3}/){0,6}[0-9]{3}"
_TILE = re.compile(rf"tile/([0-9]|[1-5][0-9]|6[0-3]|entries)/{_NUMBER}(\.p/[1-9][0-9]{{0,2}})?", re.ASCII)
_RUN = re.compile(rf"lookup/[0-9]/[0-9]{{1,9}}/{_NUMBER}", re.ASCII)


def add_log(app: FastAPI, log: LogReader, home: Path) -> None:
    """Adds the routes of a log, below the path of its origin, to the service of an issuer."""
    lookup = LookupFiles(home)
    base = urlsplit(f"https://{log.origin}").path

    def found(path: str) -> tuple[bytes | None, str, str]:
        """What lies at a path, its media type, and for how long it may be kept."""
        if path == CHECKPOINT:
            return log.store.get(path), "text/plain; charset=utf-8", _BRIEFLY
        if path == "documents":
            return documents.published(home), "application/json", _BRIEFLY
        if path == YOUNG:
            return lookup.get(path), "application/octet-stream", _BRIEFLY
        if _TILE.fullmatch(path):
            return log.store.get(path), "application/octet-stream", _FOR_EVER
        if _RUN.fullmatch(path):
            return lookup.get(path), "application/octet-stream", _FOR_EVER
        return None, "", ""

    @app.get(f"{base}/{{path:path}}")
    def published(path: str, request: Request) -> Response:
        return response(request, *found(path))


def response(
    request: Request, content: bytes | None, media_type: str, kept: str = "public, max-age=60"
) -> Response:
    """What a file has, or 304 for who has it: the tag is the content's digest (RFC 9110 13.1.2).

    Raises `NotFound`.
    """
    if content is None:
        raise NotFound("nothing is published under this address")
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": kept, "Access-Control-Allow-Origin": "*"}
    known = [item.strip().removeprefix("W/") for item in request.headers.get("If-None-Match", "").split(",")]
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


@contextmanager
def following(log: LogReader, home: Path, pause: float = PAUSE) -> Iterator[None]:
    """Keeps the look-up files up with the log, in the background, until the block ends.

    Merging runs may take minutes where there are millions; it is left off then, and done when it goes on.
    """
    ended = threading.Event()
    work = (log, LookupFiles(home), ended, pause)
    thread = threading.Thread(target=_follow, args=work, name="lookup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_PATIENCE)


def _follow(log: LogReader, lookup: LookupFiles, ended: threading.Event, pause: float) -> None:
    told = ""
    while True:
        try:
            lookup.update(log.store.get, log.checkpoint().size)
            told = ""
        except (Problem, OSError) as problem:
            if told != (told := str(problem)):  # once, not every time
                _LOG.error("The look-up files of the log could not be written: %s", problem)
        if ended.wait(pause):
            return
