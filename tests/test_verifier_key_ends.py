"""When a key ended, as each log of its issuer tells by itself (`IssuerKey.end_for` and `gone_by`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from did import Document
from did.methods import web as did_web
from keys import PrivateKey
from ledger import Fact
from ledger.requirement import LEDGERS
from verifier.sources.documents import BoundDocument
from verifier.sources.keys import IssuerKey, KeySource
from wire.datetimestamp import format_datetimestamp

DID = "did:web:university.example"
KEY, OTHER = (PrivateKey.generate().public_key for _ in range(2))
DAY = datetime(2026, 6, 1, tzinfo=UTC)
SOURCE = KeySource("key-published", "for these tests")

HAS = {"assertionMethod": [KEY]}
LACKS = {"assertionMethod": [OTHER]}
FOR_ELSE = {"authentication": [KEY], "assertionMethod": [OTHER]}


def day(number: int) -> datetime:
    return DAY + timedelta(days=number)


def bound(
    where: str | None, index: int, keys: Any, ends: int | None = None, time: Any = ...
) -> BoundDocument:
    """A document that a log has had since the day of its number; pinned, if in none."""
    value = dict(did_web.document(DID, keys))
    if ends is not None:
        expires = format_datetimestamp(day(ends))
        value["verificationMethod"] = [{**one, "expires": expires} for one in value["verificationMethod"]]
    since = day(index) if time is ... else time
    fact = Fact("kind", where, since, "own", index=index) if where else None
    return BoundDocument(Document.parse(value, DID), b"", index, fact)


def known(*history: BoundDocument, until: int | None = None, revoked: int | None = None) -> IssuerKey:
    ends = [None if end is None else day(end) for end in (until, revoked)]
    return IssuerKey(KEY, SOURCE, ends[0], history, revoked=ends[1])


def attested(where: str = "a", clock: str = "own") -> Fact:
    return Fact("kind", where, day(50), clock)


ENDS: dict[str, tuple[IssuerKey, Fact, int | None]] = {
    "without documents, as whatever it is from says": (known(until=9), attested(), 9),
    "without any end": (known(bound("a", 1, HAS)), attested(), None),
    "by the document before": (known(bound("a", 1, HAS, 20)), attested(), 20),
    "by the document at the very place": (known(bound("a", 5, HAS, 20)), attested(), 20),
    "not by one after it": (known(bound("a", 6, HAS, 20), until=9), attested(), 9),
    "by one after it, for whom ledgers tell the time": (
        known(bound("a", 6, HAS, 20)),
        attested(clock=LEDGERS),
        20,
    ),
    "by the newest before it": (known(bound("a", 1, HAS, 20), bound("a", 2, HAS, 30)), attested(), 30),
    "by the newest that has it": (known(bound("a", 1, HAS, 20), bound("a", 2, LACKS, 10)), attested(), 20),
    "by one that is for what it is used for": (
        known(bound("a", 1, HAS, 20), bound("a", 2, FOR_ELSE, 10)),
        attested(),
        20,
    ),
    "by one of another log, wherever it is there": (known(bound("b", 9, HAS, 20)), attested(), 20),
    "by the earlier of two logs": (known(bound("b", 1, HAS, 40), bound("a", 2, HAS, 30)), attested(), 30),
    "by the earlier of two logs, the other way": (
        known(bound("b", 1, HAS, 30), bound("a", 2, HAS, 40)),
        attested(),
        30,
    ),
    "by each log's newest": (
        known(bound("b", 1, HAS, 10), bound("a", 2, HAS, 40), bound("b", 3, HAS, 30)),
        attested(),
        30,
    ),
    "by the newest pinned one": (known(bound(None, -2, HAS, 10), bound(None, -1, HAS, 30)), attested(), 30),
    "not by a pinned one beside a log": (
        known(bound(None, -1, HAS, 10), bound("a", 1, HAS)),
        attested(),
        None,
    ),
    "by a pinned one where the log's is later": (
        known(bound(None, -1, HAS, 10), bound("a", 6, HAS, 30)),
        attested(),
        10,
    ),
    "revoked before it expires": (known(bound("a", 1, HAS, 30), revoked=20), attested(), 20),
    "expired before it is revoked": (known(bound("a", 1, HAS, 20), revoked=30), attested(), 20),
    "revoked, which only a later document says": (known(bound("a", 6, HAS), revoked=20), attested(), None),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("key", "fact", "end"), ENDS.values(), ids=ENDS.keys())
def test_a_key_ends(key: IssuerKey, fact: Fact, end: int | None) -> None:
    assert key.end_for(fact, 5) == (None if end is None else day(end))


GONE: dict[str, tuple[IssuerKey, int | None]] = {
    "without documents": (known(), None),
    "never": (known(bound("a", 1, HAS)), None),
    "never, since it came back": (known(bound("a", 1, LACKS), bound("a", 2, HAS)), None),
    "by the first document without it": (
        known(bound("a", 1, HAS), bound("a", 3, LACKS), bound("a", 4, LACKS)),
        3,
    ),
    "by the first after it came back": (
        known(bound("a", 1, HAS), bound("a", 2, LACKS), bound("a", 3, HAS), bound("a", 4, LACKS)),
        4,
    ),
    "by one that has it for something else": (known(bound("a", 1, HAS), bound("a", 3, FOR_ELSE)), 3),
    "by the log that had it": (known(bound("b", 1, LACKS), bound("a", 2, HAS), bound("a", 3, LACKS)), 3),
    "by each log for itself": (
        known(bound("a", 1, HAS), bound("b", 2, HAS), bound("a", 3, LACKS), bound("b", 4, HAS)),
        3,
    ),
    "by the earlier of two logs": (
        known(bound("a", 1, HAS), bound("b", 2, HAS), bound("b", 3, LACKS), bound("a", 4, LACKS)),
        3,
    ),
    "by the first document of all, where none ever had it": (
        known(bound("b", 2, LACKS), bound("a", 3, LACKS)),
        2,
    ),
    "by the first that has a time": (
        known(bound("a", 1, HAS), bound("a", 2, LACKS, time=None), bound("a", 3, LACKS)),
        3,
    ),
    "by no pinned document": (known(bound(None, -1, LACKS)), None),
    "by the log's alone beside a pinned one": (known(bound(None, -1, HAS), bound("a", 3, LACKS)), 3),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(("key", "gone"), GONE.values(), ids=GONE.keys())
def test_a_key_is_gone(key: IssuerKey, gone: int | None) -> None:
    assert key.gone_by == (None if gone is None else day(gone))
