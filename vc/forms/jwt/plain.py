"""JWTs that have no type of their own: `typ` is JWT, or absent. They are read, and not made.

The data model 1.1 puts its document into the claim `vc` or `vp` (VCDM 1.1, 6.3.1; OpenID4VCI calls that
`jwt_vc_json`). Open Badges 3.0 puts a credential of the data model 2.0 beside the claims of the JWT (8.2.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wire.datetimestamp import format_datetimestamp
from wire.text import shortened

from ...jose import numeric_date
from ...problem import MalformedCredential, UnsupportedForm
from ...reading.front import recognised
from ...vcdm.enveloped import Enveloped
from . import PLAIN_JWT
from .credential import JWTCredential
from .presentation import JWTPresentation
from .token import ENVELOPE, JWT, Payload

if TYPE_CHECKING:
    from keys.jws import JWS

    from ...secured import Received

TYPES = ("JWT", None)
"""Values of `typ` in the header."""


class _Plain(JWT):
    form = PLAIN_JWT
    # Open Badges 3.0, 8.2.3, wants it where there is no kid. The key is still that of the issuer (threat 12).
    unused = ("jwk",)

    def require_own_type(self, jws: JWS) -> None:
        """See `JWT`."""
        if jws.header.get("typ") not in TYPES:  # threat 19: such as vc+jwt, whose claims say other things
            raise MalformedCredential("typ of the header is not JWT")


class PlainCredential(_Plain, JWTCredential):
    """A credential beside the claims of the JWT, as in Open Badges 3.0."""


class _InClaim(_Plain):
    """A document in one claim of a JWT, whose other claims stand in for members of it."""

    claim: str

    def split(self, members: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `JWT`. A member beside the claim counts as one of the document, as programs write some there.

        Raises `MalformedCredential`.
        """
        document = members.pop(self.claim)
        # Threat 19: a signer who meant one of them would be taken at the word of the other.
        if not members.keys().isdisjoint(("vc", "vp")):
            raise MalformedCredential("the payload has both the claims vc and vp")
        # Threat R5.
        if not isinstance(document, dict):
            raise MalformedCredential.saying("the claim {claim} is not a JSON object", claim=self.claim)
        envelope = {name: members.pop(name) for name in ENVELOPE.intersection(members)}
        for name, value in members.items():  # one that was passed over might be the status
            if document.setdefault(name, value) != value:
                raise MalformedCredential.saying(
                    "{member} stands twice, and says different things", member=shortened(name)
                )
        return document, envelope


class ClaimedCredential(_InClaim, JWTCredential):
    """A credential in the claim `vc`."""

    claim, version = "vc", "1.1"

    def completed(self, document: Mapping[str, Any], envelope: Mapping[str, Any]) -> Payload:
        """Return both parts, and in the document what only claims say (6.3.1, "instead of").

        `claims` compares what both say. Raises as `numeric_date`.
        """
        whole = _with_id(document, envelope.get("jti"))
        if "iss" in envelope:
            whole.setdefault("issuer", envelope["iss"])
        for name, claim in (("issuer", "iss"), ("credentialSubject", "sub")):
            match whole.get(name):
                case dict(entry):
                    whole[name] = _with_id(entry, envelope.get(claim))
                case [dict(entry)]:
                    whole[name] = [_with_id(entry, envelope.get(claim))]
        for name, claim in (("issuanceDate", "nbf"), ("expirationDate", "exp")):
            moment = numeric_date(envelope, claim)
            if moment is not None:
                whole.setdefault(name, format_datetimestamp(moment.utc))
        return Payload(whole, envelope)


class ClaimedPresentation(_InClaim, JWTPresentation):
    """A presentation in the claim `vp`, of either data model: programs use both."""

    claim = "vp"

    def completed(self, document: Mapping[str, Any], envelope: Mapping[str, Any]) -> Payload:
        """See `ClaimedCredential.completed`; `presentation` takes the holder from `iss`."""
        return Payload(_with_id(document, envelope.get("jti")), envelope)

    def received(self, item: object) -> Received:
        """Return a credential, which is a text or an object (6.3.1).

        Raises `MalformedCredential`, and the open `UnsupportedForm` for a text of no known form.
        """
        if isinstance(item, dict):
            return item
        if not isinstance(item, str):
            raise MalformedCredential("verifiableCredential holds neither a text nor an object")
        data = item.encode()
        form = recognised(data, self.forms)
        # ADR 14: other programs may read it.
        if form is None:
            raise UnsupportedForm("verifiableCredential holds a text that is not read here")
        return Enveloped(form.media_type, data)


def _with_id(value: Mapping[str, Any], identifier: object) -> dict[str, Any]:
    return {**value} if identifier is None or "id" in value else {"id": identifier, **value}
