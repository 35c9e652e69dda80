"""The contract of each place for claim links. A new one is added to `PLACES`, and passes all of this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Barrier
from types import MappingProxyType
from typing import TypeVar

import pytest

from issuer.archive.kept import KindNumber
from issuer.desk.links import ENDED, GoodLink, KeptLink, Links, token_digest
from issuer.desk.linkstore import SQLiteLinks
from tests import postgres_server
from wire.problem import TryLater

_T = TypeVar("_T")
Open = Callable[[], Links]
"""Opens one place: the first time a new one, then the same again."""
NOW, LATER = 1_800_000_000, 1_900_000_000
A, B = KindNumber("diploma", "A"), KindNumber("diploma", "B")


def postgres(folder: Path) -> Links:
    from issuer.desk.postgres import PostgresLinks

    server = postgres_server.server()
    return PostgresLinks(server.uri(server.of(folder), "issuer"), patience=0.1)


PLACES: MappingProxyType[str, Callable[[Path], Links]] = MappingProxyType(
    {
        "sqlite": lambda folder: SQLiteLinks(folder / "issuer" / "claims.sqlite", patience=0.1),
        "postgres": postgres,
    }
)
SERVED = pytest.param("postgres", marks=[pytest.mark.slow, postgres_server.needed])


@pytest.fixture(params=["sqlite", SERVED])
def open_links(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda: PLACES[request.param](tmp_path)


@pytest.fixture
def links(open_links: Open) -> Links:
    return open_links()


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def make(links: Links, *tokens: str, which: KindNumber = A, generation: int = 0) -> range:
    """Good links for a credential."""
    with links.making():
        drawn_up = [(token_digest(token), which, generation) for token in tokens]
        places = links.draw_up(drawn_up, links.last())
        links.make_good(places, LATER)
    return places


def together(works: Sequence[Callable[[], _T]]) -> list[_T]:
    """What they give that begin at once."""
    start = Barrier(len(works))

    def run(work: Callable[[], _T]) -> _T:
        start.wait(timeout=60)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(run, work) for work in works]]


def test_a_link_is_good_once_its_token_is_kept(open_links: Open) -> None:
    links, token = open_links(), token_digest("token")
    assert (links.last(), links.find(token), links.places([token])) == (0, None, {})
    with links.making():
        assert links.draw_up([], 0) == range(1, 1)
        assert links.draw_up([(token, A, 2)], 4) == range(5, 6)
        assert links.find(token) == KeptLink(A, 2, ENDED, None)
        assert links.good([(A, 2)], NOW) == [None]
        links.make_good(range(5, 6), LATER)
    links.close()
    for again in (open_links(), links):
        assert (again.last(), again.places([token, b"unknown"])) == (5, {token: 5})
        assert again.find(token) == KeptLink(A, 2, LATER, None)
    asked = [(A, 3), (A, 2), (B, 0), (A, 0)]
    good = GoodLink(5, False, at(LATER))
    assert links.good(asked, NOW) == [None, good, None, good]
    assert links.good(asked[1:2], LATER) == [None]


def test_a_new_link_ends_those_before_that_nobody_has_used(links: Links) -> None:
    make(links, "of another", which=B)
    make(links, "of a later generation", generation=1)
    make(links, "used")
    links.bind(token_digest("used"), "did:key:ada", NOW)
    make(links, "first", "second")
    found = {
        name: link.expires if (link := links.find(token_digest(name))) else None
        for name in ("of another", "of a later generation", "used", "first", "second")
    }
    assert found == dict.fromkeys(found, LATER), "those of one batch are good together"
    make(links, "third")
    ended = {name for name in found if (link := links.find(token_digest(name))) and link.expires == ENDED}
    assert ended == {"first", "second"}
    assert links.good([(A, 0), (A, 1)], NOW) == [
        GoodLink(3, True, at(LATER)),
        GoodLink(2, False, at(LATER)),
    ]


def test_who_makes_links_waits_for_others_who_do(open_links: Open) -> None:
    links, other = open_links(), open_links()
    with links.making():
        with pytest.raises(TryLater), other.making():
            pass
        assert other.last() == 0, "claiming needs no lock"
    with other.making():
        pass


def test_a_link_is_the_first_wallet_s_until_it_is_unbound(links: Links) -> None:
    make(links, "token")
    token = token_digest("token")
    bound = KeptLink(A, 0, LATER, "did:key:ada")
    assert links.bind(token, "did:key:ada", NOW) == (bound, True)
    assert links.bind(token, "did:key:ada", NOW) == links.bind(token, "did:key:eve", NOW) == (bound, False)
    links.unbind(token, "did:key:eve")
    assert links.find(token) == bound
    links.unbind(token, "did:key:ada")
    assert links.bind(token, "did:key:eve", LATER) == (bound._replace(holder=None), False), "its time is over"
    assert links.bind(token, "did:key:eve", NOW)[1]


def test_a_challenge_is_of_one_link_and_spent_once(links: Links) -> None:
    make(links, "token", "other")
    token, other = token_digest("token"), token_digest("other")
    opened = partial(links.open_challenge, now=NOW, expires=NOW + 600, latest=NOW + 900, most=2)
    assert [opened(token, b"1"), opened(token, b"2"), opened(token, b"3")] == [True, True, False]
    assert opened(other, b"4")
    assert not links.spend(other, b"1", NOW)
    assert not links.spend(token, b"1", NOW + 600)
    assert not links.spend(token, b"3", NOW), "it was not opened"
    assert [links.spend(token, b"1", NOW + 599) for _ in range(2)] == [True, False]
    assert not opened(token, b"5"), "a spent one counts until it expires"
    later = partial(links.open_challenge, expires=NOW + 1200, latest=NOW + 1500, most=2)
    assert later(token, b"6", now=NOW + 600)
    assert not links.spend(token, b"2", NOW), "those that expired are gone"


def test_those_that_a_clock_gave_which_was_ahead_count_for_nothing(links: Links) -> None:
    make(links, "token")
    token = token_digest("token")
    for challenge in (b"1", b"2"):
        assert links.open_challenge(token, challenge, now=NOW, expires=LATER, latest=LATER, most=2)
    assert links.open_challenge(token, b"3", now=NOW, expires=NOW + 600, latest=NOW + 900, most=1)


@pytest.mark.parametrize("attempt", range(5))
def test_of_those_that_come_at_once_one_wins(open_links: Open, attempt: int) -> None:
    places = [open_links() for _ in range(4)]
    make(places[0], "token")
    token = token_digest("token")
    open_one = [
        partial(each.open_challenge, token, b"%d" % at, now=NOW, expires=NOW + 600, latest=NOW + 900, most=2)
        for at, each in enumerate(places)
    ]
    opened = together(open_one)
    assert opened.count(True) == 2
    challenge = b"%d" % opened.index(True)
    assert together([partial(each.spend, token, challenge, NOW) for each in places]).count(True) == 1
    bound = together([partial(each.bind, token, f"did:key:{at}", NOW) for at, each in enumerate(places)])
    assert [is_new for _, is_new in bound].count(True) == 1
    assert len({link.holder for link, _ in bound}) == 1


def test_places_are_given_out_once(open_links: Open) -> None:
    places = [open_links() for _ in range(4)]
    drawn_up = together([partial(each.draw_up, [(b"%d" % at, A, 0)], 0) for at, each in enumerate(places)])
    assert sorted(found.start for found in drawn_up) == [1, 2, 3, 4]
