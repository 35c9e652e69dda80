"""`intaglio verify` with many files, folders and archives: as whoever sorts applications meets it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import stat
import struct
import subprocess
import sys
import termios
import tracemalloc
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from fcntl import ioctl
from pathlib import Path

import pytest

from intaglio.commands.verify import files as sources
from tests import baking
from tests.commandline import Program
from tests.fault.heard import hearing
from tests.world import COLLEGE, NOW, University, diploma
from vc import Bundle
from vc.secured import MAX_BYTES
from wire import NotFound, Unavailable
from wire.text import cells

UNIVERSITY = University()
AT = ("--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "--offline")
GOOD = UNIVERSITY.issue(index=1).to_bytes()
_BUNDLE = UNIVERSITY.issue(index=2)
FORGED = Bundle(
    {**_BUNDLE.secured, "name": "PhD"}, _BUNDLE.evidence, _BUNDLE.issuer_documents, _BUNDLE.status_lists
).to_bytes()
OPEN = diploma(title="Master of Arts")  # by a did:key that nobody knows
CHINESE, IRISH = "张敏.json", "O'Brien-Müller.json"


@pytest.fixture
def program(program: Program) -> Program:
    program.home.mkdir(mode=0o700)
    (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    return program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where one stands, with applications in it."""
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "applications", {CHINESE: GOOD, IRISH: FORGED, "late/unknown.JSON": OPEN})
    return tmp_path


def save(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def archive(path: Path, files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def told(out: str) -> list[tuple[str, str | None, str, str]]:
    """File, member, verdict, and what is wrong with the file, of each line."""
    lines = [json.loads(line) for line in out.splitlines()]
    assert all(line["version"] == 2 for line in lines)
    return [
        (line["file"], line.get("member"), line["verdict"], line.get("error", {}).get("detail", ""))
        for line in lines
    ]


def test_a_folder_becomes_a_table_that_ends_with_the_worst_and_the_count(
    program: Program, folder: Path
) -> None:
    answer = program("verify", "applications", *AT)
    assert answer.code == 7
    where, *rows, count = answer.out.splitlines()
    assert where == "In applications/:"
    assert [row[:11].rstrip() for row in rows] == ["✓ VALID", "? UNDECIDED", "✗ NOT VALID"]
    names = [row[13:35].rstrip() for row in rows]
    assert [name.split("  ")[0] for name in names] == [CHINESE, "late/unknown.JSON", IRISH]
    assert rows[0].endswith('by Example University: "Master of Science", to "Ada Invented", 2026-06-30')
    assert "the content was changed after signing" in rows[2]
    assert "PhD" not in answer.out
    assert count.startswith("3 files: 1 valid, 1 not valid, 1 could not be decided")


def test_each_file_has_a_line_of_json_in_the_order_of_names(program: Program, folder: Path) -> None:
    answer = program("verify", "applications", "applications/" + CHINESE, *AT, "--json")
    assert answer.code == 7
    assert told(answer.out) == [
        (f"applications/{IRISH}", None, "invalid", ""),
        ("applications/late/unknown.JSON", None, "undetermined", ""),
        (f"applications/{CHINESE}", None, "valid", ""),
        (f"applications/{CHINESE}", None, "valid", ""),
    ]
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [len(line["checks"]) for line in lines] == [9] * 4
    assert ["credentials" in line for line in lines] == [False, False, True, True]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.json": GOOD, "b.json": GOOD}, 0),
        ({"a.json": FORGED, "b.json": FORGED}, 1),
        ({"a.json": OPEN, "b.json": b"hello"}, 3),
        ({"a.json": GOOD, "b.json": b"hello"}, 7),
        ({"a.json": GOOD}, 0),
        ({"a.txt": GOOD, ".a.json": GOOD}, 4),
    ],
)
def test_the_exit_code_is_what_all_have_in_common(
    program: Program, tmp_path: Path, files: Mapping[str, bytes], code: int
) -> None:
    save(tmp_path / "in", files)
    assert program("verify", tmp_path / "in", *AT).code == code


def test_files_that_are_not_there_stop_no_other(program: Program, folder: Path) -> None:
    answer = program("verify", "no.json", f"applications/{CHINESE}", "/dev/null/x.json", *AT, "--json")
    assert answer.code == 7
    (no, good, other) = told(answer.out)
    assert no == ("no.json", None, "undetermined", "there is no file no.json")
    assert good[2] == "valid"
    assert "cannot be read" in other[3]
    assert program("verify", "no.json", "nor.json", *AT).code == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="no file that root may not read: run as somebody else")
def test_a_folder_that_may_not_be_read_is_named(program: Program, folder: Path) -> None:
    (folder / "applications" / "late").chmod(0)
    answer = program("verify", "applications", *AT, "--json")
    (folder / "applications" / "late").chmod(0o700)
    assert ("applications/late", None, "undetermined", "it cannot be read: Permission denied") in told(
        answer.out
    )


def test_hidden_files_links_and_others_are_left_aside(program: Program, folder: Path) -> None:
    place = folder / "applications"
    save(place, {".hidden.json": GOOD, ".git/a.json": GOOD, "letter.pdf": b"%PDF", "photo.JPG": b"\xff"})
    save(folder / "elsewhere", {"secret.json": GOOD})
    (place / "out").symlink_to(folder / "elsewhere")
    (place / "secret.json").symlink_to(folder / "elsewhere" / "secret.json")
    os.mkfifo(place / "pipe.json")
    answer = program("verify", "applications", *AT, "--json")
    assert [name for name, _, _, _ in told(answer.out)] == [
        f"applications/{name}" for name in (IRISH, "late/unknown.JSON", CHINESE)
    ]
    assert answer.err == "5 other files in folders and archives were not looked at.\n"


def test_of_pictures_those_that_are_badges_are_looked_at(program: Program, tmp_path: Path) -> None:
    badge = baking.svg(baking.element(GOOD.decode().replace("&", "&amp;").replace("<", "&lt;")))
    pictures = {"badge.png": baking.png(baking.itxt(GOOD)), "badge.SVG": badge, "logo.svg": baking.svg(""),
                "photo.png": baking.png()}  # fmt: skip
    save(tmp_path / "pictures", pictures)
    with zipfile.ZipFile(tmp_path / "pictures" / "more.zip", "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
    answer = program("verify", tmp_path / "pictures", *AT, "--json")
    assert [json.loads(line)["verdict"] for line in answer.out.splitlines()] == ["valid"] * 4, answer.out
    assert answer.err == "4 other files in folders and archives were not looked at.\n"


def test_what_became_a_link_since_it_was_listed_is_not_followed(folder: Path) -> None:
    (source,) = sources.expanded("applications/late", sources.Extent())
    path = folder / "applications" / "late" / "unknown.JSON"
    path.unlink()
    path.symlink_to(folder / "applications" / CHINESE)
    with pytest.raises(Unavailable, match="cannot be read"):
        source.read()
    path.unlink()
    with pytest.raises(NotFound):
        source.read()
    os.mkfifo(path)
    with pytest.raises(Unavailable, match="no regular file"):
        source.read()
    (gone,) = sources.expanded("gone.zip", sources.Extent())
    with pytest.raises(NotFound):
        gone.read()


def test_an_archive_is_read_in_memory_and_what_it_calls_its_files_harms_nobody(
    program: Program, folder: Path
) -> None:
    files = {
        f"in/{CHINESE}": GOOD,
        "../../up.json": FORGED,
        "/etc/passwd.json": OPEN,
        "\x1b[31mred\u202e.json": b"{}",
        "inner.zip": b"PK",
        "letter.pdf": b"%PDF",
        "__MACOSX/._a.json": b"",
        "in/.a.json": b"",
        "folder.json/": b"",
    }
    archive(folder / "applications" / "all.ZIP", files)
    before = sorted(folder.rglob("*"))
    answer = program("verify", "applications/all.ZIP", *AT, "--json")
    assert {member: verdict for _, member, verdict, _ in told(answer.out)} == {
        f"in/{CHINESE}": "valid",
        "../../up.json": "invalid",
        "/etc/passwd.json": "undetermined",
        "\x1b[31mred\u202e.json": "undetermined",
        "inner.zip": "undetermined",
    }
    assert (
        "applications/all.ZIP",
        "inner.zip",
        "undetermined",
        "an archive in an archive is not opened",
    ) in (told(answer.out))
    assert "1 other file " in answer.err
    shown = program("verify", "applications", *AT)  # the folder that it is in
    assert "✓ VALID      all.ZIP/in/张敏.json" in shown.out
    assert "all.ZIP/⟨001B⟩[31mred⟨202E⟩.json" in shown.out
    assert "\x1b" not in shown.out
    assert sorted(folder.rglob("*")) == before


def test_links_in_an_archive_and_what_a_system_puts_beside_are_left_aside(
    program: Program, tmp_path: Path
) -> None:
    link = zipfile.ZipInfo("link.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.json", GOOD)
        archive.writestr("__MACOSX/good.json", GOOD)
        archive.writestr(link, GOOD)
    answer = program("verify", tmp_path / "a.zip", *AT, "--json")
    assert [(member, verdict) for _, member, verdict, _ in told(answer.out)] == [("good.json", "valid")]
    assert answer.err == "1 other file in folders and archives was not looked at.\n"


def test_names_that_are_none_and_folders_without_end_stop_nothing(program: Program, tmp_path: Path) -> None:
    deep = tmp_path / "place" / Path(*["a"] * 150)
    deep.mkdir(parents=True)
    save(tmp_path / "place", {"z.json": GOOD})
    with zipfile.ZipFile(tmp_path / "place" / "y.zip", "w") as archive:
        archive.writestr("\x01", GOOD)
        archive.writestr("good.json", GOOD)
    archived = (tmp_path / "place" / "y.zip").read_bytes()
    assert archived.count(b"\x01PK") + archived.count(b"\x01{") == 2  # a name that ends before it begins
    (tmp_path / "place" / "y.zip").write_bytes(archived.replace(b"\x01PK", b"\0PK").replace(b"\x01{", b"\0{"))
    answer = program("verify", tmp_path / "place", *AT, "--json")
    assert [(verdict, detail) for _, _, verdict, detail in told(answer.out)] == [
        ("undetermined", "it lies below 100 folders"), ("valid", ""), ("valid", ""),
    ]  # fmt: skip


def test_where_all_are_valid_the_count_says_no_more(program: Program, tmp_path: Path) -> None:
    save(tmp_path, {"a/xx/one.json": GOOD, "a/xy/two.json": GOOD, "a.zip": b"not one"})
    answer = program("verify", tmp_path / "a" / "xx", tmp_path / "a" / "xy", *AT)
    assert answer.code == 0
    where, *rows, count = answer.out.splitlines()
    assert where == f"In {tmp_path}/a/:"
    assert [row[13:].split("  ")[0] for row in rows] == ["xx/one.json", "xy/two.json"]
    assert count == "2 files: 2 valid"
    answer = program("verify", tmp_path / "a.zip", tmp_path / "none.json", *AT, "--json")
    (_, _, verdict, _), (_, _, open_, detail) = told(answer.out)
    assert (verdict, open_, detail) == (
        "undetermined",
        "undetermined",
        f"there is no file {tmp_path}/none.json",
    )


def test_a_name_in_an_archive_that_does_not_say_its_encoding_is_read_as_it_was_meant(
    program: Program, tmp_path: Path
) -> None:
    """As some systems write them: in UTF-8, without the bit that says so; and in that of MS-DOS."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name in ("xxxxxx.json", "Mxller.json"):
            made.writestr(name, GOOD)
    raw = data.getvalue().replace(b"xxxxxx", "张敏".encode()).replace(b"Mxller", b"M\x81ller")
    (tmp_path / "a.zip").write_bytes(raw)
    answer = program("verify", tmp_path / "a.zip", *AT, "--json")
    assert [member for _, member, _, _ in told(answer.out)] == ["Müller.json", CHINESE]


def flagged(data: bytes) -> bytes:
    """With the bit that says of each file that it is encrypted."""
    for magic, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data = re.sub(
            re.escape(magic) + b".{%d}" % (place - 4) + b"(.)",
            lambda found: found[0][:-1] + bytes([found[1][0] | 1]),
            data,
            flags=re.DOTALL,
        )
    return data


def directory_of(data: bytes, size: int) -> bytes:
    """With a directory that says it has so many bytes."""
    end = data.rindex(b"PK\5\6")
    return data[: end + 12] + struct.pack("<L", size) + data[end + 16 :]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (flagged, "it is encrypted in its archive"),
        (
            lambda data: data.replace(b"University", b"Univursity"),
            "the archive is damaged where this file is",
        ),
        (lambda data: data[: len(data) // 2], "this is no ZIP archive that can be opened"),
        (lambda _: b"PK", "this is no ZIP archive that can be opened"),
        (lambda data: directory_of(data, 1 << 30), "this is no ZIP archive that can be opened"),
        (
            lambda data: directory_of(b"PK" + bytes(5 << 20) + data, 5 << 20),
            "the archive's directory is too large",
        ),
    ],
    ids=["encrypted", "damaged", "cut", "two letters", "a false directory", "a large directory"],
)
def test_an_archive_that_cannot_be_read_is_open_and_stops_nothing(
    program: Program, folder: Path, change: object, detail: str
) -> None:
    path = archive(folder / "a.zip", {"a.json": GOOD}, zipfile.ZIP_STORED)
    assert callable(change)
    path.write_bytes(change(path.read_bytes()))
    answer = program("verify", "a.zip", f"applications/{CHINESE}", *AT, "--json")
    (_, _, verdict, found), (_, _, good, _) = told(answer.out)
    assert (verdict, good) == ("undetermined", "valid")
    assert found.startswith(detail)


def test_another_way_of_compressing_is_named(program: Program, folder: Path) -> None:
    path = archive(folder / "a.zip", {"a.json": GOOD}, zipfile.ZIP_BZIP2)
    assert told(program("verify", path, *AT, "--json").out)[0][3].startswith("it is compressed in a way")


def test_what_calls_itself_an_archive_and_is_none_is_read_as_a_file(program: Program, tmp_path: Path) -> None:
    save(tmp_path, {"a.zip": GOOD})
    answer = program("verify", tmp_path / "a.zip", *AT)
    assert answer.out.startswith("VALID: by Example University")


def test_what_is_an_archive_by_name_or_by_content_alone_is_a_file(program: Program, tmp_path: Path) -> None:
    archive(tmp_path / "a.json", {"good.json": GOOD})
    assert program("verify", tmp_path / "a.json", *AT).code == 3
    os.mkfifo(pipe := tmp_path / "a.zip")
    with ThreadPoolExecutor() as threads:
        written = threads.submit(pipe.write_bytes, GOOD)
        assert program("verify", pipe, *AT).code == 0
        written.result(10)


@pytest.mark.slow
def test_a_file_that_is_a_byte_too_long_is_not_judged_by_the_rest(program: Program, tmp_path: Path) -> None:
    for size, verdict in ((MAX_BYTES, "valid"), (MAX_BYTES + 1, "undetermined")):
        save(tmp_path / "in", {"a.json": GOOD.rstrip().ljust(size)})
        archive(tmp_path / "in" / "a.zip", {"a.json": GOOD.rstrip().ljust(size)})
        found = told(program("verify", tmp_path / "in", *AT, "--json").out)
        assert [judged for _, _, judged, _ in found] == [verdict] * 2
        alone = program("verify", tmp_path / "in" / "a.json", *AT, "--json")
        assert json.loads(alone.out)["verdict"] == verdict


@pytest.mark.slow
def test_an_archive_has_a_bounded_number_of_files(program: Program, folder: Path) -> None:
    path = archive(folder / "a.zip", {f"{number}.json": b"" for number in range(sources.MOST_ENTRIES + 1)})
    assert told(program("verify", path, *AT, "--json").out) == [
        (str(path), None, "undetermined", "the archive has more than 10000 files")
    ]


@pytest.mark.slow
def test_an_archive_is_unpacked_to_a_bounded_size(program: Program, folder: Path) -> None:
    most, large = sources.MOST_UNPACKED // (MAX_BYTES + 1), bytes(MAX_BYTES + 1)
    files = {f"{number:02}.json": large for number in range(most)}
    path = archive(folder / "a.zip", {**files, "within.json": GOOD, "x.json": large, "z.json": GOOD})
    found = [line[2] for line in told(program("verify", path, *AT, "--json").out)]
    assert found == ["undetermined"] * most + ["valid", "undetermined", "undetermined"]


@pytest.mark.slow
def test_a_file_that_unpacks_to_gigabytes_costs_no_more_than_a_file_may_have(
    program: Program, tmp_path: Path
) -> None:
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
        made.open("a.json", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(1 << 20))
    tracemalloc.start()
    answer = program("verify", tmp_path / "a.zip", *AT, "--json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(answer.out)[0][2] == "undetermined"
    assert peak < 50 << 20


@pytest.mark.slow
def test_trust_and_keys_are_read_once_for_all(program: Program, folder: Path) -> None:
    read: list[str] = []

    def verified() -> None:
        assert program("verify", "applications", *AT).code == 7
        assert read.count(str(program.home / "trust.json")) == 1
        assert len([path for path in read if path.startswith("applications/")]) > 2

    hearing(lambda event, arguments: read.append(str(arguments[0])), verified)


# At a terminal


def at_terminal(home: Path, columns: int, *words: str, **environment: str) -> str:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "intaglio", *words],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env={**inherited, "TERM": "xterm", **environment, "INTAGLIO_HOME": str(home)},
    ) as process:
        os.close(theirs)
        out = b""
        with contextlib.suppress(OSError):  # Linux: the end of the child is an error
            while part := os.read(ours, 1 << 16):
                out += part
        os.close(ours)
        process.wait(60)
    return out.decode().replace("\r\n", "\n")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("what", ["applications", "applications/late/unknown.JSON"])
def test_at_a_terminal_lines_have_its_width_and_no_did_is_broken(
    program: Program, folder: Path, columns: int, what: str
) -> None:
    long = "Ada Invented – Master of Science, the final version, corrected (2).json"
    save(folder / "applications", {long: OPEN})
    shown = at_terminal(program.home, columns, "verify", what, *AT)
    assert "\x1b[33m\x1b[1m" in shown
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    lines = plain.splitlines()
    longer = [line for line in lines if cells(line) > columns]
    assert [line for line in longer if "intaglio" not in line] == []  # a command stays whole
    assert COLLEGE.did in plain
    assert len(lines) > 4
    if what == "applications":  # the longest name that has its line with others, and one that has its own
        (says,) = re.findall(rf"^(.*{re.escape(IRISH)}  )\S", plain, re.MULTILINE)
        (told,) = re.findall(r"^( +)the credential says", plain, re.MULTILINE)
        assert len(told) == cells(says)
        assert re.findall(r"^\x1b\[\d+m\x1b\[1m(.)", shown, re.MULTILINE) == ["✓", "?", "?", "✗"]
    assert "\x1b" not in at_terminal(program.home, columns, "verify", what, *AT, NO_COLOR="1")
