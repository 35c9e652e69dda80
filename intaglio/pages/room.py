"""The memory that forms and their answers take: counted as it is used, and bounded.

A body counts by what has arrived, never by what its head announces, so that a few bytes keep nobody out. An
answer counts until it is sent. When the room is full, the slowest large transfer gives way. Small ones never
do: a service has too few connections for them to fill the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Set
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from wire.problem import Malformed, TooLarge, TryLater

from ..connections import RATE
from .upload import MAX_BODY

MOST = 8 * MAX_BODY
"""Bytes of all bodies and answers that are in memory at once."""

SHARE = 2 * MAX_BODY
"""Bytes of those from one address."""

SMALL = 1 << 16
"""Bytes: a body or an answer up to here never gives way. 500 connections with one each fill half the room."""

_PIECE = 1 << 16  # bytes of an answer that are handed over at once
_WINDOW = 2.0  # seconds: over less than these no speed is measured


class Room:
    """The transfers of one service, and how many bytes they may take."""

    def __init__(self, most: int = MOST, share: int | None = SHARE) -> None:
        """`share` is for one address: `None` behind a proxy, whose address all senders have."""
        self._most, self._share = most, share
        self._transfers = set[Transfer]()

    @contextmanager
    def taken(self, sender: str) -> Iterator[Transfer]:
        """A new, empty transfer. Its memory is released when the block ends, also by an exception."""
        transfer = Transfer(self, sender)
        self._transfers.add(transfer)
        try:
            yield transfer
        finally:
            self._transfers.remove(transfer)

    def require(self, more: int, transfer: Transfer) -> None:
        """Make room for so many more bytes of a transfer. Raises `TryLater` where no other one gives way."""
        if self._share is not None:
            by_sender = {each for each in self._transfers if each.sender == transfer.sender}
            _make_way(by_sender, self._share - more, transfer)
        _make_way(self._transfers, self._most - more, transfer)


def _make_way(transfers: Set[Transfer], most: int, transfer: Transfer) -> None:
    while sum(each.size for each in transfers) > most:
        measured = [(speed, each) for each in transfers if (speed := each.speed()) is not None]
        _, slowest = min(measured, default=(0.0, transfer), key=lambda both: both[0])
        if slowest is transfer:
            raise TryLater("too much is sent at once")
        slowest.give_way()


class Transfer:
    """The memory of one request: its body, and then its answer."""

    def __init__(self, room: Room, sender: str) -> None:
        self.sender, self.size = sender, 0
        self._room = room
        self._pace = _Pace(0.0)
        self._scope: asyncio.Timeout | None = None
        self._gave_way = False

    def hold(self, size: int) -> None:
        """Set the transfer's size in bytes. Raises `TryLater` where there is no room for it."""
        if size > self.size:
            self._room.require(size - self.size, self)
        self.size = size

    async def receive(self, request: Request, limit: int, seconds: float) -> bytes:
        """The body of a request: it has so many `seconds`, and once more after each stretch at `RATE`.

        Raises `TooLarge`, `Malformed` where it is late or its sender went away, `TryLater` where it gave way.
        """
        body = bytearray()
        try:
            async with self._moving(seconds):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > limit:
                        raise TooLarge.saying("the body is longer than {most} bytes", most=limit)
                    self.hold(len(body) + len(chunk))
                    body += chunk
                    self._moved(len(chunk), seconds)
        except ClientDisconnect:
            raise Malformed("the sender went away") from None
        except TimeoutError:
            if len(body) > SMALL:
                raise Malformed.saying(
                    "the body arrived at less than {rate} KiB a second", rate=RATE >> 10
                ) from None
            raise Malformed.saying(
                "the body did not arrive within {seconds} seconds", seconds=f"{seconds:.0f}"
            ) from None
        return bytes(body)

    async def send(self, response: Response, send: Send) -> None:
        """Hand over an answer as fast as its reader takes it. Raises `TryLater` where it gave way."""
        content = bytes(response.body)
        async with self._moving(None):
            head = {"status": response.status_code, "headers": response.raw_headers}
            await send({"type": "http.response.start", **head})
            for start in range(0, len(content), _PIECE):
                piece = content[start : start + _PIECE]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                self._moved(len(piece), None)
                await asyncio.sleep(0)  # the connection tells only now whether its buffers are full
            await send({"type": "http.response.body", "body": b""})  # waits until they are not

    def speed(self) -> float | None:
        """Bytes a second that were moved lately; `None` where it cannot give way.

        It is small, or is being judged, or too new to be measured.
        """
        if self._scope is None or self._scope.expired() or self.size <= SMALL:
            return None
        return self._pace.speed(asyncio.get_running_loop().time())

    def give_way(self) -> None:
        """Leave the room to others: end the current transfer, and accept no more bytes."""
        assert self._scope is not None  # it has a speed
        self._gave_way, self.size = True, 0
        self._scope.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def _moving(self, seconds: float | None) -> AsyncIterator[None]:
        """Allow others to displace this transfer until the block ends. Raises `TimeoutError` if too slow."""
        self._pace = _Pace(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(seconds) as self._scope:
                yield
        except TimeoutError:
            if self._gave_way:
                raise TryLater("too much is sent at once, and this was the slowest") from None
            raise
        finally:
            self._scope = None

    def _moved(self, count: int, seconds: float | None) -> None:
        """Count so many more bytes; each stretch at `RATE` extends the deadline by the same `seconds`."""
        now, before = asyncio.get_running_loop().time(), self._pace.total
        self._pace.add(count, now)
        if self._scope and seconds and before // (RATE * seconds) < self._pace.total // (RATE * seconds):
            self._scope.reschedule(now + seconds)


class _Pace:
    """Bytes by time, in windows of two seconds."""

    def __init__(self, now: float) -> None:
        self.total = 0
        self._begun = self._since = now
        self._before = self._count = 0

    def add(self, count: int, now: float) -> None:
        self._turn(now)
        self._count += count
        self.total += count

    def speed(self, now: float) -> float | None:
        """Bytes a second over the last two to four seconds; `None` before there are two."""
        self._turn(now)
        if now - self._begun < _WINDOW:
            return None
        return (self._before + self._count) / (now - self._since + _WINDOW)

    def _turn(self, now: float) -> None:
        if windows := int((now - self._since) / _WINDOW):
            self._before = self._count if windows == 1 else 0
            self._count = 0
            self._since += windows * _WINDOW


class Counted(Response):
    """An answer that counts until it is sent."""

    def __init__(self, answer: Response, transfer: Transfer, held: ExitStack) -> None:
        """`held` ends the transfer when it is closed."""
        super().__init__(answer.body, answer.status_code, answer.headers)
        self._transfer, self._held = transfer, held

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        with self._held, suppress(TryLater):  # cut off: no browser takes it for the whole page
            await self._transfer.send(self, send)
