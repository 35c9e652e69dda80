"""An issuer whose log asks witnesses: the commands, its bundles, what wallets and verifiers make of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from hub import make_hub, open_witness
from hub.http import create_app
from ledger import VerifierKey
from ledger.evidence import parse_proof
from ledger.folder import open_to_read
from ledger.witness import Witness
from tests.commandline import Answer, Program
from tests.serving import listening, serving
from tests.world import NOW
from vc import Bundle
from vc.forms import FORMS
from wire.files import make_private_folder

CSV = Path(__file__).parents[1] / "examples" / "diploma" / "graduates.csv"
NAMES = ("a", "b", "c")


@dataclass
class Hubs:
    """Real hubs over HTTP on loopback, each of which can be stopped."""

    folder: Path
    key: VerifierKey
    clock: Callable[[], datetime]
    running: dict[str, ExitStack] = field(default_factory=dict)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def start(self, name: str) -> None:
        folder = self.folder / name
        if name not in self.witnesses:
            folder.mkdir()
            make_hub(folder / "hub", f"{name}.example", lambda: None)
            self.witnesses[name] = open_witness(folder / "hub", lambda: None, self.clock)
            self.witnesses[name].state.add(self.key, "https://log.example")
        stack = self.running[name] = ExitStack()
        listener = stack.enter_context(listening())
        stack.enter_context(serving(create_app(self.witnesses[name]), listener))
        self.urls[name] = f"http://localhost:{listener.getsockname()[1]}/witness"

    def stop(self, name: str) -> None:
        self.running.pop(name).close()


class Typist(Program):
    """One of several people, each with a home."""

    def __call__(self, *words: object, stdin: bytes = b"", at_terminal: bool = False) -> Answer:
        self._monkeypatch.setenv("INTAGLIO_HOME", str(self.home))
        return super().__call__(*words, stdin=stdin, at_terminal=at_terminal)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Story:
    """A university, its three hubs, and an employer who asks for two of them."""

    university: Program
    employer: Program
    hubs: Hubs
    clock: Clock
    folder: Path

    def issue(self, *numbers: int) -> tuple[int, dict[str, object]]:
        """The code and the result of issuing some rows of the file of the demo."""
        with CSV.open(newline="") as file:
            header, *rows = csv.reader(file)
        target = self.folder / f"{'-'.join(map(str, numbers))}.csv"
        with target.open("w", newline="") as file:
            csv.writer(file).writerows([header, *(rows[number] for number in numbers)])
        answer = self.university("issuer", "issue", target, "--out", self.folder / "out", "--json")
        return answer.code, json.loads(answer.out)

    def ask(self, *words: object) -> dict[str, object]:
        answer = self.university("ledger", "witness", *words, "--json")
        return {"code": answer.code, **json.loads(answer.out)}

    def export(self, folder: str) -> tuple[int, dict[str, object]]:
        answer = self.university("issuer", "export", "--out", self.folder / folder, "--json")
        return answer.code, json.loads(answer.out)

    def verdict(self, file: str) -> str:
        return self.employer("verify", self.folder / file, "--offline").out.partition("\n")[0]

    def recognise(self) -> None:
        handed = self.folder / "university.json"
        handed.write_text(self.university("issuer", "trust").out)
        added = self.employer("trust", "add", handed)
        assert added.code == 0, added.err


@pytest.fixture
def story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Story]:
    clock = Clock()
    homes = (tmp_path / name for name in ("university", "employer"))
    university, employer = (Typist(home, monkeypatch, capsys) for home in homes)
    university.now = employer.now = clock
    made = university("issuer", "init", "--name", "Example University", "--url", "https://university.example")
    assert made.code == 0, made.err
    key = open_to_read(tmp_path / "university" / "issuer").verifier_key
    hubs = Hubs(tmp_path / "hubs", key, clock)
    make_private_folder(hubs.folder)
    for name in NAMES:
        hubs.start(name)
        added = university("ledger", "witness", "add", hubs.witnesses[name].state.key, hubs.urls[name])
        assert added.code == 0, added.err
    yield Story(university, employer, hubs, clock, tmp_path)
    for name in list(hubs.running):
        hubs.stop(name)


def bundle(path: Path) -> Bundle:
    return Bundle.parse(path.read_bytes(), FORMS)


def test_the_story(story: Story) -> None:
    """Two of three are needed. One goes, then another one: what is issued meanwhile waits for them."""
    said = story.ask("quorum", "2")
    assert (said["quorum"], said["of"], said["liars"], said["away"]) == (2, 3, 0, 1)
    story.recognise()
    assert story.issue(0)[0] == 0
    story.hubs.stop("c")
    story.clock.now += timedelta(minutes=1)
    code, told = story.issue(1)
    assert (code, told["unwitnessed"]) == (0, 0)
    run = story.university("ledger", "witness", "run")
    assert run.code == 0
    assert "is seen by 2 of 3 witnesses" in run.out
    assert "2 of 3 are needed: that stands 0 that lie, and 1 that are away" in run.out
    assert "c.example: " in run.err
    for number in (0, 1):
        assert story.verdict(f"out/UNI-2026-0000{number}.json").startswith("VALID")
    story.hubs.stop("b")
    story.clock.now += timedelta(minutes=1)
    lost = story.clock.now
    code, told = story.issue(2)
    assert (code, told["issued"], told["unwitnessed"]) == (7, 1, 1)
    assert story.verdict("out/UNI-2026-00002.json").startswith("COULD NOT BE DECIDED")
    assert story.ask("run")["code"] == 3
    assert story.ask("list")["lost"] == lost.replace(microsecond=0).isoformat()
    # Those from before are not open: their checkpoints are kept.
    assert story.verdict("out/UNI-2026-00001.json").startswith("VALID")
    story.hubs.start("b")
    story.university("ledger", "witness", "add", story.hubs.witnesses["b"].state.key, story.hubs.urls["b"])
    code, told = story.export("again")
    assert (code, told["written"], told["unwitnessed"]) == (0, 3, 0)
    for number in range(3):
        assert story.verdict(f"again/UNI-2026-0000{number}.json").startswith("VALID")


def test_a_checkpoint_that_several_proofs_share_stands_once(story: Story) -> None:
    """In version 4; without witnesses' lines a bundle is as former programs read it."""
    story.ask("quorum", "1")
    story.issue(0)
    path = story.folder / "out" / "UNI-2026-00000.json"
    written, read = json.loads(path.read_bytes()), bundle(path)
    assert (written["version"], len(written["checkpoints"])) == (4, 1)
    parts = [written, *written["issuerDocuments"], *written["statusLists"]]
    assert [item["checkpoint"] for part in parts for item in part["evidence"]] == [0, 0, 0]
    (note,) = written["checkpoints"]
    carried = [each.evidence for each in (*read.issuer_documents, *read.status_lists)]
    proofs = [item.body for evidence in (read.evidence, *carried) for item in evidence]
    assert {parse_proof(proof)[2] for proof in proofs} == {note.encode()}
    assert read.to_bytes() == path.read_bytes()
    for name in NAMES:
        story.university("ledger", "witness", "remove", f"{name}.example")
    assert json.loads(story.university("ledger", "witness", "list", "--json").out)["witnesses"] == []


def test_a_wallet_keeps_what_waits_for_witnesses_and_says_so(story: Story) -> None:
    story.ask("quorum", "2")
    story.recognise()
    for name in NAMES:
        story.hubs.stop(name)
    assert story.issue(0)[0] == 7
    (story.employer.home / "passphrase").write_text("four or five words")
    story.employer._monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(story.employer.home / "passphrase"))
    (story.employer.home / "passphrase").chmod(0o600)
    assert story.employer("wallet", "init").code == 0
    kept = story.employer("wallet", "import", story.folder / "out" / "UNI-2026-00000.json")
    assert kept.code == 0, kept.err
    assert "by then more witnesses have signed" in kept.err
