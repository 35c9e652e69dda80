"""The issuer's log as others read it: its tiles (C2SP tlog-tiles), look-up files, and what it has entries of.

They lie where the log's origin names them, `https://ORIGIN/…`. All of them are files that never change or
change as a whole. So a proxy in front may cache them, and readers need not identify themselves.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
from fastapi import FastAPI, Request, Response

from exchange.beside import DOCUMENTS, KINDS, LISTS, listing
from exchange.http import published_response
from exchange.log import BRIEFLY, FOR_EVER, NOTHING, LogFile, is_run, log_file
from kinds import Kind
from ledger import EntryKind, entry
from ledger.log import LogReader
from ledger.lookup import YOUNG, LookupFiles
from ledger.tiles.layout import prefix
from wire.problem import Problem

from ..identity import documents
from ..status.files import ListedFile

_INDEX = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LOG = logging.getLogger(__name__)

PAUSE = 2.0
"""The time in seconds between two checks for growth of the log."""
_PATIENCE = 3.0  # seconds for what is being written, at the end


def add_log(
    app: FastAPI,
    log: LogReader,
    home: Path,
    kinds: Callable[[], Iterable[Kind]] = tuple,
    lists: Callable[[], Mapping[int, ListedFile]] = dict,
) -> None:
    """Adds the routes of a log, below the path of its origin, to the service of an issuer.

    `lists` are its status lists and pages of details by their index in the log.
    """
    lookup = LookupFiles(home)

    def found(path: str) -> LogFile:
        if path == DOCUMENTS:
            return LogFile(documents.published(home), "application/json", BRIEFLY)
        if path == KINDS:
            return LogFile(kinds_in(log, kinds()), "application/json", BRIEFLY)
        if path.startswith(f"{KINDS}/"):
            return kind_file(path.removeprefix(f"{KINDS}/"), kinds())
        if path == LISTS:
            urls = {index: each.url for index, each in lists().items()}
            return LogFile(listing(urls), "application/json", BRIEFLY)
        if path.startswith(f"{LISTS}/"):
            place = path.removeprefix(f"{LISTS}/")
            listed = lists().get(int(place)) if _INDEX.fullmatch(place) else None
            return LogFile(listed.content() if listed else None, "application/octet-stream", FOR_EVER)
        if path == YOUNG:
            return LogFile(lookup.get(path), "application/octet-stream", BRIEFLY)
        if is_run(path):
            return LogFile(lookup.get(path), "application/octet-stream", FOR_EVER)
        return log_file(log, path)

    @app.get(f"{prefix(log.origin)}/{{path:path}}")
    def answer(path: str, request: Request) -> Response:
        return published_response(request, *found(path))


def kinds_in(log: LogReader, kinds: Iterable[Kind]) -> bytes:
    """The kinds that the log holds, as JSON: `kinds`, of which each has an `index` and a `digest`."""
    listed = []
    for kind in kinds:
        if leaves := log.find(entry(EntryKind.KIND, bytes.fromhex(kind.digest))):
            listed.append({"index": leaves.start, "digest": kind.digest})
    return orjson.dumps({KINDS: listed})


def kind_file(path: str, kinds: Iterable[Kind]) -> LogFile:
    """`DIGEST`, a JSON object of all files of a kind by path; or `DIGEST/PATH`, one of them.

    Both come from the kind as it was read: no address leads to the disk.
    """
    digest, _, name = path.partition("/")
    # Compared, never joined to a path: an address is a stranger's text.
    kind = next((kind for kind in kinds if kind.digest == digest), None)
    if kind is None:
        return NOTHING
    if not name:
        return LogFile(orjson.dumps(dict(kind.texts)), "application/json", FOR_EVER)
    media_type = "application/json" if name.endswith(".json") else "text/csv; charset=utf-8"
    return LogFile(kind.files.get(name), media_type, FOR_EVER)


@contextmanager
def following(log: LogReader, home: Path, pause: float = PAUSE) -> Iterator[None]:
    """Keeps the look-up files up with the log, in the background, until the block ends.

    Merging runs may take minutes for millions of entries; if interrupted, it is completed at the next start.
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
    logged = ""
    while True:
        try:
            lookup.update(log.store.get, log.checkpoint().size)
            logged = ""
        except (Problem, OSError) as problem:
            if logged != (logged := str(problem)):  # once, not every time
                _LOG.error("The look-up files of the log could not be written: %s", problem)
        if ended.wait(pause):
            return
