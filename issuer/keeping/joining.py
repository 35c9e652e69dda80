"""Making another machine of an issuer: its keys go there in a file; all else lies where machines share it.

The file has what `keys.json` has, sealed as that is, with the addresses of the issuer's database and log.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson

from keys import KeyFile
from keys.signer import Passphrase
from ledger.folder import ADDRESS as LEDGER
from ledger.folder import address_in
from ledger.tiles.engines import address_of
from wire.consent import Agree
from wire.files import read_regular, sync_folder, write_durably
from wire.problem import Conflict, Damaged, Malformed, NotFound
from wire.strict import load_json_object

from ..identity.home import Identity
from ..identity.root import require_root
from ..identity.succession import ROLES, require_in_force
from ..problem import HOME_TAKEN, NOT_SHARED
from ..shared import STORE, keep_store_address, shared_in, store_address
from .backup import unpacking

KEYS = "keys.json"
_LARGEST = 1 << 21  # bytes of the file


def write_keys(home: Path, path: Path) -> bool:
    """Writes the file of keys of this machine to `path`, for another machine; true if they are sealed.

    Raises `NOT_SHARED` where index, log or archive lies in the folder of this one, `Conflict` where the file
    exists, and as `Identity.read` and `KeyFile.open`.
    """
    address, ledger, shards = store_address(home), address_in(home), Identity.read(home).shards
    # Others could neither give out what stands in shards of this folder, nor finish what was begun here.
    if address is None or ledger is None or not shards:
        what = "index" if address is None else "log" if ledger is None else "archive"
        raise NOT_SHARED.saying("the {what} lies in {folder}, for one machine", what=what, folder=str(home))
    is_sealed = KeyFile.open(home / KEYS, lambda: None).protected
    keys = load_json_object(read_regular(home / KEYS, _LARGEST), limit=_LARGEST)
    content = {"version": 1, "store": address, "ledger": ledger, "keys": keys}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict.saying("{file} exists already", file=str(path)) from None
    os.close(descriptor)
    write_durably(path, orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return is_sealed


def join(home: Path, address: str, file: Path, passphrase: Passphrase, agree: Agree) -> Identity:
    """Makes a folder the home of another machine, by the file that `write_keys` wrote, whole or not at all.

    A machine that is there, over the same database, gets the keys and the log's address of the file in the
    place of its own.
    `agree` is called with the address of the log, which the file names. Raises `HOME_TAKEN` where something
    else is in the folder, `ANOTHER_ROOT` and `KeysChanged` for keys that are not, or no longer, those of the
    issuer in the database, `NotFound` where there is no file, and `Damaged` where it is not as written.
    """
    ledger, keys = _read(file)
    if home.exists() and not ((home / STORE).exists() and store_address(home) == address):
        raise HOME_TAKEN(f"{home} exists already, and is no machine over this database")
    agree(address_of(ledger))
    with unpacking(home) as folder:
        write_durably(folder / KEYS, orjson.dumps(keys, option=orjson.OPT_INDENT_2))
        keep_store_address(folder, address)
        write_durably(folder / LEDGER, orjson.dumps({"version": 1, "address": ledger}))
        identity = _required(folder, passphrase)
        if home.exists():
            for name in (LEDGER, KEYS):  # after a refused `init`, only the address of the database is there
                write_durably(home / name, (folder / name).read_bytes())
        else:
            folder.rename(home)
            sync_folder(home.parent)
    return identity


def _required(folder: Path, passphrase: Passphrase) -> Identity:
    """The issuer in the database. Raises as `join` for the keys in a folder that are not its."""
    keys = KeyFile.open(folder / KEYS, passphrase)
    require_root(shared_in(folder), keys)
    identity = Identity.read(folder)
    roles = set(ROLES) if identity.rotates else {"assertion"}
    for role in sorted(keys.public_keys.keys() & roles):
        require_in_force(folder, identity.verification_method(keys.public_keys[role], role))
    return identity


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    """The address of the log, and the content for `keys.json`."""
    try:
        content = load_json_object(read_regular(file, _LARGEST), limit=_LARGEST)
    except FileNotFoundError as error:
        raise NotFound.saying("there is no file {file}", file=str(file)) from error
    except Malformed as error:
        raise Damaged.saying("{file} cannot be read", file=str(file)) from error
    ledger, keys = content.get("ledger"), content.get("keys")
    if content.get("version") != 1 or not isinstance(ledger, str) or not isinstance(keys, dict):
        raise Damaged.saying("{file} cannot be read", file=str(file))
    return ledger, keys
