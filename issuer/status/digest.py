"""The status digest: the content of all published lists in one signed file, and the changes since the last.

Beside the lists lie `digest`, whole, and `digest-N` with the changes from number N to the next one. Both have
the signed document of the digest that they lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from keys import Signer
from kinds.kind import SUSPENSION
from ledger import EntryKind, Log
from vc import Bundle
from vc.forms import FORMS, STATUS_KINDS
from vc.forms.integrity import SUITES_BY_KEY, sign
from vc.reading.status_digest import NAME, WholeDigest, digest_file, parse_whole
from vc.secured import Received
from vc.status import SUSPENSION_SUFFIX, StatusList
from vc.status.digest import DigestFacts
from vc.vcdm.status_lists import status_digest_document
from wire.problem import Damaged, Malformed
from wire.work import Work

from ..archive.consistency import append
from ..archive.index import Index
from ..identity import documents
from ..press.document import Profile
from ..press.permutation import LIST_ENTRIES
from ..press.press import signed_entry
from .files import StatusFolder, list_number, published_document, suspensions_name

KEPT = 32
"""The number of files of changes that stay: a reader who looks less often takes the whole digest."""
LONGEST = timedelta(days=30)
"""The longest life of a digest: until its end, a verifier does not ask whether more were revoked since."""
CHANGES = re.compile(rf"{NAME}-[0-9]{{1,9}}", re.ASCII)
_MOST_STEPS = 1 << 22
_REVOCATION = "revocation"


def changes_name(number: int | str) -> str:
    """File name of the changes from the digest of this number to the next one."""
    return f"{NAME}-{number}"


def publish(
    store: Index,
    log: Log,
    home: Path,
    profile: Profile,
    signer: Signer,
    verification_method: str,
    *,
    now: datetime,
    lifetime: timedelta,
) -> int:
    """Signs, anchors and writes a digest of the published lists; returns its number.

    The caller holds the lock of the folder, so that no list changes meanwhile. Raises `Damaged` where a list
    is not as it was published, or the digest before cannot be read.
    """
    numbers = sorted(store.revocations.published_lists())  # from 0 on, without a gap
    folder = StatusFolder(home)
    before = published_digest(folder)
    last = before.digest.facts.number if before else 0
    positions = {_REVOCATION: list(_set(store, folder, [str(number) for number in numbers]))}
    names = [suspensions_name(number) for number in numbers]
    if len(store.revocations.published_among(names)) == len(names):  # all have one, or none has
        positions[SUSPENSION] = list(_set(store, folder, names))
    facts = DigestFacts(
        profile.list_url(""),
        len(numbers),
        LIST_ENTRIES,
        _values(tuple(positions)),
        tuple(positions),
        # The log never goes back: were the file lost, or from an older backup, and a number given to others'
        # positions once more, verifiers would refuse all digests up to the one that they have.
        max(log.checkpoint().size, last + 1),
        before.digest.stated if before else "",
    )
    packed = facts.pack(positions)
    document = status_digest_document(
        profile.list_url(NAME),
        verification_method.partition("#")[0],
        facts,
        packed,
        valid_from=now,
        lifetime=lifetime,
    )
    signed = sign(
        document,
        signer,
        verification_method=verification_method,
        suite=SUITES_BY_KEY[signer.public_key.type],
        created=now,
        work=Work(_MOST_STEPS),
    )
    entry = signed_entry(signed, EntryKind.STATUS_LIST)
    key = sha256(entry).digest()
    appended = append(store, log, [entry], key)
    store.logged.settle(appended)
    versions = documents.anchored_versions(home, log)
    bundle = Bundle(
        signed,
        (log.evidence(appended.leaves.start),),
        documents.since(versions, [len(versions)]),
    )
    # The whole one first: who finds no changes takes it, also where this process is killed in between.
    folder.write(NAME, digest_file(bundle, packed, is_whole=True))
    if before:
        changes = facts.pack_changes(positions, before.digest.positions())
        # A verifier that takes changes has the issuer's documents of the digest before.
        is_known = _texts(before.bundle) == _texts(bundle)
        brief = replace(bundle, issuer_documents=()) if is_known else bundle
        folder.write(changes_name(last), digest_file(brief, changes, is_whole=False))
    changed = [name.removeprefix(changes_name("")) for name in folder.names() if CHANGES.fullmatch(name)]
    for number in sorted(map(int, changed))[:-KEPT]:
        folder.remove(changes_name(number))
    return facts.number


def _values(purposes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The meaning of a list's values, by the end of its address; see `DigestFacts`.

    A list of another kind has both: 1 for revoked, 2 for suspended (`combined`).
    """
    others = {kind.suffix: tuple(purposes) for kind in STATUS_KINDS.values() if kind.suffix}
    return {
        "": (_REVOCATION,),
        **({SUSPENSION_SUFFIX: (SUSPENSION,)} if SUSPENSION in purposes else {}),
        **others,
    }


def _set(store: Index, folder: StatusFolder, names: Sequence[str]) -> Iterator[int]:
    """The positions that are set in published lists, counted through all of them."""
    published = store.revocations.published_among(names)
    for name in names:
        document = published_document(store, folder, name, published[name].digest)
        bits = StatusList.decode(document["credentialSubject"]["encodedList"]).bits
        start = list_number(name) * LIST_ENTRIES
        for place in (place for place, byte in enumerate(bits) if byte):
            byte = bits[place]
            yield from (start + place * 8 + bit for bit in range(8) if byte >> 7 - bit & 1)


def _texts(bundle: Bundle) -> list[Received]:
    """The issuer's documents in a bundle, without their evidence, which changes as the log grows."""
    return [anchored.document for anchored in bundle.issuer_documents]


def published_digest(folder: StatusFolder) -> WholeDigest | None:
    """The digest that was published last, if there is one. Raises `Damaged`."""
    content = folder.read(NAME)
    if content is None:
        return None
    try:
        return parse_whole(content, FORMS)
    except Malformed as problem:
        raise Damaged(
            f"{folder.where(NAME)} is not a status digest as it was published",
            hint="Remove it: verifiers take the next one whole then.",
        ) from problem
