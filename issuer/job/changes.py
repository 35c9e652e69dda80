"""Rows whose diplomas were issued before, held against those: a file may say something new of them.

A row is compared with the first edition by its digest, shard by shard, so that a file that is issued again
costs little. Only a row that differs there is compared with the edition that counts, field by field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..archive.archive import Archive
from ..archive.shards import Shard
from ..press.press import Line
from ..table.names import NAMES, full_name
from ..table.records import Record, digest


class Change(NamedTuple):
    """A row that says something else than the diploma that was issued under its number."""

    row: int
    number: str
    fields: Mapping[str, Any]
    """Those that differ, with what the row says."""
    revoked: bool
    """Whether the diploma was revoked, so that it cannot be corrected."""


class Shelf(NamedTuple):
    """What a file says of the diplomas in one shard: the digest of the row by sequence number."""

    shard: Path | None
    digests: dict[int, bytes]


def shelves(archive: Archive, digests: Mapping[int, bytes]) -> list[Shelf]:
    """The digests of rows, each with the shard that has the credential to compare them with."""
    return [Shelf(path, {seq: digests[seq] for seq in seqs}) for path, seqs in archive.by_shard(digests)]


def differing(shelf: Shelf) -> dict[int, Record]:
    """The credentials that are not known to be made from an equal row, with their records if at hand."""
    found: dict[int, Record] = {seq: {} for seq in shelf.digests}
    for seq, record in map(Line.record_of, Shard(shelf.shard) if shelf.shard else ()):
        if seq in found:
            if digest(record) == shelf.digests[seq]:
                del found[seq]
            else:
                found[seq] = orjson.loads(record)
    return found


def changes(
    rows: Iterable[tuple[int, Record, Record]], fields: Collection[str], archive: Archive
) -> Iterator[Change]:
    """The rows that differ from the edition that counts, in fields that the file has.

    A row is given with its record and that of the first edition, as `differing` found it.
    """
    for row, record, first in rows:
        if not _between(record, first, fields):
            continue
        current = archive.store.current(record["diploma_number"])
        if current.edition > 1 or not first:
            first = archive.line(current.seq, current.leaf).record
        if changed := _between(record, first, fields):
            said = {**record, "name": full_name(record)}
            if "degree_name" not in fields and "degree_name" in record:  # the type as it was typed
                said["achievement_type"] = record["degree_name"]
            said = {field: said.get(field, "") for field in changed}
            yield Change(row, current.number, said, current.reason is not None)


def _between(record: Record, issued: Record, fields: Collection[str]) -> list[str]:
    renamed = full_name(record) != full_name(issued)
    reworded = (  # only between two names: records of 81e9505 have none, and their rows did not change
        "degree_name" not in fields
        and "degree_name" in record.keys() & issued.keys()
        and record["degree_name"] != issued["degree_name"]
    )
    differ = (
        field
        for field in fields
        if record.get(field, "") != issued.get(field, "") or (reworded and field == "achievement_type")
    )
    return [field for field in differ if renamed or field not in NAMES]
