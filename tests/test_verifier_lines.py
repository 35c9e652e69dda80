"""`intaglio verify` of JSON Lines, and by worker processes: what one line is harms none other."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from bench.counted import Used, counted
from intaglio.commands.verify.files import Extent, InputFile, expanded
from intaglio.commands.verify.judging import Judging
from intaglio.commands.verify.many import verify_all
from intaglio.commands.verify.table import Row, Table
from intaglio.session import Session
from tests.commandline import Program
from tests.sd_jwts import jwt
from tests.test_verifier_many import AT, FORGED, GOOD, OPEN, UNIVERSITY, archive, save
from tests.world import COLLEGE
from vc import Report, Verdict
from vc.possession import Asked
from vc.secured import MAX_BYTES

LINE = json.dumps(json.loads(GOOD)).encode()
CHANGED = json.dumps(json.loads(FORGED)).encode()
UNKNOWN = json.dumps(json.loads(OPEN)).encode()
PLAIN = {name: value for name, value in json.loads(OPEN).items() if name != "proof"}
COMPACT = jwt({"alg": "EdDSA", "typ": "vc+jwt", "kid": COLLEGE.method}, PLAIN, COLLEGE.key)
DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.fixture
def program(program: Program) -> Program:
    program.home.mkdir(mode=0o700)
    (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    return program


def told(out: str) -> list[tuple[str, int | None, str]]:
    lines = [json.loads(line) for line in out.splitlines()]
    return [(line["file"], line.get("line"), line["verdict"]) for line in lines]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_each_line_has_its_own_result_in_the_order_of_the_lines(
    program: Program, tmp_path: Path, workers: int
) -> None:
    long = LINE[:-1] + b" " * (MAX_BYTES + 10_000_000) + b"}"
    given = [LINE, b"no JSON", CHANGED, b" ", DEEP, UNKNOWN, b"", long, b"\x00\xff", *[LINE] * 40]
    file = tmp_path / "all.NDJSON"
    file.write_bytes(b"\r\n".join(given) + b"\r\n" + LINE)  # the last without an end
    verdicts = {LINE: "valid", CHANGED: "invalid"}
    expected = [
        (str(file), number, verdicts.get(line, "undetermined"))
        for number, line in enumerate([*given, LINE], 1)
        if line.strip()
    ]
    answer = program("verify", file, *AT, "--json", "--workers", workers)
    assert answer.code == 7, answer.err
    assert told(answer.out) == expected
    shown = program("verify", file, *AT, "--workers", workers)
    assert "✗ NOT VALID  all.NDJSON:3" in shown.out
    assert "48 files: 42 valid, 1 not valid, 5 could not be decided" in shown.out


@pytest.mark.slow
@pytest.mark.parametrize("many", [4_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_memory_does_not_grow_with_the_number_of_lines(tmp_path: Path, many: int) -> None:
    """Of twenty lines one is valid and one is not; two of all are larger than a file may be."""
    (tmp_path / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    verdicts = {LINE: "valid", CHANGED: "invalid"}
    order = [LINE, CHANGED, *[b"no JSON", b"[]", b"\xff"] * 6]
    long = b'"' + b"x" * MAX_BYTES + b'"'

    def line(place: int) -> bytes:
        return long if place in (300, 301) else order[place % len(order)]

    def judged(count: int) -> Used:
        with (tmp_path / "all.jsonl").open("wb") as file:
            file.writelines(line(place) + b"\n" for place in range(count))
        with (tmp_path / "output").open("w") as out:
            words = ("verify", "all.jsonl", *map(str, AT), "--json", "--workers", "2")
            used = counted(tmp_path, *words, stdout=out)
        with (tmp_path / "output").open() as reports:
            for place, report in enumerate(map(json.loads, reports)):
                expected = (place + 1, verdicts.get(line(place), "undetermined"))
                assert (report["line"], report["verdict"]) == expected
        assert place + 1 == count
        assert used.code == 7
        return used

    small, large = judged(500), judged(many)
    # A process has none, one or both of the longest lines at once, twice each; a million lines have 500 MB.
    chance = 4 * len(long) >> 10
    assert large.parent_memory < small.parent_memory + chance
    assert large.worker_memory < small.worker_memory + chance


@pytest.mark.slow
def test_workers_that_are_no_copies_judge_and_speak_alike(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, {"all.jsonl": b"\n".join([LINE, CHANGED, b"no"])})
    words = ("--lang", "zh", "verify", tmp_path / "all.jsonl", *AT, "--status-within", "30d", "--workers")
    expected = program(*words, 0)
    monkeypatch.setattr("wire.workers._CONTEXT", get_context("spawn"))  # as on macOS
    assert program(*words, 1) == expected
    assert "无效" in expected.out


def test_a_compact_form_alone_on_a_line_is_read_as_in_a_file(program: Program, tmp_path: Path) -> None:
    save(tmp_path, {"one.jsonl": COMPACT + b"\n", "alone.jwt": COMPACT})
    line = json.loads(program("verify", tmp_path / "one.jsonl", *AT, "--json").out)
    alone = json.loads(program("verify", tmp_path / "alone.jwt", *AT, "--json").out)
    assert {**alone, "file": str(tmp_path / "one.jsonl"), "line": 1} == line
    assert len(line["checks"]) == 9


def test_lines_in_a_folder_are_read_and_those_in_an_archive_are_left_aside(
    program: Program, tmp_path: Path
) -> None:
    save(tmp_path / "in", {"a.json": GOOD, "b.jsonl": LINE + b"\n" + CHANGED, "c.json": GOOD})
    archive(tmp_path / "in" / "d.zip", {"lines.jsonl": LINE})
    (tmp_path / "in" / "link.jsonl").symlink_to(tmp_path / "in" / "b.jsonl")
    answer = program("verify", tmp_path / "in", *AT, "--json")
    folder = f"{tmp_path}/in"
    assert told(answer.out) == [
        (f"{folder}/a.json", None, "valid"),
        (f"{folder}/b.jsonl", 1, "valid"),
        (f"{folder}/b.jsonl", 2, "invalid"),
        (f"{folder}/c.json", None, "valid"),
    ]
    assert answer.err == "2 other files in folders and archives were not looked at.\n"
    save(tmp_path, {"none.jsonl": b"\n\n"})
    assert program("verify", tmp_path / "none.jsonl", *AT).code == 4
    assert program("verify", tmp_path / "link.jsonl", tmp_path / "gone.jsonl", *AT).code == 4


def test_how_many_files_there_are_is_told_by_what_was_seen_of_them(tmp_path: Path) -> None:
    save(tmp_path, {f"in/{number}.json": b"{}" for number in range(5)})
    save(tmp_path, {"in/more/a.jsonl": b"{}\n" * 100, "in/more/letter.pdf": b""})
    archive(tmp_path / "in" / "z.zip", {"a.json": b"{}", "b.json": b"{}", "c.pdf": b""})
    extent, told = Extent(1), list[int]()
    for _ in expanded(str(tmp_path / "in"), extent):
        told.append(extent.expected)
    assert told[:5] == [7] * 5
    assert told[5:105] == [107] * 100
    assert len(told) + extent.aside == extent.expected == 109


def test_standard_input_is_lines_where_one_of_the_first_two_is_whole(program: Program) -> None:
    def verified(stdin: bytes) -> list[tuple[str, int | None, str]]:
        answer = program("verify", "-", *AT, "--json", stdin=stdin)
        lines = [json.loads(line) for line in answer.out.splitlines()]
        return [(line.get("file", ""), line.get("line"), line["verdict"]) for line in lines]

    alone = [("", None, "valid")]
    assert verified(LINE) == verified(LINE + b"\n\n ") == alone
    assert verified(json.dumps(json.loads(GOOD), indent=1).encode()) == alone
    assert verified(LINE + b"\n\n" + CHANGED) == [("-", 1, "valid"), ("-", 3, "invalid")]
    hostile = [("-", 1, "undetermined"), ("-", 2, "valid"), ("-", 4, "valid")]
    assert verified(b"{no JSON\n" + LINE + b"\n\n" + LINE + b"\n") == hostile
    assert [line for _, line, _ in verified(COMPACT + b"\n" + COMPACT)] == [1, 2]
    assert verified(b"") == [("", None, "undetermined")]
    answer = program("verify", "-", "-", *AT, "--json", stdin=LINE + b"\n" + LINE)
    assert told(answer.out) == [("-", 1, "valid"), ("-", 2, "valid")]


class Hostile(Judging):
    """What certain contents do to the process that verifies them."""

    def report(self, received: bytes) -> Report:
        if received == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if received == b"memory":
            bytearray(1 << 33)
        if received == b"fault":
            raise AssertionError("a fault of the program")
        return super().report(received)


def judged(home: Path, contents: list[bytes], given: list[int] | None = None) -> Iterator[tuple[int, str]]:
    """The code and the line of each."""

    def files() -> Iterator[InputFile]:
        for number, content in enumerate(contents):
            if given is not None:
                given.append(number)
            yield InputFile("a.jsonl", None, partial(bytes, content), number)

    judging = Hostile(Session(home), None, True, None, None, Asked(None, None), True)
    for result in verify_all(files(), Extent(), judging, True, 2):
        if result.data:
            assert isinstance(result.data, str)
            yield result.code, result.data


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile",
    [
        b"kill",
        b"fault",
        pytest.param(
            b"memory",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory: only on Linux"),
        ),
    ],
)
def test_a_line_that_takes_its_process_costs_itself_alone(tmp_path: Path, hostile: bytes) -> None:
    contents = [b"no"] * 60 + [hostile] + [b"no"] * 30 + [hostile, hostile, b"no"]
    found = [json.loads(line) for _, line in judged(tmp_path, contents)]
    assert [line["line"] for line in found] == list(range(len(contents)))
    lost = [line["line"] for line in found if line.get("error", {}).get("code") == "worker-died"]
    assert lost == [number for number, content in enumerate(contents) if content == hostile]
    assert all("checks" in line for line in found if line["line"] not in lost)


@pytest.mark.slow
def test_no_more_is_read_than_workers_are_given(tmp_path: Path) -> None:
    given: list[int] = []
    for taken, _ in enumerate(judged(tmp_path, [b"no"] * 500, given), 1):
        assert len(given) - taken < 2 * 4 * 8 + 16


def test_a_table_of_very_many_has_what_is_not_valid_up_to_a_limit() -> None:
    table = Table(most=3)
    for number in range(3):
        table.add(Row(f"{number}.json", Verdict.VALID, "good"))
    assert len(table.lines()) == 4
    for number in range(10_000):
        table.add(Row(f"{number}.json", Verdict.VALID, "good"))
        table.add(Row(f"{number}.json", Verdict.INVALID, "bad"))
    table.add(Row("open.json", Verdict.UNDETERMINED, "open"))
    assert table.lines() == [
        "? UNDECIDED  open.json  open",
        "✗ NOT VALID  0.json     bad",
        "✗ NOT VALID  1.json     bad",
        "✗ NOT VALID  2.json     bad",
        "✗ NOT VALID  and 9997 more",
        "20004 files: 10003 valid, 10000 not valid, 1 could not be decided; "
        "`intaglio verify FILE` says all of one",
    ]
