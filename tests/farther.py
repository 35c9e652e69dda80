"""A line to a server on this machine on which everything arrives later, as if it were elsewhere."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK = 1 << 16


@contextmanager
def farther(port: int, delay: float) -> Iterator[int]:
    """The port of loopback by which the one at `port` is so many seconds away, each way."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fork = multiprocessing.get_context("fork")
        process = fork.Process(target=_run, args=(listening, port, delay), daemon=True)
        process.start()
        try:
            yield listening.getsockname()[1]
        finally:
            process.kill()
            process.join()


def _run(listening: socket.socket, port: int, delay: float) -> None:
    async def serve() -> None:
        async def connected(client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
            server, ask = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pass_on(client, ask, delay), _pass_on(server, answer, delay))

        async with await asyncio.start_server(connected, sock=listening) as server:
            await server.serve_forever()

    asyncio.run(serve())


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float) -> None:
    """Passes data on after a delay, with any amount under way: a long line, not a narrow one."""
    clock = asyncio.get_running_loop()
    under_way = asyncio.Queue[tuple[float, bytes]]()

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - clock.time())
            if not data:
                target.close()
                return
            target.write(data)

    arriving = clock.create_task(arrive())
    while data := await source.read(_CHUNK):
        under_way.put_nowait((clock.time() + delay, data))
    under_way.put_nowait((clock.time() + delay, b""))
    await arriving
