"""What can be wrong with a proof."""

from __future__ import annotations

from wire import Problem
from wire.problem import Refused


class InvalidProof(Problem):
    """The proof was checked and does not hold."""

    code = "invalid-proof"
    type = "https://w3id.org/security#PROOF_VERIFICATION_ERROR"
    title = "The proof does not match the content"


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
