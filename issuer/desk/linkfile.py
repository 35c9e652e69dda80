"""A file of claim links for a mail merge: a row for each credential that a wallet can claim by one.

The file has the only copy of a link's token; the list of links keeps a digest. So links are drawn up, then
the whole file is written, and they become good only once it is on the disk: an interruption loses no good
link. The same again keeps the rows whose links are good, and gives the others new ones; nobody has two.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from exchange.claim import ClaimLink, InvalidLink
from wire.datetimestamp import format_datetimestamp
from wire.files import open_regular, open_temporary, remove_leftovers, sync_file, sync_folder
from wire.text import guarded

from ..archive.kept import Entry
from ..problem import LINK_FILE_TAKEN
from .claims import LINK_LIFETIME, ClaimLinks, Issues, NewLink, new_token
from .links import GoodLink

COLUMNS = ("number", "name", "e-mail", "link", "expires")
BATCH = 10_000  # links in one transaction, for which whoever claims waits some tenths of a second


class LinkState(Enum):
    """The state of the claim link of a credential that a wallet could claim."""

    FREE = auto()
    """It has no good link."""
    KEPT = auto()
    """It has one that nobody has used, and this file has it."""
    ELSEWHERE = auto()
    """It has one that nobody has used, and this file has not."""
    USED = auto()
    """A wallet is claiming it."""


class _Credential(NamedTuple):
    """A credential, and the state of its links."""

    entry: Entry
    state: LinkState
    generation: int
    """The generation of a new link."""
    link: GoodLink | None


@dataclass(frozen=True)
class LinkFile:
    """The file of claim links at `path`, for one issuer."""

    path: Path
    claims: ClaimLinks
    issuer: Issues
    batch: int = BATCH
    """The number of credentials that are looked up, and of links made good, in one transaction."""

    def survey(self, entries: Iterable[Entry], *, now: datetime) -> Counter[LinkState]:
        """The number of credentials in each state, each given by its latest edition.

        Raises `LINK_FILE_TAKEN`.
        """
        kept = self._kept()
        return Counter(each.state for batch in self._standing(entries, kept, now) for each in batch)

    def write(
        self,
        entries: Iterable[Entry],
        *,
        wanted: Callable[[Entry], bool] = lambda _: True,
        again: bool = False,
        now: datetime,
    ) -> Counter[LinkState]:
        """Write the file, and make its new links good: for the `wanted` credentials that have no good link.

        With `again`, new links replace those that are elsewhere, too; the old ones end. Rows whose links are
        good stay, whatever is wanted. `entries` are the latest editions of all that nobody has claimed.

        Returns the number of credentials in each state; of those whose links are not kept, only the wanted
        ones count. Raises `LINK_FILE_TAKEN` where something else lies at the path, and `TryLater` while
        another process makes links; nothing is changed then.
        """
        counts, until, drawn_up = Counter[LinkState](), now + LINK_LIFETIME, list[range]()
        gets_one = {LinkState.FREE, *([LinkState.ELSEWHERE] if again else [])}

        def rows() -> Iterator[tuple[str, ...]]:
            for batch in self._standing(entries, kept, now):
                chosen = [each for each in batch if each.state is LinkState.KEPT or wanted(each.entry)]
                counts.update(each.state for each in chosen)
                new = [
                    NewLink(new_token(), each.entry.which, each.generation)
                    for each in chosen
                    if each.state in gets_one
                ]
                if new:
                    drawn_up.append(self.claims.draw_up(new, self.issuer))
                tokens = {link.which: link.token for link in new}
                for each in chosen:
                    if each.state is LinkState.KEPT and each.link is not None:
                        yield self._row(each.entry, kept[each.link.nth], each.link.expires)
                    elif each.entry.which in tokens:
                        yield self._row(each.entry, tokens[each.entry.which], until)

        with self.claims.making():
            kept = self._kept()
            self._replace(rows())
            for places in drawn_up:
                self.claims.make_good(places, until=until)
        return counts

    def _standing(
        self, entries: Iterable[Entry], kept: Container[int], now: datetime
    ) -> Iterator[list[_Credential]]:
        """Each credential once, though it may be there in several copies; in batches."""
        firsts = (entry for entry in entries if entry.copy == 1)
        while batch := list(islice(firsts, self.batch)):
            standings = self.claims.standings([entry.which for entry in batch], self.issuer, now=now)
            yield [
                _Credential(entry, _state(standing.link, kept), *standing)
                for entry, standing in zip(batch, standings, strict=True)
            ]

    def _row(self, entry: Entry, token: str, expires: datetime) -> tuple[str, ...]:
        # Names and numbers are somebody's words, and the file is opened by a spreadsheet (CSV injection).
        words = map(guarded, (entry.number, entry.name, entry.email))
        return (*words, str(self.claims.link(token)), format_datetimestamp(expires))

    def _kept(self) -> dict[int, str]:
        """The tokens that the file has by now, by the places of their links; none where there is no file.

        Raises `LINK_FILE_TAKEN`: a file of somebody else's may be the only copy of what is in it, as is one
        of another issuer's links.
        """
        taken = LINK_FILE_TAKEN(f"{self.path} is there already, and is no file of this issuer's claim links")
        tokens: list[str] = []
        try:
            with open_regular(self.path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
                rows = csv.reader(text, strict=True)
                if tuple(next(rows, ())) != COLUMNS:
                    raise taken
                for _, _, _, link, _ in rows:  # as many cells as columns
                    tokens.append(ClaimLink.parse(link).token)
        except FileNotFoundError:
            return {}
        except (ValueError, csv.Error, InvalidLink) as error:
            raise taken from error
        places = self.claims.places(tokens, self.issuer)
        # A token that this issuer never made: the file is somebody else's, or was edited, and stays.
        if len(places) < len({*tokens}):
            raise taken
        return {nth: token for token, nth in places.items()}

    def _replace(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Write the whole file, for its owner only: it is on the disk when this returns."""
        remove_leftovers(self.path.parent, self.path.name)
        with open_temporary(self.path) as (temporary, file):
            _write(file, rows)
            sync_file(file.fileno())
            temporary.replace(self.path)
        sync_folder(self.path.parent)


def _state(link: GoodLink | None, kept: Container[int]) -> LinkState:
    if link is None:
        return LinkState.FREE
    if link.is_used:
        return LinkState.USED
    # The secret of a link is in its file alone: a link of another file cannot be written here again.
    return LinkState.KEPT if link.nth in kept else LinkState.ELSEWHERE


def _write(file: BinaryIO, rows: Iterable[tuple[str, ...]]) -> None:
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")  # spreadsheets take the mark for UTF-8
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    text.flush()
    text.detach()
