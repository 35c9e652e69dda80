"""Comparing rows with diplomas issued before: a file may say something new of them.

A row is compared with the first edition by its digest, shard by shard, so that issuing a file again costs
little. Only a row that differs there is compared with the edition that counts, field by field.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from kinds import Kind, Record
from kinds.records import digest, item_cells

from ..archive.archive import Archive
from ..archive.kept import KindNumber, ShardName
from ..archive.shards import lines_of
from ..press.press import Line


class Change(NamedTuple):
    """A row that says something else than the diploma that was issued under its number."""

    row: int
    number: str
    fields: Mapping[str, Any]
    """The fields that differ, with the values of the row."""
    revoked: bool
    """True for a revoked diploma, which cannot be corrected."""


class Shelf(NamedTuple):
    """The rows of a file for the diplomas in one shard: the digest of each row by sequence number."""

    shard: ShardName | None
    digests: dict[int, bytes]
    without: str = ""
    """The field that rows lack, because the file has no column of numbers."""


def shelves(archive: Archive, digests: Mapping[int, bytes], without: str = "") -> Iterator[Shelf]:
    """The digests of rows, each with the shard that has the credential to compare them with."""
    for shard, seqs in archive.by_shard(digests):
        yield Shelf(shard, {seq: digests[seq] for seq in seqs}, without)


def differing(shelf: Shelf, content: bytes, where: str) -> dict[int, Record]:
    """The credentials that are not known to be made from an equal row, with their records if at hand.

    `content` is that of the shard at `where`; empty for a shelf without a shard.
    """
    records: dict[int, Record] = {seq: {} for seq in shelf.digests}
    for seq, record in map(Line.record_of, lines_of(content, where) if shelf.shard else ()):
        if seq in records:
            as_in_row = record
            if shelf.without:
                as_in_row = orjson.dumps({**orjson.loads(record), shelf.without: ""})
            if digest(as_in_row) == shelf.digests[seq]:
                del records[seq]
            else:
                records[seq] = orjson.loads(record)
    return records


def changes(
    kind: Kind, rows: Iterable[tuple[int, Record, Record]], fields: Collection[str], archive: Archive
) -> Iterator[Change]:
    """The rows that differ from the edition that counts, in fields that the file has.

    A row is given with its record and that of the first edition, as `differing` found it.
    """
    for row, record, first in rows:
        if not _between(kind, record, first, fields):
            continue
        current = archive.store.current(KindNumber(kind.name, record[kind.number]))
        if current.edition > 1 or not first:
            first = archive.line(current.seq, current.leaf).record
        if changed := _between(kind, record, first, fields):
            values = {**record, kind.person.whole: kind.person.full(record)}
            for word, code in kind.worded.items():
                if word not in fields and word in record:  # the code as it was typed
                    values[code] = record[word]
            values = {field: values.get(field, "") for field in changed if field not in kind.groups}
            if groups := kind.groups.keys() & set(changed):
                items = item_cells(kind, {group: record.get(group) for group in groups})
                before = item_cells(kind, {group: first.get(group) for group in groups})
                names = {**items, **before}
                values |= {
                    name: items.get(name, "") for name in names if items.get(name, "") != before.get(name, "")
                }
            is_revoked = current.reason is not None and not current.is_suspended
            yield Change(row, current.number, values, is_revoked)


def _between(kind: Kind, record: Record, issued: Record, fields: Collection[str]) -> list[str]:
    renamed = kind.person.full(record) != kind.person.full(issued)
    reworded = {  # only between two words: records of 81e9505 have none, and their rows did not change
        code
        for word, code in kind.worded.items()
        if word not in fields and word in record.keys() & issued.keys() and record[word] != issued[word]
    }
    differ = (
        field for field in fields if record.get(field, "") != issued.get(field, "") or field in reworded
    )
    return [field for field in differ if renamed or field not in kind.person.fields]
