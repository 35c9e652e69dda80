"""Making a credential or a presentation as a JWT. Its bytes follow from the facts and the signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keys import Signer
from keys.jws import sign_compact
from wire import Malformed

from ...facts import IssuingFacts
from ...jose import NOT_ASKED
from ...problem import UnsupportedForm
from ...secured import Options, Received
from ...vcdm.enveloped import Enveloped
from ...vcdm.issuing import unsigned
from ...vcdm.jsonld.canonical import require_no_silence
from ...vcdm.presentation import presentation
from .token import ENVELOPE, REFUSED

if TYPE_CHECKING:
    from ...vcdm.jsonld import Contexts


def sign_credential(
    facts: IssuingFacts,
    content: Mapping[str, Any],
    signer: Signer,
    options: Options,
    contexts: Contexts | None,
) -> bytes:
    """The credential, with `iat` as the only claim of the JWT: all else stands in the document.

    Raises `Malformed` for members that are null or [], and for those that would be read as claims of the JWT.
    """
    document = unsigned(facts, content)
    # VC-JOSE-COSE, 3.1.3: claims and members stand side by side in the payload.
    if taken := sorted(document.keys() & ENVELOPE.union(REFUSED)):
        raise Malformed.saying("the member {name} would be read as a claim of the JWT", name=taken[0])
    require_no_silence(document, contexts)
    created = {} if options.created is None else {"iat": int(options.created.timestamp())}
    header = {"typ": "vc+jwt", "kid": options.verification_method}
    return sign_compact(header, {**document, **created}, signer)


def sign_presentation(credentials: Sequence[Received], signer: Signer, options: Options) -> bytes:
    """The presentation by the holder who signs, for `options.domain` and `options.challenge`.

    Raises `NOT_ASKED`, and `UnsupportedForm` for a credential that carries its proofs (VC-JOSE-COSE, 3.1.2).
    """
    # Threat 54: without these, whoever receives it could show it elsewhere.
    if not options.challenge or not options.domain or options.created is None:
        raise NOT_ASKED("a JWT says for whom it is made, over which challenge, and when")
    if not all(isinstance(credential, Enveloped) for credential in credentials):
        raise UnsupportedForm("JSON that carries its proofs is not presented in a JWT")
    holder = options.verification_method.partition("#")[0]
    answer = {
        "aud": options.domain,
        "nonce": options.challenge,
        "iat": int(options.created.timestamp()),
    }
    document = presentation(holder, list(map(dict, credentials)))
    return sign_compact({"typ": "vp+jwt", "kid": options.verification_method}, {**document, **answer}, signer)
