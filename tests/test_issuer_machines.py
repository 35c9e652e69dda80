"""Machines of one issuer, each with a folder of its own, over one database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from intaglio.api.tokens import NO_SUCH_TOKEN, TOKEN_TAKEN, Right, Tokens
from issuer.archive.kept import KindNumber
from issuer.desk.links import token_digest
from issuer.desk.linkstore import SQLiteLinks
from issuer.desk.opening import open_links, require_links
from issuer.problem import CLAIMS_LOST, CLOCK_UNLIKE_DATABASE, DAMAGED_CLAIMS
from issuer.shared import keep_store_address, shared_in
from issuer.shared.machines import FILE, INTERVAL, clock_of_machine, examine_machines
from keys import KeyFile
from tests import postgres_server
from tests.problems import raises
from wire.health import Finding, Health
from wire.problem import Damaged, Refused

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = 1_900_000_000
Machine = Callable[[str], Path]
"""The folder of the machine of a name."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def made(name: str) -> Path:
        server, home = postgres_server.server(), tmp_path / name
        if not home.exists():
            home.mkdir()
            keep_store_address(home, server.uri(server.of(tmp_path), "issuer"))
        return home

    return made


def test_a_folder_by_itself_has_its_links(tmp_path: Path) -> None:
    assert isinstance(open_links(tmp_path), SQLiteLinks)
    require_links(tmp_path, 0)
    with raises(CLAIMS_LOST):
        require_links(tmp_path, 1)


def test_links_in_a_database_make_no_file(tmp_path: Path) -> None:
    keep_store_address(tmp_path, "postgresql://issuer@127.0.0.1:1/none")
    open_links(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == ["store.json"]


@postgres_server.needed
@pytest.mark.slow
class TestTogether:
    """What one machine does counts on the others at once."""

    def test_a_token(self, machine: Machine) -> None:
        one, two = Tokens(machine("one")), Tokens(machine("two"))
        text = one.add("registry", [Right.ISSUE], NOW)
        assert two.rights(text) == frozenset([Right.ISSUE])
        with raises(TOKEN_TAKEN):
            two.add("registry", [Right.STATUS], NOW)
        two.end("registry")
        assert one.rights(text) is None
        with raises(NO_SUCH_TOKEN):
            one.end("registry")
        assert not list(machine("one").glob("tokens*"))

    def test_a_claim_link(self, machine: Machine) -> None:
        one, two = open_links(machine("one")), open_links(machine("two"))
        token = token_digest("token")
        with one.making():
            one.make_good(one.draw_up([(token, KindNumber("diploma", "A"), 0)], 0), LATER)
        require_links(machine("two"), 1)
        assert two.bind(token, "did:key:one", 1)[1]
        assert not one.bind(token, "did:key:two", 1)[1]
        assert not list(machine("one").glob("claims*"))

    def test_an_older_copy_of_the_links_is_found_out(self, machine: Machine) -> None:
        with raises(CLAIMS_LOST):
            require_links(machine("one"), 1)
        links = open_links(machine("one"))
        with links.making():
            links.draw_up([(token_digest("token"), KindNumber("diploma", "A"), 0)], 0)
        with raises(DAMAGED_CLAIMS):
            require_links(machine("two"), 2)


def machine_keys(home: Path, *names: str) -> KeyFile:
    """The keys of a machine: new ones, unless it has some."""
    if not (home / "keys.json").exists():
        return KeyFile.create(home / "keys.json", dict.fromkeys(names, "Ed25519"), None)
    return KeyFile.open(home / "keys.json", lambda: None)


def utc_now() -> datetime:
    return datetime.now(UTC)


def ahead(seconds: float) -> Callable[[], datetime]:
    """A clock that is so far ahead."""
    return lambda: utc_now() + timedelta(seconds=seconds)


def test_a_machine_alone_goes_by_its_own_clock(tmp_path: Path) -> None:
    keys, clock = machine_keys(tmp_path, "log"), ahead(10**6)
    assert clock_of_machine(tmp_path, keys, clock) is clock
    assert list(examine_machines(tmp_path, keys.public_keys)) == []
    assert not (tmp_path / FILE).exists()


@postgres_server.needed
@pytest.mark.slow
class TestMachines:
    """The rows of the machines, and the clock of their database."""

    @pytest.fixture
    def keys(self, machine: Machine) -> KeyFile:
        one = machine_keys(machine("one"), "assertion", "log")
        for name in ("two", "three"):
            (machine(name) / "keys.json").write_bytes(one.path.read_bytes())
            (machine(name) / "keys.json").chmod(0o600)
        return one

    @staticmethod
    def seen(home: Path, seconds: float = 0.0) -> Callable[[], datetime]:
        """Opens a machine to sign, with a clock that is so far ahead."""
        return clock_of_machine(home, machine_keys(home), ahead(seconds))

    @staticmethod
    def findings(home: Path, health: Health | None = None, **limits: timedelta) -> list[Finding]:
        found = examine_machines(home, machine_keys(home).public_keys, **limits)
        return [finding for finding in found if health in (None, finding.health)]

    @pytest.mark.usefixtures("keys")
    def test_one_whose_clock_differs_signs_nothing_and_the_others_go_on(self, machine: Machine) -> None:
        for seconds in (-600, -125, 125, 600):
            with raises(CLOCK_UNLIKE_DATABASE) as raised:
                self.seen(machine("two"), seconds)
            assert raised.value.facts["seconds"] == abs(seconds)
        for seconds in (-110, 0, 110):
            self.seen(machine("one"), seconds)()
        self.seen(machine("two"))()  # which was set right

    @pytest.mark.usefixtures("keys")
    def test_doctor_says_on_each_which_clock_differs(self, machine: Machine) -> None:
        self.seen(machine("one"))
        with raises(CLOCK_UNLIKE_DATABASE):
            self.seen(machine("two"), 600)
        for name in ("one", "two", "three"):
            (failed,) = self.findings(machine(name), Health.FAILED)
            assert (failed.code, failed.facts["seconds"]) == ("machine-clock", 600)
            assert len(self.findings(machine(name), Health.PASSED)) == 2

    def test_a_clock_that_goes_wrong_later_is_found_out(self, machine: Machine, keys: KeyFile) -> None:
        lead = timedelta()
        clock = clock_of_machine(machine("one"), keys, lambda: utc_now() + lead, interval=timedelta())
        clock()
        lead = timedelta(minutes=10)
        with raises(CLOCK_UNLIKE_DATABASE):
            clock()
        lead = timedelta(seconds=1)
        clock()

    def test_the_database_is_asked_once_in_an_interval(self, machine: Machine, keys: KeyFile) -> None:
        asked = list[datetime]()

        def now() -> datetime:
            asked.append(utc_now())
            return asked[-1]

        clock = clock_of_machine(machine("one"), keys, now)
        at_first = len(asked)
        for _ in range(5):
            clock()
        assert len(asked) == at_first + 5
        assert timedelta(minutes=1) <= INTERVAL

    @pytest.mark.usefixtures("keys")
    def test_a_machine_has_one_row(self, machine: Machine) -> None:
        for name in ("one", "two", "one", "two"):
            self.seen(machine(name))
        assert [finding.code for finding in self.findings(machine("one"))] == ["machine-seen"] * 2

    @pytest.mark.usefixtures("keys")
    def test_doctor_says_who_was_not_seen_for_long(self, machine: Machine, tmp_path: Path) -> None:
        for name in ("one", "two"):
            self.seen(machine(name))
        assert self.findings(machine("one"), Health.WARNED) == []
        server = postgres_server.server()
        server.execute(
            "UPDATE intaglio_issuer.machine SET seen = seen - interval '8 days'", server.of(tmp_path)
        )
        self.seen(machine("one"))
        (warned,) = self.findings(machine("one"), Health.WARNED)
        assert warned.code == "machine-absent"
        assert self.findings(machine("one"), Health.WARNED, long=timedelta(days=9)) == []

    @pytest.mark.usefixtures("keys")
    def test_doctor_says_which_runs_another_release(self, machine: Machine, tmp_path: Path) -> None:
        self.seen(machine("two"))
        server = postgres_server.server()
        server.execute("UPDATE intaglio_issuer.machine SET release = '99.0'", server.of(tmp_path))
        self.seen(machine("one"))
        (warned,) = self.findings(machine("one"), Health.WARNED)
        assert (warned.code, warned.facts["release"]) == ("machine-release", "99.0")
        assert warned.facts["ours"] == version("intaglio")

    def test_doctor_says_whose_keys_differ(self, machine: Machine, keys: KeyFile) -> None:
        for name in ("one", "two", "three"):
            self.seen(machine(name))
        keys.add({"assertion-next": "Ed25519"})
        self.seen(machine("one"))
        failed = self.findings(machine("one"), Health.FAILED)
        assert [(each.code, each.facts["keys"]) for each in failed] == [
            ("machine-keys", "assertion-next")
        ] * 2
        assert len(self.findings(machine("two"), Health.FAILED)) == 1

    @pytest.mark.usefixtures("keys")
    def test_a_damaged_name_of_a_machine_is_damage(self, machine: Machine) -> None:
        self.seen(machine("one"))
        for content in (b"{", b"{}"):
            (machine("one") / FILE).write_bytes(content)
            with raises(Damaged):
                self.seen(machine("one"))

    @pytest.mark.usefixtures("keys")
    def test_a_release_that_does_not_know_the_schema_is_refused(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        self.seen(machine("one"))
        server = postgres_server.server()
        server.execute("INSERT INTO intaglio_issuer.step VALUES (99)", server.of(tmp_path))
        with raises(Refused):
            self.seen(machine("two"))
        with raises(Refused):
            shared_in(machine("three")).read("issuer.json")
