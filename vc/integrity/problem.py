"""What can be wrong with a proof."""

from __future__ import annotations

from wire import Problem


class InvalidProof(Problem):
    """The proof was checked and does not hold."""

    code = "invalid-proof"
    type = "https://w3id.org/security#PROOF_VERIFICATION_ERROR"
    title = "The proof does not match the content"


class UnknownCryptosuite(Problem):
    """The proof may be good, but this program cannot tell."""

    code = "unknown-cryptosuite"
    title = "The proof is of a kind that is not supported"
    undetermined = True
    advice = "Ask the issuer for a credential with a proof by eddsa-rdfc-2022 or ecdsa-rdfc-2019."
