"""Shared by the tests of witnesses: a log that can be forked, and the requests that it sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keys import PrivateKey
from ledger.add_checkpoint import AddCheckpoint
from ledger.note import Checkpoint, SignatureType, VerifierKey, checkpoint_text
from ledger.witness import Witness, WitnessState
from tests.ledger_samples import NOW, ORIGIN, SIGNER, naive_proof, naive_root, samples

LOG_KEY = VerifierKey(ORIGIN, SignatureType.ED25519, SIGNER.public_key)
WITNESS = PrivateKey.from_secret("Ed25519", b"\x07" * 32)
WITNESS_KEY = VerifierKey("witness.example/w1", SignatureType.COSIGNATURE, WITNESS.public_key)
URL = "https://ledger.example/log"


@dataclass(frozen=True)
class Branch:
    """One of the histories that a log may show; the first entries are `common` to all."""

    name: str = ""
    common: int = 0

    def entries(self, size: int) -> list[bytes]:
        entries = [f"{self.name} {index}".encode() for index in range(self.common, size)]
        return [*samples(0, min(self.common, size)), *entries]

    def note(self, size: int, *extensions: str, origin: str = ORIGIN, key: VerifierKey = LOG_KEY) -> bytes:
        text = checkpoint_text(origin, size, naive_root(self.entries(size)))
        text += "".join(f"{line}\n" for line in extensions).encode()
        return text + b"\n" + key.sign(SIGNER, text)

    def proof(self, old: int, size: int) -> Sequence[bytes]:
        return naive_proof(old, self.entries(size)) if 0 < old <= size else []

    def request(self, old: int, size: int, *extensions: str) -> bytes:
        return AddCheckpoint(
            old, self.proof(old, size), Checkpoint.parse(self.note(size, *extensions))
        ).write()


HONEST, FORK = Branch("honest", 2), Branch("fork", 2)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def new_witness(
    folder: Path, clock: Clock | None = None, *, make: type[WitnessState] = WitnessState
) -> Witness:
    """A witness that knows one log, and has signed nothing of it."""
    state = make.create(folder / "witness.sqlite", WITNESS_KEY, kept=folder / "kept")
    state.add(LOG_KEY, URL)
    return Witness(state, WITNESS, clock or Clock())


def stated(line: bytes, note: bytes) -> datetime:
    """The time that a cosignature on a note states, once it was seen to verify."""
    time = Checkpoint.parse(note + line).signers([WITNESS_KEY])[WITNESS_KEY]
    assert time is not None
    return time
