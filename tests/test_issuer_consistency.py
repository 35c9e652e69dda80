"""Index, log and lists are of one time, or nothing is issued; a killed process leaves nothing else behind."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intaglio.words import health
from issuer.identity import documents
from issuer.identity.home import published_list
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping import rotation
from issuer.keeping.closing import close
from issuer.keeping.health import examine_issuer
from ledger import EntryKind, parse_entry
from ledger.audit import audit
from tests.copying import copy_folder
from tests.doubles import at, stops
from tests.fault.heard import listen
from tests.fault.issuing import require_once
from tests.fault.kill import killed_by
from tests.world import NOW, csv_file, graduate, issuer_in, reopened, shards_of_before, verifier_for
from vc import Credential, Verdict
from vc.status import Reason
from wire.health import Health
from wire.problem import Damaged, Problem

ONE, TWO = "UNI-000001", "UNI-000002"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An issuer of three diplomas, of a file and one by itself."""
    folder = tmp_path_factory.mktemp("made")
    issuer = issuer_in(folder / "issuer")
    source = csv_file(folder / "g.csv", [graduate(1), graduate(2)])
    issuer.issue_file(Order(source, folder / "errors.csv", workers=0))
    issuer.issue(graduate(3))
    issuer.store.close()
    return issuer.home


@pytest.fixture(autouse=True)
def _all_is_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the index holds no content of files, from which they would be made again."""
    monkeypatch.setattr("issuer.status.lists._MOST_HELD", -1)


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    return copied(made, tmp_path / "home")


def copied(home: Path, folder: Path) -> Path:
    """The issuer's folder, and the checkpoint beside it."""
    copy_folder(home.parent, folder)
    return folder / home.name


def put_back(name: str, before: Path, home: Path, folder: Path) -> Path:
    """A copy of the issuer in which one file or folder is what it was before."""
    copy = copied(home, folder)
    for path in copy.glob(f"{name}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in before.glob(f"{name}*"):
        copy_folder(path, copy / path.name) if path.is_dir() else shutil.copy(path, copy)
    return copy


def revoke(issuer: Issuer, number: str) -> None:
    issuer.revoke([number], Reason.FRAUD, date=NOW, now=NOW)


def positions(issuer: Issuer) -> dict[str, Any]:
    return {
        entry.number: Credential.parse(issuer.line(entry).credential).status[0]["statusListIndex"]
        for entry in issuer.entries()
    }


# Put back alone


def test_an_older_index_under_a_newer_log_gives_no_position_twice(home: Path, tmp_path: Path) -> None:
    before = copied(home, tmp_path / "before")
    first = reopened(home)
    first.issue(graduate(4))
    taken = positions(first)["UNI-000004"]
    copy = put_back("issuer.sqlite", before, home, tmp_path / "put back")
    given: list[Any] = []
    with suppress(Problem):
        second = reopened(copy)
        second.issue(graduate(5))
        given.append(positions(second)["UNI-000005"])
    assert taken not in given
    with pytest.raises(Damaged, match="is the index an older copy"):
        reopened(copy)


def test_lists_put_back_make_no_revoked_diploma_valid_and_no_bundle_broken(
    home: Path, tmp_path: Path
) -> None:
    before = copied(home, tmp_path / "before")
    issuer = reopened(home)
    handed = issuer.bundle(issuer.current(ONE))
    revoke(issuer, ONE)
    copy = put_back("status", before, home, tmp_path / "put back")
    again = reopened(copy)
    verifier = verifier_for(reopened(home), functools.partial(published_list, copy))
    verdicts = {ONE: Verdict.INVALID, TWO: Verdict.VALID}
    assert verifier.verify(handed, now=NOW).verdict is Verdict.UNDETERMINED
    for number, expected in verdicts.items():
        with suppress(Problem):
            bundle = again.bundle(again.current(number))
            assert verifier.verify(bundle, now=NOW).verdict is expected
        with pytest.raises(Damaged, match="status/0 is damaged or an older copy"):
            again.bundle(again.current(number))
    again.lists.publish(now=NOW, anew=True)
    for number, expected in verdicts.items():
        bundle = again.bundle(again.current(number))
        assert verifier.verify(bundle, now=NOW).verdict is expected
    assert verifier.verify(handed, now=NOW).verdict is Verdict.INVALID


def wrong(home: Path) -> list[str]:
    return [health.found(finding) for finding in examine_issuer(home, NOW) if finding.health is Health.FAILED]


def test_doctor_names_what_was_put_back(home: Path, tmp_path: Path) -> None:
    before = copied(home, tmp_path / "before")
    assert wrong(home) == []
    revoke(reopened(home), ONE)
    assert wrong(home) == []
    (page,) = (path.name for path in (home / "status").glob("0-details-*"))
    (found, details) = wrong(put_back("status", before, home, tmp_path / "lists"))
    assert "status/0 is damaged or an older copy" in found
    assert f"status/{page} is gone" in details
    with pytest.raises(Damaged, match="is the index an older copy"):
        wrong(put_back("issuer.sqlite", before, home, tmp_path / "index"))


def test_an_issuer_that_has_closed_is_not_opened_by_its_older_description(home: Path, tmp_path: Path) -> None:
    before = copied(home, tmp_path / "before")
    close(reopened(home))
    with pytest.raises(Damaged, match="is an older copy: the issuer has closed since"):
        reopened(put_back("issuer.json", before, home, tmp_path / "put back")).issue(graduate(4))
    assert wrong(home) == []


# Killed in between


def killed_at(
    home: Path, step: str, work: Callable[[Issuer], object], *, times: int = 1, before: bool = False
) -> None:
    """Do the work in a process that is killed when it takes a step for the nth time."""
    options = at(home, step, stops(on_call=times, before=before))
    assert killed_by(lambda: work(reopened(home, **options)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["revocations.begin", "log.publish", "one file", "revocations.publish", "revocations.held_bytes"]
)
def test_a_revocation_that_was_killed_is_finished_by_whoever_comes_next(home: Path, step: str) -> None:
    if step == "one file":
        assert killed_by(lambda: revoked_and_one_file_written(home))
    else:
        killed_at(home, step, lambda issuer: revoke(issuer, ONE), before=step == "revocations.publish")
    assert wrong(home) == []
    issuer = reopened(home)
    bundles = [issuer.bundle(issuer.current(number)) for number in (ONE, TWO)]
    verdicts = [verifier_for(issuer).verify(bundle, now=NOW).verdict for bundle in bundles]
    assert verdicts == [Verdict.INVALID, Verdict.VALID]
    assert issuer.store.logged.known() == (audit(issuer.log).size, [])


def revoked_and_one_file_written(home: Path) -> None:
    """Of the list and its details, the second is not put into its place any more."""
    renamed = itertools.count()

    def kill(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(arguments[1]).parent.name == "status" and next(renamed):
            os.kill(os.getpid(), signal.SIGKILL)

    listen(kill)
    revoke(reopened(home), ONE)


@pytest.mark.quick("logged.intend", "index.finish_singles")
@pytest.mark.parametrize(
    "step", ["index.begin_singles", "logged.intend", "log.publish", "index.finish_singles"]
)
def test_a_diploma_that_was_killed_is_finished_by_whoever_comes_next(home: Path, step: str) -> None:
    killed_at(home, step, lambda issuer: issuer.issue(graduate(4)))
    issuer = reopened(home)
    issuer.issue(graduate(5))
    require_once(issuer)
    assert issuer.store.logged.known() == (audit(issuer.log).size, [])
    assert len(set(positions(issuer).values())) == 5


@pytest.mark.slow
def test_killed_before_it_was_recorded_an_index_from_before_is_still_told(home: Path, tmp_path: Path) -> None:
    before = copied(home, tmp_path / "before")
    killed_at(home, "log.publish", lambda issuer: issuer.issue(graduate(4)))
    copy = put_back("issuer.sqlite", before, home, tmp_path / "put back")
    with pytest.raises(Damaged, match="is the index an older copy"):
        reopened(copy).issue(graduate(5))


def test_a_process_at_work_is_not_taken_for_an_older_index(home: Path) -> None:
    """It has appended, and not recorded it yet; others open the issuer, issue and revoke meanwhile."""
    seen: list[list[str]] = []

    def finish_singles(finish: Callable[..., None], *arguments: Any) -> None:
        if not seen:
            revoke(reopened(home), ONE)
            seen.append(wrong(home))
        finish(*arguments)

    issuer = reopened(home, **at(home, "index.finish_singles", finish_singles))
    issuer.issue(graduate(4))
    assert seen == [[]]
    require_once(issuer)
    assert issuer.store.logged.known() == (audit(issuer.log).size, [])


# Of f31e11f


_F31E11F = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);
INSERT INTO alembic_version VALUES ('0001');
CREATE TABLE status_list (number, entries, revoked, expires, leaf, details_leaf);
INSERT INTO status_list SELECT name, 0, 0, '', leaf, leaf FROM status_file WHERE name NOT LIKE '%-%';
DELETE FROM counter WHERE name <> 'seq';
DROP TABLE appending;
DROP TABLE batch;
DROP TABLE listed;
DROP TABLE lookup;
DROP TABLE released;
DROP TABLE status_file;
DROP TABLE status_file_begun;
DROP TABLE status_file_held;
DROP TABLE unlisted;
DROP TABLE unpublished;
ALTER TABLE chunk DROP COLUMN shard;
PRAGMA user_version = 0;
"""


def as_f31e11f_left_it(home: Path) -> Path:
    """The index without all that f31e11f did not write down of log and lists."""
    with closing(sqlite3.connect(home / "issuer.sqlite")) as index:
        index.executescript(_F31E11F)
    shutil.rmtree(home / documents.FOLDER)
    shards_of_before(home)
    return home


def test_an_index_of_f31e11f_learns_what_there_is_and_signs_its_lists_anew(home: Path) -> None:
    issuer = reopened(as_f31e11f_left_it(home))
    size = issuer.reader.checkpoint().size
    assert issuer.store.logged.known() == (size, [])
    assert issuer.lists.publish(now=NOW + timedelta(minutes=1)) == [0]
    assert issuer.store.logged.known() == (size + 1, [])
    assert wrong(home) == []


def test_an_index_of_f31e11f_from_before_a_diploma_is_told(home: Path, tmp_path: Path) -> None:
    before = as_f31e11f_left_it(copied(home, tmp_path / "before"))
    reopened(home).issue(graduate(4))
    copy = put_back("issuer.sqlite", before, home, tmp_path / "put back")
    with pytest.raises(Damaged, match="is the index an older copy"):
        reopened(copy).issue(graduate(5))


@pytest.mark.parametrize(
    "step",
    [
        *(pytest.param(step, marks=pytest.mark.slow) for step in ("index.begin_singles", "log.record")),
        "log.publish",
    ],
)
def test_what_f31e11f_began_is_finished(home: Path, step: str) -> None:
    killed_at(home, step, lambda issuer: issuer.issue(graduate(4)))
    issuer = reopened(as_f31e11f_left_it(home))
    issuer.issue(graduate(5))
    require_once(issuer)
    assert issuer.store.logged.known() == (audit(issuer.log).size, [])


@pytest.mark.quick("log.publish")
@pytest.mark.parametrize("step", ["log.record", "log.publish"])
def test_a_list_that_f31e11f_put_into_the_log_and_not_into_the_index_is_no_older_index(
    home: Path, step: str
) -> None:
    killed_at(home, step, lambda issuer: revoke(issuer, ONE))
    issuer = reopened(as_f31e11f_left_it(home))
    kinds = [parse_entry(found).kind for found in issuer.log.entries(0, audit(issuer.log).size)]
    assert kinds[-2:] == [EntryKind.STATUS_LIST, EntryKind.REVOCATION_DETAILS]
    assert issuer.lists.publish(now=NOW) == [0]
    require_once(issuer)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of an issuer's document, of which a rotation made a second version."""
    issuer = issuer_in(tmp_path_factory.mktemp("rotated") / "issuer", url="https://u.example")
    issuer.issue(graduate(1))
    rotation.rotate(issuer)
    issuer.store.close()
    return sorted((issuer.home / documents.FOLDER).glob("*.json"), key=lambda path: int(path.stem))


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("damage", "unlike"),
    [
        (lambda old, new: None, None),
        (lambda old, new: old.unlink(), 0),
        (lambda old, new: old.write_bytes(b"{"), 0),
        (lambda old, new: old.write_bytes(old.read_bytes().replace(b"u.example", b"v.example")), 0),
        (lambda old, new: shutil.copy(new, old), 0),
        (lambda old, new: old.rename(old.with_name("900.json")), 900),
        (lambda old, new: shutil.copy(old, new), 1),
        (lambda old, new: shutil.rmtree(old.parent), 0),
        (lambda old, new: new.unlink(), None),
    ],
    ids=["whole", "lost", "damaged", "changed", "newer", "moved", "older", "folder", "in-did.json"],
)
def test_a_version_of_the_document_that_is_not_as_its_log_holds_it_is_named(
    damage: Callable[[Path, Path], object], unlike: int | None, versions: list[Path], tmp_path: Path
) -> None:
    """Whoever is to follow a chain of documents needs each; the trust file would be another without it."""
    home = copy_folder(versions[0].parents[1], tmp_path / "issuer")
    files = [home / documents.FOLDER / path.name for path in versions]
    damage(*files)
    found = [one for one in examine_issuer(home, NOW) if one.health is Health.FAILED]
    assert [one.code for one in found] == ["issuer-documents-unlike-log"] * (unlike is not None)
    if unlike is not None:
        first = files[unlike] if unlike < len(files) else files[0].with_name(f"{unlike}.json")
        assert found[0].facts == {"versions": 1, "first": str(first)}
        assert "from a backup" in health.remedy(found[0])
