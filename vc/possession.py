"""Proof of possession: a key signed, just now, the challenge that one party gave, for that party's domain.

The one check wherever a holder is asked to sign: presentations, claims of a diploma, and proofs of a key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

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
ANSWER_TOO_OLD = Code("answer-too-old", InvalidProof, "Made too long ago")
"""It answers the challenge for this party, but was made longer ago than the party accepts."""
CHALLENGE_MISSING = Code("challenge-missing", Problem, "Whom it was made for is not known", undetermined=True)
"""Nobody gave a challenge, so that an answer says nothing of now and here."""


# Threat 62: each costs a verification of its own.
MAX_CREDENTIALS = 16
"""A presentation with more credentials is refused."""

MAX_AGE = timedelta(seconds=300)
"""The greatest age of an answer to a program. It comes at once, but the holder's clock may be slow."""


class Asked(NamedTuple):
    """A verifier's request to a holder: forms read answers by it, and `require_possession` compares them."""

    challenge: str | None = None
    """The nonce that the holder signs. Without one, nobody can tell for whom an answer was made."""
    domain: str | None = None
    """The party's own name, or its whole client identifier; `None` where that is not compared."""
    response_uri: str | None = None
    """The address to which the answer goes (OpenID4VP 1.0, 8.2), for forms that sign it."""
    thumbprint: bytes | None = None
    """The thumbprint of the key for which the answer is encrypted (RFC 7638), for forms that sign it."""
    origin: str | None = None
    """The web page that asks (OpenID4VP 1.0, appendix A), for forms that sign it."""
    max_age: timedelta = MAX_AGE
    """The greatest age of the answer."""


class Answer(Protocol):
    """A signed answer, whatever its form: `vc.Proof` is one.

    A form whose answers have to say when they were made refuses one that does not (RFC 9901, 4.3).
    """

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
    asked: Asked,
    now: datetime,
) -> None:
    """Checks that `signer`, whose key made the `answer`, has that key now, and made it for the asking party.

    The caller has verified the signature already. `until` is the key's own end, by `expires` or `revoked` of
    its method; `holder` is whom the answer speaks for, if it names one.

    Raises `InvalidProof`, with `WRONG_CHALLENGE`, `WRONG_DOMAIN` and `ANSWER_TOO_OLD` among its codes; open
    are `CHALLENGE_MISSING`, and `DatedAhead` for one made further ahead of `now` than clocks may differ.
    """
    # Threat 35: a signature under a credential, or for a log-in elsewhere, is no answer to a verifier.
    if answer.purpose != "authentication":
        raise InvalidProof.saying(
            "the proof is for {purpose}, not for authentication", purpose=shortened(answer.purpose)
        )
    # Threat 56: its maker wanted it to serve until then and no longer.
    if answer.expires is not None and answer.expires <= now:
        raise InvalidProof.saying("the proof expired on {until}", until=f"{answer.expires:%Y-%m-%d}")
    # Threat 25: after the end of a key, its thief may be the one who signs.
    if until is not None and until <= now:
        raise InvalidProof.saying("the key ended on {until}", until=f"{until:%Y-%m-%d}")
    # Threat 55: nobody answers in the name of another.
    if holder not in (None, signer):
        raise InvalidProof("it is not signed by its holder")
    # Threat R8: an empty challenge is none, and anybody could show a copy of an earlier answer.
    if not asked.challenge:
        raise CHALLENGE_MISSING(
            "it is genuine, but whether it was made for you cannot be told without the challenge you gave"
        )
    # Threat 54: an answer to another challenge is shown a second time.
    if answer.challenge != asked.challenge:
        raise WRONG_CHALLENGE("it was made for another challenge: it may be a copy of an earlier one")
    # Threat 54: another verifier could pass its answer on. Of two domains, either of them could.
    if asked.domain is not None and answer.domain != (asked.domain,):
        raise WRONG_DOMAIN("it was made for another verifier's domain")
    # A Data Integrity proof may leave out when it was made (VC Data Integrity 2.1): its challenge dates it.
    if answer.created is not None:
        # Threat 56: by a date ahead of now, an answer could be kept for later.
        require_not_ahead(answer.created, now, "the proof")
        # An old answer shows only that somebody had the key then: the holder, or a thief of a copy.
        if now - answer.created > asked.max_age:
            raise ANSWER_TOO_OLD.saying(
                "it was made on {date}, longer ago than is accepted here",
                date=f"{answer.created:%Y-%m-%d %H:%M}Z",
            )
