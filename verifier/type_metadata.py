"""Checks a credential against the metadata of its type (SD-JWT VC, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kinds.kind import METADATA
from vc.anchoring import CarriedKind
from vc.problem import ANOTHER_SCHEMA
from vc.secured import Secured
from vc.type_metadata import TypeDocuments, TypeMetadata
from wire import Malformed, integrity
from wire.text import shortened
from wire.work import Work

from .kind_schema import called
from .sources.trust import TrustSource
from .summary import kind_at_hand, listed_issuer

NO_TYPES = TypeDocuments(())


def fits_type(
    secured: Secured, trust: TrustSource, types: TypeDocuments, brought: Sequence[CarriedKind], work: Work
) -> dict[str, str]:
    """The type with the name of its kind, or of itself, if the credential has the form of that type.

    Own documents are `types`, and those with the signed digest among the kind that the credential names and
    the issuer's kinds on the trust list. Kinds that a bundle has `brought` only extend these, by digests:
    leaving one out makes nothing valid. Empty where none is at hand. Raises `ANOTHER_SCHEMA`, and as
    `Secured.fits_type`.
    """
    claims = secured.claims
    kind, named = kind_at_hand(claims, trust, work=work), _text(claims.said.get("vct#integrity"))
    kept = kind.files.get(METADATA, b"") if kind is not None else b""
    if kept and integrity.fits(named, kept) is False:
        # Section 5: what has another digest is not what the issuer meant.
        raise ANOTHER_SCHEMA.saying(
            "the schema {schema} has another digest than the one that its kind has",
            schema=shortened(claims.vct),
        )
    entry = listed_issuer(claims, trust)  # with kinds in several editions of one type perhaps
    listed = [_text(dict(each.files).get(METADATA)).encode() for each in (entry.kinds if entry else ())]
    others = [_text(dict(each.texts).get(METADATA)).encode() for each in brought]
    # Threat 44d: only a text of the digest that was signed is the issuer's.
    signed = (text for text in (kept, *listed) if integrity.fits(named, text))
    documents = types.adding(_documents(signed, work), _documents((*listed, *others), work))
    fitting = secured.fits_type(documents, work)
    if not fitting:
        return {}
    return {fitting: called(kind) if kind is not None else shortened(fitting)}


def _documents(texts: Iterable[bytes], work: Work) -> Iterator[TypeMetadata]:
    """The texts that are type metadata: a malformed one by somebody else describes no type."""
    for text in texts:
        try:
            if text:
                yield TypeMetadata.parse(text, work)
        except Malformed:
            continue


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
