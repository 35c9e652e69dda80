"""All requests to a bucket: objects by their names, created once; the meaning of errors, and retries.

All retries are made here, within ten seconds; obstore's own are switched off. Every answer of a bucket is
limited, objects and lists alike (threat F32).
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from wire.problem import Damaged, NotFound, Problem, Refused, TryLater, Unavailable

from ...problem import LEDGER_CLOCK
from ..layout import LARGEST
from .address import ENDPOINT, Location, settings

_T = TypeVar("_T")
_R = TypeVar("_R")

AT_ONCE = 32
"""Concurrent requests."""
_PATIENCE = 10.0  # seconds, within which a request is made again
_PAGE_PATIENCE = 10.0  # seconds, within which a list comes to its next names
_PAUSE, _LONGEST_PAUSE = 0.05, 2.0  # seconds; doubled each time
BATCHES = "batch/"
LARGEST_BATCHES = 1 << 29
"""Bytes of an object in this folder: twice what a log records at once. Others have `LARGEST`."""
_PIECE = 1 << 20  # bytes of an object that are read at once
_PAGE = 1000  # names, of which S3 lists no more at once
_AGAIN = "Nothing that was acknowledged is lost. Once the store is well, do the same again."
_RIGHTS = (
    "Needed are s3:GetObject, s3:PutObject and s3:ListBucket on the prefix; to look, the first and last."
)
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_unfinished: list[object] = []
"""Lists that were given up: obstore 0.12 panics if one is freed while its request is under way."""
_users: list[int] = []
"""The one process that may use obstore: forks of it do not have obstore's threads."""


class Bucket:
    """The objects of one log, at one location. Names are without the prefix of the location.

    Raises `Unavailable` where the store does not answer, `TryLater` where it is busy, `LEDGER_CLOCK` where
    it finds ours wrong, `Refused` where the key lacks the right, and `NotFound` where there is no such
    bucket. Raises `Damaged` for an object or a list that is longer than any that is written there.
    """

    def __init__(self, location: Location) -> None:
        self._prefix = location.prefix
        self.keeps_versions = False
        """True once an answer has named the version of an object: the bucket keeps removed and old ones."""
        config: Any = {
            **settings(location.bucket, os.environ),
            "conditional_put": "etag",
            "checksum_algorithm": "SHA256",
            "disable_bulk_delete": True,  # whose answer to a key without the right is none of S3's errors
        }
        has_no_tls = config.get(ENDPOINT, "").startswith("http:")
        self._store = S3Store(
            location.bucket,
            config=config,
            client_options={"connect_timeout": "5s", "timeout": "30s", "allow_http": has_no_tls},
            retry_config={"max_retries": 0},
        )

    def get(self, path: str) -> bytes | None:
        """The content of an object, if there is one."""
        answer = self._get(path, _limit(path))
        return None if answer is None else answer[0]

    def part(self, path: str, start: int, length: int) -> bytes | None:
        """Part of an object, if there is one; fewer bytes where the object ends earlier."""
        answer = self._get(path, length, {"range": (start, start + length)})
        return None if answer is None else answer[0]

    def end(self, path: str, length: int) -> tuple[bytes, int] | None:
        """The last `length` bytes of an object, or all of it, and the object's size, if there is one."""
        return self._get(path, length, {"range": {"suffix": length}})

    def _get(self, path: str, limit: int, asked: Any = None) -> tuple[bytes, int] | None:
        """The content of an object, or the requested part of it, and the size that the bucket states."""

        def work() -> tuple[bytes, int] | None:
            try:
                answer = self._store.get(self._prefix + path, options=asked)
            except FileNotFoundError as error:
                if _said(error)[1] == "NoSuchBucket":
                    raise _problem(error) from None
                return None
            except BaseError as error:
                if _said(error)[0] != "416":  # it has nothing where the part is
                    raise
                return b"", 0
            self._note(answer.meta)
            data = bytearray()
            for piece in answer.stream(min_chunk_size=_PIECE):  # counted: the length announced may be a lie
                data += piece
                if len(data) > limit:
                    raise Damaged(f"{path} is longer than anything that is written there")
            return bytes(data), answer.meta["size"]

        return _insist(work)

    def _note(self, answer: Mapping[str, Any]) -> None:
        self.keeps_versions |= answer.get("version") is not None

    def get_many(self, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of those of these objects that exist."""
        wanted = list(paths)
        contents = _at_once(self.get, wanted)
        return {path: data for path, data in zip(wanted, contents, strict=True) if data is not None}

    def has(self, path: str) -> bool:
        """True where there is such an object."""

        def work() -> bool:
            try:
                self._store.head(self._prefix + path)
            except FileNotFoundError:
                return False
            return True

        return _insist(work)

    def create(self, path: str, data: bytes) -> bool:
        """Create an object; true if it then has this content, false if it has another, which stays.

        After a lost answer the request is made again, and may find the object that the first one created.
        """
        if _insist(lambda: self._create(path, data)):
            return True
        stored = self._get(path, max(len(data), _limit(path)))
        # By its content: heads and batches have random bytes of their writer's attempt (ADR 60).
        return stored is not None and stored[0] == data

    def _create(self, path: str, data: bytes) -> bool:
        try:
            self._note(self._store.put(self._prefix + path, data, mode="create", use_multipart=False))
        except AlreadyExistsError as error:
            if _said(error)[0] == "409":  # another's request is under way, and may fail
                raise
            return False
        return True

    def create_many(self, objects: Mapping[str, bytes]) -> None:
        """Create those of these objects that do not exist; existing ones stay as they are."""
        _at_once(lambda item: _insist(lambda: self._create(*item)), list(objects.items()))

    def replace(self, path: str, data: bytes) -> None:
        """Write an object, new or existing."""
        _insist(lambda: self._store.put(self._prefix + path, data, use_multipart=False))

    def remove(self, path: str) -> None:
        """Delete an object, if it is there. No log ever does."""
        _insist(lambda: self._store.delete(self._prefix + path))

    def names(self, folder: str, most: int) -> list[str]:
        """The names in and below a folder, which ends with a slash, or in all. A list may be behind.

        Raises `Damaged` for more than `most`.
        """
        names = self._listed(folder, None, most + 1)
        # threat F32: a list without end.
        if len(names) > most:
            raise Damaged(f"the bucket lists more than {most} objects in {folder}, which nobody writes there")
        return names

    def first_after(self, path: str) -> str | None:
        """The first name that is listed after this one, in its folder; a list may be behind."""
        return next(iter(self._listed(f"{path.rpartition('/')[0]}/", path, 1)), None)

    def _listed(self, folder: str, after: str | None, most: int) -> list[str]:
        """The first names in a folder, at most `most`, after a given one."""
        offset = None if after is None else self._prefix + after

        async def work() -> list[str]:
            pages = aiter(self._store.list(self._prefix + folder, offset=offset, chunk_size=_PAGE))
            names: list[str] = []
            while len(names) < most:
                try:
                    # S3 may answer with pages that have no names, which obstore passes over, for ever.
                    page = await asyncio.wait_for(anext(pages), _PAGE_PATIENCE)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    _unfinished.append(pages)
                    raise Unavailable("the bucket does not come to the end of a list") from None
                names += [str(listed["path"]).removeprefix(self._prefix) for listed in page]
            return names[:most]

        def in_thread() -> list[str]:
            with ThreadPoolExecutor(1) as thread:  # this one may have an event loop already
                return thread.submit(asyncio.run, work()).result()

        return _insist(in_thread)


def _limit(path: str) -> int:
    return LARGEST_BATCHES if path.startswith(BATCHES) else LARGEST


def _at_once(work: Callable[[_T], _R], items: list[_T]) -> list[_R]:
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(AT_ONCE) as threads:  # which end with it: nothing outlives a call
        return list(threads.map(work, items))


def _insist(work: Callable[[], _T]) -> _T:
    """Do some work, and retry it after errors that may pass. Raises the error as a `Problem`."""
    if not _users:
        _users.append(os.getpid())
    # Requests need obstore's threads, and a fork has none of them.
    if os.getpid() not in _users:
        raise Unavailable("a process that was forked cannot use the connections of its parent to the bucket")
    deadline, pause = time.monotonic() + _PATIENCE, _PAUSE
    while True:
        try:
            return work()
        except (BaseError, FileNotFoundError) as error:
            wait = pause * (0.5 + random.random())  # noqa: S311 -- so that several do not come together
            if not _may_pass(error) or time.monotonic() + wait > deadline:
                raise _problem(error) from None
        time.sleep(wait)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _said(error: BaseException) -> tuple[str, str]:
    """The status and the code of S3's answer, empty where there was none. No other part is ever shown."""
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    return status[1] if status else "", code[1] if code else ""


def _may_pass(error: BaseException) -> bool:
    status, code = _said(error)
    # Settings are wrong there: nothing changes within ten seconds.
    if _is_redirect(error) or _is_distrust(error):
        return False
    return status[:1] in ("", "5") or status in ("408", "409", "429") or code == "RequestTimeout"


def _is_redirect(error: BaseException) -> bool:
    return "redirect without LOCATION" in str(error) or _said(error)[0][:1] == "3"


def _is_distrust(error: BaseException) -> bool:
    return "InvalidCertificate(" in str(error)


def _problem(error: BaseException) -> Problem:
    status, code = _said(error)
    answer = f" ({code or status})" if status else ""
    if code == "RequestTimeTooSkewed":
        return LEDGER_CLOCK("the store of the bucket finds that the clock here is wrong")
    if _is_distrust(error):
        return Unavailable(
            "the endpoint of the bucket has a certificate that is not trusted here",
            hint="SSL_CERT_FILE names a file with the authority that signed it, if the system has it not.",
        )
    if _is_redirect(error):
        return Refused("the bucket is in another region", hint="Set AWS_REGION, or the endpoint.")
    if code == "NoSuchBucket":
        return NotFound("there is no such bucket")
    if status in ("401", "403"):
        return Refused(f"the bucket does not let this key do that{answer}", hint=_RIGHTS)
    if status in ("409", "429", "503"):
        return TryLater(f"the store of the bucket is busy{answer}")
    return Unavailable(f"the bucket cannot be reached{answer}", hint=_AGAIN)
