"""SD-JWT VC: JSON claims in a JSON Web Token, of which the holder shows some (draft-ietf-oauth-sd-jwt-vc-18).

Here is the door, which loads the rest when bytes look like one. `disclosures.py` is RFC 9901 alone,
`claims.py` what such a credential says, `credential.py` who signed it, `binding.py` how its holder shows it,
`issuing.py` how one is made. It is not of W3C's data model, and knows no JSON-LD.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wire import Malformed

from ...problem import UnsupportedForm
from ...secured import Carried, Choices, Form, Options, Received, Secured
from ...vcdm.enveloped import Enveloped

if TYPE_CHECKING:
    from datetime import datetime

    from keys import PublicKey, Signer
    from wire.work import Work

    from ...facts import IssuingFacts
    from ...possession import Asked

MEDIA_TYPE = "application/dc+sd-jwt"
_COMPACT = rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"


@dataclass(frozen=True)
class SDJWTVC:
    """The form; see `vc.secured.Form`."""

    media_type: str = MEDIA_TYPE
    limit: int = 1 << 21

    def recognises(self, content: Carried) -> bool:
        """True if it is an SD-JWT by its shape, whose header and payload are those of an SD-JWT VC.

        `vc+sd-jwt` is the name of W3C's data model in an SD-JWT, too, which has an `@context`.
        """
        if not isinstance(content, bytes):
            return False
        token, tilde, _ = content.lstrip().partition(b"~")
        if not tilde or re.fullmatch(_COMPACT, token) is None:
            return False
        from wire.compact import jwt_header, jwt_payload  # only here, and below: most files are JSON

        try:
            kind = jwt_header(token).get("typ")
            payload = jwt_payload(token) if kind == "vc+sd-jwt" else {}
        except Malformed:
            return False
        return kind == "dc+sd-jwt" or ("vct" in payload and "@context" not in payload)

    def identifier(self, content: Carried) -> object:
        """Its `jti`."""
        from wire.compact import jwt_payload

        return jwt_payload(_bytes(content).partition(b"~")[0]).get("jti")

    def read(
        self,
        content: Carried,
        forms: Mapping[str, Form],  # noqa: ARG002
        work: Work,
        asked: Asked | None = None,  # noqa: ARG002 -- a key binding says for whom it is
    ) -> Secured:
        """Reads a credential, or what its holder shows of it with a key binding."""
        from .binding import read

        return read(_bytes(content), work)

    def algorithm(self, key: PublicKey) -> str:
        """The `alg` of the header. Raises `ALGORITHM_NOT_FOR_KEY`."""
        from .credential import algorithm_for

        return algorithm_for(key)

    def secure(
        self,
        facts: IssuingFacts,
        content: Mapping[str, Any],  # noqa: ARG002 -- W3C's shape of what `facts` has by the kind's fields
        signer: Signer,
        options: Options,
    ) -> Enveloped:
        """See `Form`, and `issuing.issued`."""
        from .issuing import issued

        return Enveloped(self.media_type, issued(facts, signer, options))

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Enveloped:
        """See `Form`, and `binding.present`: of one credential, since each has a key binding of its own."""
        from .binding import present

        if len(credentials) != 1:
            raise UnsupportedForm("an SD-JWT VC is shown by itself")
        return Enveloped(self.media_type, present(_enveloped(credentials[0]), signer, options))

    def choices(self, credential: Secured) -> Choices:
        """See `vc.secured.Discloses`, and `choice.choices_of`."""
        from .choice import choices_of

        return choices_of(credential)

    def show(
        self, credential: Secured, choice: Collection[str], asked: Asked, signer: Signer, created: datetime
    ) -> Enveloped:
        """See `vc.secured.Discloses`, and `choice.show`."""
        from .choice import show

        return Enveloped(self.media_type, show(credential, choice, asked, signer, created))


def _enveloped(received: Received) -> bytes:
    if not isinstance(received, Enveloped):
        raise UnsupportedForm("this is no SD-JWT VC")
    return _bytes(received.data)


def _bytes(content: Carried) -> bytes:
    """Without the line end that an editor adds: nothing signed stands there."""
    if not isinstance(content, bytes):
        raise Malformed("an SD-JWT VC is no JSON object")
    return content.strip()
