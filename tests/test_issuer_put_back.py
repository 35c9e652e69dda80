"""Each part of an issuer's folder put back alone, as from a backup: refused or mended, by name.

The matrix: every part as it was before each kind of command, in the folder as the command left it. Whatever
the registrar does then, nobody's diploma is revoked and VALID, no two share a position in a status list,
and no bundle is exported that does not verify.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from intaglio.words import health
from issuer.desk.claims import ClaimLinks
from issuer.identity.home import LIFETIME, published_list
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.ahead import accept_clock
from issuer.keeping.closing import close
from issuer.keeping.export import export
from issuer.keeping.health import examine_issuer
from keys import PrivateKey
from tests.copying import copy_folder
from tests.world import NOW, Holder, csv_file, graduate, issuer_in, of_diploma, trust_in, verifier
from vc import Bundle, Credential, StatusList, Verdict
from vc.forms import FORMS
from vc.status import Reason, StatusEntry
from verifier import Trust
from wire.health import Health
from wire.problem import Problem
from wire.sqlite import connect

LATER = NOW + LIFETIME - timedelta(days=20)
"""When the lists are due."""

AHEAD, LAST = LATER + timedelta(hours=6), LATER + timedelta(hours=12)
CLOCK = {"status publish": LATER, "revoke, ahead of time": AHEAD, "clock accept": LATER, "close": LAST}
"""What it says from a command on."""

EVE, ADA = (PrivateKey.generate() for _ in range(2))

PASSPHRASE = b"correct horse battery"
"""Of the keys, once they are sealed."""

PARTS = {
    "issuer.json": ["issuer.json"],
    "keys.json": ["keys.json"],
    "template.json": ["template.json"],
    "did.json": ["did.json"],
    "documents": ["documents"],
    "issuer.sqlite": ["issuer.sqlite", "issuer.sqlite-wal", "issuer.sqlite-shm"],
    "clock.json": ["clock.json"],
    "claims.sqlite": ["claims.sqlite", "claims.sqlite-wal", "claims.sqlite-shm"],
    "log": ["log"],
    "issuer.checkpoint": ["../issuer.checkpoint"],
    "log and issuer.checkpoint": ["log", "../issuer.checkpoint"],
    "status": ["status"],
    "shards": ["shards"],
}
"""By what one calls them; the checkpoint is kept beside the folder."""


def number(index: int) -> str:
    return f"UNI-{index:06}"


@contextmanager
def opened(home: Path, now: datetime = NOW) -> Iterator[Issuer]:
    issuer = Issuer(home, lambda: PASSPHRASE, lambda: now)
    try:
        yield issuer
    finally:
        issuer.store.close()


# What a registrar does


def links(home: Path) -> ClaimLinks:
    return ClaimLinks(home / "claims.sqlite", "https://uni.example")


def offer(issuer: Issuer, index: int, name: str) -> None:
    """A link, which is kept beside the issuer's folder as its holder keeps it."""
    link = links(issuer.home).offer(of_diploma(number(index)), issuer, now=NOW)
    (issuer.home.parent / name).write_text(link.token)


def redeem(issuer: Issuer, name: str, key: PrivateKey) -> bytes:
    token = (issuer.home.parent / name).read_text()
    answer = Holder(key).accept(links(issuer.home).invite(token, issuer, now=NOW))
    return links(issuer.home).redeem(token, answer, issuer, now=NOW)


def issue_file(issuer: Issuer, *rows: int) -> None:
    folder = issuer.home.parent
    source = csv_file(folder / f"{rows[0]}.csv", [graduate(row) for row in rows])
    issuer.issue_file(Order(source, folder / "errors.csv", workers=0))


def anew(issuer: Issuer, index: int, name: str) -> None:
    issuer.release(number(index))
    offer(issuer, index, name)


def revoke(issuer: Issuer, index: int) -> None:
    issuer.revoke([number(index)], Reason.FRAUD, date=NOW, now=issuer._clock())


def publish(issuer: Issuer) -> None:
    """As each command does in the end, and the service within a minute."""
    issuer.lists.publish(now=issuer._clock())


def in_turn(*steps: Callable[[Issuer], object]) -> Callable[[Issuer], None]:
    def take(issuer: Issuer) -> None:
        for step in steps:
            step(issuer)

    return take


STORY: dict[str, Callable[[Issuer], object]] = {
    "issue": lambda issuer: issue_file(issuer, 1, 2, 3, 4),
    "issue, of one": lambda issuer: issuer.issue(graduate(5)),
    "issue, of more": lambda issuer: issue_file(issuer, 6, 7),
    "correct": in_turn(lambda issuer: issuer.correct(number(1), {"gpa": "4.0"}), publish),
    "revoke": lambda issuer: revoke(issuer, 2),
    "claim": in_turn(lambda issuer: offer(issuer, 3, "stolen"), lambda issuer: offer(issuer, 4, "lost")),
    "claim, again": lambda issuer: offer(issuer, 4, "lost too"),
    "wallet receive": in_turn(lambda issuer: redeem(issuer, "stolen", EVE), publish),
    "claim --anew": in_turn(lambda issuer: anew(issuer, 3, "mailed"), publish),
    "claim --anew, of one that nobody has": lambda issuer: anew(issuer, 4, "mailed too"),
    "status publish": lambda issuer: issuer.lists.publish(now=LATER, anew=True),
    "revoke, ahead of time": lambda issuer: revoke(issuer, 7),
    "clock accept": lambda issuer: accept_clock(issuer, LATER),
    "close": lambda issuer: close(issuer),
    "password": lambda issuer: issuer.keys.change_passphrase(lambda: PASSPHRASE),
}
"""Each kind of command, in an order that makes sense."""

ENDS = {"claim, again": "lost", "claim --anew": "stolen", "claim --anew, of one that nobody has": "lost too"}
"""The link that ends by a command."""

TAKEN = {"wallet receive": "stolen"}
"""The link by which Eve's wallet got a diploma: it is good for no other."""


class State(NamedTuple):
    """The folder before and after a command, and what is true then."""

    before: Path
    after: Path
    handed: list[Bundle]
    """Out before: somebody has these files."""
    issued: list[Bundle]
    """Of all editions, as an intact folder exports them afterwards."""
    ended: list[str]
    """The links that get nothing any more."""
    taken: list[str]
    """Those that a wallet has used."""
    then: datetime
    """When something else is done there."""
    trust: Trust


@functools.cache
def story(folder: Path) -> dict[str, State]:
    """The folder as it was before and after each command."""
    home = folder / "now" / "issuer"
    home.parent.mkdir(parents=True)
    issuer_in(home).log.checkpoint()
    with opened(home) as issuer:
        trust = trust_in(issuer)
    states: dict[str, State] = {}
    handed: list[Bundle] = []
    ended: list[str] = []
    taken: list[str] = []
    now = NOW
    for place, (command, do) in enumerate(STORY.items()):
        now = CLOCK.get(command, now)
        before = copied(home, folder / f"{place} before")
        with opened(home, now) as issuer:
            do(issuer)
        after = copied(home, folder / f"{place} after")
        with opened(copied(home, folder / f"{place} looked at"), now) as issuer:
            issued = list(issuer.bundles(issuer.entries()))
        ended = [*ended, *([ENDS[command]] if command in ENDS else [])]
        taken = [*taken, *([TAKEN[command]] if command in TAKEN else [])]
        then = LAST if now == LAST else LATER
        states[command] = State(before, after, handed, issued, ended, taken, then, trust)
        handed = issued
    return states


def copied(home: Path, folder: Path) -> Path:
    copy_folder(home.parent, folder, ignore=shutil.ignore_patterns("*.lock"))
    return folder / home.name


def put_back(part: str, state: State, folder: Path) -> Path | None:
    """The folder as the command left it, but for one part; `None` where the command left that as it was."""
    home = copied(state.after, folder)
    same = True
    for name in PARTS[part]:
        there, old = home / name, state.before / name
        same &= content(there) == content(old)
        if there.is_dir():
            shutil.rmtree(there)
        there.unlink(missing_ok=True)
        if old.is_dir():
            copy_folder(old, there)
        elif old.exists():
            shutil.copy(old, there)
    return None if same else home


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [found for found in path.rglob("*") if found.is_file()]
    return {
        str(file.relative_to(path)): file.read_bytes() for file in files if not file.name.endswith(".lock")
    }


# What may happen then


AFTERWARDS: dict[str, Callable[[Issuer], object]] = {
    "list": lambda issuer: list(issuer.entries()),
    "issue": lambda issuer: issuer.issue(graduate(90)),
    "issue a file": lambda issuer: issue_file(issuer, 91, 92),
    "correct": lambda issuer: issuer.correct(number(1), {"gpa": "3.9"}),
    "revoke": lambda issuer: revoke(issuer, 6),
    "claim": lambda issuer: offer(issuer, 5, "another"),
    "receive": lambda issuer: redeem(issuer, "another", ADA),
    "export": lambda issuer: exported(issuer),
    "status publish": lambda issuer: issuer.lists.publish(now=issuer._clock(), anew=True),
    "export again": lambda issuer: exported(issuer),
}


def exported(issuer: Issuer) -> None:
    for _ in export(issuer, list(issuer.entries()), issuer.home.parent / "out"):
        pass


def place(bundle: Bundle) -> tuple[str, int]:
    entry = StatusEntry.parse(Credential.parse(bundle.secured).status[0])
    return entry.list_url, entry.index


def is_revoked(bundle: Bundle) -> bool:
    """Whether the list says so that came along."""
    listed = Credential.parse(bundle.status_lists[0].document).subjects[0]
    return bool(StatusList.decode(listed["encodedList"])[place(bundle)[1]])


def verdict(bundle: Bundle, state: State, home: Path | None = None) -> Verdict:
    """As somewhere else, or on the machine of the issuer in `home`."""
    here = () if home is None else (functools.partial(published_list, home),)
    return verifier(state.trust, lists=here).verify(bundle, now=state.then).verdict


def outcome(part: str, home: Path, state: State) -> str:
    """What becomes of all that can be done, in words; raises where it is wrong."""
    lost = {place(bundle) for bundle in state.issued if is_revoked(bundle)}
    out = home.parent / "out"
    said: dict[str, list[str]] = {}

    def require_nothing_wrong() -> None:
        for bundle in state.handed:
            if place(bundle) in lost:
                assert verdict(bundle, state, home) is not Verdict.VALID
        owners = {place(bundle): bundle.secured["id"] for bundle in state.issued}
        for bundle in [Bundle.parse(path.read_bytes(), FORMS) for path in out.glob("*.json")]:
            assert verdict(bundle, state) is (Verdict.INVALID if is_revoked(bundle) else Verdict.VALID)
            assert is_revoked(bundle) or place(bundle) not in lost
            assert owners.setdefault(place(bundle), bundle.secured["id"]) == bundle.secured["id"]

    require_nothing_wrong()
    try:
        for finding in examine_issuer(home, state.then):
            if finding.health is Health.FAILED:
                said.setdefault(health.found(finding), []).append("doctor")
    except Problem as problem:  # that leaves nothing to look at
        said.setdefault(problem.detail, []).append("doctor")
    for command, do in AFTERWARDS.items():
        try:
            with opened(home, state.then) as issuer:
                do(issuer)
        except Problem as problem:
            said.setdefault(problem.detail, []).append(command)
        except FileNotFoundError:
            if command != "receive":  # by a link that was refused
                raise
        require_nothing_wrong()
    for link, key in [*((link, EVE) for link in state.ended), *((link, ADA) for link in state.taken)]:
        with pytest.raises(Problem), opened(home, state.then) as issuer:
            redeem(issuer, link, key)
    words = "; ".join(f"{', '.join(commands)}: {detail}" for detail, commands in said.items())
    return words.replace(str(home.parent.resolve()), "…") or f"mended: {mended(part, home, state)}"


def mended(part: str, home: Path, state: State) -> str:
    """Where nothing was refused: what made the part good again. Raises where nothing did."""
    with opened(home, state.then) as issuer:
        match part:
            case "issuer.checkpoint":
                kept = home.parent / "issuer.checkpoint"
                assert kept.read_bytes() == (home / "log" / "checkpoint").read_bytes()
                return "the log's newest checkpoint is kept anew with the next signature"
            case "issuer.sqlite":  # the command did nothing but make links
                with closing(connect(home / "claims.sqlite", "ro")) as links:
                    (last,) = links.execute("SELECT max(rowid) FROM link").fetchone()
                assert issuer.links() == last
                return "the next link is counted after all that the list of links has"
            case "claims.sqlite":
                return "of its links none that was used or ended is good, and the next is counted after them"
            case "clock.json":
                signed = issuer.log.time()
                assert signed is not None
                assert signed <= state.then
                return "all that was signed ahead has been signed anew since"
    raise AssertionError(f"nobody said that {part} is from before")


# The matrix


SAMPLE = [
    ("issuer.sqlite", "issue, of one"),
    ("issuer.sqlite", "revoke"),
    ("issuer.sqlite", "claim --anew"),
    ("status", "revoke"),
    ("status", "status publish"),
    ("claims.sqlite", "claim --anew"),
    ("claims.sqlite", "claim, again"),
    ("log and issuer.checkpoint", "correct"),
    ("shards", "issue, of more"),
    ("issuer.json", "close"),
]


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, State]:
    return story(tmp_path_factory.mktemp("story"))


@pytest.mark.slow
@pytest.mark.parametrize(("part", "command"), SAMPLE)
def test_a_part_put_back_is_refused_or_mended_by_name(
    states: dict[str, State], part: str, command: str, tmp_path: Path
) -> None:
    home = put_back(part, states[command], tmp_path / "put back")
    assert home is not None
    assert outcome(part, home, states[command])


@pytest.mark.soak
def test_every_part_put_back_from_before_every_command(states: dict[str, State], tmp_path: Path) -> None:
    wrong = []
    print()
    for command, state in states.items():
        for part in PARTS:
            folder = tmp_path / f"{part} {command}".replace("/", " ")
            home = put_back(part, state, folder)
            try:
                said = "the same" if home is None else outcome(part, home, state)
            except AssertionError as error:
                said = f"WRONG: {error}".splitlines()[0]
                wrong.append((part, command))
            print(f"| {command} | {part} | {said} |", flush=True)
            shutil.rmtree(folder)
    assert not wrong
