"""What is good once, taken from two sides at once, step by step: one gets it; and so with a fault planted."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exchange.claim import ClaimLink
from issuer.archive.kept import EditionTaken, KindNumber, NewEntry, Single
from issuer.archive.store import SQLiteIndex
from issuer.desk.claims import ALREADY_CLAIMED, CHALLENGE_SPENT, ClaimLinks
from issuer.desk.linkfile import LinkFile
from issuer.desk.links import KeptLink
from issuer.desk.linkstore import SQLiteLinks
from issuer.issuer import Issuer
from issuer.shared.folder import FolderShared
from keys import PrivateKey
from ledger import EntryKind, Log, parse_entry
from tests.doubles import at, stops
from tests.fault.issuing import require_once
from tests.lockstep import Race
from tests.test_issuer_claims import SERVICE, Registrar, answer
from tests.test_issuer_linkfile import THREE, good
from tests.test_issuer_linkfile import links as written_links
from tests.world import NOW, bundle, diploma, graduate, issuer_in, of_diploma, reopened
from vc import Credential, StatusList
from vc.status import Reason
from wire import Problem
from wire.strict import load_json_object

NUMBER = "UNI-000001"
ADA, EVE = (PrivateKey.generate() for _ in range(2))


class Generous(Registrar):
    """An issuer that gives a diploma to whom a link names, so that all rests on the link."""

    def claim(self, which: KindNumber, holder: str, generation: int, *_: object) -> bytes:
        return bundle(diploma(holder))


@pytest.fixture
def race(monkeypatch: pytest.MonkeyPatch) -> Race:
    return Race(monkeypatch)


def outcomes(results: Sequence[object]) -> list[str]:
    """The codes of problems, and the names of other types."""
    return sorted(
        {result.code if isinstance(result, Problem) else type(result).__name__ for result in results}
    )


# A challenge, a link


def two(folder: Path) -> list[ClaimLinks]:
    """As two processes have them: threads of one take turns in one."""
    return [ClaimLinks(folder / "claims.sqlite", SERVICE) for _ in range(2)]


def one_challenge(race: Race, folder: Path) -> None:
    both, registrar = two(folder), Generous()
    link = both[0].offer(of_diploma(NUMBER), registrar, now=NOW)
    message = answer(both[0].invite(link.token, registrar, now=NOW), ADA)
    results = race.run([partial(claims.redeem, link.token, message, registrar, now=NOW) for claims in both])
    assert outcomes(results) == ["bytes", CHALLENGE_SPENT.code]


def one_link(race: Race, folder: Path) -> None:
    both, registrar = two(folder), Generous()
    link = both[0].offer(of_diploma(NUMBER), registrar, now=NOW)
    messages = [answer(both[0].invite(link.token, registrar, now=NOW), key) for key in (ADA, EVE)]

    def redeem(claims: ClaimLinks, message: bytes) -> Callable[[], object]:
        return lambda: claims.redeem(link.token, message, registrar, now=NOW)

    results = race.run([redeem(claims, message) for claims, message in zip(both, messages, strict=True)])
    assert outcomes(results) == [ALREADY_CLAIMED.code, "bytes"]


def links(race: Race, folder: Path) -> None:
    both, registrar = two(folder), Generous()
    offered = race.run(
        [
            partial(claims.offer, of_diploma(f"UNI-{nth}"), registrar, now=NOW)
            for nth, claims in enumerate(both)
        ]
    )
    assert registrar.counted == 2
    for link in offered:
        assert isinstance(link, ClaimLink)
        both[0].invite(link.token, registrar, now=NOW)


def one_link_each(race: Race, folder: Path) -> None:
    """Two files of links for the same credentials: each row that was written is good, and nobody has two."""
    registrar = Generous()
    files = [
        LinkFile(folder / f"{nth}.csv", claims, registrar) for nth, claims in enumerate(two(folder / "home"))
    ]
    race.run([partial(file.write, THREE, now=NOW) for file in files])
    assert sorted(number for file in files for number in good(file)) == ["N1", "N2", "N3"]
    assert sum(len(written_links(file.path)) for file in files) == 3


# A sequence number, an edition, a place in the log


def one_sequence(race: Race, folder: Path) -> None:
    stores = [SQLiteIndex(folder / "issuer.sqlite") for _ in range(2)]
    taken = race.run([partial(store.reserve, 3) for store in stores])
    assert sorted(taken, key=str) == [0, 3]
    assert stores[0].reserve(1) == 6


def one_edition(race: Race, folder: Path) -> None:
    stores = [SQLiteIndex(folder / "issuer.sqlite") for _ in range(2)]

    def begin(store: SQLiteIndex, seq: int) -> Callable[[], object]:
        single = Single(
            NewEntry(seq, *of_diploma(NUMBER), 1, 1, None, "张敏", ""), b"line", b"entry", "urn:x:1"
        )
        return lambda: store.begin_singles([[single]])

    results = race.run([begin(store, seq) for seq, store in enumerate(stores)])
    problems = [refused[0][1] for refused in results if refused != [None]]  # type: ignore[index]
    assert outcomes(problems) == [EditionTaken.code]
    assert len(stores[0].begun_singles()) == 1


def opened(home: Path, **options: Any) -> Issuer:
    """With its log open: what is opened when first needed has a lock of its own, which is no step."""
    issuer = reopened(home, **options)
    assert issuer.lists
    return issuer


def one_diploma(race: Race, folder: Path) -> None:
    """Two registrars type the same one; then two processes find one that was begun."""
    home = issuer_in(folder / "home").home
    issuers = [opened(home) for _ in range(2)]
    results = race.run([partial(issuer.issue, graduate(1)) for issuer in issuers])
    assert EditionTaken.code in outcomes(results)
    require_once(issuers[0])


def one_begun(race: Race, folder: Path) -> None:
    home = issuer_in(folder / "home").home
    killed = opened(home, **at(home, "index.begin_singles", stops(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        killed.issue(graduate(1))
    issuers = [opened(home) for _ in range(2)]
    assert race.run([issuer._editions.recover for issuer in issuers]) == [None, None]
    require_once(issuers[0])


# A status list


def one_list(race: Race, folder: Path) -> None:
    """Who was first has read the list when the other writes another one, and would write one without that."""
    issuer = issuer_in(folder / "home")
    for row in (1, 2):
        issuer.issue(graduate(row))
    first = iter([True])

    def published_among(published_among: Callable[..., Any], names: Sequence[str]) -> Any:
        found = published_among(names)
        if "0" in names and next(first, False):
            race.let_others()
        return found

    slow = at(issuer.home, "revocations.published_among", published_among)
    issuers = [opened(issuer.home, **slow), opened(issuer.home)]

    def revoke(issuer: Issuer, number: str) -> None:
        issuer.revoke([number], Reason.FRAUD, date=NOW, now=NOW)

    def second() -> None:
        race.stand_by()
        revoke(issuers[1], "UNI-000002")

    results = race.run([lambda: revoke(issuers[0], NUMBER), second])
    assert results == [None, None]
    listed = Credential.parse(load_json_object((issuer.home / "status" / "0").read_bytes()))
    bits = StatusList.decode(listed.subjects[0]["encodedList"])
    assert sum(bits[position] for position in range(bits.entries)) == 2
    pages = map(
        load_json_object, (path.read_bytes() for path in (issuer.home / "status").glob("0-details-*"))
    )
    assert sum(len(page["credentialSubject"]["revocations"]) for page in pages) == 2


RACES = [
    *(one_challenge, one_link, links, one_link_each, one_sequence, one_edition, one_begun, one_list),
    pytest.param(one_diploma, marks=pytest.mark.slow),  # what it is made of is tried by the others
]


@pytest.mark.parametrize("compete", RACES, ids=lambda compete: getattr(compete, "__name__", None))
def test_of_two_at_once_one_gets_it(
    compete: Callable[[Race, Path], None], race: Race, tmp_path: Path
) -> None:
    compete(race, tmp_path)


# Planted faults, each found each time


def spend_after_a_look(self: SQLiteLinks, token: bytes, challenge: bytes, now: int) -> bool:
    with self._database.reading() as connection:
        found = connection.execute(
            "SELECT used FROM challenge WHERE challenge = ? AND token = ? AND expires > ?",
            (challenge, token, now),
        ).fetchone()
    if found != (0,):
        return False
    with self._database.writing() as connection:
        connection.execute("UPDATE challenge SET used = 1 WHERE challenge = ?", (challenge,))
    return True


def bind_after_a_look(self: SQLiteLinks, token: bytes, holder: str, now: int) -> tuple[KeptLink, bool]:
    link = self.find(token)
    assert link is not None
    if link.holder is None:
        self._database.write("UPDATE link SET holder = ? WHERE token = ?", holder, token)
    return link._replace(holder=link.holder or holder), link.holder is None


def reserve_after_a_look(self: SQLiteIndex, count: int) -> int:
    with self._database.reading() as connection:
        first = connection.execute("SELECT next FROM counter WHERE name = 'seq'").fetchone()[0]
    with self._database.writing() as connection:
        connection.execute("UPDATE counter SET next = ? WHERE name = 'seq'", (first + count,))
    return int(first)


def begin_after_a_look(self: SQLiteIndex, calls: Sequence[Sequence[Single]]) -> list[Any]:
    entry, line = calls[0][0][:2]
    with self._database.reading() as connection:
        taken = "SELECT 1 FROM single JOIN person USING (seq) WHERE line = ?"
        if connection.execute(taken, (line,)).fetchone():
            return [(0, EditionTaken("another has it"))]
    with self._database.writing() as connection:
        connection.execute("INSERT INTO credential VALUES (?, ?, ?, ?, '', 1, NULL)", (*entry[:3], entry.seq))
        connection.execute("INSERT INTO person VALUES (?, '', '')", (entry.seq,))
        connection.execute("INSERT INTO single VALUES (?, ?)", (entry.seq, line))
    return [None]


_append = Log.append


def append_again(self: Log, entries: Sequence[bytes], key: bytes) -> range:
    is_document = parse_entry(entries[0]).kind is EntryKind.DID_DOCUMENT  # which nobody competes for
    return _append(self, entries, key if is_document else key + os.urandom(4))


_held = FolderShared.held


def hold_nothing_of_lists(self: FolderShared, name: str, **options: Any) -> Any:
    return nullcontext() if name == "status" else _held(self, name, **options)


@pytest.mark.slow
@pytest.mark.parametrize("_time", range(6))
@pytest.mark.parametrize(
    ("compete", "owner", "name", "fault"),
    [
        (one_challenge, SQLiteLinks, "spend", spend_after_a_look),
        (one_link, SQLiteLinks, "bind", bind_after_a_look),
        (one_link_each, ClaimLinks, "making", lambda _: nullcontext()),
        (one_sequence, SQLiteIndex, "reserve", reserve_after_a_look),
        (one_edition, SQLiteIndex, "begin_singles", begin_after_a_look),
        (one_begun, Log, "append", append_again),
        (one_list, FolderShared, "held", hold_nothing_of_lists),
    ],
)
def test_a_planted_fault_is_found_each_time(
    compete: Callable[[Race, Path], None],
    owner: Any,
    name: str,
    fault: Any,
    _time: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, name, fault)
    with pytest.raises(AssertionError):
        compete(Race(monkeypatch), tmp_path)
