"""VC-JOSE-COSE: documents of W3C's data model as the payload of a JSON Web Token (3.1, with JOSE).

Here are the doors, one for credentials and one for presentations; what is behind them is loaded when bytes
look like one. `token.py` is the JWT itself, `credential.py` and `presentation.py` what it says, `signing.py`
makes both, `skeleton.py` credentials in bulk.
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
_COMPACT = rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"


@dataclass(frozen=True)
class _JWTForm:
    """The part that both doors share; see `vc.secured.Form`."""

    contexts: Contexts | None = None
    """By which documents are read, as `DataIntegrity.contexts`."""
    media_type: str = ""
    limit: int = MAX_BYTES

    def recognises(self, content: Carried) -> bool:
        """Whether it is a compact JWT whose header has the type of this form."""
        return _is_jwt_of(self.media_type, content)

    def identifier(self, content: Carried) -> object:
        """The `id` in its payload."""
        from wire.compact import jwt_payload

        return jwt_payload(_bytes(content)).get("id")

    def algorithm(self, key: PublicKey) -> str:
        """The `alg` of the header."""
        return key.kind.algorithms[0]

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
        self, facts: IssuingFacts, said: Mapping[str, Any], signer: Signer, options: Options
    ) -> Enveloped:
        """See `Form`, and `signing.sign_credential`."""
        from .signing import sign_credential

        return Enveloped(VC_JWT, sign_credential(facts, said, signer, options, self.contexts))

    def skeleton(
        self, facts: IssuingFacts, said: Mapping[str, Any], slots: Slots, key: PublicKey, options: Options
    ) -> Skeleton | None:
        """See `vc.secured.Splices`."""
        from .skeleton import jwt_skeleton

        return jwt_skeleton(lambda tracer: self.secure(facts, said, tracer, options), slots, key)


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

    def secure(
        self,
        facts: IssuingFacts,  # noqa: ARG002
        said: Mapping[str, Any],  # noqa: ARG002
        signer: Signer,  # noqa: ARG002
        options: Options,  # noqa: ARG002
    ) -> Enveloped:
        """Raises `UnsupportedForm`: no credential is of this form."""
        raise UnsupportedForm("a credential is not issued as a presentation")


def _is_jwt_of(media_type: str, content: Carried) -> bool:
    if not isinstance(content, bytes) or re.fullmatch(_COMPACT, content.strip()) is None:
        return False
    from wire.compact import jwt_header  # only here, and above: most files are JSON

    try:
        kind = jwt_header(content.strip()).get("typ")
    except Malformed:
        return False
    return kind in (media_type, media_type.removeprefix("application/"))


def _bytes(content: Carried) -> bytes:
    """Without the line end that an editor adds: nothing signed stands there."""
    if not isinstance(content, bytes):
        raise Malformed("a JWT is no JSON object")
    return content.strip()
