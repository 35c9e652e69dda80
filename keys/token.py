"""A key on a PKCS#11 token (an HSM, a card), named by an `address`; its secret never leaves the token.

ECDSA on a token is not deterministic: signing the same data again gives another signature (ADR 43).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pkcs11

from wire.files import read_regular
from wire.problem import Conflict, NotFound, Unavailable

from .address import pin_file, token_address
from .kinds import KINDS, scheme
from .module import OWN, Modules
from .problem import (
    PIN_FILE_UNREADABLE,
    PIN_NEEDED,
    TOKEN_NOT_THERE,
    WRONG_PIN,
    InvalidSignature,
    UnknownKeyType,
)
from .public import PublicKey
from .signer import Passphrase

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait before opening a token again: another process may be in the middle of a write (ADR 47)."""
_IN_THE_WAY = (
    pkcs11.NoSuchToken,
    pkcs11.UserPinNotInitialized,
    pkcs11.GeneralError,
    pkcs11.FunctionFailed,
    pkcs11.DeviceError,
)
"""The errors after which a token is opened again. A wrong PIN is not among them: cards count the tries."""
_LONGEST_PIN = 1 << 10  # bytes
# ADR 47: never tried again, since a card locks after three.
_PIN_PROBLEMS = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
)
_initialized: dict[str, tuple[int, int]] = {}
"""For each module, the process that initialized it, and how often. A forked process must initialize it again
(PKCS#11, "Applications and processes"), which ends all earlier sessions."""
_alone = threading.RLock()
"""Held while signing: initializing a module while another thread is inside it is undefined."""
os.register_at_fork(before=_alone.acquire, after_in_parent=_alone.release, after_in_child=_alone.release)


class TokenKey:
    """A `Signer` whose secret is on a token. Each process opens its own session, when it first signs.

    With a `public_key`, the token is not opened before that. Raises `TOKEN_NOT_THERE`, `NotFound` for a
    missing key, `Conflict` where several have the name, `WRONG_PIN`, `PIN_NEEDED`, and `Unavailable` for
    all other errors of the token.
    """

    def __init__(
        self,
        uri: str,
        pin: Passphrase,
        public_key: PublicKey | None = None,
        modules: Modules = OWN,
    ) -> None:
        self._uri, self._pin, self._modules = uri, functools.cache(pin), modules
        self._names = token_address(uri)
        self._since: tuple[str, tuple[int, int]] | None = None
        """The module in which the session was opened, with its process and count in `_initialized`."""
        self.public_key = self._open() if public_key is None else public_key

    def __reduce__(self) -> tuple[type[TokenKey], tuple[str, _Known, PublicKey, Modules]]:
        return TokenKey, (self._uri, _Known(self._pin()), self.public_key, self._modules)

    def __repr__(self) -> str:
        return f"TokenKey(for {self.public_key.multikey()})"

    def sign(self, data: bytes) -> bytes:
        """The raw signature over the data: R‖S for Ed25519, r‖s for ECDSA.

        Raises `Conflict` where another key signed: anybody can choose names on tokens, and one token may
        have replaced another.
        """
        with _alone, _problems(self._names):
            if not self._is_open():
                self._open()
            try:
                signature = self._signed(data)
            except pkcs11.PKCS11Error:  # a session that broke is no broken token
                self._open()
                signature = self._signed(data)
        try:
            self.public_key.verify(signature, data)
        except InvalidSignature as problem:
            raise Conflict(f"what the token signs as {self._names['object']} is by another key") from problem
        return signature

    def _is_open(self) -> bool:
        """True if this process opened the session, and the module was not initialized again since."""
        if self._since is None:
            return False
        module, since = self._since
        return since == (os.getpid(), _initialized[module][1])

    def _signed(self, data: bytes) -> bytes:
        if digest := KINDS[self.public_key.type].digest:
            hashed = hashlib.new(digest, data).digest()
            return bytes(self._key.sign(hashed, mechanism=pkcs11.Mechanism.ECDSA))
        return bytes(self._key.sign(data, mechanism=pkcs11.Mechanism.EDDSA))

    @property
    def _module(self) -> str:
        """The module's file, checked anew each time; the path that was checked is the path that is loaded."""
        return str(self._modules.file(self._names["module-path"], self._names["token"]))

    def _open(self) -> PublicKey:
        """Open a session, with retries; each retry initializes the module again.

        SoftHSM that read a half-written token keeps that state until it is initialized again (ADR 47).
        """
        with _alone, _problems(self._names):
            for pause in _PAUSES:
                try:
                    return self._opened()
                except _IN_THE_WAY:
                    time.sleep(pause)
                    _initialize(self._module)
            return self._opened()

    def _opened(self) -> PublicKey:
        label = self._names["object"]
        module = self._module
        token = _library(module).get_token(token_label=self._names["token"])
        try:
            self._session = token.open(user_pin=self._entered())
        except pkcs11.UserAlreadyLoggedIn:  # by another key of this process: a login is the process's
            self._session = token.open()
        public = self._session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=label)
        parameters, point = (
            bytes(public[each]) for each in (pkcs11.Attribute.EC_PARAMS, pkcs11.Attribute.EC_POINT)
        )
        self._key: Any = self._session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=label)
        self._since = module, _initialized[module]
        return _public_key(parameters, point)

    def _entered(self) -> str:
        pin = self._pin()
        if pin is None:
            raise PIN_NEEDED(f"the token {self._names['token']} wants a PIN, and none was given")
        return pin.decode(errors="replace")


class _Known:
    """A PIN that is passed to another process; printing this object never shows it."""

    def __init__(self, pin: bytes | None) -> None:
        self._pin = pin

    def __call__(self) -> bytes | None:
        return self._pin


def open_token(
    uri: str, passphrase: Passphrase, public_key: PublicKey | None = None, modules: Modules = OWN
) -> TokenKey:
    """The key at a `pkcs11:` URI. `passphrase` gives the PIN, unless the URI has a `pin-source`.

    `modules` is the rule for the module to load. Raises `Malformed` for a URI of another form, and what
    `TokenKey` raises.
    """
    source = token_address(uri).get("pin-source")
    pin = passphrase if source is None else functools.partial(_pin_in, source)
    return TokenKey(uri, pin, public_key, modules)


def _pin_in(source: str) -> bytes:
    try:
        return read_regular(pin_file(source), _LONGEST_PIN).rstrip(b"\r\n")
    except OSError as error:
        raise PIN_FILE_UNREADABLE.saying(
            "the file of the PIN {file} cannot be read: {system}",
            file=str(pin_file(source)),
            system=error.strerror,
        ) from error


def _library(module: str) -> Any:
    library, here = pkcs11.lib(module), os.getpid()
    if _initialized.setdefault(module, (here, 0))[0] != here:
        _initialize(module)
    return library


def _initialize(module: str) -> None:
    """Initialize the module again, which ends all sessions of this process with it."""
    pkcs11.lib(module).reinitialize()
    _initialized[module] = os.getpid(), _initialized[module][1] + 1


def _public_key(parameters: bytes, point: bytes) -> PublicKey:
    for name, kind in KINDS.items():
        if parameters in kind.parameters:
            sizes = (kind.coordinate, 1 + 2 * kind.coordinate)  # of a point, which is wrapped into 2 bytes
            raw = point if len(point) in sizes else point[2:]
            if kind.kty == "OKP":
                return PublicKey(name, raw)
            x, y = raw[1 : 1 + kind.coordinate], raw[1 + kind.coordinate :]
            return PublicKey(name, scheme(name).raw(x, y))
    raise UnknownKeyType(f"the key on the token is of no known type; known are {', '.join(KINDS)}")


@contextlib.contextmanager
def _problems(names: Mapping[str, str]) -> Iterator[None]:
    token, key = f"the token {names['token']}", f"the key {names['object']}"
    try:
        yield
    except pkcs11.NoSuchToken as error:
        raise TOKEN_NOT_THERE(f"{token} is not there") from error
    except pkcs11.NoSuchKey as error:
        raise NotFound(f"{token} does not have {key}, or only half of it") from error
    except (pkcs11.MultipleTokensReturned, pkcs11.MultipleObjectsReturned) as error:
        raise Conflict(f"there are several of the name of {token} or of {key}") from error
    except _PIN_PROBLEMS as error:
        raise WRONG_PIN(f"{token} does not take the PIN: {type(error).__name__}") from error
    except pkcs11.PKCS11Error as error:
        raise Unavailable(f"{token} does not work: {type(error).__name__} {error}".rstrip()) from error
