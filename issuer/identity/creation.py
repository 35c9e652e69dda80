"""Making an issuer's folder: keys first, `issuer.json` last, so that a half-made one can be completed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from keys import KeyFile, Signer
from keys.signer import Passphrase, require_signs
from kinds import shipped
from kinds.compiling import with_compiled
from kinds.shipped import diploma_1
from ledger.folder import Engines, has_log, keep_address
from wire.files import make_private_folder
from wire.problem import Conflict

from ..archive.engines import make_index
from ..archive.shard_stores import ShardStores, shards_in
from ..press.update import TEMPLATE, has_template
from ..problem import ANOTHER_ISSUER, ANOTHER_KEY_TYPE, NO_KEYS_HERE
from ..shared import STORE, keep_store_address, shared_in, store_address
from . import documents
from .description import Description
from .home import FILE, KEY_TYPES, KEYS, Identity
from .kind import Kinds, keep_kind
from .root import keep_root
from .succession import remembered

_PATIENCE = 5.0  # seconds that one waits for another who makes the same


def create_home(
    home: Path,
    description: Description,
    passphrase: Passphrase,
    *,
    signer: Signer | None = None,
    has_index: bool = False,
    engines: Engines | None = None,
    shard_stores: ShardStores | None = None,
) -> KeyFile:
    """Makes an issuer, or checks that the existing one is the one described.

    Returns its keys, except that of a `signer`.

    With `has_index`, no index is made; `engines` are as in `ledger.folder`, `shard_stores` as in `shards_in`.
    The described kind is added to an existing issuer. Raises `Conflict` where another issuer lives in the
    folder, `NO_KEYS_HERE` for one in the database that this home has not joined, `Refused` for a description
    that is not sound, and the error that keeps the `signer` from signing.
    """
    if description.kind:
        description = replace(description, kind=with_compiled(description.kind))
    new_kind = description.kind or (diploma_1() if has_template(home) else shipped())
    make_private_folder(home)
    _keep_store(home, description.database)
    shared = shared_in(home)
    is_new = shared.read(FILE) is None and not any((home / name).exists() for name in ("log", "keys.json"))
    if is_new:
        description.require_sound()  # before anybody is asked
    sealed_under = passphrase() if is_new else None  # before others have to wait for the answer
    with shared.held(FILE, patience=_PATIENCE):
        if shared.read(FILE) is not None or has_log(home, engines=engines):
            Identity.read(home).require(description)
            if not (home / "keys.json").exists():
                raise NO_KEYS_HERE(f"an issuer lives in the database, and {home} has no keys of it")
            if description.ledger is not None:
                keep_address(home, description.ledger, engines=engines)
            keys = KeyFile.open(home / "keys.json", passphrase)
            _require_type(keys, signer, description.key_type)
            if description.kind is not None:
                Kinds(home).add(Kinds(home).as_kept(description.kind))
            return keys
        description.require_sound()  # before there are keys
        if description.ledger is not None:
            keep_address(home, description.ledger, engines=engines)
        shards_in(home, description.shards, "", stores=shard_stores)  # one that can be none, before keys
        types = _key_types(description, signer)
        if (home / "keys.json").exists():
            keys = KeyFile.open(home / "keys.json", passphrase)
            if types.keys() - keys.public_keys.keys():
                raise Conflict(f"{home / 'keys.json'} has the keys of something else, no issuer's")
        else:
            keys = KeyFile.create(home / "keys.json", types, sealed_under if is_new else passphrase())
        _require_type(keys, signer, description.key_type)
        identity = _write_files(home, replace(description, kind=new_kind), keys, signer, has_index=has_index)
        shards_in(home, identity.shards, identity.did, is_new=True, stores=shard_stores)
        if store_address(home) is not None:
            keep_root(shared, keys)
        identity.write(home)
    return keys


def _keep_store(home: Path, address: str) -> None:
    """Has a new home use the database at an address. Raises `ANOTHER_ISSUER` for a home that has another."""
    if not address or address == store_address(home):
        return
    if any((home / name).exists() for name in (FILE, "keys.json", "log", "ledger.json", STORE)):
        raise ANOTHER_ISSUER("the issuer that lives here keeps its index elsewhere than at this address")
    keep_store_address(home, address)


def _key_types(description: Description, signer: Signer | None) -> dict[str, str]:
    """The types of the keys that are made in the folder, by name."""
    types = {**KEYS, **dict.fromkeys(("assertion", "status-list"), description.key_type or KEY_TYPES[0])}
    if signer is not None:
        require_signs(signer)
        del types["assertion"]
        if not description.has_status_did:  # nothing in the folder is in the issuer's `assertionMethod`
            del types["status-list"]
    return types


def _write_files(
    home: Path, description: Description, keys: KeyFile, signer: Signer | None, *, has_index: bool
) -> Identity:
    """Writes all files but issuer.json, and returns the content for that."""
    public = {**keys.public_keys, **({"assertion": signer.public_key} if signer else {})}
    identity = Identity.make(description, public["assertion"])
    if signer is not None:
        identity = replace(identity, **cast("dict[str, Any]", remembered(signer, description.signer_uri)))
    if identity.kinds and shared_in(home).read(TEMPLATE) == diploma_1().template.text:
        shared_in(home).remove(TEMPLATE)  # left by a killed run that was to make an issuer of diplomas
    if description.kind:
        keep_kind(home, description.kind)
    document = identity.document(public["assertion"], public.get("status-list", public["assertion"]))
    documents.replace(home, document)
    if not has_index:
        make_index(home).close()
    return identity


def _require_type(keys: KeyFile, signer: Signer | None, key_type: str | None) -> None:
    key = signer.public_key if signer else keys.public_keys.get("assertion")  # else kept elsewhere
    if key is not None and key_type not in (None, key.type):
        raise ANOTHER_KEY_TYPE(f"the issuer that lives here signs with keys of type {key.type}")
