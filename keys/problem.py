"""What can be wrong with keys and signatures."""

from __future__ import annotations

from wire.problem import Malformed, NotFound, PassphraseNeeded, Problem, Refused, Unavailable

__all__ = [
    "InvalidKey",
    "InvalidKeyLength",
    "InvalidSignature",
    "KeyNotOpened",
    "PassphraseNeeded",
    "PinFileUnreadable",
    "PinNeeded",
    "TokenNotThere",
    "UnknownKeyType",
    "WeakPassphrase",
    "WrongPassphrase",
    "WrongPin",
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


class WeakPassphrase(Refused):
    """A passphrase that would not withstand whoever copies the sealed file and guesses."""

    code = "weak-passphrase"
    title = "The passphrase is too weak"


class WrongPassphrase(Refused):
    """The sealed secrets do not open with this passphrase."""

    code = "wrong-passphrase"
    title = "The passphrase is wrong"


class TokenNotThere(NotFound):
    """The token that has the key is not there."""

    code = "token-not-there"


class KeyNotOpened(Unavailable):
    """The key that signs is kept elsewhere, and could not be opened there."""

    code = "key-not-opened"
    title = "The key that signs could not be opened"


class ModuleExposed(Refused):
    """The module of a token is a file that others could have written: it would run here, as this user."""

    code = "module-exposed"


class ModuleNotTrusted(Refused):
    """An address from elsewhere names a token's module that is not root's alone, and nobody here named it."""

    code = "module-not-trusted"


class PinInAddress(Malformed):
    """The address of a key has the PIN in it; it is read no further, and not repeated."""

    code = "pin-in-address"


class PinNeeded(PassphraseNeeded):
    """A token has to be opened and no PIN was given."""

    code = "pin-needed"
    title = "A PIN is needed"


class PinFileUnreadable(PinNeeded):
    """The file that the key's address names for the PIN cannot be read."""

    code = "pin-file-unreadable"
    title = "The file of the PIN cannot be read"


class WrongPin(WrongPassphrase):
    """The token does not open with this PIN."""

    code = "wrong-pin"
    title = "The PIN is wrong"
