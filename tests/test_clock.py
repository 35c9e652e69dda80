"""Each command with a clock that is wrong, then right: no diploma is lost, and one command mends the rest."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import intaglio.__main__
import intaglio.session
from intaglio.words import remedy
from issuer.desk.claims import ClaimLinks
from issuer.desk.http import create_app
from issuer.identity.home import LIFETIME
from issuer.issuer import Issuer
from tests.commandline import Answer, Program
from tests.copying import copy_folder
from tests.serving import listening, serving
from tests.world import NOW, graduate, issuer_in, of_diploma, reopened, table, verifier_for
from vc import Verdict
from wire.problem import Problem

WRONG = {
    "−1 y": timedelta(days=-365),
    "−6 h": timedelta(hours=-6),
    "−5 s": timedelta(seconds=-5),
    "+5 s": timedelta(seconds=5),
    "+6 h": timedelta(hours=6),
    "+1 y": timedelta(days=365),
}
ALLOWED = timedelta(minutes=5)
ACCEPT = ("issuer", "clock", "accept", "--yes")


class Machine:
    """A university, a graduate's wallet and whoever verifies, on one machine whose clock somebody sets."""

    def __init__(self, home: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self._program = home, program
        self.off = timedelta(0)
        program.home, program.now = home, self.now
        monkeypatch.setenv("INTAGLIO_HOME", str(home))

    def now(self) -> datetime:
        return NOW + self.off

    def __call__(self, *words: object) -> Answer:
        return self._program(*words)

    @property
    def issuer(self) -> Issuer:
        return reopened(self.home / "issuer", self.now)

    def verdict(self, file: Path) -> Verdict:
        """What somebody elsewhere says whose clock is right, and who has no more than the file."""
        return verifier_for(self.issuer).verify(file.read_bytes(), now=NOW).verdict

    def exported(self, folder: str) -> tuple[Answer, dict[str, Verdict]]:
        """All diplomas that are not revoked, and what is said of each."""
        out = self.home / folder
        shutil.rmtree(out, ignore_errors=True)
        answer = self("issuer", "export", "--out", out)
        return answer, {file.name.partition(".")[0]: self.verdict(file) for file in out.glob("*.json")}

    @contextmanager
    def serving(self, clock: Callable[[], datetime], number: str) -> Iterator[str]:
        """The issuer's service by some clock, and a claim link that was made in time."""
        made = reopened(self.home / "issuer", clock)
        with listening() as listener:
            claims = ClaimLinks(made.home / "claims.sqlite", f"http://localhost:{listener.getsockname()[1]}")
            link = claims.offer(of_diploma(number), made, now=NOW)
            with serving(create_app(made, claims, made.home, clock), listener):
                yield str(link)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What there was an hour ago: four diplomas issued, a bundle of each; the wallet is in `machine`."""
    home = tmp_path_factory.mktemp("before") / "home"
    made = issuer_in(home / "issuer", clock=lambda: NOW - timedelta(hours=1))
    for number in range(1, 5):
        made.issue(graduate(number))
    for entry in made.entries():
        (home / f"{entry.number}.json").write_bytes(made.bundle(entry).to_bytes())
    return home


def _machine(before: Path, folder: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> Machine:
    copy_folder(before, folder / "machine")
    machine = Machine(folder / "machine", program, monkeypatch)
    intaglio.session.Session(machine.home).pin(machine.issuer.trust_entry())
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery\n")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(passphrase))
    assert machine("wallet", "init").code == 0
    return machine


@pytest.fixture
def machine(before: Path, tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return _machine(before, tmp_path, program, monkeypatch)


# What is done by the wrong clock. Each answers what was printed, and a way to do it again by the right one.


def _issue_file(machine: Machine) -> Answer:
    file = machine.home / "new.csv"
    file.write_text(table([graduate(5), graduate(6)]), encoding="utf-8")
    return machine("issuer", "issue", file, "--out", machine.home / "handed-out")


def _issue_one(machine: Machine) -> Answer:
    try:
        return Answer(0, machine.issuer.issue(graduate(5)).number, "")
    except Problem as problem:
        return Answer(intaglio.__main__.exit_code(problem), "", f"{problem.detail} {remedy(problem)}")


def _correct(machine: Machine) -> Answer:
    changed = ("--set", "family_name=O'Brien-Müller", "--out", machine.home / "handed-out")
    return machine("issuer", "correct", "UNI-000001", *changed)


def _revoke(machine: Machine) -> Answer:
    return machine("issuer", "revoke", "UNI-000002", "--reason", "fraud")


def _claim(machine: Machine) -> Answer:
    return machine("issuer", "claim", "UNI-000003")


def _serve(machine: Machine) -> Answer:
    """The issuer's clock is wrong, the wallet's right."""
    off, machine.off = machine.off, timedelta(0)
    with machine.serving(lambda: NOW + off, "UNI-000003") as link:
        answer = machine("--loopback", "wallet", "receive", link, "--yes")
    machine.off = off
    return answer


def _receive(machine: Machine) -> Answer:
    """The wallet's clock is wrong, the issuer's right."""
    off = machine.off
    with machine.serving(lambda: NOW, "UNI-000003") as link:
        answer = machine("--loopback", "wallet", "receive", link, "--yes")
        machine.off = timedelta(0)
        again = machine("--loopback", "wallet", "receive", link, "--yes")
        assert again.code == 0, again.err
    machine.off = off
    return answer


def _publish(machine: Machine) -> Answer:
    return machine("issuer", "status", "publish")


def _export(machine: Machine) -> Answer:
    return machine("issuer", "export", "--out", machine.home / "handed-out")


def _close(machine: Machine) -> Answer:
    return machine("issuer", "close", "--yes")


def _present(machine: Machine) -> Answer:
    off, machine.off = machine.off, timedelta(0)
    name = machine("wallet", "import", machine.home / "UNI-000004.json").out.strip()
    asked = ("--challenge", "c-17", "--domain", "https://employer.example")
    file = machine.home / "shown.json"
    codes = []
    for machine.off in (off, timedelta(0)):
        shown = machine("wallet", "present", name, *asked, "--yes")
        file.write_text(shown.out)
        machine.off = timedelta(0)
        codes.append(machine("verify", file, *asked, "--offline").code)
    machine.off = off
    shown_a_year_ago = off < -timedelta(days=1)
    assert codes == [1 if shown_a_year_ago else 0 if off <= ALLOWED else 3, 0]
    return shown


def _verify(machine: Machine) -> Answer:
    file = machine.home / "UNI-000004.json"
    answer = machine("verify", file, "--offline")
    off, machine.off = machine.off, timedelta(0)
    assert machine("verify", file, "--offline").code == 0
    machine.off = off
    return answer


def _begin(machine: Machine) -> Answer:
    """Another issuer, from its first key on."""
    shutil.rmtree(machine.home / "issuer")
    (machine.home / "issuer.checkpoint").unlink()
    (machine.home / "trust.json").unlink()
    file = machine.home / "new.csv"
    file.write_text(table([graduate(5), graduate(6)]), encoding="utf-8")
    return machine("issuer", "issue", file, "--name", "Another", "--out", machine.home / "handed-out")


COMMANDS = {
    "issuer issue FILE, the first": _begin,
    "issuer issue FILE": _issue_file,
    "Issuer.issue": _issue_one,
    "issuer correct": _correct,
    "issuer revoke": _revoke,
    "issuer claim": _claim,
    "issuer serve": _serve,
    "issuer status publish": _publish,
    "issuer export": _export,
    "issuer close": _close,
    "wallet receive": _receive,
    "wallet present": _present,
    "verify": _verify,
}
SIGN = {_begin, _issue_file, _issue_one, _correct, _revoke, _serve, _close}
"""Those that sign for the issuer; `status publish` has nothing to do here."""


def put_right(machine: Machine, command: str, wrong: timedelta) -> str:
    """Does a command by a wrong clock, then goes on by the right one. In words what had to be done."""
    action = COMMANDS[command]
    checkpoint = machine.home / "issuer" / "log" / "checkpoint"
    was = checkpoint.read_bytes()
    machine.off = wrong
    answer = action(machine)
    has_signed = (
        checkpoint.read_bytes() != was and action is not _receive
    )  # where the issuer's clock is right
    said = [{0: "done", 1: "refused", 3: "open", 75: "later"}[answer.code]]
    assert "Traceback" not in answer.err
    assert answer.code == 0 or abs(wrong) > ALLOWED, answer.err
    if action in {*SIGN, _claim} - {_begin} and wrong < -ALLOWED:
        if action is not _serve:  # who asks a service is not told what its clock says
            assert answer.code == 1
            assert f"{machine.now():%Y-%m-%d %H:%M:%S}Z" in answer.err
            assert f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M:%S}Z" in answer.err
    elif command.startswith(("issuer", "Issuer")) and action not in (_publish, _export, _claim, _serve):
        assert answer.code == 0, answer.err
    handed_out = list((machine.home / "handed-out").glob("*.json"))

    machine.off = timedelta(0)
    refused, _ = machine.exported("at-once")
    listed: list[str] = []
    assert (refused.code != 0) == (has_signed and wrong > ALLOWED), refused.err
    if refused.code:
        assert "clock accept" in refused.err
        assert machine("doctor").code == 1
        accepted = machine(*ACCEPT)
        assert accepted.code == 0, accepted.err
        listed = accepted.out.splitlines()
        said.append("accept")
    assert machine("doctor").code == 0

    answer, verdicts = machine.exported("then")
    assert answer.code == 0, answer.err
    ahead = {number for number, verdict in verdicts.items() if verdict is not Verdict.VALID}
    assert all(verdicts[number] is Verdict.UNDETERMINED for number in ahead)
    assert ahead == {shlex.split(line)[-1] for line in listed}
    for line in listed:
        corrected = machine(*shlex.split(line)[1:], "--out", machine.home / "corrected")
        assert corrected.code == 0, corrected.err
    answer, verdicts = machine.exported("at-last")
    assert (answer.code, set(verdicts.values())) == (0, {Verdict.VALID})
    if listed:
        said.append(f"{len(listed)} corrected")
    ended = action is _begin and -wrong >= LIFETIME  # the lists in them, that is
    meant = Verdict.UNDETERMINED if ended or (has_signed and wrong > ALLOWED) else Verdict.VALID
    assert {machine.verdict(file) for file in handed_out} <= {meant}
    again = machine(*ACCEPT)
    assert (again.code, again.out.strip()) == (0, ""), again
    return ", ".join(said)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("issuer issue FILE", "+1 y"),
        ("issuer correct", "+6 h"),
        ("issuer revoke", "−6 h"),
        ("wallet receive", "−5 s"),
    ],
)
def test_a_clock_that_was_wrong_loses_no_diploma(command: str, wrong: str, machine: Machine) -> None:
    put_right(machine, command, WRONG[wrong])


@pytest.mark.slow
def test_each_command_by_each_wrong_clock(
    before: Path,
    tmp_path: Path,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [" | ".join(["command", *WRONG])]
    for command in COMMANDS:
        cells = []
        for number, wrong in enumerate(WRONG.values()):
            folder = tmp_path / f"{len(lines)}-{number}"
            folder.mkdir()
            cells.append(put_right(_machine(before, folder, program, monkeypatch), command, wrong))
        lines.append(" | ".join([command, *cells]))
    with capsys.disabled():
        print("", *lines, sep="\n")
