"""What a registrar at a terminal is asked and shown while a job runs."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from intaglio.commands.issuer.terminal import ProgressMeter
from issuer.issuer import Issuer
from issuer.job.order import Progress
from tests.commandline import Program, typed
from tests.conftest import ROOT
from tests.world import NOW, issuer_in


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["revoke", "UNI-000001"], b"Revoke for good: UNI-000001  Given1 Family1?"),
        (["correct", "UNI-000001", "--set", "gpa=4.0"], b"UNI-000001  Given1 Family1. For good: gpa: 3.5"),
    ],
)
def test_on_a_terminal_nothing_is_for_good_without_a_yes(
    issued: Program, words: list[str], question: bytes
) -> None:
    before = issued("issuer", "list", "--all").out
    out, err = typed(issued.home, ["issuer", *words], [(question, b"n")], code=5)
    assert (out, f"nothing was {words[0].removesuffix('e')}ed" in err) == ("", True)
    assert issued("issuer", "list", "--all").out == before


@pytest.mark.slow
def test_on_a_terminal_nobody_is_asked_about_what_cannot_be_or_is_so_already(issued: Program) -> None:
    """A question would find no answer: the terminal has none to give."""
    issued("issuer", "revoke", "UNI-000001")
    for words, said, code in (
        (["correct", "UNI-000002", "--set", "grade=1"], "there is no field 'grade'", 1),
        (["correct", "UNI-000002", "--set", "gpa=3.5"], "no new edition was issued", 0),
        (["revoke", "UNI-000001"], "1 diploma had been revoked before", 0),
    ):
        out = ["--out", str(issued.home / "out")] if words[0] == "correct" else []
        _, err = typed(issued.home, ["issuer", *words, *out], [], code=code)
        assert said in err, words
        assert "[y/N]" not in err, words
    before = b"1 diploma had been revoked before: nothing changes there.\n"
    question = b"Revoke for good: UNI-000003  Given3 Family3?"
    typed(issued.home, ["issuer", "revoke", "UNI-000001", "UNI-000003"], [(before + question, b"y")])


@pytest.mark.slow
def test_on_a_terminal_the_one_that_is_meant_is_asked_for(issued: Program) -> None:
    words = ["issuer", "revoke", "given1", "--reason", "fraud", "--yes"]
    out, _ = typed(issued.home, words, [(b"2  UNI-000006  Given1 =CMD", b"2")])
    assert out.startswith("revoked UNI-000006  Given1 =CMD, revoked ")


@pytest.mark.slow
def test_a_new_passphrase_is_asked_for_twice_and_later_once(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", b"correct horse"
    whole, repeated = b"Passphrase for the issuer's keys (empty: none): ", b"Repeat for confirmation: "
    new = [
        (whole, b"12345678"),
        (b"and not one over and over\n  Four or five random words are good.\n" + whole, secret),
        (repeated, b"correct hose"),
        (b"That is not what was typed first.\n" + whole, secret),
        (repeated, secret),
    ]
    typed(home, ["issuer", "init", "--name", "U"], new)
    assert Issuer(home / "issuer", lambda: secret, lambda: NOW).press()
    typed(home, ["issuer", "status", "publish"], [(b"Issuer passphrase: ", secret)])


@pytest.mark.slow
def test_a_passphrase_has_three_tries(tmp_path: Path) -> None:
    issuer_in(tmp_path / "issuer", passphrase=lambda: b"correct horse")
    words, first = ["issuer", "status", "publish"], b"Issuer passphrase: "
    second, third = b"2 tries left.\n" + first, b"1 try left.\n" + first
    typed(tmp_path, words, [(first, b"wrong"), (second, b"correct horse")])
    typed(tmp_path, words, [(question, b"wrong") for question in (first, second, third)], code=6)


def told(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, steps: list[tuple[float, Progress]]) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    moments = iter([0.0, *(moment for moment, _ in steps)])
    with ProgressMeter(lambda: next(moments)) as meter:
        for _, progress in steps:
            meter(progress)
    return stderr.getvalue()


STEPS = [
    (0.1, Progress("checking", 0, 100)),
    (0.2, Progress("checking", 100, 100)),
    (0.3, Progress("issuing", 0, 100)),
    (0.9, Progress("issuing", 20, 100)),
]


def test_a_short_job_shows_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, Terminal(), STEPS) == ""


def test_at_a_terminal_a_longer_job_renews_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [*STEPS, (1.5, Progress("issuing", 60, 100)), (2.0, Progress("issuing", 100, 100))]
    assert told(monkeypatch, Terminal(), longer).split("\r") == [
        "",
        "Issuing 60 of 100, 50 a second, 1 s left\033[K",
        "Issuing 100 of 100, 59 a second, 0 s left\033[K",
        "\033[K",
    ]


def test_a_slow_check_is_shown_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [
        (0.1, Progress("checking", 0, 9)),
        (2.0, Progress("checking", 9, 9)),
        (2.3, Progress("issuing", 9, 9)),
    ]
    shown = told(monkeypatch, Terminal(), slow)
    assert "Checking 9 of 9, 4 a second, 0 s left" in shown
    assert "Issuing 9 of 9\033" in shown


def test_a_stage_that_begins_with_much_done_has_no_rate_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    resumed = [*STEPS, (10.3, Progress("writing", 50, 100))]
    assert told(monkeypatch, io.StringIO(), resumed) == "Writing 50 of 100\n"


def test_a_question_has_the_place_of_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stderr := Terminal())
    moments = iter((0.0, 2.0))
    with ProgressMeter(lambda: next(moments)) as meter:
        meter(Progress("checking", 1, 2))
        meter.clear()
        assert stderr.getvalue().endswith("\r\033[K")
        shown = stderr.getvalue()
    assert stderr.getvalue() == shown


def test_elsewhere_a_long_job_writes_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = [*STEPS, (10.3, Progress("issuing", 50, 100)), (12.0, Progress("issuing", 60, 100))]
    assert told(monkeypatch, io.StringIO(), longer) == "Issuing 50 of 100, 5 a second, 10 s left\n"


def test_what_is_advised_to_type_has_the_home_that_was_given(program: Program, tmp_path: Path) -> None:
    home = tmp_path / "my home"
    away = ("--home", home)
    for words, advised in (
        (("issuer", "list"), "issuer init"),
        (("issuer", "revoke", "1"), "issuer init"),
        (("wallet", "list"), "wallet init"),
        (("issuer", "issue", "g.csv", "--name", "U"), "samples FOLDER"),
        (("verify", ROOT / "tests/fixtures/f31e11f/bundles/valid.json", "--offline"), "trust add FILE"),
        (("trust", "list"), "trust add DID"),
    ):
        answer = program(*away, *words)
        assert f"intaglio --home '{home}' {advised}" in answer.out + answer.err, words
        assert advised in program(*words).out + program(*words).err
        assert "--home" not in program(*words).err  # INTAGLIO_HOME is set for the next command, too
    home.mkdir()
    (home / "trust.json").write_text("{")
    assert f"`intaglio --home '{home}' trust add FILE` begins" in program(*away, "verify", "x.json").err
    told = json.loads(program(*away, "issuer", "list", "--json").out)
    assert told["error"]["hint"] == f"`intaglio --home '{home}' issuer init` makes one."
    own = program("issuer", "--home", home, "list").err
    assert f"`intaglio issuer --home '{home}' init` makes one." in own
