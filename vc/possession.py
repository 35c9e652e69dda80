"""Proof of possession: a key signed, just now, the challenge that one party gave, for that party's domain.

The one check for whoever asks a holder to sign: for presentations, claims of a diploma, and proofs of a key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from did.problem import SECURITY_ERRORS
from wire import Problem
from wire.clock import require_not_ahead
from wire.problem import Code
from wire.text import shortened

from .problem import InvalidProof

WRONG_CHALLENGE = Code(
    "wrong-challenge", InvalidProof, "Made for another challenge", SECURITY_ERRORS + "INVALID_CHALLENGE_ERROR"
)
"""It answers another challenge than the one that was given (VC Data Integrity 1.0, 4.4)."""
WRONG_DOMAIN = Code(
    "wrong-domain", InvalidProof, "Made for another domain", SECURITY_ERRORS + "INVALID_DOMAIN_ERROR"
)
"""It was made for another party (VC Data Integrity 1.0, 4.4)."""
CHALLENGE_MISSING = Code("challenge-missing", Problem, "Whom it was made for is not known", undetermined=True)
"""Nobody gave a challenge, so that an answer says nothing of now and here."""


class Answer(Protocol):
    """What was signed, whatever its form: `vc.Proof` is one."""

    @property
    def purpose(self) -> str: ...
    @property
    def created(self) -> datetime | None: ...
    @property
    def expires(self) -> datetime | None: ...
    @property
    def domain(self) -> tuple[str, ...]: ...
    @property
    def challenge(self) -> str | None: ...


def require_possession(
    answer: Answer,
    *,
    signer: str,
    until: datetime | None,
    holder: str | None,
    challenge: str | None,
    domain: str | None,
    now: datetime,
) -> None:
    """`signer`, whose key made the `answer`, has that key now, and made it for whom asks.

    Whether the signature fits is found out before. `until` is the key's own end, by `expires` or `revoked` of
    its method; `holder` is whom the answer speaks for, if it names one; `challenge` what was given. Without a
    `domain` that is not compared.

    Raises `InvalidProof`, `WRONG_CHALLENGE` and `WRONG_DOMAIN` among them; open are `CHALLENGE_MISSING`, and
    `DatedAhead` for an answer made further ahead of `now` than clocks may differ.
    """
    if answer.purpose != "authentication":
        raise InvalidProof.saying(
            "the proof is for {purpose}, not for authentication", purpose=shortened(answer.purpose)
        )
    if answer.expires is not None and answer.expires <= now:
        raise InvalidProof.saying("the proof expired on {until}", until=f"{answer.expires:%Y-%m-%d}")
    if until is not None and until <= now:
        raise InvalidProof.saying("the key ended on {until}", until=f"{until:%Y-%m-%d}")
    if holder not in (None, signer):
        raise InvalidProof("it is not signed by its holder")
    if not challenge:
        raise CHALLENGE_MISSING(
            "it is genuine, but whether it was made for you cannot be told without the challenge you gave"
        )
    if answer.challenge != challenge:
        raise WRONG_CHALLENGE("it was made for another challenge: it may be a copy of an earlier one")
    if domain is not None and answer.domain != (domain,):
        raise WRONG_DOMAIN("it was made for another verifier's domain")
    if answer.created is not None:
        require_not_ahead(answer.created, now, "the proof")
