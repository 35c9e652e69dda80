"""What can be wrong with a proof."""

from __future__ import annotations

from wire import Problem
from wire.problem import Refused

from ...problem import InvalidProof

__all__ = ["InvalidProof", "SignatureMisfit", "SuiteNotForKey", "UnknownCryptosuite"]


class SignatureMisfit(InvalidProof):
    """The content was changed after it was signed, or another key signed it."""

    code = "signature-misfit"


class UnknownCryptosuite(Problem):
    """The proof may be good, but this program cannot tell."""

    code = "unknown-cryptosuite"
    title = "The proof is of a kind that is not supported"
    undetermined = True


class SuiteNotForKey(Refused):
    """The cryptosuite does not work with the key that is to sign."""

    code = "suite-not-for-key"
