"""The folder of a hub: `keys.json` with its witness's key, and `witness.sqlite` with what that signed.

Its mirrors are in `mirror/`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from keys import KeyFile, PrivateKey
from keys.signer import Passphrase
from ledger.note import SignatureType, VerifierKey
from ledger.witness import Witness, WitnessState
from wire.problem import Conflict

from .mirrors import Mirrors
from .problem import NO_HUB

KEYS = "keys.json"
STATE = "witness.sqlite"
MIRRORS = "mirror"
_KEY = "witness"


def make_hub(folder: Path, name: str, passphrase: Callable[[], bytes | None]) -> WitnessState:
    """Make a hub whose witness is called `name`, preferably a web address without https://.

    Raises `Malformed` for a name that cannot be one, before anything is asked or written, and `Conflict`
    where there are keys already.
    """
    VerifierKey(name, SignatureType.COSIGNATURE, PrivateKey.generate().public_key)
    if (folder / KEYS).exists():
        raise Conflict.saying("{folder} is a hub already", folder=str(folder))
    public = KeyFile.create(folder / KEYS, {_KEY: "Ed25519"}, passphrase()).public_keys[_KEY]
    key = VerifierKey(name, SignatureType.COSIGNATURE, public)
    return WitnessState.create(folder / STATE, key, kept=_beside(folder))


def open_state(folder: Path) -> WitnessState:
    """The signing state of a hub's witness; reading it needs no passphrase.

    Raises `NotFound`, `Damaged`.
    """
    return _state(folder, _keys(folder, lambda: None))


def open_witness(folder: Path, passphrase: Passphrase, clock: Callable[[], datetime]) -> Witness:
    """The witness of a hub, ready to sign: its passphrase is asked for now, and not at the first request.

    Raises `NotFound`, `Damaged`, and what opening the key raises.
    """
    keys = _keys(folder, passphrase)
    return Witness(_state(folder, keys), keys.signer(_KEY), clock)


def open_mirrors(folder: Path, state: WitnessState) -> Mirrors:
    """The mirrors of a hub."""
    return Mirrors(folder / MIRRORS, state)


def _keys(folder: Path, passphrase: Passphrase) -> KeyFile:
    if not (folder / KEYS).exists():
        raise NO_HUB.saying("there is no hub in {folder}", folder=str(folder))
    return KeyFile.open(folder / KEYS, passphrase)


def _state(folder: Path, keys: KeyFile) -> WitnessState:
    return WitnessState(folder / STATE, keys.public_keys[_KEY], kept=_beside(folder))


def _beside(folder: Path) -> Path:
    """The file that reveals an older copy of the folder: it lies beside the folder, not in it."""
    return folder.with_name(f"{folder.name}.kept")
