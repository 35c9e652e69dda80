"""A diploma in the wrong wallet: after `claim --anew` no link made before gets it, whatever happens."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from did.methods import key as did_key
from exchange.claim import ClaimLink
from issuer.desk.claims import ClaimLinks, LinkExpired
from issuer.issuer import Issuer
from keys import PrivateKey
from tests.commandline import Program
from tests.copying import copy_folder
from tests.doubles import at, instead, stops
from tests.fault.kill import Work, a_sample, kill_everywhere, killed_by
from tests.world import Holder, graduate, issuer_in, of_diploma, reopened
from vc import Bundle
from vc.forms import FORMS
from vc.status import Reason
from wire.problem import Conflict, Damaged, Problem

NUMBER = "UNI-000001"
SERVICE = "https://localhost:8460"
ADA, EVE = (PrivateKey.generate() for _ in range(2))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "issuer"
    with closing(issuer_in(home, clock=now).store):
        opened(home).issue(graduate(1))
    return home


@pytest.fixture
def home(made: Path, program: Program) -> Path:
    """An issuer's folder, with one diploma."""
    return Path(copy_folder(made, program.home / "issuer"))


def opened(home: Path, **options: Any) -> Issuer:
    return reopened(home, now, **options)


def link_by(program: Program, *options: str) -> ClaimLink:
    answer = program("issuer", "claim", NUMBER, *options)
    assert answer.code == 0, answer.err
    return ClaimLink.parse(answer.out.split()[1])


def did(key: PrivateKey) -> str:
    return did_key.create(key.public_key)


def answer(home: Path, link: ClaimLink, key: PrivateKey) -> bytes:
    invitation = ClaimLinks(home / "claims.sqlite", SERVICE).invite(link.token, opened(home), now=now())
    return Holder(key).accept(invitation, now())


def redeem(home: Path, link: ClaimLink, key: PrivateKey, message: bytes | None = None, **options: Any) -> str:
    """Whom the diploma names that this wallet gets by the link."""
    message, issuer = message or answer(home, link, key), opened(home, **options)
    bundle = ClaimLinks(home / "claims.sqlite", SERVICE).redeem(link.token, message, issuer, now=now())
    return str(Bundle.parse(bundle, FORMS).secured["credentialSubject"]["id"])


def bound(home: Path) -> list[str | None]:
    """To whom each edition is bound, in their order."""
    issuer = opened(home)
    issuer._editions.recover()
    return [issuer.line(entry).credential["credentialSubject"].get("id") for entry in issuer.entries()]


def put_back(database: str, before: Path, home: Path) -> Path:
    """A copy of the folder in which one database is what it was before."""
    copy = copy_folder(home, home.with_name("put back"))
    for path in copy.glob(f"{database}*"):
        path.unlink()
    for path in before.glob(f"{database}*"):
        shutil.copy(path, copy)
    return copy


def test_the_link_of_a_wallet_that_was_replaced_gets_nothing(home: Path, program: Program) -> None:
    stolen = link_by(program)
    assert redeem(home, stolen, EVE) == did(EVE)
    waiting = answer(home, stolen, EVE)
    link = link_by(program, "--anew")
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE)
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE, waiting)
    assert bound(home) == [None, did(EVE), None]
    assert redeem(home, link, ADA) == did(ADA)
    assert bound(home) == [None, did(EVE), None, did(ADA)]


def test_a_link_that_was_not_used_yet_ends_as_well(home: Path, program: Program) -> None:
    stolen = link_by(program)
    waiting = answer(home, stolen, EVE)
    link = link_by(program, "--anew")
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE)
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE, waiting)
    assert bound(home) == [None]
    assert redeem(home, link, ADA) == did(ADA)


@pytest.mark.quick("True")
@pytest.mark.parametrize("used", [True, False])
def test_the_list_of_links_put_back_revives_none(
    home: Path, program: Program, tmp_path: Path, used: bool
) -> None:
    stolen = link_by(program)
    waiting = answer(home, stolen, EVE)
    if used:
        redeem(home, stolen, EVE)
    before = copy_folder(home, tmp_path / "before")
    link_by(program, "--anew")
    home = put_back("claims.sqlite", before, home)
    for message in (None, waiting):
        with pytest.raises(Problem):
            redeem(home, stolen, EVE, message)
    assert bound(home)[-1] is None


@pytest.mark.slow
def test_a_link_from_before_a_correction_gets_what_was_corrected(home: Path, program: Program) -> None:
    link = link_by(program)
    opened(home).correct(NUMBER, {"gpa": "4.0"})
    assert redeem(home, link, ADA) == did(ADA)
    opened(home).correct(NUMBER, {"gpa": "3.9"})
    assert redeem(home, link, ADA) == did(ADA)
    assert bound(home) == [None, None, did(ADA), did(ADA)]


def test_the_index_of_before_a_release_is_no_way_back(home: Path, program: Program, tmp_path: Path) -> None:
    """Nobody had claimed the diploma, so that the log knows nothing of its release."""
    stolen = link_by(program)
    before = copy_folder(home, tmp_path / "before")
    link = link_by(program, "--anew")
    home = put_back("issuer.sqlite", before, home)
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE)
    with pytest.raises(Damaged, match="of which the index does not know"):
        redeem(home, link, ADA)


# Those that are under way


@pytest.mark.quick("True")
@pytest.mark.parametrize("used", [True, False])
def test_a_claim_that_is_under_way_loses(home: Path, program: Program, used: bool) -> None:
    """It has looked at the diploma, and signed an edition; then the registrar releases it."""
    stolen = link_by(program)
    if used:  # by a wallet that then was replaced, and whose thief still has the link
        redeem(home, stolen, EVE)
        opened(home).release(NUMBER)
        stolen = link_by(program)
    message = answer(home, stolen, EVE)
    signed, released = threading.Barrier(2, timeout=30), threading.Barrier(2, timeout=30)
    waits = iter([True])

    def begin_singles(begin: Callable[..., Any], *arguments: Any) -> Any:
        if next(waits, False):
            signed.wait()
            released.wait()
        return begin(*arguments)

    waiting = at(home, "index.begin_singles", begin_singles)
    with ThreadPoolExecutor(1) as pool:
        thief = pool.submit(partial(redeem, home, stolen, EVE, message, **waiting))
        signed.wait()
        opened(home).release(NUMBER)
        released.wait()
        with pytest.raises(LinkExpired):
            thief.result()
    assert bound(home)[-1] is None
    assert redeem(home, link_by(program), ADA) == did(ADA)


@pytest.mark.slow
def test_a_correction_that_is_under_way_does_not_stop_a_release(home: Path, program: Program) -> None:
    redeem(home, link_by(program), EVE)
    first = iter([True])

    def begin_singles(begin: Callable[..., Any], *arguments: Any) -> Any:
        if next(first, False):
            opened(home).correct(NUMBER, {"gpa": "4.0"})
        return begin(*arguments)

    opened(home, **at(home, "index.begin_singles", begin_singles)).release(NUMBER)
    assert bound(home) == [None, did(EVE), did(EVE), None]


class Claim:
    """A claim of the diploma that has taken its edition, and waits before the index has all of it."""

    def __init__(self, home: Path, link: ClaimLink) -> None:
        self.begun, self.looked = threading.Event(), threading.Event()
        self._go_on = threading.Event()
        self._thread = 0

        def finish_singles(finish: Callable[..., Any], *arguments: Any) -> Any:
            if not self.begun.is_set():
                self._thread = threading.get_ident()
                self.begun.set()
                assert self._go_on.wait(30)
            return finish(*arguments)

        def begun_singles(begun: Callable[..., Any]) -> Any:
            found = begun()
            if self.begun.is_set() and threading.get_ident() != self._thread:
                self.looked.set()
            return found

        index = at(home, "index.finish_singles", finish_singles)["index"]
        self.issuer = opened(home, index=instead(index, begun_singles=begun_singles))
        _ = self.issuer.lists  # opened before, in no thread's way
        claims, message = ClaimLinks(home / "claims.sqlite", SERVICE), answer(home, link, EVE)
        self._pool = ThreadPoolExecutor(2)
        self.answer = self._pool.submit(partial(claims.redeem, link.token, message, self.issuer, now=now()))
        assert self.begun.wait(30)

    def beside(self, call: Callable[[], Any]) -> Any:
        """What another thread is answered that has looked what is under way before the claim goes on."""
        other = self._pool.submit(call)
        assert self.looked.wait(30)
        wait([other], timeout=0.3)  # one that did not wait has its answer by then
        self._go_on.set()
        wait([other, self.answer], timeout=30)
        self._pool.shutdown()
        return other.result()


def test_a_release_beside_a_claim_in_one_process_takes_it_back(home: Path, program: Program) -> None:
    """The claim has its edition in the index already: it is completed, and then released."""
    claim = Claim(home, link_by(program))
    released = claim.beside(lambda: claim.issuer.release(NUMBER))
    assert (released.edition, bound(home)) == (3, [None, did(EVE), None])
    assert isinstance(claim.answer.exception(), LinkExpired)
    assert redeem(home, link_by(program), ADA) == did(ADA)


def test_a_release_beside_a_claim_in_another_process_takes_it_back(home: Path, program: Program) -> None:
    """It completes the claim itself."""
    claim, other = Claim(home, link_by(program)), opened(home)
    claim.looked.set()
    released = claim.beside(lambda: other.release(NUMBER))
    assert (released.edition, bound(home)) == (3, [None, did(EVE), None])
    assert redeem(home, link_by(program), ADA) == did(ADA)


@pytest.mark.parametrize("process", ["same", "another"])
def test_a_correction_beside_a_claim_is_for_the_holder(home: Path, program: Program, process: str) -> None:
    claim = Claim(home, link_by(program))
    issuer = claim.issuer if process == "same" else opened(home)
    if process == "another":
        claim.looked.set()
    corrected = claim.beside(lambda: issuer.correct(NUMBER, {"gpa": "4.0"}))
    assert (corrected.edition, bound(home)) == (3, [None, did(EVE), did(EVE)])
    assert opened(home).line(corrected).record["gpa"] == "4.0"


def test_a_revocation_beside_a_claim_is_of_its_edition_too(home: Path, program: Program) -> None:
    claim = Claim(home, link_by(program))
    claim.looked.set()
    issuer = claim.issuer
    claim.beside(lambda: issuer.revoke([NUMBER], Reason.FRAUD, date=now(), now=now()))
    assert [entry.reason for entry in opened(home).entries()] == ["fraud", "fraud"]


STEPS = [
    "index.release",
    "index.begin_singles",
    "log.publish",
    "index.finish_singles",
    "revocations.publish",
    "the release",
    "the offer",
]
"""Of `claim --anew`, in their order."""


def require_no_theft(home: Path, stolen: ClaimLink, message: bytes, began: bool) -> None:
    """The thief has what she had, or nothing; the one whose diploma it is gets it."""
    before = bound(home)
    for attempt in (message, None):
        try:
            assert redeem(home, stolen, EVE, attempt) == did(EVE)
            assert not began
        except LinkExpired:
            pass
    assert bound(home) == before
    issuer = opened(home)
    issuer.release(NUMBER)
    link = ClaimLinks(home / "claims.sqlite", SERVICE).offer(of_diploma(NUMBER), issuer, now=now())
    with pytest.raises(LinkExpired):
        redeem(home, stolen, EVE)
    assert redeem(home, link, ADA) == did(ADA)
    assert bound(home).count(did(EVE)) == 1


def release(home: Path, step: str = "", **options: Any) -> None:
    """Up to a step that is none of index or log."""
    issuer = opened(home, **options)
    issuer.release(NUMBER)
    if step != "the release":
        ClaimLinks(home / "claims.sqlite", SERVICE).offer(of_diploma(NUMBER), issuer, now=now())
    if step:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.quick("index.release")
@pytest.mark.parametrize(
    "step", [*STEPS[:2], *(pytest.param(step, marks=pytest.mark.slow) for step in STEPS[2:])]
)
def test_killed_after_any_step_no_old_link_gets_the_diploma(home: Path, program: Program, step: str) -> None:
    stolen = link_by(program)
    redeem(home, stolen, EVE)
    message = answer(home, stolen, EVE)
    options = at(home, step, stops()) if "." in step else {}
    assert killed_by(partial(release, home, "" if options else step, **options))
    require_no_theft(home, stolen, message, began=True)


@pytest.mark.slow
@a_sample(5)
def test_killed_at_any_point_no_old_link_gets_the_diploma(
    home: Path, program: Program, tmp_path: Path, points: int
) -> None:
    stolen = link_by(program)
    redeem(home, stolen, EVE)
    message = answer(home, stolen, EVE)
    numbers = itertools.count()
    gc.collect()  # a database that is closed while its folder is copied takes its -wal and -shm away

    def prepare() -> tuple[Work, Work]:
        copy = tmp_path / str(next(numbers)) / "issuer"
        copy_folder(home, copy)
        return lambda: release(copy), lambda: require_no_theft(copy, stolen, message, began=False)

    assert kill_everywhere(prepare, points=points) == points


# Of the release before


@pytest.mark.slow
def test_links_of_f31e11f_that_a_wallet_has_used_end_and_the_others_live(
    home: Path, program: Program
) -> None:
    """There a wallet that was replaced kept its link; which ones were, that release did not write down."""
    used = link_by(program)
    redeem(home, used, EVE)
    opened(home).release(NUMBER)
    mailed = link_by(program)
    with closing(sqlite3.connect(home / "claims.sqlite")) as connection:
        for column in ("generation", "kind"):
            connection.execute(f"ALTER TABLE link DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 0")
    with closing(sqlite3.connect(home / "issuer.sqlite")) as connection:
        connection.execute("DELETE FROM released")
        connection.commit()
    with pytest.raises(LinkExpired):
        redeem(home, used, EVE)
    assert redeem(home, mailed, ADA) == did(ADA)


def test_who_is_refused_for_another_reason_does_not_lose_the_link(home: Path, program: Program) -> None:
    redeem(home, link_by(program), ADA)
    link = link_by(program)
    with pytest.raises(Conflict):
        redeem(home, link, EVE)
    assert redeem(home, link, ADA) == did(ADA)
