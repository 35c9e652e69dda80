"""`KeyFile`: one file with all the keys of one role, and one root from which its other secrets are derived.

Keys have names, by their use: `assertion` signs credentials, `log` and `cosigner` the ledger's checkpoints,
`status-list` status lists. Public keys can be read without a passphrase. The secrets are sealed under a
passphrase (`protected`), or plain in a file that only its owner can read.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wire.files import locked, make_private_folder, open_regular, write_durably
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused, Unavailable
from wire.strict import base64url_decode, base64url_encode, load_json_object

from .envelope import open_envelope, seal
from .problem import PassphraseNeeded
from .public import PublicKey
from .signer import Passphrase, PrivateKey

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "credential-id": "makes the unpredictable id of a credential out of its business key",
        "machines": "makes the digest by which the machines of one issuer know that they have one root",
        "number-identity": "makes the digests under which numbers are kept that were given to rows",
        "salt": "makes the salts of hashed identifiers and of disclosures",
        "mirror": "is the seed of the key of a hub's mirrors",
        "witness-ml-dsa-44": "is the seed of a witness's key for ML-DSA-44",
        "status-position": "shuffles the positions in status lists, so that they show no order of issue",
    }
)
_LARGEST = 1 << 20  # bytes of the file
_LOST = "Bring it back from a backup: its keys are nowhere else."
# A name stands as it is in an address, `file:…#name`.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


class KeyFile:
    """The keys and secrets of one role, in one file.

    Raises `NotFound` for a file or key that is not there, and `Damaged` for inconsistent content. The first
    use of a sealed secret raises `PassphraseNeeded` and `WrongPassphrase`.
    """

    protected: bool
    public_keys: Mapping[str, PublicKey]

    is_open = False
    """True once the secrets were used here: nobody is asked for a passphrase any more."""

    def __init__(self, path: Path, passphrase: Passphrase) -> None:
        self.path = path
        self._passphrase = functools.cache(passphrase)
        self._stored: dict[str, Any] = {}
        self.reload()

    def __repr__(self) -> str:
        return f"KeyFile({str(self.path)!r}: {', '.join(self.public_keys)})"

    @classmethod
    def create(cls, path: Path, key_types: Mapping[str, str], passphrase: bytes | None) -> KeyFile:
        """Create a file with a new root, and a new key for each name, such as `{"assertion": "Ed25519"}`.

        Without a passphrase the secrets are plain. Raises `Conflict` when the file exists: it is never
        overwritten.
        """
        keys = {_checked_name(name): PrivateKey.generate(key_type) for name, key_type in key_types.items()}
        root = secrets.token_bytes(32)
        make_private_folder(path.parent)
        with locked(path):
            if path.exists():  # its keys are nowhere else
                raise Conflict(f"the key file {path} exists already", hint="Use it, or choose another path.")
            _write(path, root, keys, passphrase)
        created = cls(path, lambda: passphrase)
        created.is_open = True
        created._secrets = root, keys  # known, and a tenth of a second's work to derive again
        return created

    @classmethod
    def open(cls, path: Path, passphrase: Passphrase) -> KeyFile:
        """The file at `path`; `passphrase` is called once, and only when a sealed secret is needed.

        Raises `Refused` when the secrets are plain and others than the owner may read the file.
        """
        return cls(path, passphrase)

    def signer(self, name: str) -> PrivateKey:
        """The key of this name."""
        return self._secrets[1][self._held(name)]

    def _held(self, name: str) -> str:
        if name not in self.public_keys:
            raise NotFound(
                f"the key file {self.path} has no key '{name}'; it has {', '.join(self.public_keys)}"
            )
        return name

    def secret(self, label: str) -> bytes:
        """The 32-byte secret for one purpose of `LABELS`, by HKDF-SHA-256 from the root (RFC 5869)."""
        assert label in LABELS, label
        return HKDF(SHA256(), 32, salt=None, info=f"intaglio/{label}".encode()).derive(self._secrets[0])

    def add(self, key_types: Mapping[str, str]) -> None:
        """Add a new key for each name, all in one write. Raises `Conflict` where a name is taken."""
        new = {_checked_name(name): PrivateKey.generate(key_type) for name, key_type in key_types.items()}

        def change(keys: dict[str, PrivateKey]) -> None:
            # Never replaced: a key that was overwritten is lost for good.
            if held := ", ".join(new.keys() & keys.keys()):
                raise Conflict(f"the key file {self.path} has already what is to be added: {held}")
            keys.update(new)

        self._change(change)

    def copy(self, path: Path, *names: str) -> None:
        """Write another file with the same root, and of the keys only these, under the same passphrase.

        Raises `NotFound` for a key that is not held here, and `Conflict` where the file exists.
        """
        root, keys = self._secrets
        copied = {name: keys[self._held(name)] for name in names}
        if path.exists():  # its keys could be nowhere else
            raise Conflict(f"the key file {path} exists already", hint="Choose another path.")
        _write(path, root, copied, self._passphrase() if self.protected else None)

    def retire(self, *names: str) -> None:
        """Remove keys for good: only backups and other copies keep their secrets. Raises `NotFound`."""
        self._change(lambda keys: [keys.pop(self._held(name)) for name in names])

    def replace(self, places: Mapping[str, str]) -> None:
        """Rename keys, all in one write: `places` maps a name to the present name of the key that takes it.

        A key that has the name already is dropped. The name can be free, where its key was kept elsewhere.
        Raises `NotFound` where a key that is to take a name is not there.
        """
        self._change(
            lambda keys: keys.update({name: keys.pop(self._held(by)) for name, by in places.items()})
        )

    def change_passphrase(self, passphrase: Passphrase) -> None:
        """Seal the secrets under another passphrase, asked for after the present one; `None`: plain.

        Copies made before still open with the former passphrase.
        """
        _ = self._secrets  # asks for the present one
        secret = passphrase()
        self._change(lambda _: None, lambda: secret)

    def _change(
        self, change: Callable[[dict[str, PrivateKey]], object], passphrase: Passphrase | None = None
    ) -> None:
        """Write the file with changed keys, or under another passphrase."""
        _ = self._secrets  # asked for before others have to wait
        with locked(self.path):
            self.reload()  # another process may have changed it, too
            root, keys = self._secrets
            change(keys)
            self._passphrase = functools.cache(passphrase or self._passphrase)
            sealed_under = self._passphrase() if self.protected or passphrase else None
            _write(self.path, root, keys, sealed_under)
            self.reload()
            self._secrets = root, keys  # known, and a tenth of a second's work to derive again

    def reload(self) -> None:
        """Read the file again, which another process may have changed. Raises as opening does."""
        with _damage(self.path):
            content = _read(self.path)
            if content["secrets"] != self._stored:  # unchanged secrets stay open, without asking again
                self.__dict__.pop("_secrets", None)
            self.protected = content["protected"]
            self.public_keys = MappingProxyType(
                {
                    _checked_name(name): PublicKey.from_multikey(_text(text))
                    for name, text in content["keys"].items()
                }
            )
        self._stored = content["secrets"]

    @functools.cached_property
    def _secrets(self) -> tuple[bytes, dict[str, PrivateKey]]:
        with _damage(self.path):
            stored = self._unsealed() if self.protected else self._stored
            texts = stored.get("keys")
            # The public keys stand outside of the seal: a key that was added or exchanged there is noticed.
            if not isinstance(texts, dict) or texts.keys() != self.public_keys.keys():
                raise Malformed("it does not hold one secret for each key")
            root = base64url_decode(_text(stored.get("root")))
            keys = {
                name: PrivateKey.from_secret(public.type, base64url_decode(_text(texts[name])))
                for name, public in self.public_keys.items()
            }
            # A secret under another key's name would sign in that key's place.
            if len(root) != 32 or any(keys[name].public_key != self.public_keys[name] for name in keys):
                raise Malformed("a secret in it does not belong to its public key")
        self.is_open = True
        return root, keys

    def _unsealed(self) -> dict[str, Any]:
        passphrase = self._passphrase()
        # Nobody is at hand to ask: a service must not wait for an answer for ever.
        if passphrase is None:
            raise PassphraseNeeded(
                f"the secrets in {self.path} are sealed, and no passphrase was given",
                hint="Type it at a terminal, or set INTAGLIO_PASSPHRASE_FILE to a file that holds it.",
            )
        return load_json_object(open_envelope(self._stored, passphrase))


def _read(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            for_others = os.fstat(file.fileno()).st_mode & 0o077
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no key file {path}", hint=_LOST) from None
    except OSError as error:
        raise Unavailable(f"the key file {path} cannot be read: {error.strerror}") from error
    content = load_json_object(data, limit=_LARGEST)
    shape = {member: type(value) for member, value in content.items()}
    # A later version may seal in another way: written back in this one, it would lose its secrets.
    if shape != {"version": int, "protected": bool, "keys": dict, "secrets": dict} or content["version"] != 1:
        raise Malformed("it is not a key file of version 1")
    if for_others and not content["protected"]:  # the file's mode is all that protects plain secrets
        raise Refused(
            f"the secrets in {path} are plain, and others than the owner may read them",
            hint=f"Run `chmod 600 {path}`; if others can log in here, treat the keys as disclosed.",
        )
    return content


def _write(path: Path, root: bytes, keys: Mapping[str, PrivateKey], passphrase: bytes | None) -> None:
    held: dict[str, Any] = {
        "root": base64url_encode(root),
        "keys": {name: base64url_encode(key.secret) for name, key in keys.items()},
    }
    content = {
        "version": 1,
        "protected": passphrase is not None,
        "keys": {name: key.public_key.multikey() for name, key in keys.items()},
        "secrets": held if passphrase is None else seal(json.dumps(held).encode(), passphrase),
    }
    write_durably(path, json.dumps(content, indent=1).encode() + b"\n")


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Malformed("a key's name is a word of lower-case letters, digits and '-'")
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("a key or a secret in it is not a string")
    return value


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except Malformed as problem:
        raise Damaged(
            f"the key file {path} cannot be used: {problem.detail}",
            hint=_LOST,
        ) from problem
