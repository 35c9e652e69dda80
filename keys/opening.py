"""`open_signer`: the signer at a URI, by an explicit mapping of URI schemes."""

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

    `passphrase` is called at most once, when the secret is sealed, or for a PIN. With a `public_key`, the
    signer is that key's, and is opened only when it first signs; failures then raise `KEY_NOT_OPENED`. Raises
    `Malformed` for a URI of no known scheme, `Conflict` where another key is there, and what opening the key
    raises.
    """
    scheme = uri.partition(":")[0]
    openers = SIGNERS if signers is None else signers
    # ADR 5: only what was passed in is opened; no scheme is looked up.
    if scheme not in openers:
        raise Malformed(f"the address of the key has no known scheme; known are {', '.join(openers)}")
    if public_key is not None:
        return _Remembered(public_key, partial(openers[scheme], uri, passphrase, public_key))
    return openers[scheme](uri, passphrase, None)


def is_open(signer: Signer) -> bool:
    """True if the signer signs without asking anybody for a passphrase or a PIN."""
    return not isinstance(signer, _Remembered) or signer.is_open


class _Remembered:
    """A `Signer` whose public key is known in advance, and which is opened when it first signs.

    So a process that does not sign needs nothing of its address, such as the extra `hsm` or the token.
    """

    is_open = False
    """True once it has signed in this process."""

    def __init__(self, public_key: PublicKey, opened: Callable[[], Signer]) -> None:
        self.public_key, self._open = public_key, opened

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self._signer.__reduce__()

    def sign(self, data: bytes) -> bytes:
        """The opened signer's signature. Raises `KEY_NOT_OPENED` for any problem that prevents it."""
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
    from .keyfile import KeyFile  # imported lazily: a process that only verifies needs no key derivation

    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    # A relative path would mean another key in another working directory.
    if parts.netloc or parts.query or not path.is_absolute() or not parts.fragment:
        raise Malformed("the address of the key is not of the form file:/absolute/path#name")
    signer = KeyFile.open(path, passphrase).signer(parts.fragment)
    # ADR 47: a key that took this name since must not sign in place of the one that is expected.
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
    """The openers for an address that a file from elsewhere names, once the user has agreed to it.

    A token's module must be writable by root alone, or be `module`, which the user named (`Modules.file`).
    """
    # Threat F23: a backup could name a module that it brings along.
    on_token = partial(_on_token, modules=Modules(from_elsewhere=True, named=module))
    return {**signers, **({"pkcs11": on_token} if signers.get("pkcs11") is _on_token else {})}
