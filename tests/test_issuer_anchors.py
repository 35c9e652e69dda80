"""An issuer whose log's checkpoints go to other ledgers: bundles, old copies, and the commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intaglio.deployment import USUAL, Deployment
from issuer.issuer import Issuer
from issuer.keeping.backup import backup, restore
from ledger import KINDS, Checkpoint, EvidenceKind
from ledger.anchor import Sender
from ledger.folder import open_to_read
from ledger.outbox import Outbox
from ledger.submitting import look_after, turn
from tests.commandline import Program
from tests.copying import copy_folder
from tests.gazette import NAME, NOTICE, NOTICES
from tests.gazette_anchor import GazetteAnchor, gazette_file, gazettes
from tests.issuer_cli.conftest import Clock
from tests.world import NOW, Holder, graduate, issuer_in, reopened, table, trust_in, verifier
from vc import Bundle, Verdict
from vc.forms import FORMS
from verifier import Trust
from verifier.policy import load_policy
from wire.health import Finding
from wire.problem import Damaged, Unavailable

OTHER = "gazette:other"
DAY = timedelta(days=1)
KNOWN: dict[str, EvidenceKind] = {**KINDS, NOTICE: NOTICES}
LATER = NOW + timedelta(days=30)


class Town:
    """An issuer, and two gazettes that its log's checkpoints go to; days pass when somebody runs."""

    def __init__(self, folder: Path) -> None:
        self.home, self.folder, self.now = folder / "home", folder, NOW
        self.issuer = issuer_in(self.home)
        self.gazettes = [GazetteAnchor(name, file=gazette_file(folder, name)) for name in (NAME, OTHER)]

    def add(self, *names: str) -> None:
        for name in names:
            self.issuer.outbox.add(name, DAY, {"of": self.issuer.log.origin}, self.now)

    def run(self, issuer: Issuer | None = None) -> None:
        """Sends, prints and collects, a day after the last time."""
        self.now += DAY
        place = Sender(self.home, (issuer or self.issuer).reader, lambda: None, lambda _: None)
        for _ in range(2):
            made = list(look_after(place, lambda: self.now, gazettes(self.folder)))
            assert [each.problem for each in made] == [None] * len(made)
            for gazette in self.gazettes:
                gazette.print(self.now)

    def verdict(self, bundle: Bundle, *asked: str) -> Verdict:
        """By a policy that asks for ledgers by name."""
        trust = trust_in(self.issuer)
        ledgers = tuple(gazette.trusted for gazette in self.gazettes)
        trust = Trust(trust.issuers, tuple(replace(log, ledgers=ledgers) for log in trust.logs))
        policy = load_policy({"allOf": ["anchored", *({"anchoredOn": name} for name in asked)]})
        judge = verifier(trust, evidence_kinds=KNOWN)
        return judge.verify(Bundle.parse(bundle.to_bytes(), FORMS), now=LATER, policy=policy).verdict


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    for row in (1, 2):
        town.issuer.issue(graduate(row))
    return town


def test_a_bundle_brings_what_other_ledgers_have(town: Town) -> None:
    first, _ = town.issuer.entries()
    before = town.issuer.bundle(first)
    town.add(NAME)
    assert len(town.issuer.bundle(first).evidence) == 1  # nothing is there yet
    town.run()
    bundle = town.issuer.bundle(first)
    assert bundle.secured == before.secured
    assert town.verdict(bundle, NAME) is Verdict.VALID
    assert town.verdict(bundle, NAME, OTHER) is Verdict.UNDETERMINED
    assert town.verdict(before) is Verdict.VALID  # the one that was given out stays so
    later = town.issuer.issue(graduate(3))
    assert town.verdict(town.issuer.bundle(later), NAME) is Verdict.UNDETERMINED
    assert town.verdict(town.issuer.bundle(later)) is Verdict.VALID
    town.run()
    assert town.verdict(town.issuer.bundle(later), NAME) is Verdict.VALID
    assert [each.kind for each in town.issuer.bundle(first).evidence].count(NOTICE) == 1


def test_old_diplomas_get_onto_a_new_ledger_as_they_are(town: Town) -> None:
    """Nothing is signed or appended for that; either ledger may be taken away then."""
    town.add(NAME)
    town.run()
    first, _ = town.issuer.entries()
    before, size = town.issuer.bundle(first), town.issuer.log.checkpoint().size
    town.add(OTHER)
    town.run()
    after = town.issuer.bundle(first)
    assert (after.secured, town.issuer.log.checkpoint().size) == (before.secured, size)
    assert town.verdict(after, NAME, OTHER) is Verdict.VALID
    for gazette, other in (town.gazettes, town.gazettes[::-1]):
        printed = gazette.notices, dict(gazette.printed)
        gazette.file, gazette.printed = None, {}
        assert town.verdict(after, other.name) is Verdict.VALID
        assert town.verdict(after, gazette.name) is Verdict.UNDETERMINED
        gazette.file, gazette.printed = gazette_file(town.folder, gazette.name), printed[1]


@pytest.mark.slow
def test_what_a_wallet_claims_brings_it_too(town: Town) -> None:
    holder = Holder()
    town.add(NAME)
    town.issuer.claim("UNI-000001", holder.did)
    town.run()
    claimed = Bundle.parse(town.issuer.claim("UNI-000001", holder.did), FORMS)
    assert town.verdict(claimed, NAME) is Verdict.VALID


def test_another_process_knows_of_it_at_once(town: Town) -> None:
    """A service that was started before any ledger was named."""
    serving = reopened(town.home)
    first, _ = serving.entries()
    assert len(serving.bundle(first).evidence) == 1
    town.add(NAME)
    town.run()
    assert town.verdict(serving.bundle(first), NAME) is Verdict.VALID


def test_an_old_copy_of_the_log_alone_is_refused(town: Town) -> None:
    """Beside an outbox that knows better: nothing is signed, nothing is proved."""
    town.add(NAME)
    copy_folder(town.home / "log", town.folder / "yesterday")
    town.issuer.issue(graduate(3))
    town.run()
    shutil.rmtree(town.home / "log")
    copy_folder(town.folder / "yesterday", town.home / "log")
    (town.folder / "home.checkpoint").unlink()
    before = (town.home / "log" / "checkpoint").read_bytes()
    with pytest.raises(Damaged, match="once had"):
        _ = reopened(town.home).log
    with pytest.raises(Damaged, match="once had"):
        open_to_read(town.home)
    assert (town.home / "log" / "checkpoint").read_bytes() == before


def test_a_backup_brings_it_along(town: Town) -> None:
    town.add(NAME)
    town.run()
    first, _ = town.issuer.entries()
    backup(town.home, town.folder / "backup", b"correct horse battery")
    town.issuer.store.close()
    shutil.move(town.home, town.folder / "lost")
    asked = list[str]()
    restore(town.folder / "backup", town.home, b"correct horse battery", asked.append)
    assert [json.loads(named)["anchor"] for named in asked] == [NAME]
    back = reopened(town.home)
    assert town.verdict(back.bundle(first), NAME) is Verdict.VALID
    town.run(back)
    assert len({*town.gazettes[0].notices}) == len(town.gazettes[0].notices) == 2  # and goes on


CLOSED = Finding.of(Unavailable("its office is closed"))


class Sending:
    """Somebody at the command line, with two gazettes."""

    def __init__(self, program: Program, clock: Clock, folder: Path) -> None:
        self.program, self.clock = program, clock
        program.deployment = Deployment(anchors=gazettes(folder))
        self.gazettes = {name: GazetteAnchor(name, file=gazette_file(folder, name)) for name in (NAME, OTHER)}

    def __call__(self, *words: object, code: int = 0) -> dict[str, Any]:
        """What `intaglio ledger anchor … --json` prints."""
        answer = self.program("ledger", "anchor", *words, "--json")
        assert answer.code == code, answer
        found: dict[str, Any] = json.loads(answer.out)
        return found


@pytest.fixture
def sending(program: Program, clock: Clock, tmp_path: Path) -> Sending:
    (tmp_path / "g.csv").write_text(table([graduate(row) for row in (1, 2, 3)]))
    assert program("issuer", "issue", tmp_path / "g.csv", "--name", "U", "--out", tmp_path / "d").code == 0
    return Sending(program, clock, tmp_path)


@pytest.fixture
def clock(program: Program) -> Clock:
    standing = Clock()
    program.now = lambda: standing.now
    return standing


def test_the_commands(sending: Sending) -> None:
    program, clock, gazette = sending.program, sending.clock, sending.gazettes[NAME]
    for words in ("list", "run", "status"):
        assert "No ledger is named yet" in program("ledger", "anchor", words).err
    added = program("ledger", "anchor", "add", NAME, "--every", "36h").out
    assert added == f"{NAME}: one checkpoint in 36h at the most\n"
    assert program("ledger", "anchor", "list").out == added
    assert sending("list")["anchors"][0]["settings"].keys() == {"of"}
    assert program("ledger", "anchor", "status").out.endswith(f"{NAME}: has nothing yet\n")
    (made,) = sending("run")["anchors"]
    size = made["waiting"]
    assert (made["name"], made["anchored"], made["gone"], made["problem"]) == (NAME, [], [], None)
    entries = f"{size} entries"
    assert program("ledger", "anchor", "run").out == f"{NAME}: the checkpoint of {entries} is on its way\n"
    clock.now += timedelta(hours=1)
    gazette.print(clock.now)
    assert program("ledger", "anchor", "run").out == f"{NAME} has the checkpoint of {entries} now\n"
    assert program("ledger", "anchor", "run").out == f"{NAME}: nothing is due\n"
    assert f"{NAME}: has the checkpoint of {entries}, since 2026-07-01 13:00Z" in (
        program("ledger", "anchor", "status").out
    )
    gazette.withdraw()
    told = program("ledger", "anchor", "run").out.splitlines()
    assert told[0] == f"{NAME} has lost the checkpoint of {entries}"
    told = program("ledger", "anchor", "status").out.splitlines()
    assert told[1:] == [
        f"{NAME}: has nothing yet",
        f"    the checkpoint of {entries} waits, since 2026-07-01 12:00Z",
        f"    the checkpoint of {entries} is gone from there, found at 2026-07-01 13:00Z",
    ]
    state = sending("status")["anchors"][0]
    assert (state["anchored"], state["waiting"]["size"], state["gone"][0]["size"]) == (None, size, size)
    gazette.print(clock.now)
    assert sending("run")["anchors"][0]["anchored"] == [size]
    assert sending("status")["anchors"][0]["anchored"]["size"] == size


def test_a_log_of_its_own_has_an_outbox_of_its_own(sending: Sending, tmp_path: Path) -> None:
    program, at = sending.program, ("ledger", "--in", tmp_path / "elsewhere")
    assert program(*at, "anchor", "add", NAME).code == 4
    assert program(*at, "init", "log.example").code == 0
    assert program(*at, "anchor", "add", NAME).code == 0
    assert program(*at, "anchor", "run").out == f"{NAME}: nothing is due\n"
    assert "No ledger is named yet" in program("ledger", "anchor", "list").err


def test_a_ledger_of_no_kind_is_refused(sending: Sending) -> None:
    refused = sending.program("ledger", "anchor", "add", "nowhere:1")
    assert (refused.code, "no checkpoints are sent to 'nowhere:1' from here" in refused.err) == (1, True)
    sending.program.deployment = USUAL  # those that there are
    assert sending.program("ledger", "anchor", "add", NAME).code == 1


@pytest.mark.slow
def test_while_another_one_sends_it_is_said_to_come_later(sending: Sending) -> None:
    sending("add", NAME)
    with turn(Outbox(sending.program.home / "issuer")):
        answer = sending.program("ledger", "anchor", "run")
    assert (answer.code, answer.out) == (75, ""), answer


def test_an_anchor_is_handed_what_it_may_need(
    sending: Sending, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What may be secret comes from the environment, and is asked for when it is needed."""
    seen = []

    def begin(name: str, given: Mapping[str, str], sender: Sender) -> Mapping[str, Any]:
        assert sender.folder == sending.program.home / "issuer"
        seen.append((name, sender.nodes(name), sender.passphrase()))
        return {}

    (tmp_path / "passphrase").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("INTAGLIO_RPC_GAZETTE_EXAMPLE", "https://node.example/secret")
    kind = gazettes(tmp_path)["gazette"]._replace(begin=begin)
    sending.program.deployment = Deployment(anchors={"gazette": kind})
    assert sending("add", NAME)["settings"] == {}
    sending("add", OTHER)
    assert seen == [
        (NAME, "https://node.example/secret", b"correct horse battery"),
        (OTHER, None, b"correct horse battery"),
    ]


def test_what_is_in_the_way_is_told_and_keeps_none_of_the_others(sending: Sending, tmp_path: Path) -> None:
    class Shut(GazetteAnchor):
        def prepare(self, checkpoint: Checkpoint) -> bytes:
            if self.name == NAME:
                raise Unavailable("its office is closed")
            return super().prepare(checkpoint)

    sending("add", NAME)
    sending.program.deployment = Deployment(anchors=gazettes(tmp_path, Shut))
    sending("run", code=3)
    sending("add", OTHER)
    answer = sending.program("ledger", "anchor", "run")
    assert answer.code == 7
    assert f"{NAME}: Could not be reached: its office is closed" in answer.err
    assert f"{OTHER}: the checkpoint of" in answer.out


def test_doctor_tells_what_waits_too_long(sending: Sending, tmp_path: Path) -> None:
    program, clock = sending.program, sending.clock

    def found() -> dict[str, str]:
        told = json.loads(program("doctor", "--json").out)["findings"]
        return {each["code"]: each["finding"] for each in told if each["code"].startswith("anchor")}

    assert found() == {}
    sending("add", NAME)
    assert found() == {}
    clock.now += timedelta(hours=49)
    assert "2026-07-01 12:00Z" in found()["anchor-not-run"]
    sending("run")
    assert found() == {}
    clock.now += timedelta(hours=25)
    assert found().keys() == {"anchor-waits"}
    sending.gazettes[NAME].print(clock.now)
    sending("run")
    assert found().keys() == {"anchor-has"}
    sending.gazettes[NAME].withdraw()
    sending("run")
    assert found().keys() == {"anchor-gone", "anchor-waits"}
    assert program("doctor").code == 1

    class Poor(GazetteAnchor):
        def examine(self) -> list[Finding]:
            return [CLOSED]

    program.deployment = Deployment(anchors=gazettes(tmp_path, Poor))
    assert "its office is closed" in program("doctor").out
    program.deployment = Deployment(anchors={})
    assert "no checkpoints are sent" in found()["anchor-not-examined"]


def test_what_is_kept_of_a_chain_is_said_in_words(program: Program) -> None:
    assert program("issuer", "init", "--name", "U").code == 0
    contract, former = f"0x{'11' * 20}", f"0x{'22' * 20}"
    settings: dict[str, Any] = {
        "account": f"0x{'33' * 20}",
        "asOf": 21,
        "contract": contract,
        "cost": "0.0003",
        "depth": 12,
        "feeCap": 100,
        "feeKey": None,
        "former": [{"contract": former, "since": 3}],
        "nodes": "/srv/nodes",
        "owner": f"0x{'44' * 20}",
        "since": 7,
    }
    Outbox(program.home / "issuer").add("eip155:1", timedelta(days=1), settings, NOW)
    shown = program("ledger", "anchor", "list").out
    assert f"    its contract: {contract}\n" in shown
    assert f"    a former contract, whose evidence stays good: {former}\n" in shown
    assert "    paid for a unit of gas at the most: 100 gwei\n" in shown
    for language in (shown, program("--lang", "zh", "ledger", "anchor", "list").out):
        assert [name for name in settings if f"    {name}  " in language] == []
        assert "asOf" not in language
        assert "None" not in language
    assert json.loads(program("ledger", "anchor", "list", "--json").out)["anchors"][0]["settings"] == settings
