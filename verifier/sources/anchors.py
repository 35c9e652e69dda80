"""Issuers that certificates name: the entry of the trust list with an anchor to which their chain leads.

An entry whose `id` is a DID or an https URL is for the issuer of that name: the leaf has to have it as well.
Any other is for whomever its anchors certify, and its `id` is the digest of one of them (RFC 6920).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from keys import certificates
from keys.certificates import Certificate, CertifiedKey
from wire import Problem
from wire.text import claimed, shortened
from wire.work import Work

from ..problem import CERTIFICATE_NOT_LISTED, CERTIFICATE_OF_ANOTHER
from .trust import AnchoredTrust, TrustSource
from .trust_entries import RecognisedIssuer, read_anchors


def certified(
    chain: Sequence[bytes], claimed_issuer: str, trust: TrustSource, work: Work
) -> tuple[str, CertifiedKey]:
    """The `id` of the issuer to whom a chain of certificates leads, the leaf first, and the key of the leaf.

    Raises as `certificates.read_chain` and `validate`, and what leaves it open: `CERTIFICATE_NOT_LISTED`,
    and `CERTIFICATE_OF_ANOTHER` where the document claims a name that neither the leaf nor the entry has.
    """
    parsed = certificates.read_chain(chain, work)
    leaf = parsed[0]
    anchored = list(_leading(parsed, trust, work))
    # Threat 12b: a chain counts only up to a certificate that the trust list has.
    if not anchored:
        raise CERTIFICATE_NOT_LISTED(
            f'the certificate of "{claimed(leaf.subject_text)}" leads to none that is on your list',
            subject=claimed(leaf.subject_text),
        )
    claims_name = claimed_issuer != leaf.subject_text
    for entry, paths in anchored:
        identifiers = [name for name in (entry.id, entry.address) if name]
        # Two issuers may have certificates of one authority: the name that is claimed has to be the entry's.
        names = [name for name in identifiers if not claims_name or name == claimed_issuer]
        if entry.is_by_anchor or not names:
            continue
        key = _best(paths, work)
        # SD-JWT VC, 2.5: the issuer is the subject of the leaf. An authority certifies many, each of whom
        # could write this issuer's name.
        if any(map(key.names, names)) or key.pinned:
            return entry.id, key
    named = trust.issuer(claimed_issuer) if claims_name else None
    for entry, paths in anchored:
        # A name that is another's on the list is not passed over, though the anchor says whose it is: who
        # reads the claims could take it for the one that was verified.
        if entry.is_by_anchor and named in (None, entry):
            return entry.id, _best(paths, work)
    raise CERTIFICATE_OF_ANOTHER(
        f'the certificate of "{claimed(leaf.subject_text)}" is not for {shortened(claimed_issuer)}',
        subject=claimed(leaf.subject_text),
        issuer=claimed_issuer,
    )


def _leading(
    chain: Sequence[Certificate], trust: TrustSource, work: Work
) -> Iterator[tuple[RecognisedIssuer, list[Sequence[Certificate]]]]:
    """The entries with an anchor to which a chain leads, and the paths of each."""
    if not isinstance(trust, AnchoredTrust):
        return
    names = dict.fromkeys((chain[0].subject, *(certificate.issuer for certificate in chain)))
    entries = {entry.id: entry for name in names for entry in trust.anchored(name)}
    for entry in entries.values():
        paths = [certificates.path_to(anchor, chain, work) for anchor in read_anchors(entry, work)]
        if any(paths):
            yield entry, [path for path in paths if path]


def _best(paths: Iterable[Sequence[Certificate]], work: Work) -> CertifiedKey:
    """The key by the path that is valid longest. Raises what is wrong with all of them, the open first."""
    keys: list[CertifiedKey] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            keys.append(certificates.validate(path, work))
        except Problem as problem:
            problems.append(problem)
    if not keys:
        raise max(problems, key=lambda problem: problem.undetermined)
    return max(keys, key=lambda key: key.until)
