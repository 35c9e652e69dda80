"""What can be wrong with keys and signatures."""

from __future__ import annotations

from wire.problem import Malformed, Problem, Refused


class InvalidKey(Malformed):
    """Not a key that may be used: wrong form, unknown type, a point off its curve or of small order."""

    title = "The key is invalid"


class InvalidSignature(Problem):
    """The signature does not verify under this key over this data."""

    title = "The signature does not verify"


class PassphraseNeeded(Refused):
    """The secrets are sealed, and no passphrase was given."""

    title = "A passphrase is needed"


class WrongPassphrase(Refused):
    """The sealed secrets do not open with this passphrase."""

    title = "The passphrase is wrong"
