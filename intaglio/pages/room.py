"""The memory that forms and their answers take: counted as it is used, and bounded.

A body counts by what has arrived, never by what its head announces, so that a few bytes keep nobody out. An
answer counts until it is sent. Where room ends, the slowest large transfer gives way. Small ones never do: a
service has too few connections for them to fill the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
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
    """The places of one service."""

    def __init__(self, most: int = MOST, share: int | None = SHARE) -> None:
        """`share` is for one address: `None` behind a proxy, whose address all senders have."""
        self._most, self._share = most, share
        self._places = set[Place]()

    @contextmanager
    def taken(self, sender: str) -> Iterator[Place]:
        """A place for one request until the block ends, empty at first."""
        place = Place(self, sender)
        self._places.add(place)
        try:
            yield place
        finally:
            self._places.remove(place)

    def require(self, more: int, place: Place) -> None:
        """Make room for so many more bytes in a place. Raises `TryLater` where no other place gives way."""
        if self._share is not None:
            own = [one for one in self._places if one.sender == place.sender]
            self._require(more, place, own, self._share)
        self._require(more, place, self._places, self._most)

    def _require(self, more: int, place: Place, places: set[Place] | list[Place], most: int) -> None:
        while sum(one.size for one in places) + more > most:
            movable = [(speed, one) for one in places if (speed := one.speed()) is not None]
            _, slowest = min(movable, default=(0.0, None), key=lambda both: both[0])
            if slowest is None or slowest is place:
                raise TryLater("too much is sent at once")
            slowest.give_way()


class Place:
    """What one request takes of the room: its body, and then its answer."""

    def __init__(self, room: Room, sender: str) -> None:
        self.sender, self.size = sender, 0
        self._room = room
        self._scope: asyncio.Timeout | None = None
        self._gave_way = False

    def hold(self, size: int) -> None:
        """Take so many bytes from now on. Raises `TryLater`."""
        if self._gave_way:
            raise TryLater("too much is sent at once, and this was the slowest")
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
                    self._moved(len(chunk))
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
                self._moved(len(piece))
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
        """Leave the room to others: what was being moved ends, and takes no more from now on."""
        assert self._scope is not None  # it has a speed
        self._gave_way, self.size = True, 0
        self._scope.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def _moving(self, seconds: float | None) -> AsyncIterator[None]:
        """Until the block ends, this may be asked to give way. Raises `TimeoutError` for what is too slow."""
        self._pace, self._seconds, self._stretch = _Pace(asyncio.get_running_loop().time()), seconds, 0
        try:
            async with asyncio.timeout(seconds) as self._scope:
                yield
        except TimeoutError:
            if self._gave_way:
                raise TryLater("too much is sent at once, and this was the slowest") from None
            raise
        finally:
            self._scope = None

    def _moved(self, count: int) -> None:
        now = asyncio.get_running_loop().time()
        self._pace.add(count, now)
        self._stretch += count
        if self._scope and self._seconds is not None and self._stretch >= RATE * self._seconds:
            self._stretch %= int(RATE * self._seconds)
            self._scope.reschedule(now + self._seconds)


class _Pace:
    """Bytes by time, in windows of two seconds."""

    def __init__(self, now: float) -> None:
        self._begun = self._since = now
        self._before = self._count = 0

    def add(self, count: int, now: float) -> None:
        self._turn(now)
        self._count += count

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


class Held(Response):
    """An answer that takes its place until it is sent."""

    def __init__(self, answer: Response, place: Place, held: ExitStack) -> None:
        """`held` gives the place back when it is closed."""
        super().__init__(answer.body, answer.status_code, answer.headers)
        self._place, self._held = place, held

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        with self._held, suppress(TryLater):  # cut off: no browser takes it for the whole page
            await self._place.send(self, send)
