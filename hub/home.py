"""The folder of a hub: `keys.json` with its witness's key, and `witness.sqlite` with what that signed.

Its mirrors are in `mirror/`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from keys import KeyFile, PrivateKey
from keys.mldsa import KEY, MlDsaKey, MlDsaSigner
from keys.signer import Passphrase
from ledger.note import SignatureType, VerifierKey
from ledger.witness import Witness, WitnessState
from wire.files import sync_folder
from wire.problem import Conflict

from .mirrors import Cosigner, Mirrors
from .problem import NO_HUB

KEYS = "keys.json"
STATE = "witness.sqlite"
MIRRORS = "mirror"
_KEY = "witness"


def make_hub(
    folder: Path, name: str, passphrase: Callable[[], bytes | None], *, new_key: bool = False
) -> WitnessState:
    """Make a hub whose witness is called `name`, preferably a web address without https://.

    With `new_key` the hub that is there gets another key, and is another witness from then on: it has signed
    nothing. Raises `Malformed` for a name that cannot be one, before anything is asked or written, and
    `Conflict` where there are keys already.
    """
    VerifierKey(name, SignatureType.ML_DSA_44, MlDsaKey(bytes(KEY)))
    if (folder / KEYS).exists() and not new_key:
        raise Conflict.saying("{folder} is a hub already", folder=str(folder))
    making = folder / f"{KEYS}.new"
    making.unlink(missing_ok=True)
    keys = KeyFile.create(making, {_KEY: "Ed25519"}, passphrase())
    key = VerifierKey(name, SignatureType.COSIGNATURE, keys.public_keys[_KEY])
    second = VerifierKey(name, SignatureType.ML_DSA_44, _second(keys).public_key)
    state = WitnessState.create(folder / STATE, key, second, kept=_beside(folder), is_new_key=new_key)
    # Last of all: before that there is no hub, so that whoever is killed here begins anew.
    making.replace(folder / KEYS)
    making.with_name(f"{making.name}.lock").unlink(missing_ok=True)
    sync_folder(folder)
    return state


def open_state(folder: Path) -> WitnessState:
    """The signing state of a hub's witness; reading it needs no passphrase.

    Raises `NotFound`, `Damaged`.
    """
    return _state(folder, _keys(folder, lambda: None))


def open_witness(
    folder: Path,
    passphrase: Passphrase,
    clock: Callable[[], datetime],
    is_sure: Callable[[str], bool] = lambda _: True,
) -> Witness:
    """The witness of a hub, ready to sign: its passphrase is asked for now, and not at the first request.

    `is_sure` is as in `Witness`. Raises `NotFound`, `Damaged`, and what opening the key raises.
    """
    keys = _keys(folder, passphrase)
    return Witness(_state(folder, keys), keys.signer(_KEY), clock, is_sure, second=_second(keys))


def open_mirrors(folder: Path, state: WitnessState) -> Mirrors:
    """The mirrors of a hub, which sign nothing: that needs no passphrase."""
    return Mirrors(folder / MIRRORS, state)


def open_signing_mirrors(
    folder: Path,
    state: WitnessState,
    passphrase: Passphrase,
    clock: Callable[[], datetime],
    is_sure: Callable[[str], bool] = lambda _: True,
) -> Mirrors:
    """The mirrors of a hub with their key, which is made of the root in the key file.

    `is_sure` is as in `Witness`. Raises as `open_witness`.
    """
    key = PrivateKey.from_secret("Ed25519", _keys(folder, passphrase).secret("mirror")[:32])
    # tlog-mirror: a cosigner of its own, with a name of its own.
    name = f"{state.key.name.removesuffix('/witness')}/mirror"
    vkey = VerifierKey(name, SignatureType.COSIGNATURE, key.public_key)
    return Mirrors(folder / MIRRORS, state, Cosigner(vkey, key, clock, is_sure))


def _keys(folder: Path, passphrase: Passphrase) -> KeyFile:
    if not (folder / KEYS).exists():
        raise NO_HUB.saying("there is no hub in {folder}", folder=str(folder))
    return KeyFile.open(folder / KEYS, passphrase)


def _second(keys: KeyFile) -> MlDsaSigner:
    """The witness's key for ML-DSA-44, which is made of the root in the key file."""
    return MlDsaSigner(keys.secret("witness-ml-dsa-44"))


def _state(folder: Path, keys: KeyFile) -> WitnessState:
    return WitnessState(folder / STATE, keys.public_keys[_KEY], kept=_beside(folder))


def _beside(folder: Path) -> Path:
    """The file that reveals an older copy of the folder: it lies beside the folder, not in it."""
    return folder.with_name(f"{folder.name}.kept")
