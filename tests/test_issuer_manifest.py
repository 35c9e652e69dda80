"""The manifest beside exported bundles: each file once, whatever was exported before, and whose it is."""

from __future__ import annotations

import csv
import errno
import hashlib
import os
from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.keeping import export as module
from issuer.keeping import manifest
from issuer.keeping.export import export
from issuer.problem import EXPORT_FOLDER_TAKEN
from tests.copying import copy_folder
from tests.fault.powerloss import Recorder, memory_folder
from tests.problems import raises
from tests.world import graduate, issuer_in, reopened

HEADER = ["file", "number", "name", "email", "sha256"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    issuer = issuer_in(tmp_path_factory.mktemp("made") / "home")
    issuer.issue_many(graduate(row) for row in range(1, 6))
    issuer.store.close()
    return issuer.home


@pytest.fixture
def issuer(made: Path, tmp_path: Path) -> Issuer:
    return reopened(copy_folder(made, tmp_path / "home"))


def rows(folder: Path) -> list[list[str]]:
    text = (folder / "manifest.csv").read_bytes().decode()
    assert text.startswith("\ufeff"), "spreadsheets take a file without a mark for one of their own encoding"
    header, *found = csv.reader(text.removeprefix("\ufeff").splitlines())
    assert header == HEADER
    return found


def of_files(issuer: Issuer, folder: Path) -> list[list[str]]:
    """A line for each file there, in the order of the editions."""
    named = module.bundle_names(issuer)
    found = [
        [named(entry), entry.number, entry.name, entry.email]
        for entry in issuer.entries()
        if (folder / named(entry)).exists()
    ]
    return [[*row, hashlib.sha256((folder / row[0]).read_bytes()).hexdigest()] for row in found]


def test_each_file_has_a_line_with_its_person_and_digest(issuer: Issuer, tmp_path: Path) -> None:
    list(export(issuer, issuer.entries(), tmp_path / "out", at_once=2))
    assert rows(tmp_path / "out") == of_files(issuer, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_folder_that_gets_more_has_one_line_a_file(issuer: Issuer, tmp_path: Path) -> None:
    """What is written again has the digest of what is there now, and what is gone has no line."""
    out, first = tmp_path / "out", list(issuer.entries())
    list(export(issuer, first[:3], out))
    issuer.correct(first[0].number, {"gpa": "3.1"})
    issuer.lists.publish(now=issuer._clock())  # so that all bundles differ from those before
    (out / "UNI-000003.json").unlink()
    list(export(issuer, [first[0], *first[3:], issuer.current(first[0].number)], out))
    assert sorted(rows(out)) == sorted(of_files(issuer, out))
    assert [row[0] for row in rows(out)] == [
        "UNI-000002.json",
        "UNI-000001.json",
        "UNI-000004.json",
        "UNI-000005.json",
        "UNI-000001.2.json",
    ]


def test_a_run_that_was_stopped_leaves_its_lines_and_the_next_one_goes_on(
    issuer: Issuer, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped = export(issuer, issuer.entries(), out, at_once=2)
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]  # it is a generator
    assert rows(out) == of_files(issuer, out)
    assert len(rows(out)) == 2
    list(export(issuer, issuer.entries(), out, at_once=2))
    assert rows(out) == of_files(issuer, out)
    assert len(rows(out)) == 5


def test_no_cell_is_a_formula_or_breaks_a_line(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "home")
    entries = [
        entry._replace(number=number, name=name, email=email)
        for entry, (number, name, email) in zip(
            (issuer.issue(graduate(row)) for row in range(1, 4)),
            [("=1+1", '@SUM("A1")', "a@x.example"), ("-1", "A\nB, \u202eC", "+a@x.example"), ("3", "张", "")],
            strict=True,
        )
    ]
    (folder := tmp_path / "out").mkdir()
    manifest.extend_manifest(
        folder, [manifest.line_of(f"{place}.json", entry, b"") for place, entry in enumerate(entries)]
    )
    assert [row[1:4] for row in rows(folder)] == [
        ["'=1+1", '\'@SUM("A1")', "a@x.example"],
        ["'-1", "A⟨000A⟩B, ⟨202E⟩C", "'+a@x.example"],
        ["3", "张", ""],
    ]


@pytest.mark.quick("\\xef\\xbb")
@pytest.mark.parametrize("left", [b"", b"\0" * 99, b"\xef\xbb", "\ufefffile,num".encode()])
def test_a_beginning_that_a_power_cut_left_is_written_anew(
    issuer: Issuer, tmp_path: Path, left: bytes
) -> None:
    (out := tmp_path / "out").mkdir()
    (out / "manifest.csv").write_bytes(left)
    list(export(issuer, issuer.entries(), out))
    assert rows(out) == of_files(issuer, out)


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("left", [b"UNI-0000", b"UNI-000009.json,UNI,\0\0\0\0", b"\0" * 5000])
def test_half_a_line_that_a_power_cut_left_goes(issuer: Issuer, tmp_path: Path, left: bytes) -> None:
    out, entries = tmp_path / "out", list(issuer.entries())
    list(export(issuer, entries[:2], out))
    with (out / "manifest.csv").open("ab") as file:
        file.write(left)
    list(export(issuer, entries[2:], out))
    assert rows(out) == of_files(issuer, out)
    assert len(rows(out)) == 5


def test_a_power_cut_never_takes_a_line_of_a_file_that_was_told_of(issuer: Issuer) -> None:
    entries = list(issuer.entries())
    issuer.lists.publish(now=issuer._clock())
    with memory_folder() as memory:
        (out := memory / "out").mkdir()
        with Recorder(out, [(module, "sync_files")]) as recorder:
            for _ in export(issuer, entries[:3], out, at_once=2):
                recorder.acknowledge()
            for _ in export(issuer, entries[1:], out, at_once=2):  # which takes out the lines of two
                recorder.acknowledge()
        crashes = list(recorder.crashes())
    assert max(crash.acknowledged for crash in crashes) == 7
    for crash in crashes:
        found = (crash.tree.get("manifest.csv") or b"").rpartition(b"\n")[0].decode().splitlines()[1:]
        files = {manifest.file_of_line(line) for line in found}
        assert len(files) >= (crash.acknowledged if crash.acknowledged <= 3 else crash.acknowledged - 2)


@pytest.mark.parametrize("content", [b"name;email\r\nAda;a@x.example\r\n", b"\xef\xbb\xbffile;number"])
def test_a_table_of_somebody_elses_is_not_written_to(issuer: Issuer, tmp_path: Path, content: bytes) -> None:
    (out := tmp_path / "out").mkdir()
    (out / "manifest.csv").write_bytes(content)
    with raises(EXPORT_FOLDER_TAKEN, match="no list of bundles"):
        list(export(issuer, issuer.entries(), out))
    assert [path.read_bytes() for path in out.iterdir()] == [content]


def test_a_link_is_not_followed(issuer: Issuer, tmp_path: Path) -> None:
    (out := tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").write_bytes(b"")
    (out / "manifest.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        list(export(issuer, issuer.entries(), out))
    assert not (tmp_path / "elsewhere").read_bytes()
