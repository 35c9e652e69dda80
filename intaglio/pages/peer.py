"""The address whose connection a request came by, where the system tells.

Another user of this machine can read a page's address in the list of processes, if a browser was started with
it: it is no proof of who asks.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from fastapi import Request

from wire.problem import Refused

TABLE = Path("/proc/net/tcp")
"""The system's table of connections by IPv4 (proc_net_tcp(5)); only Linux has it."""

_ESTABLISHED = "01"  # of a connection whose sender left already, the table names no user, or root


def require_own_user(request: Request) -> None:
    """Raises `Refused` unless a process of this user has the other end of a request's connection."""
    client, server = request.client, request.scope["server"]
    if client is None or not is_of_user(os.geteuid(), (client.host, client.port), tuple(server)):
        raise Refused(
            "only the user who started this page can recognise an issuer by it",
            hint="Add it by the command: intaglio trust add FILE",
        )


def is_of_user(user: int, client: tuple[str, int], server: tuple[str, int], table: Path = TABLE) -> bool:
    """True if the socket at `client` that is connected to `server` belongs to the user with this number.

    False, too, where the table cannot be read or does not have the socket.
    """
    try:
        ends = _end(*client), _end(*server)
        with table.open("rb") as lines:
            rows = (line.split() for line in lines)
            return any(
                (row[1].decode(), row[2].decode(), row[3].decode()) == (*ends, _ESTABLISHED)
                and int(row[7]) == user
                for row in rows
                if len(row) > 7
            )
    except OSError:
        return False


def _end(host: str, port: int) -> str:
    """An address as the table has it: the four bytes as one number of this machine, in hexadecimal."""
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
