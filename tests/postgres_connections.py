"""Stand-ins between a program and its database: a pool of connections, or a network that breaks."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.postgres_server import Server
from tests.postgres_twin import Twin
from tests.serving import listening

bouncer_needed = pytest.mark.skipif(
    shutil.which("pgbouncer") is None, reason="no pgbouncer: apt-get install pgbouncer"
)

_BOUNCER = """
[databases]
* = host={folder} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 6
"""


@contextlib.contextmanager
def bouncer(server: Server, *users: str) -> Iterator[int]:
    """A pgbouncer that pools transactions of these users; the port that it listens on."""
    with listening() as free:
        port = free.getsockname()[1]
    (server.folder / "users").write_text("".join(f'"{user}" ""\n' for user in users))
    settings = server.folder / "bouncer.ini"
    settings.write_text(_BOUNCER.format(folder=server.folder, port=server.port, own=port))
    with server.running("pgbouncer", "-q", str(settings)):
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port


class Cutting:
    """A proxy before a server, which passes on one COMMIT and then cuts the line, so the answer is lost."""

    def __init__(self, server: Server | Twin) -> None:
        self._server, self.cuts = server, 0
        self.cut_at = -1
        """The number of commits to pass on before the line is cut; below zero it is never cut."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                database = socket.create_connection(("127.0.0.1", self._server.port))
                threading.Thread(target=self._pass_on, args=(client, database), daemon=True).start()

    def _pass_on(self, client: socket.socket, database: socket.socket) -> None:
        with contextlib.suppress(OSError), client, database:
            while True:
                for ready in select.select([client, database], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    (database if ready is client else client).sendall(data)
                    if ready is client and b"COMMIT\0" in data:
                        self.cut_at -= 1
                        if self.cut_at == -1:
                            database.recv(1 << 16)  # so that it was done
                            self.cuts += 1
                            return
