"""Problems of keys and signatures."""

from __future__ import annotations

from wire.problem import Code, Malformed, NotFound, PassphraseNeeded, Problem, Refused, Unavailable

__all__ = [
    "CERTIFICATES_NOT_SUPPORTED",
    "INVALID_CERTIFICATES",
    "INVALID_JWS",
    "JWS_NOT_SUPPORTED",
    "KEY_NOT_OPENED",
    "PIN_FILE_UNREADABLE",
    "PIN_NEEDED",
    "TOKEN_NOT_THERE",
    "WEAK_PASSPHRASE",
    "WRONG_PIN",
    "InvalidKey",
    "InvalidKeyLength",
    "InvalidSignature",
    "PassphraseNeeded",
    "UnknownKeyType",
    "WrongPassphrase",
]


class InvalidKey(Malformed):
    """Not a key that may be used: wrong form, a point off its curve or of small order."""

    code = "invalid-key"
    title = "The key is invalid"


class InvalidKeyLength(InvalidKey):
    """A key of a known type with too few bytes, or too many."""

    code = "invalid-key-length"
    title = "The key has a wrong length"


class UnknownKeyType(InvalidKey):
    """The key may be a good one, of a type that is not in use here."""

    code = "unknown-key-type"
    title = "The key is of a type that is not supported"
    undetermined = True


class InvalidSignature(Problem):
    """The signature does not verify under this key over this data."""

    code = "invalid-signature"
    title = "The signature does not verify"


INVALID_JWS = Code("invalid-jws", Malformed, "Not a well-formed JWS")
"""A JSON Web Signature that breaks RFC 7515, or has what is refused here, such as a key of the sender's."""
JWS_NOT_SUPPORTED = Code("jws-not-supported", Malformed, "The JWS is not supported", undetermined=True)
"""A JSON Web Signature by an algorithm or with a critical extension that is not known here."""
INVALID_CERTIFICATES = Code("invalid-certificates", Malformed, "The certificates are not valid")
"""A chain of X.509 certificates breaks RFC 5280, such as by an authority that is none."""
CERTIFICATES_NOT_SUPPORTED = Code(
    "certificates-not-supported", Malformed, "The certificates are not supported", undetermined=True
)
"""A chain of X.509 certificates has keys, purposes or critical extensions that are not known here."""
WEAK_PASSPHRASE = Code("weak-passphrase", Refused, "The passphrase is too weak")
"""A passphrase that would not withstand whoever copies the sealed file and guesses."""


class WrongPassphrase(Refused):
    """The sealed secrets do not open with this passphrase."""

    code = "wrong-passphrase"
    title = "The passphrase is wrong"


TOKEN_NOT_THERE = Code("token-not-there", NotFound)
"""The token that has the key is not there."""
KEY_NOT_OPENED = Code("key-not-opened", Unavailable, "The key that signs could not be opened")
"""The key that signs is kept elsewhere, and could not be opened there."""
MODULE_EXPOSED = Code("module-exposed", Refused)
"""The module of a token is a file that others could have written: it would run here, as this user."""
MODULE_NOT_TRUSTED = Code("module-not-trusted", Refused)
"""An address from elsewhere names a token's module that is not root's alone, and nobody here named it."""
PIN_IN_ADDRESS = Code("pin-in-address", Malformed)
"""The address of a key has the PIN in it; it is read no further, and not repeated."""
PIN_NEEDED = Code("pin-needed", PassphraseNeeded, "A PIN is needed")
"""A token has to be opened and no PIN was given."""
PIN_FILE_UNREADABLE = PIN_NEEDED.finer("pin-file-unreadable", "The file of the PIN cannot be read")
"""The file that the key's address names for the PIN cannot be read."""
WRONG_PIN = Code("wrong-pin", WrongPassphrase, "The PIN is wrong")
"""The token does not open with this PIN."""
