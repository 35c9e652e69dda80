"""A secret sealed under a passphrase, as JSON: Argon2id (RFC 9106) derives the key, AES-256-GCM encrypts.

Everything beside the ciphertext is bound to it as associated data. The memory and passes that an envelope
can ask for are bounded, since its writer decides how hard the reader has to work.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from wire.problem import Malformed, TooLarge
from wire.strict import base64url_decode, base64url_encode

from .problem import WEAK_PASSPHRASE, WrongPassphrase

SHORTEST = 8  # characters; a guess takes 64 MiB and 0.2 s


class Cost(NamedTuple):
    """The cost of one guess of the passphrase: memory in KiB, passes over it, parallel lanes."""

    memory: int = 1 << 16
    iterations: int = 3
    lanes: int = 4


COST = Cost()
"""The cost with which `seal` seals."""

_LARGEST = Cost(memory=1 << 18, iterations=8, lanes=16)  # a second or two
_FIXED = {"version": 1, "kdf": "Argon2id", "cipher": "A256GCM"}
_MEMBERS = {*_FIXED, *Cost._fields, "salt", "nonce", "ciphertext"}


def require_strong(passphrase: bytes) -> None:
    """Raises `WEAK_PASSPHRASE` for a passphrase that `seal` does not accept."""
    text = passphrase.decode(errors="replace")
    # Threat A38: a thief of the file guesses at his own speed.
    if len(text) < SHORTEST or passphrase.isdigit() or len(set(text)) == 1:
        raise WEAK_PASSPHRASE.saying(
            "a passphrase has at least {least} characters, not only digits, and not one over and over",
            least=SHORTEST,
        )


def seal(secret: bytes, passphrase: bytes) -> dict[str, Any]:
    """The JSON object from which `open_envelope` recovers the secret with the same passphrase.

    Raises `WEAK_PASSPHRASE`.
    """
    require_strong(passphrase)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    header = {
        **_FIXED,
        **COST._asdict(),
        "salt": base64url_encode(salt),
        "nonce": base64url_encode(nonce),
    }
    ciphertext = _cipher(passphrase, salt, COST).encrypt(nonce, secret, _associated(header))
    return {**header, "ciphertext": base64url_encode(ciphertext)}


def open_envelope(envelope: Mapping[str, Any], passphrase: bytes) -> bytes:
    """The secret of an envelope that `seal` made.

    Raises `Malformed` and `TooLarge` before any work is done, `WrongPassphrase` when the seal does not open.
    """
    # One form only: another cipher or derivation could be weaker than the one that was asked for.
    if set(envelope) != _MEMBERS or any(envelope[member] != value for member, value in _FIXED.items()):
        raise Malformed("the sealed secret is not an envelope of version 1 (Argon2id, A256GCM)")
    cost = Cost(*(_number(envelope, member, most) for member, most in _LARGEST._asdict().items()))
    if cost.memory < 8 * cost.lanes:  # RFC 9106 3.1
        raise Malformed("the sealed secret asks for less memory than Argon2id takes: 8 KiB a lane")
    salt, nonce, ciphertext = (_bytes(envelope, member) for member in ("salt", "nonce", "ciphertext"))
    if len(salt) != 16 or len(nonce) != 12:
        raise Malformed("the sealed secret has a salt or a nonce of wrong length")
    header = {member: value for member, value in envelope.items() if member != "ciphertext"}
    try:
        return _cipher(passphrase, salt, cost).decrypt(nonce, ciphertext, _associated(header))
    except InvalidTag:
        raise WrongPassphrase("the seal does not open: another passphrase, or an altered file") from None


def _cipher(passphrase: bytes, salt: bytes, cost: Cost) -> AESGCM:
    argon2 = Argon2id(
        salt=salt, length=32, iterations=cost.iterations, lanes=cost.lanes, memory_cost=cost.memory
    )
    return AESGCM(argon2.derive(passphrase))


def _associated(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _number(envelope: Mapping[str, Any], member: str, most: int) -> int:
    value = envelope[member]
    if type(value) is not int or value < 1:  # `True` is an `int` to `isinstance`
        raise Malformed.saying("'{member}' of the sealed secret is not a positive integer", member=member)
    if value > most:  # before any memory is taken: RFC 9106 3.1 goes up to 4 TiB
        raise TooLarge.saying("'{member}' of the sealed secret is above {most}", member=member, most=most)
    return value


def _bytes(envelope: Mapping[str, Any], member: str) -> bytes:
    value = envelope[member]
    if not isinstance(value, str):
        raise Malformed.saying("'{member}' of the sealed secret is not a string", member=member)
    return base64url_decode(value)
