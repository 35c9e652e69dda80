"""`open_signer`: the signer at a URI; which schemes there are is an explicit mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

from wire.problem import Conflict, ExtraMissing, Malformed, Problem

from .module import OWN, Modules
from .problem import KEY_NOT_OPENED
from .public import PublicKey
from .signer import Passphrase, Signer

Opener = Callable[[str, Passphrase, PublicKey | None], Signer]


def open_signer(
    uri: str,
    *,
    passphrase: Passphrase,
    public_key: PublicKey | None = None,
    signers: Mapping[str, Opener] | None = None,
) -> Signer:
    """The signer at a URI: `file:/srv/issuer/keys.json#assertion`, or `pkcs11:` as in `token`.

    `passphrase` is called at most once, when the secret is sealed, or for a PIN. With a `public_key` it is
    that one's signer, which is looked for only when it first signs, and raises `KEY_NOT_OPENED` then. Raises
    `Malformed` for a URI of no known scheme, `Conflict` where another key is there, and what opening the key
    raises.
    """
    scheme = uri.partition(":")[0]
    known = SIGNERS if signers is None else signers
    if scheme not in known:
        raise Malformed(f"the address of the key has no known scheme; known are {', '.join(known)}")
    if public_key is not None:
        return _Remembered(public_key, partial(known[scheme], uri, passphrase, public_key))
    return known[scheme](uri, passphrase, None)


def is_open(signer: Signer) -> bool:
    """Whether the signer signs without asking anybody for a passphrase or a PIN."""
    return not isinstance(signer, _Remembered) or signer.is_open


class _Remembered:
    """A `Signer` of which the public key is known, and that is opened when it first signs.

    What its address needs, such as the extra `hsm`, may be missing where nothing is signed with it.
    """

    is_open = False
    """Whether it has signed here."""

    def __init__(self, public_key: PublicKey, opened: Callable[[], Signer]) -> None:
        self.public_key, self._open = public_key, opened

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self._signer.__reduce__()

    def sign(self, data: bytes) -> bytes:
        """As the opened signer does. Raises `KEY_NOT_OPENED`, whatever keeps it from signing."""
        try:
            signature = self._signer.sign(data)
        except Problem as problem:
            raise KEY_NOT_OPENED.saying("{because}", because=problem) from problem
        self.is_open = True
        return signature

    @cached_property
    def _signer(self) -> Signer:
        return self._open()


def _from_file(uri: str, passphrase: Passphrase, public_key: PublicKey | None) -> Signer:
    from .keyfile import KeyFile  # only here: a process that only verifies needs no key derivation

    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or not path.is_absolute() or not parts.fragment:
        raise Malformed("the address of the key is not of the form file:/absolute/path#name")
    signer = KeyFile.open(path, passphrase).signer(parts.fragment)
    if public_key not in (None, signer.public_key):
        raise Conflict(f"the key {parts.fragment} in {path} is another one by now")
    return signer


def _on_token(
    uri: str, passphrase: Passphrase, public_key: PublicKey | None, modules: Modules = OWN
) -> Signer:
    try:
        from .token import open_token  # what the extra `hsm` installs
    except ModuleNotFoundError as error:
        raise ExtraMissing(
            f"a key on a token needs {error.name}, which is not installed", package=error.name, extra="hsm"
        ) from error
    return open_token(uri, passphrase, public_key, modules)


SIGNERS: Mapping[str, Opener] = MappingProxyType({"file": _from_file, "pkcs11": _on_token})


def signers_from_elsewhere(
    module: str | None, signers: Mapping[str, Opener] = SIGNERS
) -> Mapping[str, Opener]:
    """How to open an address that a file from elsewhere names, once the user has agreed to it.

    A token's module has to be root's alone, or `module`, which the user named himself (see `Modules.file`).
    """
    on_token = partial(_on_token, modules=Modules(from_elsewhere=True, named=module))
    return {**signers, **({"pkcs11": on_token} if signers.get("pkcs11") is _on_token else {})}
