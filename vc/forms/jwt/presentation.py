"""A presentation as a JWT: the holder, the credentials, the audience, the challenge and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ledger import EntryKind
from wire.work import Work

from ...claims import Claims
from ...jose import JWTSignature, numeric_date
from ...problem import InvalidProof, MalformedCredential
from ...reading.front import read
from ...secured import Form, Received, Secured, Signatures, Signed
from ...vcdm.enveloped import TYPE, Enveloped
from ...vcdm.presentation import Presentation
from . import VP_JWT
from .token import JWT

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts


class JWTPresentation(JWT):
    """One presentation."""

    form = VP_JWT

    def __init__(self, data: bytes, contexts: Contexts | None, forms: Mapping[str, Form], work: Work) -> None:
        super().__init__(data, contexts, work)
        self.forms = forms

    @property
    def claims(self) -> Claims:
        """Raises `MalformedCredential`: it is no credential."""
        raise MalformedCredential("this is a presentation, not a credential")

    @cached_property
    def presentation(self) -> Presentation:
        """Its holder; `iss` names the holder as well.

        Raises as `Presentation.parse`, and `MalformedCredential` where claims of the JWT say something else.
        """
        presentation = Presentation.parse(self.payload.document, self.work, self.contexts)
        issuer = self.payload.envelope.get("iss")
        holder = presentation.holder or (issuer if isinstance(issuer, str) else None)
        # Threat 55: with two names, the key of one would show what belongs to the other.
        self.require_same({"iss": holder, "jti": presentation.id}, presentation.unread)
        return presentation._replace(holder=holder)

    @cached_property
    def credentials(self) -> Sequence[Secured]:
        """See `Secured`. Raises `MalformedCredential` for a presentation among them, and as `received`."""
        return tuple(map(self._inner, self.presentation.items))

    def _inner(self, item: object) -> Secured:
        inner = read(self.received(item), self.forms, self.work)
        # Threat 19: the presentation within would be taken for one made for this verifier.
        if inner.presentation is not None:
            raise MalformedCredential("verifiableCredential holds a presentation")
        return inner

    def received(self, item: object) -> Received:
        """Return an item of `verifiableCredential` as what it was secured as.

        Raises `MalformedCredential` for one that is not enveloped (3.1.2), and as `Enveloped.from_object`.
        """
        # VC-JOSE-COSE, 3.1.2: only what is enveloped says in which form it was secured.
        if not isinstance(item, dict) or item.get("type") not in (TYPE, [TYPE]):
            raise MalformedCredential("verifiableCredential holds something that is not enveloped")
        return Enveloped.from_object(item)

    def signatures(self, work: Work) -> Signatures:  # noqa: ARG002 -- read already
        """The holder's. Raises `InvalidProof` without `iat`, since nobody could tell its age.

        Raises `MalformedCredential` for claims that are malformed, and as `signed_by` and `presentation`.
        """
        envelope = self.payload.envelope
        created, ends, starts = (numeric_date(envelope, name) for name in ("iat", "exp", "nbf"))
        # Threat 54: without it a copy could be shown for ever.
        if created is None:
            raise InvalidProof("a presentation as a JWT says by iat when it was made")
        # RFC 7519, 4.1.5: it must not be accepted before `nbf`.
        if starts is not None and starts.utc > created.utc:
            raise InvalidProof("the presentation is for a time after it was made")
        audience, nonce = envelope.get("aud", []), envelope.get("nonce", "")
        audiences = audience if isinstance(audience, list) else [audience]  # RFC 7519, 4.1.3
        if not all(isinstance(text, str) for text in (*audiences, nonce)):
            raise MalformedCredential("aud or nonce of the JWT is no text")
        signature = JWTSignature(
            "",
            self.jws.header["alg"],
            created.utc,
            "authentication",
            ends.utc if ends else None,
            tuple(audiences),
            nonce or None,
        )
        return self.signed_by(self.presentation.holder, signature)

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:  # noqa: ARG002
        """None: what is shown is in no log."""
        return ()
