"""A status digest: one file with all revocations of an issuer, so that nobody is asked for a list."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from did import METHODS, Resolver
from issuer.identity.kind import read_kind
from issuer.issuer import Issuer
from issuer.keeping.closing import close
from issuer.keeping.health import examine_issuer
from issuer.status.digest import KEPT, changes_name
from tests import status_digest_reader
from tests.conftest import ROOT
from tests.problems import raises
from tests.test_suspension import URL, cells, of, position
from tests.world import COLLEGE, NOW, Holder, diploma, issuer_in, trust_in
from vc import Anchored, Bundle, Claims, Report, Verdict
from vc.forms import FORMS, INTEGRITY, SD_JWT_VC
from vc.forms.integrity import sign
from vc.reading.status_digest import LARGEST, WholeDigest, digest_file, parse_file, parse_whole
from vc.secured import MAX_BYTES
from vc.status import Reason, StatusEntry, status_entry
from vc.status.digest import DigestFacts, StatusDigest, digest_facts
from vc.status.positions import PackedPositions, pack, toggled
from vc.vcdm.status_lists import status_digest_document
from verifier import Verifier
from verifier.health import examine_digests
from verifier.problem import NO_STATUS_DIGEST_BEFORE, STATUS_DIGEST_OLDER, STATUS_LIST_NOT_SHOWN
from verifier.sources.digests import DigestFolder
from verifier.sources.lists import Fetched
from wire import Malformed, NotFound, TooLarge
from wire.fetch import NoFetcher
from wire.health import Health
from wire.problem import Damaged, Problem
from wire.work import Work

DAY = timedelta(days=1)


# The code


@given(st.sets(st.integers(0, (1 << 17) - 1), max_size=300))
def test_positions_come_back_as_they_were(positions: set[int]) -> None:
    packed = PackedPositions(data := pack(sorted(positions)), 0, 1, 1 << 17)
    assert (list(packed), packed.end) == (sorted(positions), len(data))
    assert all(position in packed for position in positions)
    assert [each for each in range(100) if each in packed] == [
        each for each in range(100) if each in positions
    ]


def test_no_other_parameter_gives_fewer_bits() -> None:
    for gap in (1, 2, 3, 10, 100, 5000):
        gaps = [(gap * 7919 * each) % (2 * gap) for each in range(1, 50)]
        positions = [sum(gaps[: each + 1]) + each for each in range(len(gaps))]
        lengths = [sum((each >> bits) + 1 + bits for each in gaps) for bits in range(20)]
        chosen = pack(positions)[1]
        assert lengths[chosen] == min(lengths)
        assert lengths.index(min(lengths)) == chosen, "of two, the smaller one"


@pytest.mark.parametrize("lists", [8, pytest.param(763, marks=pytest.mark.slow)])
def test_a_country_s_digest_is_as_short_as_the_notes_say(lists: int) -> None:
    """With 763 lists, 10^8 positions: 1 % set in 1.05 MB, 1,000 changes in 2.6 kB."""
    entries, chosen = lists << 17, random.Random(1)
    positions = sorted(chosen.sample(range(entries), entries // 100))
    facts = DigestFacts(f"{URL}/status/", lists, 1 << 17, {}, ("revocation",), 1, "")
    assert len(facts.pack({"revocation": positions})) <= 1.05 * len(positions)
    changes = sorted(chosen.sample(range(entries), entries // 100_000))
    assert len(pack(changes)) <= 2.6 * len(changes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",  # a number without an end
        b"\x80\x80\x80\x80\x80\x01",  # longer than any number
        b"\x01",  # no parameter
        b"\x01\x20\x01\x00",  # a parameter of 32
        b"\x09\x00\x01\x00",  # more positions than bits
        b"\x01\x00\x02\x00",  # bits that are missing
        b"\x05\x00\x01\x00",  # more positions than the span has
        b"\x01\x00\x02\x00\x00",  # more bits than the span has
    ],
)
def test_blocks_that_do_not_fit_are_refused_when_they_are_opened(data: bytes) -> None:
    with pytest.raises(Malformed):
        PackedPositions(data, 0, 1, 4)


@pytest.mark.parametrize(
    ("data", "span"),
    [
        (b"\x01\x00\x01\xff", 4),  # ones without an end
        (b"\x01\x00\x01\x01", 4),  # a one behind the last
        (b"\x01\x00\x02\x00\x00", 16),  # a byte too many
        (b"\x01\x00\x01\xf8", 4),  # position 5 of 4
        (b"\x01\x06\x01\xfe", 4),  # the remainder is cut off
    ],
)
def test_bits_that_are_broken_are_refused_when_they_are_read(data: bytes, span: int) -> None:
    packed = PackedPositions(data, 0, 1, span)
    with pytest.raises(Malformed):
        _ = 1 in packed
    with pytest.raises(Malformed):
        list(packed)


@given(st.sets(st.integers(0, 500)), st.sets(st.integers(0, 500)))
def test_changes_lead_from_one_digest_to_the_next(before: set[int], after: set[int]) -> None:
    changes = toggled(sorted(before), sorted(after))
    assert toggled(sorted(before), changes) == sorted(after)


# The document

FACTS = DigestFacts(
    f"{URL}/status/",
    3,
    100,
    {"": ("revocation",), "-suspension": ("suspension",), ".jwt": ("revocation", "suspension")},
    ("revocation", "suspension"),
    1,
    "",
)
SET = {"revocation": [5, 105, 299], "suspension": [7, 105]}


def digest(facts: DigestFacts = FACTS, positions: dict[str, list[int]] = SET) -> StatusDigest:
    packed, start, data = {}, 0, facts.pack(positions)
    for purpose in facts.purposes:
        packed[purpose] = PackedPositions(data, start, facts.lists, facts.entries)
        start = packed[purpose].end
    return StatusDigest(facts, "sha256-of-the-first", packed)


def entry(list_url: str, index: int, purpose: str = "revocation", size: int = 0) -> StatusEntry:
    return StatusEntry("BitstringStatusListEntry", purpose, list_url, index, size)


@pytest.mark.parametrize(
    ("name", "index", "purpose", "value"),
    [
        ("0", 5, "revocation", 1),
        ("0", 6, "revocation", 0),
        ("1", 5, "revocation", 1),
        ("2", 99, "revocation", 1),
        ("0-suspension", 7, "suspension", 1),
        ("0-suspension", 5, "suspension", 0),
        ("0.jwt", 5, "revocation", 1),
        ("0.jwt", 7, "revocation", 2),
        ("1.jwt", 5, "revocation", 1),  # revoked goes before suspended
        ("0.jwt", 6, "revocation", 0),
        # what it says nothing of is open, never clear
        ("3", 5, "revocation", None),
        ("0", 100, "revocation", None),
        ("0", 5, "suspension", None),
        ("0-suspension", 7, "revocation", None),
        ("00", 5, "revocation", None),
        ("", 5, "revocation", None),
        ("0.cwt", 5, "revocation", None),
        ("9" * 500, 5, "revocation", None),
        ("x/0", 5, "revocation", None),
    ],
)
def test_a_value_is_that_of_the_list_or_nothing(
    name: str, index: int, purpose: str, value: int | None
) -> None:
    assert digest().value(entry(f"{URL}/status/{name}", index, purpose), Work()) == value


@pytest.mark.parametrize(
    ("name", "size", "value"),
    [("0", 1, 1), ("0", 2, None), ("0.jwt", 1, None), ("0.jwt", 2, 1), ("0.jwt", 8, None)],
)
def test_an_entry_of_another_size_stands_elsewhere_in_its_list(
    name: str, size: int, value: int | None
) -> None:
    assert digest().value(entry(f"{URL}/status/{name}", 5, size=size), Work()) == value


def test_the_list_of_another_address_is_none_of_its_own() -> None:
    assert digest().value(entry("https://elsewhere.example/status/0", 5), Work()) is None


def test_what_a_look_up_costs_is_charged_each_time() -> None:
    """The list with the most positions takes seconds: who shows credentials chooses how often."""
    full = FACTS._replace(lists=1, entries=1 << 16, purposes=("revocation",))
    dense = digest(full, {"revocation": list(range(0, 1 << 16, 2))})
    work = Work(20_000)
    for left in (11_776, 3_552):
        assert dense.value(entry(f"{URL}/status/0", 2), work) == 1
        assert work.left == left
    with pytest.raises(TooLarge):
        dense.value(entry(f"{URL}/status/0", 2), work)


def test_more_positions_than_any_issuer_has_are_not_counted() -> None:
    blocks = 5
    full = b"\x80\x80\x80\x08\x00\x80\x80\x80\x01" + bytes(1 << 21)
    with pytest.raises(TooLarge):
        PackedPositions(full * blocks, 0, blocks, 1 << 24)


def test_changes_lead_to_the_next_digest_or_are_refused() -> None:
    changes = FACTS.pack_changes({**SET, "revocation": [5]}, SET)
    following = FACTS._replace(number=2, previous="sha256-of-the-first")
    packed = digest().changed(following, changes)
    assert packed == FACTS.pack({**SET, "revocation": [5]})
    wider = FACTS._replace(number=2, lists=4)
    positions = {"revocation": [5, 105, 299, 399], "suspension": []}
    assert digest().changed(wider, wider.pack_changes(positions, SET)) == wider.pack(positions)
    for facts, data in (
        (following, changes + b"\0"),
        (following._replace(entries=50), changes),
        (following._replace(lists=1), b"\0\0"),
    ):
        with pytest.raises(Malformed):
            digest().changed(facts, data)


# An issuer's, and what a verifier makes of it


class Asked:
    """A network that counts who asks, and has nothing."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def fetch(self, url: str, **_: object) -> bytes:
        self.urls.append(url)
        raise NotFound("there is nothing")


class City:
    """An issuer, and somebody elsewhere who takes its digests."""

    def __init__(self, folder: Path, form: str = INTEGRITY, **options: Any) -> None:
        self.now = NOW
        kind = read_kind(ROOT / "tests" / "own_kinds" / "licence")
        given = None if form == INTEGRITY else FORMS[form]
        options = {"url": URL, "form": given, "clock": lambda: self.now, **options}
        self.issuer = issuer_in(folder / "home", kind=kind, **options)
        self.issuer.issue_many([cells("L-1"), cells("L-2"), cells("L-3")])
        self.taken = DigestFolder(folder / "digests", FORMS)
        self.asked = Asked()

    def publish(self) -> bytes:
        self.now += timedelta(minutes=5)
        self.issuer.lists.publish_digest(now=self.now)
        return self.file()

    def file(self, name: str = "digest") -> bytes:
        return (self.issuer.home / "status" / name).read_bytes()

    def changes_to(self, whole: bytes) -> bytes:
        """The changes from a digest to the next one."""
        return self.file(changes_name(number(whole)))

    def kept(self) -> WholeDigest:
        """The one digest that was taken."""
        (kept,) = self.taken.about([f"{URL}/status/0"])
        return kept

    def verifier(self, *lists: Any) -> Verifier:
        return Verifier(
            Resolver(METHODS, NoFetcher()),
            trust=trust_in(self.issuer),
            forms=self.issuer.forms,
            lists=(*lists, Fetched(self.asked)),
            digests=self.taken.about,
        )

    def take(self, data: bytes) -> None:
        self.taken.take(
            data, lambda given: self.verifier().status_claims(given, self.issuer.did, now=self.now)
        )

    def judged(self, number: str = "L-1", *, bare: bool = True, lists: Sequence[Any] = ()) -> Report:
        """By a verifier who has the digests that were taken; `bare` without the lists that come along."""
        bundle = of(self.issuer, number)
        if bare:
            bundle = replace(bundle, status_lists=())
        return self.verifier(*lists).verify(bundle.to_bytes(), now=self.now)


def number(whole: bytes) -> int:
    return parse_whole(whole, FORMS).digest.facts.number


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


@pytest.fixture(scope="module")
def stated(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Claims]:
    """A digest, and what its document says."""
    file = City(tmp_path_factory.mktemp("city")).publish()
    return file, parse_whole(file, FORMS).claims


def said(report: Report) -> tuple[Verdict, str]:
    return report.verdict, report.deciding.code if report.deciding else ""


REVOKED = Verdict.INVALID, "status-revoked-unexplained"


@pytest.mark.quick("application/vc")
@pytest.mark.parametrize("form", [INTEGRITY, SD_JWT_VC])
def test_nobody_is_asked_for_a_list_where_a_digest_was_taken(tmp_path: Path, form: str) -> None:
    city = City(tmp_path, form)
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=NOW)
    city.issuer.suspend(["L-2"], Reason.FRAUD, now=NOW)
    assert city.judged().verdict is Verdict.UNDETERMINED
    assert city.asked.urls.pop(0).startswith(f"{URL}/status/0")

    city.asked.urls.clear()
    city.take(city.publish())
    assert said(city.judged()) == REVOKED
    assert said(city.judged("L-2")) == (Verdict.INVALID, "status-suspended")
    assert city.judged("L-3")
    assert city.asked.urls == []


def test_a_stranger_reads_the_same(city: City) -> None:
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=NOW)
    city.issuer.suspend(["L-3"], Reason.FRAUD, now=NOW)
    stated, found = status_digest_reader.read(city.publish())
    lists = f"{URL}/status/0"
    assert found == {
        "revocation": {(lists, position(city.issuer, "L-1"))},
        "suspension": {(lists, position(city.issuer, "L-3"))},
    }
    assert stated["number"] == number(city.file())


def test_changes_are_taken_in_the_place_of_the_whole(city: City) -> None:
    city.take(first := city.publish())
    assert city.judged()
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=city.now)
    city.issuer.suspend(["L-2"], Reason.FRAUD, now=city.now)
    second = city.publish()
    city.issuer.reinstate(["L-2"], now=city.now)
    third = city.publish()
    with raises(NO_STATUS_DIGEST_BEFORE):
        city.take(city.changes_to(second))
    with pytest.raises(Malformed, match="not those"):  # where they lead is what was signed
        city.taken.take(altered(city.changes_to(first), positions="sha256-x"), lambda _: None)
    city.take(city.changes_to(first))
    assert said(city.judged()) == REVOKED
    assert said(city.judged("L-2")) == (Verdict.INVALID, "status-suspended")
    city.take(city.changes_to(second))
    assert city.judged("L-2")
    assert city.kept().digest.stated == parse_whole(third, FORMS).digest.stated
    city.take(city.changes_to(second))  # again


def test_no_number_is_given_twice(city: City) -> None:
    """Not where the files were lost, nor where they came back from a backup older than the log."""
    folder, numbers = city.issuer.home / "status", list[int]()

    def go_on() -> None:
        city.take(whole := city.publish())
        numbers.append(number(whole))

    go_on()
    before = city.file()
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=city.now)
    go_on()
    (folder / "digest").write_bytes(before)
    go_on()
    for path in folder.glob("digest*"):
        path.unlink()
    go_on()
    assert numbers == sorted({*numbers})
    assert said(city.judged()) == REVOKED


@pytest.mark.quick("True")
@pytest.mark.parametrize("has_written", [False, True])
def test_a_publisher_that_was_killed_leaves_no_fork(city: City, *, has_written: bool) -> None:
    """Before it wrote the whole, or after. Whoever took what was there goes on with the next digest."""
    city.take(first := city.publish())
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=city.now)
    city.publish()
    (city.issuer.home / "status" / changes_name(number(first))).unlink()
    if not has_written:
        (city.issuer.home / "status" / "digest").write_bytes(first)
    between = city.file()
    city.take(between)
    city.issuer.revoke(["L-2"], Reason.FRAUD, date=NOW, now=city.now)
    city.publish()
    city.take(city.changes_to(between))
    assert [said(city.judged(each)) for each in ("L-1", "L-2")] == [REVOKED, REVOKED]
    assert not any(finding.problem for finding in examine_issuer(city.issuer.home, now=city.now))


def test_no_older_digest_takes_the_place_of_a_newer_one(city: City) -> None:
    first = city.publish()
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=city.now)
    city.take(city.publish())
    with raises(STATUS_DIGEST_OLDER, match=f"number {number(first)}; number {number(city.file())}"):
        city.take(first)
    with raises(STATUS_DIGEST_OLDER):  # of the same number, with other positions
        city.take(altered(first, number=number(city.file())))
    assert said(city.judged()) == REVOKED


def test_changes_need_the_digest_before(city: City) -> None:
    first = city.publish()
    city.publish()
    with raises(NO_STATUS_DIGEST_BEFORE):
        city.take(city.changes_to(first))


def test_of_list_and_digest_the_newer_decides(city: City) -> None:
    """And a revocation in either is final."""
    city.issuer.suspend(["L-1"], Reason.FRAUD, now=NOW)
    city.take(city.publish())
    assert said(city.judged()) == (Verdict.INVALID, "status-suspended")
    city.now += timedelta(hours=1)
    city.issuer.reinstate(["L-1"], now=city.now)
    assert said(city.judged(bare=False)) == (Verdict.VALID, ""), "the list that came along is newer"
    assert said(city.judged()) == (Verdict.INVALID, "status-suspended")
    city.issuer.revoke(["L-2"], Reason.FRAUD, date=NOW, now=city.now)
    assert city.judged("L-2"), "the digest does not know it yet"
    assert city.judged("L-2", bare=False).verdict is Verdict.INVALID
    assert city.judged("L-2", lists=[published(city.issuer)]).verdict is Verdict.INVALID, "a list at hand"


def test_one_that_ended_leaves_it_open_or_to_the_list(city: City) -> None:
    city.take(city.publish())
    ends = city.kept().claims.valid_until
    assert ends is not None
    city.now = ends + timedelta(days=2)
    report = city.judged()
    assert report.verdict is Verdict.UNDETERMINED
    assert report.deciding is not None
    assert "status" in report.deciding.code
    assert city.asked.urls[0] == f"{URL}/status/0", "and the list is asked for again"
    city.issuer.lists.publish(now=city.now)
    assert said(city.judged(lists=[published(city.issuer)])) == (Verdict.VALID, "")


def test_the_last_digest_of_an_issuer_that_closed_has_no_end(city: City) -> None:
    """As its last lists; one of before the closing has, since the last lists may tell more."""
    city.take(city.publish())
    city.now += timedelta(days=2)
    close(city.issuer)
    city.issuer.lists.publish_digest(now=city.now)
    city.now += timedelta(hours=1)
    assert city.judged()
    assert city.asked.urls[0] == f"{URL}/status/0", "that there are newer lists is known"
    city.now += timedelta(days=1000)
    assert city.judged().verdict is Verdict.UNDETERMINED
    city.take(city.file())
    assert city.judged()


def test_a_digest_counts_for_the_lists_of_who_signed_it_alone(city: City, tmp_path: Path) -> None:
    """Another listed issuer's digest of these very addresses neither revokes nor clears."""
    other = City(tmp_path / "other", method="key")
    other.issuer.revoke(["L-1", "L-2", "L-3"], Reason.FRAUD, date=NOW, now=NOW)
    assert other.issuer.identity.url == URL
    file = other.publish()
    with pytest.raises(Problem, match="by another issuer"):
        city.take(file)
    other.take(file)
    assert said(other.judged()) == REVOKED
    city.taken = other.taken
    assert city.judged().verdict is Verdict.UNDETERMINED
    assert city.judged(bare=False)


def forged(city: City, positions: dict[str, list[int]] | None = None, **terms: Any) -> bytes:
    """What a thief of the key that signs lists can make, who cannot write to the log."""
    file = parse_whole(city.file(), FORMS)
    facts = digest_facts(file.claims)[0]._replace(number=1 << 30, **terms)
    packed = facts.pack(positions or dict.fromkeys(facts.purposes, ()))
    lists = city.issuer.lists
    document = status_digest_document(
        f"{URL}/status/digest", city.issuer.did, facts, packed, valid_from=city.now, lifetime=DAY
    )
    method = lists._verification_method
    signed = sign(document, lists._signer, verification_method=method, created=city.now)
    return digest_file(replace(file.bundle, secured=signed, evidence=()), packed, is_whole=True)


def test_a_digest_that_no_log_has_is_none(city: City, tmp_path: Path) -> None:
    """By a stolen key, or a retired one in a file without the document that ends it."""
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=NOW)
    city.take(city.publish())
    false = forged(city)
    with raises(STATUS_LIST_NOT_SHOWN):
        city.take(false)
    assert said(city.judged()) == REVOKED
    (kept,) = (tmp_path / "digests").iterdir()
    kept.write_bytes(false)
    assert city.judged().verdict is Verdict.UNDETERMINED


@pytest.mark.parametrize("change", [{"number": 1 << 20}, {"purposes": ["suspension", "revocation"]}])
def test_what_was_altered_after_signing_is_not_taken(city: City, change: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        city.take(altered(city.publish(), **change))
    assert city.taken.about([f"{URL}/status/0"]) == []


def test_what_came_with_the_digest_of_another_issuer_speaks_for_nobody_else(
    city: City, tmp_path: Path
) -> None:
    """It would keep the credentials of these addresses from being verified."""
    city.take(file := city.publish())
    whole = parse_whole(file, FORMS)
    other = Holder()
    broken = Anchored({"id": city.issuer.did, "verificationMethod": "none"}, whole.bundle.evidence)
    facts = digest_facts(whole.claims)[0]
    packed = facts.pack(whole.digest.positions())
    signed = other.sign(
        status_digest_document(
            f"{URL}/status/digest", other.did, facts, packed, valid_from=city.now, lifetime=DAY
        )
    )
    city.taken.take(
        digest_file(Bundle(signed, issuer_documents=(broken,)), packed, is_whole=True), lambda _: None
    )
    assert len(list((tmp_path / "digests").iterdir())) == 2
    assert said(city.judged()) == (Verdict.VALID, "")


def test_positions_other_than_the_signed_ones_are_not_taken(city: City) -> None:
    head, document, packed = city.publish().split(b"\n", 2)
    with pytest.raises(Malformed, match="not those"):
        city.take(b"\n".join((head, document, packed[:-1] + b"\x01")))


def test_the_document_may_be_as_long_as_any_bundle(city: City) -> None:
    """An issuer that changed its keys two dozen times brings a quarter of a mebibyte of documents."""
    head, document, packed = city.publish().split(b"\n", 2)
    assert parse_whole(b"\n".join((head, document + b" " * (1 << 19), packed)), FORMS)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"IntaglioStatusDigest 2 whole\n{}\n",
        b"IntaglioStatusDigest 1 whole\n{}",
    ],
)
def test_files_that_are_none_are_named(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_file(data, FORMS, Work())


@pytest.mark.parametrize(
    "data",
    [lambda: b"IntaglioStatusDigest 1 whole\n" + b" " * (MAX_BYTES + 1) + b"\n", lambda: bytes(LARGEST + 1)],
    ids=["its document", "all of it"],
)
def test_files_that_are_too_long_are_refused(data: Callable[[], bytes]) -> None:
    with pytest.raises(TooLarge):
        parse_file(data(), FORMS, Work())


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": "1"},
        {"lists": {"prefix": "no address", "count": 1, "entries": 131072}},
        {"lists": {"prefix": f"{URL}/status/1", "count": 1, "entries": 131072}},
        {"lists": {"prefix": f"{URL}/status/", "count": 1 << 21, "entries": 131072}},
        {"lists": {"prefix": f"{URL}/status/", "count": 1, "entries": 1 << 25}},
        {"purposes": []},
        {"purposes": ["revocation", "revocation"]},
        {"values": {"": ["message"]}},
        {"values": {"1": ["revocation"]}},
        {"values": {"": "revocation"}},
        {"values": {"/1": ["revocation"]}},
        {"values": {"": [["revocation"]]}},
        {"values": {"": ["revocation", "revocation"]}},
        {"number": True},
        {"positions": None},
    ],
)
def test_a_document_that_does_not_say_what_it_is_about_is_refused(
    stated: tuple[bytes, Claims], change: dict[str, Any]
) -> None:
    file, claims = stated
    subject = claims.subjects[0]
    said_ = {**subject, "statusDigest": {**subject["statusDigest"], **change}}
    assert digest_facts(claims)[0].number == number(file)
    with pytest.raises(Malformed, match="does not state"):
        digest_facts(replace(claims, subjects=(said_,)))


def test_a_document_without_a_date_or_an_end_is_refused(city: City) -> None:
    claims = parse_whole(city.publish(), FORMS).claims
    for lacking in (replace(claims, starts=None), replace(claims, ends=None)):
        with pytest.raises(Malformed, match="no date, or no end"):
            digest_facts(lacking)


def test_one_that_was_spoilt_on_the_disk_leaves_its_own_lists_open(city: City, tmp_path: Path) -> None:
    """It may have known of a revocation; credentials with other lists have nothing to do with it."""
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=NOW)
    city.take(city.publish())
    (path,) = (tmp_path / "digests").iterdir()
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(Damaged, match="as it was taken"):
        city.kept()
    report = city.judged("L-2", bare=False)
    assert report.verdict is Verdict.UNDETERMINED
    assert report.deciding is not None
    assert "as it was taken" in report.deciding.text
    assert city.judged("L-1", bare=False).verdict is Verdict.INVALID, "a list that came along knows it, too"
    assert city.taken.about(["https://elsewhere.example/status/0"]) == []


@pytest.mark.slow
def test_a_verifier_that_runs_sees_what_is_taken_meanwhile(city: City) -> None:
    judge, shown_ = city.verifier(), replace(of(city.issuer, "L-1"), status_lists=()).to_bytes()
    assert judge.verify(shown_, now=city.now).verdict is Verdict.UNDETERMINED
    city.take(city.publish())
    assert judge.verify(shown_, now=city.now)
    city.issuer.revoke(["L-1"], Reason.FRAUD, date=NOW, now=city.now)
    city.take(city.publish())
    assert said(judge.verify(shown_, now=city.now)) == REVOKED


def test_doctor_looks_at_each_that_was_taken(city: City, tmp_path: Path) -> None:
    def examined() -> list[tuple[str, Health]]:
        return [(each.code, each.health) for each in examine_digests(city.taken, city.now)]

    assert examined() == []
    city.take(city.publish())
    assert examined() == [("digest-taken", Health.PASSED)]
    end = city.kept().claims.valid_until
    assert end is not None
    city.now = end
    assert examined() == [("digest-ended", Health.WARNED)]
    (path,) = (tmp_path / "digests").glob("*.digest")
    path.write_bytes(b"spoilt")
    assert examined() == [("status-digest-damaged", Health.FAILED)]


def test_the_issuer_keeps_so_many_changes_and_tells_of_a_spoilt_digest(city: City) -> None:
    published = [city.publish() for _ in range(KEPT + 3)]
    names = {path.name for path in (city.issuer.home / "status").glob("digest-*")}
    assert names == {changes_name(number(each)) for each in published[2:-1]}
    home, unlike = city.issuer.home, "issuer-status-file-unlike"
    assert unlike not in {each.code for each in examine_issuer(home, city.now)}
    (city.issuer.home / "status" / "digest").write_bytes(b"spoilt")
    assert unlike in {each.code for each in examine_issuer(home, city.now)}
    with pytest.raises(Damaged, match="as it was published"):
        city.publish()


def altered(file: bytes, **change: Any) -> bytes:
    """With other facts than the signed ones."""
    head, document, packed = file.split(b"\n", 2)
    bundle = json.loads(document)
    bundle["credential"]["credentialSubject"]["statusDigest"] |= change
    return b"\n".join((head, json.dumps(bundle).encode(), packed))


def published(issuer: Issuer) -> Any:
    from functools import partial

    from issuer.identity.home import published_list

    return partial(published_list, issuer.home)


# Credentials whose status entries are odd, by an issuer that has no log


def shown(folder: Path, *entries: dict[str, Any]) -> tuple[Report, list[str]]:
    """The report by one who took the digest of a credential's issuer, and who was asked."""
    facts = FACTS._replace(lists=1, entries=1 << 17)
    document = status_digest_document(
        f"{URL}/status/digest",
        COLLEGE.did,
        facts,
        packed := facts.pack(SET_OF_ONE),
        valid_from=NOW,
        lifetime=DAY,
    )
    taken, asked = DigestFolder(folder, FORMS), Asked()
    taken.take(digest_file(Bundle(COLLEGE.sign(document)), packed, is_whole=True), lambda _: None)
    judge = Verifier(
        Resolver(METHODS, NoFetcher()), trust=COLLEGE.trust, lists=[Fetched(asked)], digests=taken.about
    )
    return judge.verify(diploma(credentialStatus=[*entries]), now=NOW), asked.urls


SET_OF_ONE = {"revocation": [5], "suspension": [7]}


def test_the_digest_answers_for_an_entry_of_one_bit(tmp_path: Path) -> None:
    report, asked = shown(tmp_path, status_entry(f"{URL}/status/0", 6))
    assert (said(report), asked) == ((Verdict.VALID, ""), [])


@pytest.mark.parametrize(
    "entry",
    [
        status_entry(f"{URL}/status/0", 6) | {"statusSize": 2},
        status_entry(f"{URL}/status/0.jwt", 6),
        status_entry(f"{URL}/status/0.jwt", 7) | {"statusSize": 2},
        status_entry(f"{URL}/status/0", 1 << 17),
        status_entry(f"{URL}/status/0", 6, "message"),
        status_entry(f"{URL}/status/0", 6, "suspension"),
        status_entry(f"{URL}/Status/0", 6),
        status_entry(f"{URL}/status/%30", 6),
        status_entry(f"{URL}/status/0#", 6),
    ],
)
def test_of_what_the_list_would_not_say_the_digest_says_nothing(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    report, asked = shown(tmp_path, entry)
    assert (report.verdict, asked) == (Verdict.UNDETERMINED, [entry["statusListCredential"]])


def test_a_list_is_asked_for_one_entry_where_the_digest_answers_for_another(tmp_path: Path) -> None:
    for entries in (
        (status_entry(f"{URL}/status/0", 6), status_entry(f"{URL}/status/0", 9, "message")),
        (status_entry(f"{URL}/status/0", 9, "message"), status_entry(f"{URL}/status/0", 6)),
    ):
        report, asked = shown(tmp_path, *entries)
        assert (report.verdict, asked) == (Verdict.UNDETERMINED, [f"{URL}/status/0"])
