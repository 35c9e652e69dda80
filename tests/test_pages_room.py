"""The memory of the page's service: what few bytes take of it, who gives way, and what is given back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from intaglio.pages.inspection import Sent, Sheet
from intaglio.pages.room import Room
from intaglio.pages.upload import MAX_BODY
from tests.pages import mount
from tests.virtual_time import run
from wire import TryLater

KIB, MIB = 1 << 10, 1 << 20
WAITS = 10_000.0  # seconds, longer than anything is waited for


class Request:
    """A form that comes in pieces, each after a pause, and whose answer is read or not."""

    def __init__(
        self,
        *pieces: tuple[float, int],
        announced: int | None = None,
        sender: str = "192.0.2.1",
        reads: float = 0.0,
        ends: bool = True,
        leaves: bool = False,
    ) -> None:
        """Pieces are seconds and bytes, and `reads` the seconds that a piece of the answer takes.

        Without `ends` more is awaited; who `leaves` hangs up instead.
        """
        self.pieces, self.sender, self.reads, self.ends = list(pieces), sender, reads, ends
        self.leaves = leaves
        self.announced = sum(size for _, size in pieces) if announced is None else announced
        self.status, self.received, self.answered = 0, b"", -1.0
        self.is_whole = False

    async def to(self, app: Any) -> int:
        """The status of the answer."""
        headers = {
            "Host": "localhost:8470",
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(self.announced),
        }
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": (self.sender, 1),
            "server": ("127.0.0.1", 8470),
        }
        await app(scope, self._receive, self._send)
        return self.status

    async def _receive(self) -> dict[str, Any]:
        if self.pieces:
            pause, size = self.pieces.pop(0)
            await asyncio.sleep(pause)
            return {
                "type": "http.request",
                "body": bytes(size),
                "more_body": bool(self.pieces) or not self.ends,
            }
        await asyncio.sleep(0 if self.leaves else WAITS)
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answered = asyncio.get_running_loop().time()
        else:
            self.received += message["body"]
            self.is_whole = not message.get("more_body")
            await asyncio.sleep(self.reads)


def slowly(size: int, rate: int) -> list[tuple[float, int]]:
    """Pieces of a body that arrives at so many bytes a second."""
    piece = rate // 2
    return [(0.5, piece)] * (size // piece)


def service(room: Room | None = None, answer: bytes = b"answer") -> FastAPI:
    async def ask(_sent: Sent) -> Sheet:
        return Sheet(200, answer)

    app = FastAPI()
    mount(app, 8470, ask, **({"room": room} if room else {}))
    return app


@contextlib.asynccontextmanager
async def under_way(app: FastAPI, *requests: Request) -> AsyncIterator[None]:
    """Until the block ends, which is a moment after they began."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.to(app)) for one in requests]
        await asyncio.sleep(0.1)
        yield
        for task in tasks:
            task.cancel()


def small(sender: str = "192.0.2.99") -> Request:
    return Request((0, 300), sender=sender)


def test_what_is_announced_keeps_nobody_out() -> None:
    """Bodies of 8 MiB, of which nine bytes arrive."""

    async def asked() -> int:
        app = service()
        announced = [Request((0, 9), announced=MAX_BODY, ends=False) for _ in range(30)]
        async with under_way(app, *announced):
            return await small("192.0.2.1").to(app)

    assert run(asked()) == 200


@pytest.mark.parametrize(
    ("pieces", "status", "at_most"),
    [
        (slowly(8 * MIB, 20 * KIB), 200, 420),
        (slowly(1 * MIB, 12 * KIB), 408, 21),
        ([(0, 200 * KIB), (WAITS, 1)], 408, 10),
        ([(0, 200 * KIB), (9, 200 * KIB), (9, 9)], 200, 18),
        ([(0, 100), (9, 100)], 200, 9),
        ([(0, 100), (9, 100), (2, 100)], 408, 10),
        (slowly(60 * KIB, 4 * KIB), 408, 10),
    ],
    ids=["fast", "slow", "stops", "pauses", "small", "small and late", "small and slow"],
)
def test_a_long_body_has_as_long_as_it_arrives_fast_and_a_short_one_ten_seconds(
    pieces: list[tuple[float, int]], status: int, at_most: float
) -> None:
    request = Request(*pieces)
    assert run(request.to(service())) == status
    assert request.answered <= at_most + 0.5
    is_long = request.announced > 64 * KIB
    assert (b"less than 16 KiB a second" in request.received) is (status == 408 and is_long)
    assert (b"within 10 seconds" in request.received) is (status == 408 and not is_long)


def test_where_room_ends_the_slowest_gives_way() -> None:
    async def asked() -> list[int]:
        app = service(Room(MIB))
        fast = Request((0, 100 * KIB), *slowly(500 * KIB, 100 * KIB))
        slow = Request((0, 300 * KIB), *slowly(500 * KIB, 20 * KIB))
        small_one = Request((0, 60 * KIB), *[(1, 100)] * 8)
        others = [fast, slow, small_one]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.to(app)) for one in others]
            await asyncio.sleep(4)
            late = await Request((0, 400 * KIB)).to(app)
        return [*(task.result() for task in tasks), late]

    assert run(asked()) == [200, 503, 200, 200]


def test_who_gives_way_is_told_at_once() -> None:
    async def asked() -> tuple[int, float]:
        stopped = Request((0, 900 * KIB), ends=False)
        app = service(Room(MIB))
        async with asyncio.TaskGroup() as group:
            group.create_task(stopped.to(app))
            await asyncio.sleep(4)
            assert await Request((0, 200 * KIB)).to(app) == 200
        return stopped.status, stopped.answered

    assert run(asked()) == (503, 4)


def test_who_was_fast_and_stopped_is_slow() -> None:
    async def asked() -> list[int]:
        app = service(Room(MIB))
        stopped = Request((0, 600 * KIB), (WAITS, 1))
        steady = Request((0, 70 * KIB), *slowly(250 * KIB, 30 * KIB))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.to(app)) for one in (stopped, steady)]
            await asyncio.sleep(5)
            assert await Request((0, 400 * KIB)).to(app) == 200
        return [task.result() for task in tasks]

    assert run(asked()) == [503, 200]


def test_an_answer_that_is_read_fast_is_not_the_slowest() -> None:
    async def asked() -> tuple[list[int], bool]:
        app = service(Room(2 * MIB), bytes(MIB))
        read = Request((0, 300), reads=0.5)
        slow = Request((0, 70 * KIB), *slowly(600 * KIB, 20 * KIB), ends=False)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.to(app)) for one in (read, slow)]
            await asyncio.sleep(4)
            assert await Request((0, 950 * KIB), reads=WAITS / 1e6).to(app) == 200
        return [task.result() for task in tasks], read.is_whole

    assert run(asked()) == ([200, 503], True)


def test_who_is_slower_than_all_others_gives_way_himself() -> None:
    async def asked() -> list[int]:
        app = service(Room(MIB))
        fast = Request((0, 500 * KIB), *slowly(450 * KIB, 100 * KIB))
        slow = Request((0, 70 * KIB), *slowly(40 * KIB, 17 * KIB), (0.5, 200 * KIB))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.to(app)) for one in (fast, slow)]
        return [task.result() for task in tasks]

    assert run(asked()) == [200, 503]


def test_nobody_gives_way_before_his_speed_is_known() -> None:
    async def asked() -> int:
        app = service(Room(MIB))
        async with under_way(app, Request((0, 900 * KIB), ends=False)):
            return await Request((0, 200 * KIB)).to(app)

    assert run(asked()) == 503


def test_one_address_has_a_share_but_behind_a_proxy_which_has_the_address_of_all() -> None:
    async def asked(**options: Any) -> list[int]:
        app = service(**options)
        async with under_way(app, *[Request((0, 8 * MIB), ends=False) for _ in range(2)]):
            return [await Request((0, MIB), sender=name).to(app) for name in ("192.0.2.1", "192.0.2.2")]

    assert run(asked()) == [503, 200]
    assert run(asked(room=Room(share=None))) == [200, 200]


def test_an_answer_takes_room_until_it_is_read() -> None:
    async def asked() -> tuple[list[int], bool]:
        app = service(Room(MIB), bytes(900 * KIB))
        unread = Request((0, 300), reads=WAITS)
        async with under_way(app, unread):
            statuses = [await small().to(app)]
            await asyncio.sleep(3)
            statuses.append(await small().to(app))
            await asyncio.sleep(1)
            return statuses, unread.is_whole

    assert run(asked()) == ([503, 200], False)


async def _asked(_sent: Sent) -> Sheet:
    return Sheet(200, bytes(600 * KIB))


async def _busy(_sent: Sent) -> Sheet:
    raise TryLater("too much is being verified at once")


async def _broken(_sent: Sent) -> Sheet:
    raise ValueError


FAILURES: dict[str, tuple[Callable[[Sent], Any], Callable[[], Request]]] = {
    "is answered": (_asked, lambda: Request((0, 500 * KIB))),
    "is too long": (_asked, lambda: Request((0, 500 * KIB), (0, MAX_BODY))),
    "is late": (_asked, lambda: Request((0, 500 * KIB), (WAITS, 1))),
    "meets a busy judge": (_busy, lambda: Request((0, 500 * KIB))),
    "meets a broken judge": (_broken, lambda: Request((0, 500 * KIB))),
    "goes away": (_asked, lambda: Request((0, 500 * KIB), ends=False, leaves=True)),
}


@pytest.mark.parametrize("how", FAILURES)
def test_whatever_becomes_of_a_form_its_room_is_given_back(how: str) -> None:
    ask, make = FAILURES[how]

    async def asked() -> int:
        room = Room(10 * MIB)
        failing, app = FastAPI(), FastAPI()
        mount(failing, 8470, ask, room=room)
        mount(app, 8470, _asked, room=room)
        for _ in range(20):
            with contextlib.suppress(ValueError, TimeoutError):
                async with asyncio.timeout(60):
                    await make().to(failing)
        return await Request((0, MAX_BODY - KIB)).to(app)

    assert run(asked()) == 200
