"""The machines of an issuer: a row for each in their database, and the clock by which they agree.

A machine whose clock differs from the database's by more than `TOLERANCE` signs nothing; the others go on.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import orjson

from keys import KeyFile, PublicKey
from ledger.shared import store_address
from wire.files import locked, read_regular, write_durably
from wire.health import Finding
from wire.problem import Damaged, Malformed
from wire.strict import load_json_object
from wire.text import printable

from ..problem import CLOCK_UNLIKE_DATABASE

if TYPE_CHECKING:
    from .machine_rows import Machine

FILE = "machine.json"
"""The file with the name of this machine among those of its issuer."""
TOLERANCE = timedelta(minutes=2)
"""The largest difference between the clock of a machine that signs and that of the database."""
INTERVAL = timedelta(minutes=1)
"""The time after which a machine that signs compares its clock again, and renews its row."""
LONG = timedelta(days=7)
"""The time after which `doctor` asks about a machine that was not seen."""
_LARGEST = 1 << 16  # bytes of the file
_LONGEST = 255  # characters of a machine's name


def clock_of_machine(
    home: Path,
    keys: KeyFile,
    clock: Callable[[], datetime],
    *,
    tolerance: timedelta = TOLERANCE,
    interval: timedelta = INTERVAL,
) -> Callable[[], datetime]:
    """The clock by which the machine with this folder signs, compared with the database's.

    It is compared now, and at a call after each `interval`; the machine's row is renewed by that. The clock
    itself, where one machine has all in its folder. Raises `CLOCK_UNLIKE_DATABASE`, as calls of the clock do,
    where the two differ by more than the `tolerance`, and the errors of the database.
    """
    address = store_address(home)
    if address is None:
        return clock
    checked = _CheckedClock(home, address, keys, clock, tolerance, interval.total_seconds())
    checked()
    return checked


@dataclass(slots=True)
class _CheckedClock:
    home: Path
    address: str
    keys: KeyFile
    clock: Callable[[], datetime]
    tolerance: timedelta
    interval: float
    due: float = 0.0  # by the monotonic clock, which nobody sets

    def __call__(self) -> datetime:
        if monotonic() >= self.due:
            from .machine_rows import renew

            row = machine_id(self.home), host(), version("intaglio"), _multikeys(self.keys.public_keys)
            ahead = renew(self.address, row, self.clock)
            # A date that the others refuse as ahead of theirs would hold up all of them (ADR 20).
            if abs(ahead) > self.tolerance:
                raise CLOCK_UNLIKE_DATABASE.saying(
                    "the clock of {machine} differs from that of the database by {seconds} seconds",
                    machine=host(),
                    seconds=round(abs(ahead).total_seconds()),
                )
            self.due = monotonic() + self.interval
        return self.clock()


def host() -> str:
    """The name of this host, for people."""
    return printable(socket.gethostname())[:_LONGEST]


def machine_id(home: Path) -> str:
    """The random id of the machine with this folder, made when first asked for. Raises as `_known`."""
    with locked(home / FILE):
        if (identifier := _known(home)) is None:
            identifier = secrets.token_hex(16)
            write_durably(home / FILE, orjson.dumps({"version": 1, "id": identifier}))
    return identifier


def _known(home: Path) -> str | None:
    """The id, if there is one yet. Raises `Damaged` for a file that is not as it was written."""
    path = home / FILE
    try:
        identifier = load_json_object(read_regular(path, _LARGEST)).get("id")
    except FileNotFoundError:
        return None
    except Malformed as error:
        raise Damaged.saying("{file} cannot be read", file=str(path)) from error
    if not isinstance(identifier, str):
        raise Damaged.saying("{file} cannot be read", file=str(path))
    return identifier


def examine_machines(
    home: Path, keys: Mapping[str, PublicKey], *, tolerance: timedelta = TOLERANCE, long: timedelta = LONG
) -> Iterator[Finding]:
    """Findings about all machines of an issuer, asked by the one with this folder and these keys.

    Raises the errors of the database.
    """
    address = store_address(home)
    if address is None:
        return
    from .machine_rows import machines

    for machine in machines(address, _known(home)):
        yield from _examined(machine, _multikeys(keys), tolerance, long)


def machines_without(home: Path, keys: Mapping[str, PublicKey] | None) -> list[str]:
    """The names of the other machines that lack some of these keys, or, for `None`, of all others.

    Raises the errors of the database.
    """
    address = store_address(home)
    if address is None:
        return []
    from .machine_rows import machines

    wanted = None if keys is None else set(_multikeys(keys).values())
    others = (machine for machine in machines(address, _known(home)) if not machine.is_here)
    return [each.name for each in others if wanted is None or not wanted <= set(each.keys.values())]


def _multikeys(keys: Mapping[str, PublicKey]) -> dict[str, str]:
    return {name: key.multikey() for name, key in keys.items()}


def _examined(
    machine: Machine, keys_here: Mapping[str, str], tolerance: timedelta, long: timedelta
) -> Iterator[Finding]:
    name, time = machine.name, f"{machine.seen.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    yield Finding.passed("machine-seen", machine=name, release=machine.release, time=time)
    if abs(machine.ahead) > tolerance:
        yield Finding.failed("machine-clock", machine=name, seconds=round(abs(machine.ahead).total_seconds()))
    if machine.is_here:
        return
    if machine.absent > long:
        yield Finding.warned("machine-absent", machine=name, time=time)
    if machine.release != (ours := version("intaglio")):
        yield Finding.warned("machine-release", machine=name, release=machine.release, ours=ours)
    unlike = {
        key for key in machine.keys.keys() | keys_here.keys() if machine.keys.get(key) != keys_here.get(key)
    }
    if unlike:
        yield Finding.failed("machine-keys", machine=name, keys=", ".join(sorted(unlike)))
