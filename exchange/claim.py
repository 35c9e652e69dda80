"""Claiming a diploma: the holder proves possession of a key and receives the edition bound to it.

1. The issuer hands out a `ClaimLink`, `https://host/claim/<token>`.
2. `GET` of the link answers an `Invitation`: who invites, and a challenge.
3. The wallet `POST`s its `acceptance`, a Verifiable Presentation without credentials that its key signs
   over the challenge and the domain; the issuer reads it as an `Acceptance`.
4. The answer is the bundle of the credential issued to that key.

A wallet asks again by the same link for another form of the credential: it POSTs to `?form=` and a media
type. For another key than the first, that acceptance is signed by both keys.

The domain is the link up to `/claim/`. Each side takes it from what it knows itself, never from the
other: whoever passes on the challenge of another issuer gets a signature that is good for nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from did import DIDURL, DocumentSource
from keys import Signer
from vc.forms import FORMS, INTEGRITY
from vc.forms.integrity import sign
from vc.possession import Asked, require_possession
from vc.problem import MalformedCredential
from vc.secured import Options, Secured, Signatures, Signed
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Code, Malformed
from wire.strict import load_json_object
from wire.work import Work

MAX_MESSAGE = 16 * 1024  # bytes of an invitation or an acceptance; real ones have less than two thousand

_LINK = re.compile(
    r"(?P<service>(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:/[A-Za-z0-9._~-]+)*)/claim/(?P<token>[A-Za-z0-9_-]{22,86})"
)
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class InvalidLink(Malformed):
    """The text is not a claim link."""

    code = "invalid-claim-link"
    title = "Not a claim link"


INVALID_INVITATION = Code("invalid-invitation", Malformed, "Not an invitation to claim")
"""The answer to a claim link is not an invitation that may be accepted."""
INVALID_ACCEPTANCE = Code("invalid-acceptance", Malformed, "The claim is not signed as it has to be")
"""The message does not prove possession of a key for this invitation."""


@dataclass(frozen=True)
class ClaimLink:
    """`service`, the issuer's address, is the domain of the proof; whoever knows `token` may claim."""

    service: str
    token: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `https://host/claim/<token>`; plain http only on loopback. Raises `InvalidLink`."""
        match = _LINK.fullmatch(text)
        if match is None:
            raise InvalidLink(
                "a claim link looks like https://university.example/claim/…, then 22 characters or more",
                hint="Copy the whole link from the message, without the text around it.",
            )
        # The token in the link is all that a claim needs, beside a key of one's own.
        if match["scheme"] == "http" and match["host"] not in _LOOPBACK:
            raise InvalidLink(
                "the claim link begins with http:, so that anyone on the way could take the credential",
                hint="Ask the issuer for a link that begins with https://.",
            )
        return cls(match["service"], match["token"])

    def __str__(self) -> str:
        return f"{self.service}/claim/{self.token}"


@dataclass(frozen=True)
class Invitation:
    """The issuer's answer to a claim link: who it says it is, and the challenge to sign until `expires`."""

    issuer: str
    name: str
    domain: str
    challenge: str
    expires: datetime

    def to_json(self) -> bytes:
        """The message that `parse` reads, version 1."""
        members = {
            "version": 1,
            "issuer": {"id": self.issuer, "name": self.name},
            "domain": self.domain,
            "challenge": self.challenge,
            "expires": format_datetimestamp(self.expires),
        }
        return json.dumps(members, ensure_ascii=False).encode()

    @classmethod
    def parse(cls, data: bytes, link: ClaimLink) -> Self:
        """Read the answer to `link`. Raises `INVALID_INVITATION`, also if it names another domain."""
        message = load_json_object(data, limit=MAX_MESSAGE)
        if message.get("version") != 1:
            raise INVALID_INVITATION("version is not 1", hint="A later version of this program may read it.")
        issuer = message.get("issuer")
        did, name = (issuer.get("id"), issuer.get("name")) if isinstance(issuer, dict) else (None, None)
        domain, challenge = message.get("domain"), message.get("challenge")
        if not (
            isinstance(did, str)
            and isinstance(name, str)
            and isinstance(domain, str)
            and isinstance(challenge, str)
        ):
            raise INVALID_INVITATION("issuer.id, issuer.name, domain or challenge is missing or not a text")
        # A host between could pass on another service's challenge, and claim there with the signature.
        if domain != link.service:
            raise INVALID_INVITATION(
                "domain is not the address of the link: what is signed could be used elsewhere",
                hint="Do not use this link; ask the issuer for one at its own address.",
            )
        return cls(did, name, domain, challenge, parse_datetimestamp(message.get("expires"), "expires"))


def acceptance(
    invitation: Invitation,
    signer: Signer,
    *,
    verification_method: str,
    created: datetime,
    first: tuple[Signer, str] | None = None,
) -> bytes:
    """The presentation without credentials that claims for the DID whose key is `signer`'s.

    `first` is the key, with its URL, to which another form of the credential is bound already, if that is
    another key: both sign the same presentation (VC Data Integrity 1.0, 2.1.1: a proof set).
    """
    options = Options(verification_method, "authentication", created, invitation.challenge, invitation.domain)
    message = dict(FORMS[INTEGRITY].present((), signer, options))
    if first is not None:
        key, method = first
        message = sign(
            message,
            key,
            verification_method=method,
            suite=FORMS[INTEGRITY].algorithm(key.public_key),
            purpose=options.purpose,
            created=created,
            challenge=options.challenge,
            domain=options.domain,
        )
    return json.dumps(message).encode()


@dataclass(frozen=True)
class Acceptance:
    """A claim as received: what it says is only its word until `verify` has returned."""

    holder: str
    challenge: str
    secured: Secured
    signed: tuple[Signed, ...]
    """By the holder's key, and perhaps by that for which another form was claimed."""

    @property
    def proved(self) -> frozenset[str]:
        """The DIDs whose keys have signed it."""
        return frozenset(str(DIDURL.parse(each.verification_method).did) for each in self.signed)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Check the form: a presentation with a holder, no credential, one proof or two.

        Raises `Malformed`, and what keeps the presentation from being read.
        """
        work = Work()
        document = load_json_object(data, limit=MAX_MESSAGE, depth=8, work=work)
        secured = FORMS[INTEGRITY].read(document, FORMS, work)
        presentation = secured.presentation
        if presentation is None:
            raise MalformedCredential.saying("type does not include {type}", type="VerifiablePresentation")
        if presentation.unread:
            raise presentation.unread
        if presentation.holder is None or secured.credentials:
            raise INVALID_ACCEPTANCE("the presentation has no holder, or it has credentials")
        signatures = secured.signatures(work) if "proof" in document else Signatures(())
        problems = [*signatures.problems, *(unknown.problem for unknown in signatures.unknown)]
        count = len(signatures.known) + len(problems)
        if count not in (1, 2):  # each costs a signature to check
            raise INVALID_ACCEPTANCE.saying(
                "the presentation has {proofs} proofs instead of one or two", proofs=count
            )
        if problems:
            raise problems[0]
        challenge = signatures.known[0].challenge
        if challenge is None:
            raise INVALID_ACCEPTANCE("proof.challenge is missing")
        if {each.challenge for each in signatures.known} != {challenge}:  # one is spent for all of them
            raise INVALID_ACCEPTANCE("the proofs are over different challenges")
        return cls(presentation.holder, challenge, secured, tuple(signatures.known))

    def verify(self, *, domain: str, documents: DocumentSource, now: datetime) -> None:
        """Check that keys of the holder and of all `proved` DIDs signed this for `domain`.

        It does not check that the challenge is still open. Raises as `require_possession`, or what
        `documents` raises for one of these DIDs.
        """
        for place, signed in enumerate(self.signed):
            named = DIDURL.parse(signed.verification_method)
            signer = str(named.did)
            method = documents.resolve(signer).document.verification_method(str(named), "authentication")
            # The link alone does not show who claims: the credential is bound to the key that signed here.
            self.secured.verify(signed, method.key, Work())
            require_possession(
                signed,
                signer=signer,
                until=method.until,
                holder=self.holder if place == 0 else signer,  # the first proof is the holder's
                asked=Asked(self.challenge, domain),
                now=now,
            )
