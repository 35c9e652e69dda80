"""Bitstring status lists as a `StatusKind`: each is a credential with a Data Integrity proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...secured import INTEGRITY
from ...status.bits import MINIMUM_ENTRIES, StatusList
from ...status.entry import StatusEntry, open_list
from ...status.kind import Effect, ListFacts, PublishedList, Unpack

if TYPE_CHECKING:
    from keys import Signer

    from ...claims import Claims

# ADR 23: who signs a status document has what a whole list takes.
_MOST_STEPS = 1 << 22
_EFFECTS = {"revocation": Effect.REVOKED, "suspension": Effect.SUSPENDED}


@dataclass(frozen=True)
class BitstringStatusList:
    """The kind (Bitstring Status List 1.0); lists of its draft, StatusList2021, are read, too."""

    media_type: str = INTEGRITY
    suffix: str = ""
    form: None = None
    issued_in: frozenset[str] = frozenset({INTEGRITY})
    least_entries: int = MINIMUM_ENTRIES
    """3.2, step 9."""

    def entry(self, value: Mapping[str, Any]) -> StatusEntry:
        """See `StatusEntry.parse`."""
        return StatusEntry.parse(value)

    def open(self, entry: StatusEntry, claims: Claims, unpack: Unpack) -> StatusList:
        """See `open_list`."""
        return open_list(entry, claims, partial(unpack, StatusList.decode))

    def effect(self, entry: StatusEntry, value: int) -> Effect:
        """The entry's purpose gives every value other than 0 its meaning (2.1)."""
        return _EFFECTS.get(entry.purpose, Effect.NONE) if value else Effect.NONE

    def publish(
        self, bits: StatusList, facts: ListFacts, signer: Signer, verification_method: str
    ) -> PublishedList:
        """See `StatusKind`."""
        import orjson  # imported lazily, as what follows: who verifies publishes nothing

        from ledger import EntryKind
        from wire.work import Work

        from ...anchoring import log_entry
        from ...vcdm.status_lists import status_list_document
        from . import SUITES_BY_KEY, sign

        document = status_list_document(
            facts.url,
            facts.issuer,
            bits,
            valid_from=facts.valid_from,
            lifetime=facts.lifetime,
            purpose=facts.purpose,
        )
        signed = sign(
            document,
            signer,
            verification_method=verification_method,
            suite=SUITES_BY_KEY[signer.public_key.type],
            created=facts.valid_from,
            work=Work(_MOST_STEPS),
        )
        return PublishedList(
            orjson.dumps(signed), log_entry(signed, signed["proof"][0], EntryKind.STATUS_LIST)
        )


BITSTRING = BitstringStatusList()
