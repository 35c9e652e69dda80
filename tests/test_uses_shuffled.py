"""Rows of two uses, shuffled into the jobs of one issuer: no credential has a fact of another row."""

from __future__ import annotations

import csv
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.uses.actors import Institution
from examples.uses.folder import HERE, UseCase
from issuer.archive.kept import KindNumber
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds.facts import facts_of
from kinds.metadata import said_fields
from tests.test_uses import NAMES

FEW = 8
"""Rows of a use in each job, of which its third and later ones are made by a skeleton."""


class Row(NamedTuple):
    """A good row of a use, as it stands in the file."""

    use: UseCase
    number: int
    cells: Sequence[str]

    @property
    def which(self) -> KindNumber:
        record = self.use.expected.outcome.records[self.number]
        return KindNumber(self.use.kind.name, str(record[self.use.kind.number]))

    @property
    def facts(self) -> Mapping[str, object]:
        """What a credential of this row says, and nothing else."""
        names = {field.name for field in said_fields(self.use.kind)}
        record = self.use.expected.outcome.records[self.number]
        return {name: value for name, value in record.items() if name in names}


def good_rows(use: UseCase) -> tuple[list[str], list[Row]]:
    """The header, and the rows that become credentials."""
    with (use.folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    good = use.expected.outcome.records
    return header, [Row(use, number, cells) for number, cells in enumerate(rows, 2) if number in good]


def issued(
    rows: Sequence[Row], headers: Mapping[str, Sequence[str]], home: Path
) -> Iterator[tuple[Row, object]]:
    """Each row with what its credential says; successive rows of one use are one job of the issuer."""
    first, *others = {row.use.name: row.use for row in rows}.values()
    at = Institution(home / "issuer", "Somebody", first.address, first, *others)
    for job, (name, together) in enumerate(groupby(rows, lambda row: row.use.name)):
        file, run = home / f"{job}.csv", [*together]
        with file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([headers[name], *(row.cells for row in run)])
        use = run[0].use
        folder = use.folder / "files" if use.files else None
        done = at.issuer.issue_file(Order(open_source(file, kind=use.kind), None, files=folder, workers=0))
        assert (done.issued, done.survey.findings) == (len(run), {})
    for row in rows:
        line = at.issuer.line(at.issuer.current(row.which))
        yield row, facts_of(row.use.kind, line.secured.claims)


def shuffled(names: Sequence[str], order: random.Random, count: int) -> None:
    """Rows of the named uses, in a random order: each credential says what its row does."""
    uses = [UseCase.read(HERE / name) for name in names]
    headers, rows = {}, []
    for use in uses:
        headers[use.name], good = good_rows(use)
        rows += order.sample(good, count)
    order.shuffle(rows)
    with tempfile.TemporaryDirectory() as home:
        said = [*issued(rows, headers, Path(home))]
    assert len(said) == count * len(uses)
    for row, facts in said:
        assert facts == row.facts, row.which


@pytest.mark.slow
def test_rows_of_two_uses_in_the_jobs_of_one_issuer_keep_their_facts() -> None:
    """Of names, dates and numbers that look alike."""
    shuffled(("diploma", "resident"), random.Random(1), 5)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.sampled_from([*combinations(NAMES, 2)]), st.randoms(use_true_random=False))
def test_rows_of_any_two_uses_never_exchange_a_fact(names: tuple[str, str], order: random.Random) -> None:
    shuffled(names, order, FEW)
