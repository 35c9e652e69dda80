"""A table whose rows were checked, for a person to see before anything is signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from kinds import Kind, Record
from wire.text import as_seen

from ..archive.kept import KindNumber
from ..table.source import Source
from .checking import Checker, Survey
from .spool import Spool

PREVIEWED = 3
"""The number of records that are shown before they are signed."""
MOST_ALIKE = 100
"""The most pairs of rows that are reported because their credentials say the same."""


@dataclass(frozen=True)
class CheckedTable:
    """A table of which each row was checked once; the records of good rows wait in the spool to be signed."""

    checker: Checker
    spool: Spool
    survey: Survey
    numbers: Sequence[str] = ()
    """The numbers that the first rows will be given, of a table that has none."""
    lacking: Sequence[KindNumber] = ()
    """The credentials issued before that are to be issued in another form as well."""

    @property
    def source(self) -> Source:
        """The table."""
        return self.checker.source

    @property
    def kind(self) -> Kind:
        """The kind of credential that its rows become."""
        return self.checker.kind

    def first(self) -> list[Record]:
        """The first `PREVIEWED` records that are to be signed."""
        records = [record for _, record in islice(self._good(), PREVIEWED)]
        for record, number in zip(records, self.numbers, strict=False):
            record[self.kind.number] = number
        return records

    def alike(self, says: Callable[[Record], str]) -> list[tuple[int, int]]:
        """Pairs of rows for which `says` returns the same, the earlier row first: `MOST_ALIKE` at most.

        Invisible characters make no difference.
        """
        return list(islice(self._alike(says), MOST_ALIKE))

    def _alike(self, says: Callable[[Record], str]) -> Iterator[tuple[int, int]]:
        """Composing a credential takes longer than checking a row, so only rows of one name are composed."""
        full_name = self.kind.person.full
        namesakes = Counter(hash(as_seen(full_name(record))) for _, record in self._good())
        first: dict[str, int] = {}
        for row, record in self._good():
            if namesakes[hash(as_seen(full_name(record)))] > 1:
                shown = {
                    name: as_seen(text) if isinstance(text, str) else text for name, text in record.items()
                }
                earlier = first.setdefault(says(shown), row)
                if earlier != row:
                    yield earlier, row

    def _good(self) -> Iterator[tuple[int, Record]]:
        """The rows that are to be signed, with their records."""
        survey = self.survey
        number = {self.kind.number: self.numbers[0]} if self.numbers else {}
        for row, record in chain.from_iterable(map(self.spool.rows, self.source.spans)):
            if row not in survey.findings and row not in survey.known:
                yield row, {**record, **number}
