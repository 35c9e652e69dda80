"""Bundles as files: on the disk once they are told of, whatever lay in their folder before."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from issuer.archive.kept import Entry
from issuer.issuer import Issuer
from issuer.job.order import Order, Progress
from issuer.keeping import export as module
from issuer.keeping.export import export
from issuer.keeping.manifest import extend_manifest
from issuer.keeping.rotation import rotate
from tests.copying import copy_folder
from tests.fault.powerloss import Recorder, memory_folder
from tests.world import csv_file, graduate, issuer_in, reopened
from vc import Bundle
from vc.forms import FORMS
from vc.status import Reason
from wire.problem import Conflict

NUMBERS = ("UNI-000001", "UNI-000002", "UNI-000003")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    issuer = issuer_in(tmp_path_factory.mktemp("made") / "home")
    for row in (1, 2, 3):
        issuer.issue(graduate(row))
    issuer.store.close()
    return issuer.home


@pytest.fixture
def issuer(made: Path, tmp_path: Path) -> Issuer:
    return reopened(copy_folder(made, tmp_path / "home"))


def test_a_power_cut_leaves_no_bundle_that_is_empty_or_torn(issuer: Issuer) -> None:
    """Whatever bears a bundle's name is whole, and those that were told of are there."""
    entries = list(issuer.entries())
    issuer.lists.publish(now=issuer._clock())
    with memory_folder() as memory:
        (out := memory / "out").mkdir()
        with Recorder(out, [(module, "sync_files")]) as recorder:
            for _ in export(issuer, entries, out, at_once=2):
                recorder.acknowledge()
        crashes = list(recorder.crashes())
    assert len(crashes) > 10
    assert max(crash.acknowledged for crash in crashes) == 3
    for crash in crashes:
        bundles = {name: data for name, data in crash.tree.items() if name.endswith(".json")}
        assert len(bundles) >= crash.acknowledged
        for data in bundles.values():
            assert data is not None
            assert Bundle.parse(data, FORMS).evidence


@pytest.mark.quick("1000")
@pytest.mark.parametrize("torn", [0, 1000, -1])
def test_what_a_power_cut_left_of_a_bundle_is_written_over(issuer: Issuer, tmp_path: Path, torn: int) -> None:
    (path,) = export(issuer, [issuer.current(NUMBERS[0])], tmp_path / "out")
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)) if torn < 0 else whole.partition(issuer.did.encode())[0][:torn])
    assert list(export(issuer, [issuer.current(NUMBERS[0])], tmp_path / "out")) == [path]
    assert path.read_bytes() == whole


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("found", [b"notes of a registrar", b'{"type": "IntaglioBundle"}', b"{"])
def test_what_is_nobodys_torn_bundle_stays(issuer: Issuer, tmp_path: Path, found: bytes) -> None:
    (out := tmp_path / "out").mkdir()
    (out / f"{NUMBERS[0]}.json").write_bytes(found)
    with pytest.raises(Conflict, match="not by this issuer"):
        list(export(issuer, issuer.entries(), out))
    assert [path.read_bytes() for path in out.iterdir()] == [found]


def test_what_a_killed_export_left_of_people_goes(issuer: Issuer, tmp_path: Path) -> None:
    """Whoever else writes there: what that one writes is locked."""
    (out := tmp_path / "out").mkdir()
    left, written = (out / f".{NUMBERS[0]}.json.{digit * 16}.tmp" for digit in "01")
    kept = [out / ".notes.tmp", out / "UNI.tmp"]
    for path in (left, written, *kept):
        path.write_bytes(b"of a person")
    with written.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as another export holds it
        assert len(list(export(issuer, issuer.entries(), out))) == 3
    assert not left.exists()
    assert all(path.exists() for path in (written, *kept))


def test_two_exports_into_one_folder_at_once_disturb_nobody(issuer: Issuer, tmp_path: Path) -> None:
    """The second one begins while the first has written half, and has named nothing yet."""
    out, half, whole = tmp_path / "out", threading.Barrier(2, timeout=30), threading.Barrier(2, timeout=30)

    def first() -> list[Path]:
        def pause(progress: Progress) -> None:
            if progress.done == 2:
                half.wait()
                whole.wait()

        return list(export(issuer, issuer.entries(), out, pause))

    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(first)
        half.wait()
        assert len(list(export(issuer, issuer.entries(), out))) == 3
        whole.wait()
        assert len(begun.result(30)) == 3
    assert sorted(path.name for path in out.glob("*.json")) == [f"{number}.json" for number in NUMBERS]


def test_of_two_exports_at_once_the_manifest_has_the_digests_of_the_later(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one begins as soon as the first has named its files, and finds a longer log."""
    out, entries, extend = tmp_path / "out", list(issuer.entries()), extend_manifest
    named, pool = threading.Event(), ThreadPoolExecutor(1)

    def second() -> list[Path]:
        named.wait(30)
        return list(export(issuer, entries, out))

    def wait_for_the_second(folder: Path, lines: Iterable[str]) -> None:
        if not named.is_set():
            issuer.issue(graduate(4))
            named.set()
            with suppress(TimeoutError):  # it waits for the lock, or does all in between
                begun.result(0.3)
        extend(folder, lines)

    monkeypatch.setattr(module, "extend_manifest", wait_for_the_second)
    with pool:
        begun = pool.submit(second)
        assert len(list(export(issuer, entries, out))) == len(begun.result(30)) == 3
    lines = list(csv.DictReader((out / "manifest.csv").read_text("utf-8-sig").splitlines()))
    assert {line["file"]: line["sha256"] for line in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.json")
    }


@pytest.mark.slow
def test_what_many_bundles_share_is_written_as_in_each_alone(tmp_path: Path) -> None:
    """Editions of a file and single ones, revoked and not, from before and after a change of the document."""
    issuer, out = issuer_in(tmp_path / "home", url="https://u.example"), tmp_path / "out"
    file = csv_file(tmp_path / "g.csv", [graduate(row) for row in range(1, 8)])
    issuer.issue_file(Order(file, tmp_path / "errors.csv", workers=0))
    issuer.revoke(["UNI-000003"], Reason.FRAUD, date=issuer._clock(), now=issuer._clock())
    rotate(issuer)
    issuer.issue_many([graduate(8), graduate(9)])
    issuer.correct("UNI-000008", {"gpa": "3.1"})
    entries = [*issuer.entries()][::-1]
    paths = list(export(issuer, entries, out, at_once=4))
    for path, entry in zip(paths, entries, strict=True):
        data, bundle = path.read_bytes(), issuer.bundle(entry)
        assert data == bundle.to_bytes()
        assert data == orjson.dumps(
            orjson.loads(data), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        assert Bundle.parse(data, FORMS) == bundle
    assert len({len(issuer.bundle(entry).status_lists) for entry in entries}) == 2


# Names


def named(number: str, edition: int = 1) -> str:
    return module.file_name(Entry(0, "diploma", number, edition, 1, 0, "", "", None, None))


ALIKE = st.text("abAB12.-_/ä", min_size=1, max_size=5)
"""Numbers as short and as like each other as can be."""


@st.composite
def hash_of_another(draw: st.DrawFn) -> str:
    """A number that looks as if it were the name of another one's file."""
    stem = named(draw(ALIKE), draw(st.integers(1, 3))).removesuffix(".json")
    return draw(st.sampled_from([stem, stem.upper(), stem.swapcase()]))


PAIRS = st.tuples(ALIKE | hash_of_another() | st.text(min_size=1, max_size=120), st.integers(1, 12))


@given(PAIRS, PAIRS)
@example(("UNI-1", 2), ("UNI-1.2", 1))
@example(("UNI-1", 1), ("uni-1", 1))
@example(("a/b", 1), ("a_b-c14cddc0", 1))
@example(("UNI-1.2", 1), ("UNI-1.2.1", 1))
@settings(max_examples=2 * settings().max_examples, deadline=None)
def test_no_two_editions_share_a_name_even_where_case_is_folded(
    one: tuple[str, int], other: tuple[str, int]
) -> None:
    names = [named(*pair).casefold() for pair in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    for name in names:
        assert re.fullmatch(r"[a-z0-9_][a-z0-9._-]{0,160}\.json", name)


@pytest.mark.parametrize(
    ("number", "edition", "name"),
    [
        ("UNI-1", 1, "UNI-1.json"),
        ("UNI-1", 2, "UNI-1.2.json"),
        ("UNI-1.2", 1, "UNI-1.2.1.json"),
        ("UNI-1.2", 2, "UNI-1.2.2.json"),
        ("2026_A.B-7", 1, "2026_A.B-7.json"),
    ],
)
def test_an_ordinary_number_is_the_name(number: str, edition: int, name: str) -> None:
    assert named(number, edition) == name


FORMER = {  # as 81e9505 named the files of these
    ("UNI-1.2", 1): "UNI-1.2.json",
    ("uni-3", 1): "uni-3.json",
    ("a/b", 1): f"a_b-{hashlib.sha256(b'a/b').hexdigest()[:8]}.json",
    ("UNI-4", 1): "UNI-4.json",
}


@pytest.mark.slow
def test_what_81e9505_exported_is_recognised_and_gets_its_new_name(tmp_path: Path) -> None:
    """Edition 2 of UNI-1 takes the name of another diploma's file; none is lost, and none is there twice."""
    issuer, out = issuer_in(tmp_path / "home"), tmp_path / "out"
    out.mkdir()
    issuer.issue_many(
        [graduate(1, diploma_number=number) for number in ("UNI-1", *(each for each, _ in FORMER))]
    )
    issuer.correct("UNI-1", {"gpa": "3.1"})
    entries = {(entry.number, entry.edition): entry for entry in issuer.entries()}
    for pair, name in FORMER.items():
        (out / name).write_bytes(issuer.bundle(entries[pair]).to_bytes())
    ids = {pair: issuer.line(entry).id for pair, entry in entries.items()}

    def there() -> dict[str, str]:
        return {
            path.name: Bundle.parse(path.read_bytes(), FORMS).secured["id"] for path in out.glob("*.json")
        }

    list(export(issuer, [entries["UNI-1", 2]], out))
    assert there() == {
        "UNI-1.2.json": ids["UNI-1", 2],
        named("UNI-1.2"): ids["UNI-1.2", 1],
        **{name: ids[pair] for pair, name in FORMER.items() if pair != ("UNI-1.2", 1)},
    }
    for _ in range(2):
        list(export(issuer, entries.values(), out))
        assert there() == {named(*pair): found for pair, found in ids.items()}


@pytest.mark.slow
def test_the_former_name_of_a_file_is_kept_where_another_diploma_has_it(tmp_path: Path) -> None:
    """Both in one go, the one whose file bore the name first."""
    issuer, out = issuer_in(tmp_path / "home"), tmp_path / "out"
    out.mkdir()
    issuer.issue_many([graduate(1, diploma_number=number) for number in ("UNI-1", "UNI-1.2")])
    corrected, other = issuer.correct("UNI-1", {"gpa": "3.1"}), issuer.current("UNI-1.2")
    (out / "UNI-1.2.json").write_bytes(issuer.bundle(other).to_bytes())
    list(export(issuer, [other, corrected], out))
    names = {issuer.line(entry).id: f"{entry.number}.{entry.edition}.json" for entry in (other, corrected)}
    assert {
        Bundle.parse(path.read_bytes(), FORMS).secured["id"]: path.name for path in out.glob("*.json")
    } == names


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("left", [b"", b"{}", b"notes"])
def test_what_is_no_bundle_of_the_diploma_keeps_its_former_name(tmp_path: Path, left: bytes) -> None:
    """But for nothing at all, which a power cut leaves."""
    issuer, out = issuer_in(tmp_path / "home"), tmp_path / "out"
    out.mkdir()
    (out / "uni-3.json").write_bytes(left)
    list(export(issuer, [issuer.issue(graduate(1, diploma_number="uni-3"))], out))
    kept = {"uni-3.json"} if left else set()
    assert {path.name for path in out.glob("*.json")} == {named("uni-3"), *kept}


def test_another_document_of_the_issuers_is_not_written_over(issuer: Issuer, tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    found = (issuer.home / "did.json").read_bytes()
    (out / f"{NUMBERS[0]}.json").write_bytes(found)
    with pytest.raises(Conflict, match="not by this issuer"):
        list(export(issuer, issuer.entries(), out))
    assert [path.read_bytes() for path in out.iterdir()] == [found]
