"""What a claim or a revocation costs does not grow with what was issued and revoked before."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from did.methods import key as did_key
from issuer.archive.kept import ListFile
from issuer.desk.renewal import renewing
from issuer.identity.home import LIFETIME, published_file
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.press.permutation import LIST_ENTRIES
from issuer.shared import folder as shared_folder
from issuer.status import lists
from issuer.status.files import details_name
from keys import PrivateKey
from ledger.audit import audit
from ledger.tiles import posix
from ledger.tiles.store import Batch
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.fault.powerloss import Recorder
from tests.fault.sqlite_vfs import watched_sqlite
from tests.world import NOW, csv_file, graduate, issuer_in, listed, of_diploma, reopened, verifier_for
from vc import Bundle, StatusList, Verdict
from vc.forms import FORMS
from vc.status import Reason, page_of
from wire.problem import Damaged, Unavailable

HOLDER = did_key.create(PrivateKey.generate().public_key)
ONE, TWO = "UNI-000001", "UNI-000002"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "home")
    issuer.issue_file(Order(csv_file(folder / "g.csv", [graduate(1), graduate(2)]), folder / "errors.csv"))
    issuer.store.close()
    return issuer.home


@pytest.fixture
def issuer(made: Path, tmp_path: Path) -> Issuer:
    return reopened(copy_folder(made, tmp_path / "work" / "home"))


def revoke(issuer: Issuer, *numbers: str) -> None:
    issuer.revoke(numbers, Reason.FRAUD, date=NOW, now=NOW)


def page(issuer: Issuer, number: str) -> str:
    seq = issuer.current(number).seq
    return details_name(0, page_of(issuer._positions().locate(seq)[1]))


def revoked(issuer: Issuer) -> int:
    bits = StatusList.decode(listed(issuer.home).subjects[0]["encodedList"])
    return sum(byte.bit_count() for byte in bits.bits)


def in_lists(issuer: Issuer, count: int) -> list[str]:
    """Diplomas that stand in so many lists, all of them published."""
    numbers = []
    for row in range(10, 10 + count):
        issuer.store.reserve(LIST_ENTRIES - 1)
        issuer._singles._block, issuer._singles._block_size = range(0), 1
        numbers.append(issuer.issue(graduate(row)).number)
    return numbers


# Many at once


def test_many_revocations_are_published_in_portions_and_the_next_who_comes_does_the_rest(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with them; what a killed one had begun comes first, and none is forgotten."""
    monkeypatch.setattr(lists, "_MOST_ROWS", 2)
    numbers = [ONE, TWO, *in_lists(issuer, 4)]
    issuer.lists.publish(now=NOW)
    which, portions = [of_diploma(number) for number in numbers], list[set[str]]()
    issuer.store.revocations.revoke(which, Reason.FRAUD.value, "2026-07-01T12:00:00Z")

    def begin(real: Callable[..., None], key: bytes, files: Sequence[ListFile]) -> None:
        portions.append({file.name for file in files if file.name.isdigit()})
        real(key, files)

    stopping = at(issuer.home, "revocations.publish", stops(KeyboardInterrupt(), on_call=2, before=True))
    with pytest.raises(KeyboardInterrupt):
        _ = reopened(issuer.home, **stopping).lists
    again = reopened(issuer.home, **at(issuer.home, "revocations.begin", begin))
    assert again.lists.publish(now=NOW) == []
    assert portions == [{"1", "2"}, {"3", "4"}]
    assert again.store.revocations.unpublished() == []
    for bundle in again.bundles(map(again.current, numbers)):
        assert verifier_for(again).verify(bundle, now=NOW).verdict is Verdict.INVALID


# Superseded editions


def test_a_claim_writes_no_list_and_the_bundle_of_the_edition_before_does(issuer: Issuer) -> None:
    former, size = issuer.current(ONE), audit(issuer.log).size
    before = (issuer.home / "status" / "0").read_bytes()
    claimed = Bundle.parse(issuer.claim(ONE, HOLDER), FORMS)
    assert (issuer.home / "status" / "0").read_bytes() == before
    assert audit(issuer.log).size == size + 1
    assert verifier_for(issuer).verify(claimed, now=NOW).verdict is Verdict.VALID
    report = verifier_for(issuer).verify(issuer.bundle(issuer.store.entry(former.seq)), now=NOW)
    assert report.deciding is not None
    assert report.deciding.text == "revoked by the issuer on 2026-07-01: superseded"
    assert (revoked(issuer), issuer.store.revocations.unpublished()) == (1, [])


def test_of_one_who_was_killed_the_next_who_opens_the_keys_publishes_it_first(issuer: Issuer) -> None:
    issuer.claim(ONE, HOLDER)
    again = reopened(issuer.home)
    assert revoked(issuer) == 0
    assert again.issue(graduate(3))
    assert revoked(issuer) == 1


@pytest.mark.slow
def test_the_service_publishes_it_at_its_start_and_soon_after(issuer: Issuer) -> None:
    issuer.claim(ONE, HOLDER)
    with renewing(issuer.lists, lambda: NOW, pause=0.01):
        assert revoked(issuer) == 1
        issuer.claim(TWO, HOLDER)
        deadline = time.monotonic() + 30
        while revoked(issuer) < 2:
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)


def test_a_service_that_stops_publishes_what_was_claimed_just_before(issuer: Issuer) -> None:
    with renewing(issuer.lists, lambda: NOW):
        issuer.claim(ONE, HOLDER)
        assert revoked(issuer) == 0
    assert revoked(issuer) == 1


@dataclass
class Publishing:
    """Lists whose publishing says when it begins, may take its time, and raises what it is told to."""

    problems: list[Exception | None]
    began: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    done: list[str] = field(default_factory=list)

    def publish(self, *, now: datetime) -> list[int]:
        if is_background := threading.current_thread() is not threading.main_thread():
            self.began.set()
            assert self.go_on.wait(30)
        self.done.append("background" if is_background else "here")
        problem = self.problems.pop(0) if self.problems else None
        if problem is not None:
            raise problem
        return []


def test_a_service_that_stops_waits_for_what_is_being_published() -> None:
    """Of two that publish at once, the one that began before a claim could be the last to write."""
    lists = Publishing([])
    with renewing(lists, lambda: NOW, pause=0.001):
        assert lists.began.wait(30)
        threading.Timer(0.05, lists.go_on.set).start()
    assert lists.done[-2:] == ["background", "here"]


def test_what_keeps_lists_from_being_published_is_told_and_tried_again(
    logged: io.StringIO,
) -> None:
    full = OSError(28, "No space left on device", "status/0")
    lists = Publishing([None, Unavailable("the log is busy"), full, Unavailable("still")])
    lists.go_on.set()
    with renewing(lists, lambda: NOW, pause=0.001):
        deadline = time.monotonic() + 30
        while len(lists.done) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.001)
    assert logged.getvalue().splitlines() == [
        "The status lists could not be renewed: the log is busy",
        "The status lists could not be renewed: status/0: No space left on device",
        "The status lists could not be renewed: still",
    ]
    with (
        pytest.raises(Unavailable, match="at once"),
        renewing(Publishing([Unavailable("at once")]), lambda: NOW),
    ):
        pytest.fail("a service that cannot publish does not begin")


# Pages


def test_only_the_pages_that_change_are_signed_again(issuer: Issuer) -> None:
    numbers = [ONE, TWO]
    while len({page(issuer, number) for number in numbers}) < 2:
        numbers.append(issuer.issue(graduate(len(numbers) + 1)).number)
    one = numbers[0]
    other = next(number for number in numbers if page(issuer, number) != page(issuer, one))
    revoke(issuer, one)
    path = issuer.home / "status" / page(issuer, one)
    before = path.read_bytes()
    revoke(issuer, other)
    assert issuer.lists.publish(now=NOW + LIFETIME / 2 + timedelta(seconds=1)) == [0]
    assert path.read_bytes() == before
    assert revoked(issuer) == 2


# Many lists


@pytest.mark.slow
def test_many_lists_go_into_the_log_at_once_and_wait_for_the_disk_no_longer_than_one(issuer: Issuer) -> None:
    numbers = in_lists(issuer, 5)
    appended: list[int] = []

    def record(record: Callable[[Batch], None], batch: Batch) -> None:
        appended.append(len(batch.entries))
        record(batch)

    issuer.store.close()
    issuer = reopened(issuer.home, **at(issuer.home, "log.record", record))
    assert issuer.lists.publish(now=NOW) == []
    syncs = []
    for some in ([ONE], numbers):
        issuer.store.close()
        with Recorder(issuer.home.parent, [(posix, "sync_files"), (shared_folder, "sync_files")]) as recorder:
            with watched_sqlite(recorder):
                recorder.syncs = 0
                issuer.store.revocations.revoke(map(of_diploma, some), "fraud", "2026-07-01T12:00:00Z")
                assert len(issuer.lists.publish(now=NOW)) == len(some)
                issuer.store.close()
            syncs.append(recorder.syncs)
    assert appended == [2, 10]
    assert syncs[1] == syncs[0]


def test_a_file_that_a_power_cut_took_is_made_again_from_the_index(issuer: Issuer) -> None:
    revoke(issuer, ONE)
    for name in ("0", page(issuer, ONE)):
        path = issuer.home / "status" / name
        before = path.read_bytes()
        path.write_bytes(before[:100] + bytes(len(before) - 100))
        assert published_file(issuer.home, name) == before
        again = reopened(issuer.home)
        assert verifier_for(again).verify(again.bundle(again.current(ONE)), now=NOW).deciding
        again.lists.publish(now=NOW)
        assert path.read_bytes() == before


class PowerCut(BaseException):
    pass


def cut(issuer: Issuer, step: str, work: Callable[[Issuer], object], *, before: bool = False) -> None:
    """Work that ends at a step; the issuer is as it is found then."""
    issuer.store.close()
    with pytest.raises(PowerCut):
        work(reopened(issuer.home, **at(issuer.home, step, stops(PowerCut(), before=before))))


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("step", ["log.record", "log.publish"])
def test_what_was_on_its_way_into_the_log_hides_no_list_that_a_power_cut_took(
    issuer: Issuer, step: str
) -> None:
    revoke(issuer, ONE)
    path = issuer.home / "status" / "0"
    before = path.read_bytes()
    cut(issuer, step, lambda issuer: issuer.issue(graduate(3)))
    path.write_bytes(before[:100])
    assert published_file(issuer.home, "0") == before
    path.unlink()
    assert published_file(issuer.home, "0") == before


def test_a_list_that_was_on_its_way_is_the_new_one_once_it_is_in_the_log(issuer: Issuer) -> None:
    revoke(issuer, ONE)
    path = issuer.home / "status" / "0"
    old = path.read_bytes()
    cut(issuer, "log.record", lambda issuer: revoke(issuer, TWO), before=True)
    path.unlink()
    assert published_file(issuer.home, "0") == old
    cut(issuer, "revocations.publish", lambda issuer: issuer.lists.publish(now=NOW), before=True)
    new = path.read_bytes()
    assert new != old
    path.write_bytes(new[:100])
    assert published_file(issuer.home, "0") == new


def test_an_index_copied_while_something_was_on_its_way_brings_no_list_back(issuer: Issuer) -> None:
    cut(issuer, "log.publish", lambda issuer: issuer.issue(graduate(3)))
    copies = {path: path.read_bytes() for path in issuer.home.glob("issuer.sqlite*")}
    revoke(reopened(issuer.home), ONE)
    path = issuer.home / "status" / "0"
    path.write_bytes(path.read_bytes()[:100])
    for name in issuer.home.glob("issuer.sqlite*"):
        name.unlink()
    for name, content in copies.items():
        name.write_bytes(content)
    with pytest.raises(Damaged):
        published_file(issuer.home, "0")
