"""Shared by the tests of the log's side of witnesses: witnesses behind a line without a network."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from keys import PrivateKey
from ledger.cosigned import Cosigned
from ledger.cosigning import Witnesses
from ledger.log import Log
from ledger.note import SignatureType, VerifierKey
from ledger.problem import NOT_CONTINUED, OTHER_ROOT, WITNESS_AT_OTHER_SIZE
from ledger.tiles.memory import MemoryStore
from ledger.tiles.store import Store
from ledger.witness import Witness, WitnessState
from tests.ledger_samples import COSIGNER, NOW, ORIGIN, SIGNER, sample
from wire.fetch import NoFetcher
from wire.https import Response
from wire.message import Body
from wire.problem import NotFound, Problem, TooLarge, Unavailable

_STATUS = {WITNESS_AT_OTHER_SIZE.code: 409, OTHER_ROOT.code: 422, NOT_CONTINUED.code: 422}


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: int) -> None:
        self.now += timedelta(**span)


Answering = Callable[[str, str, bytes], Response]
"""Takes method, path and body."""


def answering(witness: Witness) -> Answering:
    """A witness, without its service: tests of the hub compare with that."""

    def answer(method: str, path: str, body: bytes) -> Response:
        try:
            if method == "GET":
                return Response(200, {}, witness.state.checkpoint(path.split("/")[1]))
            assert path == "/add-checkpoint"
            return Response(200, {}, witness.add_checkpoint(body))
        except Problem as problem:
            status = _STATUS.get(problem.code) or (404 if isinstance(problem, NotFound) else 403)
            told = f"{problem.facts['size']}\n" if status == 409 else str(problem)
            return Response(status, {}, told.encode())

    return answer


@dataclass
class Line(NoFetcher):
    """Leads each witness's address to its answers, as they are set."""

    answers: dict[str, Answering] = field(default_factory=dict)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def exchange(self, method: str, url: str, body: Body | None = None, **options: Any) -> Response:
        address = next(known for known in self.answers if url.startswith(f"{known}/"))
        content = body.content if body else b""
        with self.lock:
            self.asked.append((method, url, content))
        response = self.answers[address](method, url.removeprefix(address), content)
        if len(response.body) > options["limit"]:
            raise TooLarge("the answer is too long")
        return response


def dead(*_: object) -> Response:
    raise Unavailable("nobody is there")


@dataclass
class Town:
    """A log, and five witnesses that know it."""

    folder: Path
    time: Time = field(default_factory=Time)
    line: Line = field(default_factory=Line)
    store: Store = field(default_factory=MemoryStore)
    hubs: dict[str, Witness] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cosigned = Cosigned(self.folder)
        self.log = self.opened()

    def opened(self, store: Store | None = None) -> Log:
        return Log(ORIGIN, SIGNER, COSIGNER, store or self.store, clock=self.time, cosigned=self.cosigned)

    def hub(self, name: str) -> VerifierKey:
        """Another witness, or the one of that name in the folder; the log asks it from now on."""
        secret = PrivateKey.from_secret("Ed25519", name.encode().ljust(32, b"."))
        key = VerifierKey(f"{name}.example/witness", SignatureType.COSIGNATURE, secret.public_key)
        path, kept = self.folder / f"{name}.sqlite", self.folder / f"{name}.kept"
        if path.exists():
            state = WitnessState(path, secret.public_key, kept=kept)
        else:
            state = WitnessState.create(path, key, kept=kept)
            state.add(self.log.verifier_key, f"https://{ORIGIN}")
        self.hubs[name] = Witness(state, secret, self.time)
        self.line.answers[url(name)] = answering(self.hubs[name])
        self.cosigned.add(key, url(name))
        return key

    def add(self, *names: str) -> list[VerifierKey]:
        return [self.hub(name) for name in names]

    def append(self, count: int = 1) -> int:
        """The size of the log, once it is longer by so many."""
        size = self.log.checkpoint().size
        self.log.append([sample(index) for index in range(size, size + count)], b"%d" % size)
        return size + count

    def witnesses(self, agree: Callable[[str], None] = lambda _: None) -> Witnesses:
        return Witnesses(self.cosigned, self.line, self.time, agree)

    def problems(self) -> Mapping[str, str]:
        known = self.cosigned.witnesses()
        return {each.key.name.partition(".")[0]: each.problem for each in known if each.problem}


def url(name: str) -> str:
    return f"https://{name}.example/witness"
