"""Making an issuer's folder: keys first, `issuer.json` last, so that one that is half made is completed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from keys import KeyFile, Signer
from keys.signer import Passphrase, require_signs
from ledger.folder import Engines, has_log, keep_address
from wire.files import locked, make_private_folder, write_durably
from wire.problem import Conflict

from .archive.store import SQLiteIndex
from .home import KEY_TYPES, KEYS, Identity
from .press.template import Template
from .problem import ANOTHER_KEY, ANOTHER_KEY_TYPE, ISSUER_WITHOUT_STATUS_DID
from .succession import remembered

_PATIENCE = 5.0  # seconds that one waits for another who makes the same


def create_home(
    home: Path,
    *,
    name: str,
    url: str | None,
    method: str | None,
    key_type: str | None,
    passphrase: Passphrase,
    signer: Signer | None = None,
    signer_uri: str = "",
    has_index: bool = False,
    ledger: str | None = None,
    engines: Engines | None = None,
    has_status_did: bool = False,
) -> KeyFile:
    """Makes an issuer, or finds that it exists and is the one described; its keys, but that of a `signer`.

    The folder remembers where that is, if it has a `signer_uri`. No index is made where one `has_index`.
    `ledger` is the address of its log, where that is not to be in the folder; `engines` are as in
    `ledger.folder`. With `has_status_did`, a DID of their own signs the status lists, with a key in the
    folder.
    Raises `Conflict` where another issuer lives in the folder, `Refused` for an empty name, and what keeps
    the `signer` from signing.
    """
    make_private_folder(home)
    is_new = not any((home / name).exists() for name in ("issuer.json", "log", "keys.json"))
    if is_new:
        Identity.check(name, url, method, has_status_did=has_status_did)  # before anybody is asked
    sealed_under = passphrase() if is_new else None  # before others have to wait for the answer
    with locked(home / "issuer.json", patience=_PATIENCE):
        if (home / "issuer.json").exists() or has_log(home, engines=engines):
            Identity.read(home).require(name, url, method)
            if signer_uri and signer_uri != Identity.read(home).signer_uri:
                raise ANOTHER_KEY("the issuer that lives here signs with another key than this one")
            if has_status_did and not Identity.read(home).status_did:
                raise ISSUER_WITHOUT_STATUS_DID(
                    "the issuer that lives here signs status lists under its own DID"
                )
            if ledger is not None:
                keep_address(home, ledger, engines=engines)
            keys = KeyFile.open(home / "keys.json", passphrase)
            _require_type(keys, signer, key_type)
            return keys
        Identity.check(name, url, method, has_status_did=has_status_did)  # before there are keys
        if ledger is not None:
            keep_address(home, ledger, engines=engines)
        types = {**KEYS, **dict.fromkeys(("assertion", "status-list"), key_type or KEY_TYPES[0])}
        if signer is not None:
            require_signs(signer)
            del types["assertion"]
            if not has_status_did:  # nothing in the folder is in the issuer's `assertionMethod`
                del types["status-list"]
        if (home / "keys.json").exists():
            keys = KeyFile.open(home / "keys.json", passphrase)
            if types.keys() - keys.public_keys.keys():
                raise Conflict(f"{home / 'keys.json'} has the keys of something else, no issuer's")
        else:
            keys = KeyFile.create(home / "keys.json", types, sealed_under if is_new else passphrase())
        _require_type(keys, signer, key_type)
        public = {**keys.public_keys, **({"assertion": signer.public_key} if signer else {})}
        identity = Identity.make(name, url, method, public["assertion"], has_status_did=has_status_did)
        if signer is not None:
            identity = replace(identity, **remembered(signer, signer_uri))
        if not (home / "template.json").exists():
            write_durably(home / "template.json", Template.packaged().text)
        document = identity.document(public["assertion"], public.get("status-list", public["assertion"]))
        write_durably(home / "did.json", orjson.dumps(document, option=orjson.OPT_INDENT_2))
        if not has_index:
            SQLiteIndex(home / "issuer.sqlite").close()
        identity.write(home)
    return keys


def _require_type(keys: KeyFile, signer: Signer | None, key_type: str | None) -> None:
    own = signer.public_key if signer else keys.public_keys.get("assertion")  # else kept elsewhere
    if own is not None and key_type not in (None, own.type):
        raise ANOTHER_KEY_TYPE(f"the issuer that lives here signs with keys of type {own.type}")
