"""A twin of an S3 store: in memory, a few milliseconds away, and reached as the real one is, over HTTP.

It stands where the network is: everything of ours and obstore's runs as it does before a real store. It does
what the S3 API Reference says of PutObject (`If-None-Match`, checksums), GetObject (`Range`), HeadObject,
DeleteObject and ListObjectsV2 (order, pages), and has users as `tests.s3_server` has them.
`test_ledger_s3.py` asks the same of both. Signatures are not checked.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import pytest

from tests.s3_line import Judge, Reply, Request, serving
from tests.s3_server import BUCKET, environment

_PAGE = 1000  # keys of a page (ListObjectsV2, max-keys)
_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"
_STATUS = {
    "NoSuchKey": 404,
    "NoSuchBucket": 404,
    "PreconditionFailed": 412,
    "BadDigest": 400,
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "MethodNotAllowed": 405,
    "InvalidRange": 416,
}


class Twin:
    """One bucket. `judge` sees each request first, and may have the store fail, or the line break."""

    def __init__(self) -> None:
        self.judge: Judge = lambda _: None
        self.objects: dict[str, bytes] = {}
        self.keeps_versions = False
        """True if its answers name versions; it keeps the newest one alone."""
        self._turn, self._opening = threading.Lock(), threading.RLock()
        self._running = ExitStack()
        self.endpoint = self._running.enter_context(serving(self._reply, lambda asked: self.judge(asked)))

    def close(self) -> None:
        """Nobody answers from now on."""
        self._running.close()

    def of(self, folder: Path) -> str:
        """The address of a log that stands for a folder."""
        return f"s3://{BUCKET}/{hashlib.sha256(bytes(folder)).hexdigest()[:20]}"

    @contextmanager
    def reached(self, key: str = "appender") -> Iterator[None]:
        """Stores that are opened in the block go there. Threads take turns: a process has one environment."""
        with self._opening, pytest.MonkeyPatch.context() as patch:
            for name, value in environment(self.endpoint, key).items():
                patch.setenv(name, value)
            yield

    def _reply(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        bucket, _, name = unquote(path[1:]).partition("/")
        status, body, more = 200, b"", dict[str, str]()
        with self._turn:  # each request is one atomic step
            try:
                if not _may(request):
                    raise _Error(_may_not(request))
                if bucket != BUCKET:
                    raise _Error("NoSuchBucket")
                if request.method == "PUT":
                    self._put(request, name)
                elif request.method in ("GET", "HEAD"):
                    body = self._get(name) if name else self._list(query)
                    if asked := _RANGE.fullmatch(request.headers.get("range", "")):
                        status, body, more["Content-Range"] = _part(body, *asked.groups())
                elif request.method == "DELETE" and name:
                    self.objects.pop(name, None)
                    return 204, {}, b""
                else:
                    raise _Error("MethodNotAllowed")
            except _Error as error:
                code = str(error)
                text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
                return _STATUS[code], {"Content-Type": "application/xml"}, text.encode()
        if name:
            data = body or request.body
            more |= {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Last-Modified": _MODIFIED}
            more |= {"x-amz-version-id": "v1"} if self.keeps_versions else {}
        return status, {"Content-Length": str(len(body)), **more}, b"" if request.method == "HEAD" else body

    def _get(self, name: str) -> bytes:
        if name not in self.objects:
            raise _Error("NoSuchKey")
        return self.objects[name]

    def _put(self, request: Request, name: str) -> None:
        fields = {field.lower(): value for field, value in request.headers.items()}
        digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
        if fields.get("x-amz-checksum-sha256", digest) != digest:
            raise _Error("BadDigest")
        if fields.get("if-none-match") == "*" and name in self.objects:
            raise _Error("PreconditionFailed")
        self.objects[name] = request.body

    def _list(self, query: str) -> bytes:
        asked = {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}
        after = asked.get("continuation-token") or asked.get("start-after", "")
        names = sorted(self.objects, key=str.encode)  # by UTF-8 bytes
        names = [name for name in names if name.startswith(asked.get("prefix", "")) and name > after]
        most = min(int(asked.get("max-keys", _PAGE)), _PAGE)
        page, is_cut = names[:most], len(names) > most
        rows = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f'<ETag>"x"</ETag><Size>{len(self.objects[name])}</Size></Contents>'
            for name in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
        content = (
            f"<IsTruncated>{str(is_cut).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>{token}{rows}"
        )
        return f"<?xml version='1.0'?><ListBucketResult>{content}</ListBucketResult>".encode()


_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def _part(body: bytes, first: str, last: str) -> tuple[int, bytes, str]:
    """Status, content and place of a range (RFC 9110, section 14.1.2)."""
    start = int(first) if first else max(0, len(body) - int(last))
    stop = min(len(body), int(last) + 1) if first and last else len(body)
    if start >= len(body):
        raise _Error("InvalidRange")
    return 206, body[start:stop], f"bytes {start}-{stop - 1}/{len(body)}"


class _Error(Exception):
    """A code of S3's ("Error responses")."""


_USER = re.compile(r"Credential=(\w+)/")


def _user(request: Request) -> str:
    fields = {field.lower(): value for field, value in request.headers.items()}
    match = _USER.search(fields.get("authorization", ""))
    return match[1] if match else ""


def _may(request: Request) -> bool:
    if request.method == "DELETE":
        return _user(request) == "owner"
    return _user(request) in ("owner", "appender") or (
        _user(request) == "reader" and request.method in ("GET", "HEAD")
    )


def _may_not(request: Request) -> str:
    return "AccessDenied" if _user(request) in ("reader", "appender") else "InvalidAccessKeyId"


@functools.cache
def twin() -> Twin:
    """The one that the tests of a process share: each has a prefix of its own."""
    return Twin()
