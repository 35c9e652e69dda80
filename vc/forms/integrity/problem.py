"""The problems of a proof."""

from __future__ import annotations

from wire import Problem
from wire.problem import Code, Refused

from ...problem import InvalidProof

__all__ = ["SIGNATURE_MISFIT", "SUITE_NOT_FOR_KEY", "InvalidProof", "UnknownCryptosuite"]


SIGNATURE_MISFIT = Code("signature-misfit", InvalidProof)
"""The content was changed after it was signed, or another key signed it."""


class UnknownCryptosuite(Problem):
    """The proof may be good, but this program cannot tell."""

    code = "unknown-cryptosuite"
    title = "The proof is of a kind that is not supported"
    undetermined = True


SUITE_NOT_FOR_KEY = Code("suite-not-for-key", Refused)
"""The cryptosuite does not work with the key that is to sign."""
