"""An issuer whose log asks witnesses: the commands, its bundles, what wallets and verifiers make of them."""

from __future__ import annotations

import csv
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from hub import make_hub, open_witness
from hub.http import create_app
from intaglio.commands.issuer.place import Place
from intaglio.publishing import asking
from intaglio.publishing import create_app as published
from intaglio.session import Session, utc_now
from keys import PrivateKey
from ledger import Checkpoint, VerifierKey
from ledger.add_checkpoint import AddCheckpoint
from ledger.cosigned import Cosigned
from ledger.cosigning import Witnesses
from ledger.evidence import parse_proof
from ledger.folder import open_to_read
from ledger.note import SignatureType, fingerprint
from ledger.problem import OTHER_ROOT, WITNESS_AT_OTHER_SIZE
from ledger.tiles.layout import prefix
from ledger.witness import Witness
from tests.commandline import Answer, Program
from tests.problems import raises
from tests.serving import listening, serving
from tests.test_service_logs import running
from tests.witnessing import FORK, HONEST, LOG_KEY, URL
from tests.world import NOW, Holder
from vc import Bundle
from vc.forms import FORMS
from wire.consent import digest_of
from wire.fetch import HttpsFetcher
from wire.files import make_private_folder
from wire.problem import Problem, TooLarge

CSV = Path(__file__).parents[1] / "examples" / "diploma" / "graduates.csv"
NAMES = ("a", "b", "c")
CREDENTIAL = {"@context": ["https://www.w3.org/ns/credentials/v2"], "type": ["VerifiableCredential"]}


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
            self.open(name)
            self.witnesses[name].state.add(self.key, "https://log.example")
        stack = self.running[name] = ExitStack()
        listener = stack.enter_context(listening())
        stack.enter_context(serving(create_app(self.witnesses[name]), listener))
        self.urls[name] = f"http://localhost:{listener.getsockname()[1]}/witness"

    def stop(self, name: str) -> None:
        self.running.pop(name).close()

    def open(self, name: str) -> None:
        """Opens its folder as that is by now."""
        self.witnesses[name] = open_witness(self.folder / name / "hub", lambda: None, self.clock)


class Liar(Witness):
    """Signs whatever it is sent, and says that it was long ago."""

    def add_checkpoint(self, body: bytes) -> bytes:
        text = AddCheckpoint.parse(body).checkpoint.text
        return self.state.key.sign(self._signer, text, datetime(2001, 1, 1, tzinfo=UTC))


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

    def begin(self, name: str) -> None:
        """A hub begins, or is back, and the university is told where."""
        self.hubs.start(name)
        key, url = self.hubs.witnesses[name].state.key, self.hubs.urls[name]
        added = self.university("ledger", "witness", "add", key, url)
        assert added.code == 0, added.err

    def problems(self) -> dict[str, str]:
        """The code of what keeps each hub from signing."""
        folder = self.university.home / "issuer"
        client = HttpsFetcher(allow_loopback=True, timeout=1)
        witnesses = Witnesses(Cosigned(folder), client, self.clock)
        witnesses.ask(open_to_read(folder), seconds=1, waits=True, everyone=True)
        known = witnesses.cosigned.witnesses()
        return {each.key.name.partition(".")[0]: each.problem for each in known if each.problem}

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
    made_story = Story(university, employer, hubs, clock, tmp_path)
    for name in NAMES:
        made_story.begin(name)
    yield made_story
    for name in list(hubs.running):
        hubs.stop(name)


def bundle(path: Path) -> Bundle:
    return Bundle.parse(path.read_bytes(), FORMS)


@pytest.mark.slow
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
    assert "2 of 3 are needed: 1 may be away, and 0 may lie" in run.out
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
    story.begin("b")
    code, told = story.export("again")
    assert (code, told["written"], told["unwitnessed"]) == (0, 3, 0)
    for number in range(3):
        assert story.verdict(f"again/UNI-2026-0000{number}.json").startswith("VALID")


@pytest.mark.slow
def test_five_hubs_of_which_each_fails_in_its_way(story: Story) -> None:
    """Four are needed. In every phase the university issues, and the verdict is as the policy says."""
    for name in ("d", "e"):
        story.begin(name)
    story.ask("quorum", "4")
    story.recognise()
    issued = 0

    def issues(code: int, verdict: str) -> None:
        nonlocal issued
        story.clock.now += timedelta(minutes=1)
        assert story.issue(issued)[0] == code
        answer = story.employer(
            "verify", story.folder / "out" / f"UNI-2026-{issued:05}.json", "--offline", "--json"
        )
        report = json.loads(answer.out)
        assert report["verdict"] == verdict, answer.out
        evidence = next(check for check in report["checks"] if check["name"] == "evidence")
        if verdict == "valid":
            assert evidence["facts"]["time"] == f"{story.clock.now:%Y-%m-%d %H:%MZ}"
        else:
            assert evidence["code"] == "evidence-too-few-witnesses"
        issued += 1

    issues(0, "valid")
    assert story.problems() == {}
    shutil.copytree(story.hubs.folder / "d", story.folder / "yesterday")
    # One is killed.
    story.hubs.stop("a")
    issues(0, "valid")
    assert story.problems() == {"a": "unavailable"}
    story.begin("a")
    # One is cut off: it takes connections, and nothing comes.
    story.hubs.stop("b")
    with listening() as silent:
        url = f"http://localhost:{silent.getsockname()[1]}"
        story.university("ledger", "witness", "add", story.hubs.witnesses["b"].state.key, url)
        issues(0, "valid")
        assert story.problems() == {"b": "unavailable"}
    story.begin("b")
    issues(0, "valid")
    assert story.problems() == {}
    # One lies: it signs anything, as of 2001. The time is that of the others.
    story.hubs.stop("c")
    honest = story.hubs.witnesses["c"]
    story.hubs.witnesses["c"] = Liar(honest.state, honest._signer, story.clock)
    story.begin("c")
    issues(0, "valid")
    # One is put back to yesterday, and what lies beside it.
    story.hubs.stop("d")
    shutil.rmtree(story.hubs.folder / "d")
    shutil.copytree(story.folder / "yesterday", story.hubs.folder / "d")
    story.hubs.open("d")
    story.begin("d")
    issues(0, "valid")
    assert story.problems() == {}
    # Two are away: what is issued waits for them.
    for name in ("a", "b"):
        story.hubs.stop(name)
    issues(7, "undetermined")
    assert story.problems() == {"a": "unavailable", "b": "unavailable"}
    assert set(findings(story.university)) == {"quorum-lost", "witness-without-line"}
    for name in ("a", "b"):
        story.begin(name)
    assert story.export("again")[0] == 0
    for number in range(issued):
        assert story.verdict(f"again/UNI-2026-{number:05}.json").startswith("VALID")


@pytest.mark.slow
def test_a_diploma_of_before_a_keys_end_exported_after_it_is_valid_by_witnesses_time(story: Story) -> None:
    """Whoever goes by the witnesses' time sees when they saw it, and not when it was exported."""
    story.ask("quorum", "2")
    story.recognise()
    origin = open_to_read(story.university.home / "issuer").origin
    assert story.employer("trust", "require", origin, "witnesses").code == 0
    story.issue(0)
    seen = story.clock.now
    story.clock.now += timedelta(days=100)
    rotated = story.university("issuer", "key", "rotate", "--yes")
    assert rotated.code == 0, rotated.err
    story.clock.now += timedelta(days=100)
    story.issue(1)
    assert story.export("after")[0] == 0
    answer = story.employer("verify", story.folder / "after" / "UNI-2026-00000.json", "--offline", "--json")
    report = json.loads(answer.out)
    assert report["verdict"] == "valid", answer.out
    evidence = next(check for check in report["checks"] if check["name"] == "evidence")
    assert evidence["facts"]["time"] == f"{seen:%Y-%m-%d %H:%MZ}"
    # With the newest checkpoint alone, it would have been seen after the end of its key.
    issuer = story.university.home / "issuer"
    whole = bundle(story.folder / "after" / "UNI-2026-00000.json")
    index = parse_proof(whole.evidence[0].body)[0]
    proof = open_to_read(issuer).evidence(index, Cosigned(issuer).newest())
    (story.folder / "late.json").write_bytes(replace(whole, evidence=(proof,)).to_bytes())
    assert story.verdict("late.json").startswith("NOT VALID")


@pytest.mark.slow
def test_both_lines_of_a_hub_are_kept(story: Story) -> None:
    """With Ed25519 and with ML-DSA-44; the hub counts once."""
    hub, url = story.hubs.witnesses["a"], story.hubs.urls["a"]
    assert hub.state.second is not None
    assert story.university("ledger", "witness", "add", hub.state.second, url).code == 0
    assert story.ask("quorum", "3")["of"] == 3
    story.recognise()
    assert story.issue(0)[0] == 0
    assert story.ask("run")["seen"] == 3
    note = Cosigned(story.university.home / "issuer").newest()
    assert note is not None
    both = {hub.state.key, hub.state.second}
    assert set(Checkpoint.parse(note).signers(both)) == both
    assert story.verdict("out/UNI-2026-00000.json").startswith("VALID")


@pytest.mark.slow
def test_groups_are_handed_out(story: Story) -> None:
    """A verifier asks for what the log asks for."""
    story.ask("quorum", "all of (a.example, any of (b.example, c.example))")
    story.recognise()
    handed = json.loads((story.folder / "university.json").read_text())
    assert handed["version"] == 8
    story.hubs.stop("c")
    assert story.issue(0)[0] == 0
    assert story.verdict("out/UNI-2026-00000.json").startswith("VALID")
    story.begin("c")
    story.hubs.stop("a")
    assert story.issue(1)[0] == 7
    assert story.verdict("out/UNI-2026-00001.json").startswith("COULD NOT BE DECIDED")


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


def findings(program: Program) -> dict[str, str]:
    """What `doctor` says of witnesses and hubs, by its code."""
    told = json.loads(program("doctor", "--json").out)["findings"]
    ours = ("quorum", "entries", "witness", "hub", "log-behind")
    return {each["code"]: each["finding"] for each in told if each["code"].startswith(ours)}


def test_doctor_tells_of_witnesses(story: Story) -> None:
    story.ask("quorum", "2")
    assert findings(story.university).keys() == {"entries-unwitnessed"}
    story.issue(0)
    assert findings(story.university).keys() == {"quorum-has"}
    for name in ("a", "b"):
        story.hubs.stop(name)
    assert story.issue(1)[0] == 7
    said = findings(story.university)
    assert said.keys() == {"quorum-lost", "witness-without-line"}
    assert "2026-07-01 12:00Z" in said["quorum-lost"]
    assert "holds 1 entry" in said["quorum-lost"]
    assert story.university("doctor").code == 1
    key = story.hubs.witnesses["a"].state.key
    cosigned = Cosigned(story.university.home / "issuer")
    cosigned.answered(key, 0, None, WITNESS_AT_OTHER_SIZE.code, 1000)
    assert "a.example says that it has cosigned 1000 entries" in findings(story.university)["witness-ahead"]


def test_doctor_tells_of_a_hub(story: Story) -> None:
    assert story.employer("hub", "init", "hub.example").code == 0
    assert "hub.example" in findings(story.employer)["hub-found"]
    assert story.employer("hub", "add", LOG_KEY, URL).code == 0
    witness = open_witness(story.employer.home / "hub", lambda: None, story.clock)
    witness.add_checkpoint(HONEST.request(0, 3))
    with raises(OTHER_ROOT):
        witness.add_checkpoint(FORK.request(3, 3))
    assert findings(story.employer).keys() == {"hub-found", "hub-fork"}
    (story.employer.home / "hub" / "witness.sqlite").unlink()
    assert story.employer("doctor").code == 1


@pytest.mark.quick("True")
@pytest.mark.parametrize("is_asked_first", [True, False])
def test_an_issuer_that_was_put_back_signs_nothing_more(story: Story, *, is_asked_first: bool) -> None:
    """What lies beside its folder was put back as well: only a witness knows better."""
    story.issue(0)
    home = story.university.home
    shutil.copytree(home, story.folder / "copy")
    story.issue(1)
    shutil.rmtree(home)
    shutil.copytree(story.folder / "copy", home)
    if is_asked_first:
        found = story.university("ledger", "witness", "run")
        assert (found.code, "the log signed and does not have" in found.err) == (1, True)
    else:
        code, told = story.issue(2)
        assert (code, told["unwitnessed"]) == (7, 1)
    refused = story.university("issuer", "issue", story.folder / "1.csv", "--json")
    assert json.loads(refused.out)["error"]["code"] == "log-behind"
    assert story.university("doctor").code == 1


@pytest.mark.slow
def test_the_service_of_a_log_asks_and_shows_what_enough_have_signed(story: Story) -> None:
    story.ask("quorum", "2")
    issuer = story.university.home / "issuer"
    log = open_to_read(issuer)
    client = HttpsFetcher(allow_loopback=True, timeout=5)
    witnesses = Witnesses(Cosigned(issuer), client, story.clock)
    with listening() as listener, serving(published(log), listener), asking(witnesses, log, 0.05, 0.05):
        address = f"http://localhost:{listener.getsockname()[1]}{prefix(log.origin)}/checkpoint"
        keys = [witness.state.key for witness in story.hubs.witnesses.values()]

        def shown() -> Checkpoint:
            return Checkpoint.parse(httpx.get(address, trust_env=False).content)

        until(lambda: len(shown().signers(keys)) == 3)
        for name in ("b", "c"):
            story.hubs.stop(name)
        story.issue(0)
        assert log.checkpoint().size > shown().size > 0
        story.begin("c")
        until(lambda: shown().size == log.checkpoint().size)
        assert len(shown().signers(keys)) == 2


def test_nobody_is_asked_whom_a_folder_from_elsewhere_names(story: Story) -> None:
    """As for the nodes of chains: whoever hands over a folder could else learn who opens it (F23)."""
    elsewhere = story.folder / "elsewhere"
    shutil.copytree(story.university.home / "issuer", elsewhere)
    place = ("ledger", "--in", elsewhere, "witness")
    assert story.employer(*place, "run").code == 3
    found = {each.problem for each in Cosigned(elsewhere).witnesses()}
    assert found == {"not-agreed"}
    assert {witness.state.logs()[0].size for witness in story.hubs.witnesses.values()} == {0}
    agreed = [word for each in Cosigned(elsewhere).witnesses() for word in ("--agree", digest_of(each.named))]
    assert story.employer(*agreed, *place, "run").code == 0
    assert 0 not in {witness.state.logs()[0].size for witness in story.hubs.witnesses.values()}
    told = json.loads(story.employer("doctor", "--in", elsewhere, "--json").out)["findings"]
    assert [each["code"] for each in told].count("named-agreed") == 3


@pytest.mark.slow
def test_a_claim_asks_and_is_answered_even_so(story: Story) -> None:
    story.ask("quorum", "2")
    story.issue(0, 1)
    made = Place(story.university.home / "issuer", Session(story.university.home, now=story.clock)).open()
    wallets = Holder(), Holder()
    first = Bundle.parse(made.claim("UNI-2026-00000", wallets[0].did), FORMS)
    assert made.witnessing()(first)
    for name in NAMES:
        story.hubs.stop(name)
    second = Bundle.parse(made.claim("UNI-2026-00001", wallets[1].did), FORMS)
    assert not made.witnessing()(second)


@pytest.mark.slow
def test_the_service_as_a_process_asks(story: Story) -> None:
    story.clock.now = utc_now()
    story.ask("quorum", "3")
    keys = [witness.state.key for witness in story.hubs.witnesses.values()]
    with running(story.university.home, "ledger", "serve") as (address, lines):
        until(lambda: len(Checkpoint.parse(httpx.get(address, trust_env=False).content).signers(keys)) == 3)
    assert "witness" not in "".join(lines)


def test_the_commands_of_a_log_of_ones_own(program: Program, tmp_path: Path) -> None:
    place = ("ledger", "--in", tmp_path / "log")
    assert program(*place, "init", "university.example/log").code == 0
    for verb in ("run", "list"):
        answer = program(*place, "witness", verb)
        assert (answer.code, "No witness is named yet" in answer.err) == (0, True)
    for number in (1, 2, 3):
        secret = PrivateKey.generate()
        key = VerifierKey(f"w{number}.example", SignatureType.COSIGNATURE, secret.public_key)
        added = program(*place, "witness", "add", key, "https://hub.example/witness")
        assert f"fingerprint: {fingerprint(key.name, key)}" in added.out
        assert added.err == ""  # there is no issuer, whose trust file would be another one
    said = program(*place, "witness", "quorum", "2 of (w1.example, 1 of (w2.example, w3.example))")
    assert said.out.startswith("needed are 2 of (w1.example, 1 of (w2.example, w3.example))\n")
    refused = program(*place, "witness", "quorum", "4")
    assert (refused.code, "cannot be had from 3 witnesses" in refused.err) == (1, True)
    shown = program(*place, "witness", "list").out
    assert "w1.example, https://hub.example/witness: has cosigned nothing yet" in shown
    for bad in (("add", "garbage", "https://hub.example"), ("add", LOG_KEY, "https://hub.example")):
        assert program(*place, "witness", *bad).code == 1
    assert program(*place, "witness", "remove", "w4.example").code == 4


def until(is_so: Callable[[], bool], within: float = 20.0) -> None:
    """Waits for what another thread does."""
    deadline = time.monotonic() + within
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("checkpoint", 1, "malformed"),
        ("checkpoint", -1, "malformed"),
        ("checkpoint", True, "malformed"),
        ("checkpoint", "0", "malformed"),
        ("checkpoints", {}, "malformed"),
        ("checkpoints", [1], "malformed"),
        ("version", 3, "later-version"),
        ("version", 5, "unsupported-form"),
    ],
)
def test_a_bundle_whose_checkpoints_do_not_fit(member: str, value: object, code: str) -> None:
    note = "log.example\n1\nAAAA\n\n" + "— x AAAA\n" * 3
    evidence = {"type": "c2sp.org/tlog-proof@v1", "digest": "A" * 43, "proof": "c2sp\n\n", "checkpoint": 0}
    value_of = {"type": "IntaglioBundle", "version": 4, "credential": CREDENTIAL, "checkpoints": [note]}
    whole = {**value_of, "evidence": [evidence]}
    (found,) = Bundle.parse(json.dumps(whole).encode(), FORMS).evidence
    assert found.body.decode() == f"c2sp\n\n{note}"
    target = evidence if member == "checkpoint" else whole
    target[member] = value
    with pytest.raises(Problem) as refused:
        Bundle.parse(json.dumps(whole).encode(), FORMS)
    assert refused.value.code == code


def test_one_long_checkpoint_is_not_copied_without_end() -> None:
    """Sixty-four documents with sixty-four proofs each would be half a gigabyte."""
    evidence = {"type": "c2sp.org/tlog-proof@v1", "digest": "A" * 43, "proof": "", "checkpoint": 0}
    document = {"document": {}, "evidence": [evidence] * 64}
    whole = {
        "type": "IntaglioBundle",
        "version": 4,
        "credential": CREDENTIAL,
        "checkpoints": ["x" * (1 << 17)],
        "issuerDocuments": [document] * 64,
    }
    with raises(TooLarge):
        Bundle.parse(json.dumps(whole).encode(), FORMS)
