"""What can be wrong with keys and signatures."""

from __future__ import annotations

from wire.problem import Malformed, PassphraseNeeded, Problem, Refused

__all__ = ["InvalidKey", "InvalidSignature", "PassphraseNeeded", "WrongPassphrase"]


class InvalidKey(Malformed):
    """Not a key that may be used: wrong form, unknown type, a point off its curve or of small order."""

    title = "The key is invalid"


class InvalidSignature(Problem):
    """The signature does not verify under this key over this data."""

    title = "The signature does not verify"


class WrongPassphrase(Refused):
    """The sealed secrets do not open with this passphrase."""

    title = "The passphrase is wrong"
