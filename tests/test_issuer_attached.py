"""Files that a table names: their digests are signed, whatever leads out of the folder is a finding."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from issuer.archive.archive import Archive
from issuer.archive.shard_store import ShardFolder
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.job.attached import ANOTHER, FOLDER, LINK, MOST, NO_FILE, NO_PATH, NOT_THERE, attach
from issuer.job.bulk import Issued, checked_table
from issuer.job.order import Order, Progress
from issuer.keeping.backup import backup, restore
from issuer.keeping.joining import join, write_keys
from issuer.keeping.moving import Stores, move_issuer
from issuer.press.document import trial
from issuer.problem import FILES_FOLDER_MISSING, TOO_MANY_FILES
from issuer.table.source import open_source
from kinds import Kind
from kinds.cells import Field, check_cell
from kinds.check import prove_kind
from kinds.facts import facts_of
from kinds.parsing import parse_kind
from kinds.problem import INVALID_KIND, BadCell
from tests import postgres_server, s3_server
from tests.commandline import Program
from tests.problems import raises
from tests.world import NOW, issuer_in, reopened
from wire.problem import NotFound

FIELDS: dict[str, Any] = {
    "no": {"type": "text", "required": True, "iri": "https://schema.org/identifier"},
    "thesis": {
        "type": "digest",
        "source": {"file": True},
        "iri": "urn:example:vocab:thesisDigest",
    },
}
THESIS = {
    "name": "thesis",
    "version": "1",
    "nouns": {"en": ["thesis", "theses"]},
    "number": "no",
    "fields": FIELDS,
}


def kind(**members: Any) -> Kind:
    return parse_kind({"kind.json": json.dumps({**THESIS, **members}).encode()})


def sri(content: bytes) -> str:
    """By the command line of the SRI specification: openssl dgst -sha256 -binary | openssl base64 -A."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "a").mkdir(parents=True)
    (made / "1.pdf").write_bytes(b"one")
    (made / "a" / "2.pdf").write_bytes(b"two")
    return made


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return issuer_in(tmp_path / "home", kind=kind())


def table(path: Path, names: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("no", "thesis"), *((f"N-{n}", name) for n, name in enumerate(names))])
    return path


def issued(issuer: Issuer, path: Path, folder: Path | None, **options: Any) -> Issued:
    source = open_source(path, kind=issuer.kind, span_rows=options.pop("span_rows", 100))
    return issuer.issue_file(Order(source, path.with_suffix(".errors.csv"), None, folder, 0, **options))


def reasons(done: Issued) -> list[str]:
    return [finding.reason for findings in done.survey.findings.values() for finding in findings]


def test_what_is_signed_is_the_digest_of_the_file(issuer: Issuer, folder: Path, tmp_path: Path) -> None:
    done = issued(issuer, table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf", "", "1.pdf"]), folder)
    assert (done.issued, reasons(done)) == (4, [])
    said = [facts_of(issuer.kind, issuer.line(entry).secured.claims) for entry in issuer.entries()]
    assert [each.get("thesis") for each in said] == [sri(b"one"), sri(b"two"), None, sri(b"one")]


OUTSIDE = {
    "../files/1.pdf": NO_PATH,
    "a/../1.pdf": NO_PATH,
    "./1.pdf": NO_PATH,
    "a//2.pdf": NO_PATH,
    "a\\2.pdf": NO_PATH,
    "/etc/passwd": NO_PATH,
    "3.pdf": NOT_THERE,
    "b/2.pdf": NOT_THERE,
    "link.pdf": LINK,
    "out/1.pdf": LINK,
    "1.pdf/x": LINK,
    "a": NO_FILE,
    "pipe": NO_FILE,
    "x" * 300: NO_FILE,
}


def test_what_is_no_file_of_the_folder_is_a_finding(issuer: Issuer, folder: Path, tmp_path: Path) -> None:
    (folder / "link.pdf").symlink_to(folder / "1.pdf")
    (folder / "out").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    done = issued(issuer, table(tmp_path / "t.csv", ["1.pdf", *OUTSIDE]), folder)
    assert (done.issued, dict(zip(OUTSIDE, reasons(done), strict=True))) == (1, OUTSIDE)


def test_each_file_is_read_once_and_before_the_first_row_is_signed(
    issuer: Issuer, folder: Path, tmp_path: Path
) -> None:
    stages: list[str] = []

    def change(progress: Progress) -> None:
        stages.append(progress.stage)
        (folder / "1.pdf").write_bytes(b"another")  # once it was read

    path = table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf", "1.pdf"])
    assert issued(issuer, path, folder, span_rows=2, progress=change).issued == 3
    said = [facts_of(issuer.kind, issuer.line(entry).secured.claims) for entry in issuer.entries()]
    assert [each["thesis"] for each in said] == [sri(b"one"), sri(b"two"), sri(b"one")]
    assert list(dict.fromkeys(stages)) == ["hashing", "checking", "issuing"]


def test_a_file_that_differs_when_the_job_goes_on_is_a_finding(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf", "1.pdf", "a/2.pdf"])
    issuer = issuer_in(tmp_path / "home", kind=kind())

    def stop(progress: Any) -> None:
        if progress.stage == "issuing" and progress.done >= 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        issued(issuer, path, folder, span_rows=1, progress=stop)
    begun = issuer.store.count()
    assert begun < 4
    (folder / "a" / "2.pdf").write_bytes(b"another")
    later = reopened(tmp_path / "home", clock=lambda: NOW)
    done = issued(later, path, folder, span_rows=1)
    assert reasons(done) == [ANOTHER, ANOTHER]
    assert set(done.survey.findings) == {3, 5}
    (folder / "a" / "2.pdf").write_bytes(b"two")
    issued(later, path, folder, span_rows=1)
    said = [facts_of(later.kind, later.line(entry).secured.claims)["thesis"] for entry in later.entries()]
    assert sorted(said) == sorted([sri(b"one"), sri(b"two")] * 2)


@pytest.mark.slow
@postgres_server.needed
@s3_server.needed
def test_digests_go_with_an_issuer_and_count_on_all_of_its_machines(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf"])
    issuer = issuer_in(tmp_path / "home", kind=kind())
    issued(issuer, path, folder)
    server = postgres_server.server()
    address = server.uri(server.of(tmp_path), "machine")
    move_issuer(issuer, Stores(address, s3_server.server().of(tmp_path), address))
    assert not (issuer.home / FOLDER).exists()
    write_keys(issuer.home, tmp_path / "keys")
    join(tmp_path / "two", address, tmp_path / "keys", lambda: None, lambda _: None)
    (folder / "a" / "2.pdf").write_bytes(b"another")
    assert reasons(issued(reopened(tmp_path / "two"), path, folder)) == [ANOTHER]
    other = table(tmp_path / "u.csv", ["a/2.pdf"])
    other.write_text(other.read_text().replace("N-0", "N-7"))
    assert issued(reopened(tmp_path / "two"), other, folder).issued == 1
    (folder / "a" / "2.pdf").write_bytes(b"two")
    assert reasons(issued(reopened(issuer.home), other, folder)) == [ANOTHER]


def test_nothing_of_a_file_but_its_digest_is_kept(issuer: Issuer, folder: Path, tmp_path: Path) -> None:
    (folder / "1.pdf").write_bytes(b"nobody else reads this")
    issued(issuer, table(tmp_path / "t.csv", ["1.pdf"]), folder)
    kept = [path for path in issuer.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"nobody else reads this" in path.read_bytes()]
    (path,) = (issuer.home / FOLDER).iterdir()
    assert json.loads(path.read_bytes()) == {"1.pdf": sri(b"nobody else reads this")}
    assert path.stat().st_mode & 0o77 == 0


@pytest.mark.slow
def test_a_backup_has_what_a_job_was_begun_with(issuer: Issuer, folder: Path, tmp_path: Path) -> None:
    """Else a file that differs would go unseen where a job goes on from it."""
    path = table(tmp_path / "t.csv", ["1.pdf", "2.pdf"])
    issued(issuer, path, folder)
    backup(issuer.home, tmp_path / "b", b"a passphrase of many words")
    restore(tmp_path / "b", tmp_path / "again", b"a passphrase of many words")
    (folder / "1.pdf").write_bytes(b"another")
    again = reopened(tmp_path / "again", clock=lambda: NOW)
    assert reasons(issued(again, path, folder)) == [ANOTHER, NOT_THERE]


def test_a_table_that_names_files_needs_their_folder(issuer: Issuer, folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf"])
    with raises(FILES_FOLDER_MISSING, match="the column 'thesis' of t.csv names files"):
        issued(issuer, path, None)
    with pytest.raises(NotFound, match="there is no folder"):
        issued(issuer, path, tmp_path / "nowhere")
    assert issuer.store.count() == 0


@pytest.mark.slow
def test_a_table_names_no_more_files_than_memory_has_room_for(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [f"{number}.pdf" for number in range(MOST + 1)])
    with raises(TOO_MANY_FILES):
        attach(open_source(path, kind=kind()), kind(), folder, None, lambda _: None)


def test_the_command_takes_a_folder_and_says_so_where_it_is_missing(
    program: Program, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "kind.json").write_text(json.dumps(THESIS))
    table(tmp_path / "t.csv", ["1.pdf", "x.pdf"])
    words = ("issuer", "issue", "t.csv", "--kind", "thesis", "--name", "A University")
    answer = program(*words)
    assert answer.code == 1
    assert "--files DIR" in answer.err
    assert not program("issuer", "list").out
    answer = program(*words, "--files", "files")
    assert "row 3, column thesis: " in answer.err
    assert NOT_THERE in answer.err
    assert "--files files" in answer.err  # what to type for the error file
    assert (answer.code, answer.out) == (7, "1 issued, 0 issued before, 1 with errors\n")
    digest = sri(b"another")
    assert program("issuer", "correct", "N-0", "--set", f"thesis={digest}").code == 0
    assert digest in program("issuer", "show", "N-0").out


def test_a_digest_is_kept_as_subresource_integrity_has_it() -> None:
    of_nothing = hashlib.sha256().hexdigest()
    field = Field("x", "digest")
    for cell in (f"sha-256:{of_nothing}", f"sha256:{of_nothing.upper()}", sri(b"")):
        assert check_cell(field, cell) == sri(b"")
    long = f"sha512-{base64.b64encode(hashlib.sha512().digest()).decode()}"
    assert check_cell(field, long) == long
    spare_bits = sri(b"")[:-2] + "V="
    for cell in (
        of_nothing,
        f"sha-384:{of_nothing}",
        spare_bits,
        sri(b"")[:-1],
        "md5-rL0Y20zC+Fzt72VPzMSk2A==",
    ):
        with pytest.raises(BadCell, match="is not a digest"):
            check_cell(field, cell)


def test_a_file_is_the_source_of_a_digest_alone() -> None:
    assert prove_kind(kind()) == ("no", "thesis")
    wrong = {**FIELDS, "thesis": {"type": "text", "source": {"file": True}}}
    with raises(INVALID_KIND, match="fields.thesis: what a credential says of a file is its digest"):
        kind(fields=wrong)


def test_files_of_a_table_that_was_checked_before_there_was_an_issuer_are_held_to_what_they_were(
    folder: Path, tmp_path: Path
) -> None:
    source = open_source(table(tmp_path / "t.csv", ["1.pdf", "a/2.pdf"]), kind=kind())
    order = Order(source, None, None, folder, 0)
    archive = Archive(SQLiteIndex(tmp_path / "none.sqlite"), ShardFolder(tmp_path / "none"))
    with checked_table(order, archive, trial(kind()), NOW.date()) as checked:
        issuer = issuer_in(tmp_path / "home", kind=kind())
        assert issuer.issue_file(order, checked).issued == 2
    (folder / "1.pdf").write_bytes(b"another")
    assert reasons(issued(issuer, tmp_path / "t.csv", folder)) == [ANOTHER]
