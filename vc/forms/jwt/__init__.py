"""Documents of W3C's data model in JSON Web Tokens.

Here are the doors: for VC-JOSE-COSE (3.1, with JOSE) one for credentials and one for presentations, and one
for JWTs from before it. The rest is loaded when bytes look like a JWT. `token.py` is the JWT itself,
`credential.py` and `presentation.py` what it says, `plain.py` those from before, `signing.py` makes those of
VC-JOSE-COSE, `skeleton.py` credentials in bulk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wire import Malformed

from ...problem import UnsupportedForm
from ...secured import MAX_BYTES, Carried, Form, Options, Received, Secured
from ...vcdm.enveloped import Enveloped

if TYPE_CHECKING:
    from keys import PublicKey, Signer
    from wire.work import Work

    from ...facts import IssuingFacts
    from ...possession import Asked
    from ...secured import Skeleton
    from ...slots import Slots
    from ...vcdm.jsonld import Contexts

VC_JWT = "application/vc+jwt"
VP_JWT = "application/vp+jwt"
PLAIN_JWT = "application/jwt"
"""The media type of a JWT whose `typ` is JWT (RFC 7519, 5.1)."""
_COMPACT = rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"


@dataclass(frozen=True)
class _JWTForm:
    """The part that both doors share; see `vc.secured.Form`."""

    contexts: Contexts | None = None
    """By which documents are read, as `DataIntegrity.contexts`."""
    media_type: str = ""
    limit: int = MAX_BYTES

    def recognises(self, content: Carried) -> bool:
        """True if it is a compact JWT whose header has the type of this form."""
        return _is_jwt_of(self.media_type, content)

    def identifier(self, content: Carried) -> object:
        """The `id` in its payload."""
        from wire.compact import jwt_payload

        return jwt_payload(_bytes(content)).get("id")

    def algorithm(self, key: PublicKey) -> str:
        """The `alg` of the header."""
        return key.kind.algorithms[0]

    def secure(
        self,
        facts: IssuingFacts,  # noqa: ARG002
        content: Mapping[str, Any],  # noqa: ARG002
        signer: Signer,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Enveloped:
        """Raises `UnsupportedForm`, unless credentials are issued in this form."""
        raise UnsupportedForm.saying("no credential is issued as {form}", form=self.media_type)

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Enveloped:
        """See `Form`, and `signing.sign_presentation`."""
        from .signing import sign_presentation

        return Enveloped(VP_JWT, sign_presentation(credentials, signer, options))


@dataclass(frozen=True)
class VCJWT(_JWTForm):
    """Credentials as JWTs."""

    media_type: str = VC_JWT

    def read(
        self,
        content: Carried,
        forms: Mapping[str, Form],  # noqa: ARG002 -- it holds no other
        work: Work,
        asked: Asked | None = None,  # noqa: ARG002 -- a credential answers nothing
    ) -> Secured:
        """Reads a credential."""
        from .credential import JWTCredential

        return JWTCredential(_bytes(content), self.contexts, work)

    def secure(
        self, facts: IssuingFacts, content: Mapping[str, Any], signer: Signer, options: Options
    ) -> Enveloped:
        """See `Form`, and `signing.sign_credential`."""
        from .signing import sign_credential

        return Enveloped(VC_JWT, sign_credential(facts, content, signer, options, self.contexts))

    def skeleton(
        self, facts: IssuingFacts, content: Mapping[str, Any], slots: Slots, key: PublicKey, options: Options
    ) -> Skeleton | None:
        """See `vc.secured.Splices`."""
        from .skeleton import jwt_skeleton

        return jwt_skeleton(lambda tracer: self.secure(facts, content, tracer, options), slots, key)


@dataclass(frozen=True)
class VPJWT(_JWTForm):
    """Presentations as JWTs, of credentials in any form that can be enveloped."""

    media_type: str = VP_JWT

    def read(
        self,
        content: Carried,
        forms: Mapping[str, Form],
        work: Work,
        asked: Asked | None = None,  # noqa: ARG002 -- it says for whom it is
    ) -> Secured:
        """Reads a presentation, whose credentials are of `forms`."""
        from .presentation import JWTPresentation

        return JWTPresentation(_bytes(content), self.contexts, forms, work)


@dataclass(frozen=True)
class PlainJWT(_JWTForm):
    """JWTs without a type of their own: those of the data model 1.1, and Open Badges 3.0. None is made."""

    media_type: str = PLAIN_JWT
    limit: int = 1 << 20
    """The payload is looked at to tell what it is, which is charged to nobody's work (`wire.compact`)."""

    def recognises(self, content: Carried) -> bool:
        """True if it is a compact JWT of type JWT or none whose payload is that of a credential.

        VCDM 1.1, 6.3.1, asks for the claim `vc` or `vp`; Open Badges 3.0, 8.2.4, for `iss` and `nbf`.
        """
        token = _compact(content)
        if token is None:
            return False
        from wire.compact import jwt_header, jwt_payload

        try:
            # Threat 19: a JWT with a type of its own, such as vc+jwt, is of that form.
            if jwt_header(token).get("typ", "JWT") != "JWT":
                return False
            claims = jwt_payload(token).keys()
        except Malformed:
            return False
        return not claims.isdisjoint(("vc", "vp")) or claims >= {"@context", "iss", "nbf"}

    def identifier(self, content: Carried) -> object:
        """`jti`, which is the id of the document, or the id alone."""
        from wire.compact import jwt_payload

        payload = jwt_payload(_bytes(content))
        held = payload.get("vc", payload.get("vp", payload))
        return payload.get("jti", held.get("id") if isinstance(held, dict) else None)

    def read(
        self,
        content: Carried,
        forms: Mapping[str, Form],
        work: Work,
        asked: Asked | None = None,  # noqa: ARG002 -- it says for whom it is
    ) -> Secured:
        """Reads a presentation in the claim `vp`, or a credential in `vc` or beside the claims."""
        from wire.compact import jwt_payload

        from .plain import ClaimedCredential, ClaimedPresentation, PlainCredential

        token = _bytes(content)
        claims = jwt_payload(token).keys()
        if "vp" in claims:
            return ClaimedPresentation(token, self.contexts, forms, work)
        kind = ClaimedCredential if "vc" in claims else PlainCredential
        return kind(token, self.contexts, work)

    def present(
        self,
        credentials: Sequence[Received],  # noqa: ARG002
        signer: Signer,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Enveloped:
        """Raises `UnsupportedForm`, so that wallets present such a credential in JSON."""
        raise UnsupportedForm.saying("no presentation is made as {form}", form=self.media_type)


def _compact(content: Carried) -> bytes | None:
    """The bytes without a line end, where they have the shape of a JWT."""
    if not isinstance(content, bytes) or b"~" in content:  # an SD-JWT is told at once
        return None
    token = content.strip()
    return token if re.fullmatch(_COMPACT, token) else None


def _is_jwt_of(media_type: str, content: Carried) -> bool:
    token = _compact(content)
    if token is None:
        return False
    from wire.compact import jwt_header  # only here, and above: most files are JSON

    try:
        kind = jwt_header(token).get("typ")
    except Malformed:
        return False
    return kind in (media_type, media_type.removeprefix("application/"))


def _bytes(content: Carried) -> bytes:
    """Without the line end that an editor adds: nothing signed stands there."""
    if not isinstance(content, bytes):
        raise Malformed("a JWT is no JSON object")
    return content.strip()
