"""Machines of one issuer, each with a folder of its own, over one database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from intaglio.api.tokens import NO_SUCH_TOKEN, TOKEN_TAKEN, Right, Tokens
from issuer.archive.engines import open_index
from issuer.archive.kept import DEFAULT, KindNumber
from issuer.desk.links import token_digest
from issuer.desk.linkstore import SQLiteLinks
from issuer.desk.opening import open_links, require_links
from issuer.identity.succession import KeysChanged
from issuer.issuer import Issuer
from issuer.keeping.health import examine_issuer
from issuer.keeping.joining import join, write_keys
from issuer.keeping.rotation import rotate
from issuer.problem import (
    ANOTHER_ROOT,
    CLAIMS_LOST,
    CLOCK_UNLIKE_DATABASE,
    DAMAGED_CLAIMS,
    HOME_TAKEN,
    NO_ISSUER,
    NOT_SHARED,
)
from issuer.shared import keep_store_address, shared_in
from issuer.shared.machines import FILE, INTERVAL, clock_of_machine, examine_machines
from keys import KeyFile, WrongPassphrase
from tests import postgres_server, s3_server
from tests.commandline import Program
from tests.problems import raises
from tests.s3_twin import Twin
from tests.world import HEADER, NOW, csv_file, graduate, issuer_in, reopened, table, verifier_for
from vc import Verdict
from vc.forms import SD_JWT_VC
from wire.consent import NotAgreed, not_agreed
from wire.health import Finding, Health
from wire.problem import Damaged, NotFound, Refused
from wire.strict import base64url_encode

LATER = 1_900_000_000
SHARDS = f"s3://{s3_server.BUCKET}/shards"
NOWHERE = "postgresql://issuer@127.0.0.1:1/none"
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
    keep_store_address(tmp_path, NOWHERE)
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
        server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{server.of(tmp_path)}'"
        )
        with raises(Refused):
            shared_in(machine("three")).read("issuer.json")


def agreed(_: str) -> None:
    """Whatever the file names is agreed to."""


@pytest.fixture
def twin() -> Iterator[Twin]:
    """The bucket of all machines."""
    twin = Twin()
    with twin.reached():
        yield twin
    twin.close()


@postgres_server.needed
@pytest.mark.slow
@pytest.mark.usefixtures("twin")
class TestJoining:
    """A machine is made of a file of keys, over a database that has the issuer."""

    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        server = postgres_server.server()
        return server.uri(server.of(tmp_path), "machine")

    @pytest.fixture
    def one(self, tmp_path: Path, address: str) -> Issuer:
        """The issuer on its first machine."""
        return issuer_in(
            tmp_path / "one", database=address, ledger=address, shards=SHARDS, url="https://uni.example"
        )

    @staticmethod
    def keys_of(issuer: Issuer, name: str = "keys") -> Path:
        file = issuer.home.with_name(name)
        write_keys(issuer.home, file)
        return file

    def test_a_machine_that_joined_issues_for_all(self, one: Issuer, address: str, tmp_path: Path) -> None:
        identity = join(tmp_path / "two", address, self.keys_of(one), lambda: None, agreed)
        assert (identity.did, identity.name) == (one.did, one.name)
        two = reopened(tmp_path / "two")
        one.issue_many([graduate(1)])
        two.issue_many([graduate(2)])
        assert [entry.number for entry in one.entries()] == [entry.number for entry in two.entries()]
        assert one.store.count() == 2
        bundle = one.bundle(two.current("UNI-000002"))
        assert verifier_for(one).verify(bundle.to_bytes(), now=NOW).verdict is Verdict.VALID
        assert sorted(path.name for path in (tmp_path / "two").iterdir() if path.suffix == ".json") == [
            "keys.json",
            "ledger.json",
            "machine.json",
            "store.json",
        ]

    def test_the_keys_stay_as_they_are_sealed(self, address: str, tmp_path: Path) -> None:
        secret = b"correct horse battery staple"
        one = issuer_in(
            tmp_path / "one",
            database=address,
            ledger=address,
            shards=SHARDS,
            passphrase=lambda: secret,
        )
        file = tmp_path / "keys"
        assert write_keys(one.home, file)
        assert file.stat().st_mode & 0o777 == 0o600
        with raises(WrongPassphrase):
            join(tmp_path / "two", address, file, lambda: b"another", agreed)
        join(tmp_path / "two", address, file, lambda: secret, agreed)
        assert KeyFile.open(tmp_path / "two" / "keys.json", lambda: secret).protected

    def test_another_root_is_refused_and_nothing_is_left(
        self, one: Issuer, address: str, tmp_path: Path
    ) -> None:
        content = json.loads(self.keys_of(one).read_bytes())
        content["keys"]["secrets"]["root"] = base64url_encode(bytes(32))
        (tmp_path / "other").write_text(json.dumps(content))
        before = sorted(tmp_path.iterdir())
        with raises(ANOTHER_ROOT):
            join(tmp_path / "two", address, tmp_path / "other", lambda: None, agreed)
        assert sorted(tmp_path.iterdir()) == before

    def test_keys_from_before_a_rotation_are_refused(self, one: Issuer, address: str, tmp_path: Path) -> None:
        former = self.keys_of(one)
        rotate(one)
        with raises(KeysChanged):
            join(tmp_path / "two", address, former, lambda: None, agreed)
        join(tmp_path / "two", address, self.keys_of(one, "newer"), lambda: None, agreed)

    def test_a_machine_that_is_there_gets_new_keys(self, one: Issuer, address: str, tmp_path: Path) -> None:
        join(tmp_path / "two", address, self.keys_of(one), lambda: None, agreed)
        rotate(one)
        two = reopened(tmp_path / "two")
        with raises(KeysChanged):
            two.issue_many([graduate(1)])
        join(tmp_path / "two", address, self.keys_of(one, "newer"), lambda: None, agreed)
        reopened(tmp_path / "two").issue_many([graduate(1)])
        assert one.store.count() == 1

    def test_a_folder_with_something_else_is_left_alone(
        self, one: Issuer, address: str, tmp_path: Path
    ) -> None:
        (tmp_path / "two").mkdir()
        with raises(HOME_TAKEN):
            join(tmp_path / "two", address, self.keys_of(one), lambda: None, agreed)
        assert list((tmp_path / "two").iterdir()) == []

    def test_a_database_without_an_issuer_is_joined_by_none(self, one: Issuer, tmp_path: Path) -> None:
        server = postgres_server.server()
        empty = server.uri(server.of(tmp_path / "another"), "machine")
        with raises(NO_ISSUER):
            join(tmp_path / "two", empty, self.keys_of(one), lambda: None, agreed)
        assert not (tmp_path / "two").exists()

    def test_the_address_of_the_log_is_asked_about(self, one: Issuer, address: str, tmp_path: Path) -> None:
        asked = list[str]()
        join(tmp_path / "two", address, self.keys_of(one), lambda: None, asked.append)
        assert asked == [address]

        def declining(named: str) -> None:
            raise not_agreed(tmp_path, named)

        with raises(NotAgreed):
            join(tmp_path / "three", address, self.keys_of(one, "again"), lambda: None, declining)
        assert not (tmp_path / "three").exists()

    def test_an_old_dump_is_refused_by_each_machine_that_saw_more(
        self, one: Issuer, address: str, tmp_path: Path
    ) -> None:
        """It agrees with itself: index, log and small files are of one time."""
        server, keys = postgres_server.server(), self.keys_of(one)
        for name in ("two", "three"):
            join(tmp_path / name, address, keys, lambda: None, agreed)
        one.issue_many([graduate(1)])
        assert reopened(tmp_path / "three").log.checkpoint().size
        name = server.of(tmp_path)
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        server.execute(f"CREATE DATABASE {name}_dump TEMPLATE {name}")
        one.issue_many([graduate(2)])
        assert reopened(tmp_path / "two").log.checkpoint().size > 0
        dump = server.uri(f"{name}_dump", "machine")
        for home in (one.home, tmp_path / "two", tmp_path / "three"):
            keep_store_address(home, dump)
            (home / "ledger.json").write_text(json.dumps({"version": 1, "address": dump}))
        for home in (one.home, tmp_path / "two"):
            with pytest.raises(Damaged, match="the log once had"):
                reopened(home).issue_many([graduate(3)])
            with pytest.raises(Damaged, match="the log once had"):
                list(examine_issuer(home, utc_now()))
            with pytest.raises(Damaged, match="the log once had"):
                _ = reopened(home).reader
        # The third saw no more than the dump has, and nothing here tells it: it goes on.
        reopened(tmp_path / "three").issue_many([graduate(3)])

    def test_a_clock_that_is_off_signs_nothing(self, one: Issuer, address: str, tmp_path: Path) -> None:
        join(tmp_path / "two", address, self.keys_of(one), lambda: None, agreed)
        now = utc_now()
        wrong = Issuer(tmp_path / "two", lambda: None, lambda: now + timedelta(minutes=10))
        with raises(CLOCK_UNLIKE_DATABASE):
            wrong.issue_many([graduate(1)])
        assert one.store.count() == 0
        Issuer(tmp_path / "two", lambda: None, lambda: now).issue_many([graduate(1)])
        assert one.store.count() == 1


@postgres_server.needed
@pytest.mark.slow
@pytest.mark.usefixtures("twin")
def test_a_machine_joins_by_two_commands(program: Program, tmp_path: Path) -> None:
    server = postgres_server.server()
    address, keys, two = server.uri(server.of(tmp_path), "machine"), tmp_path / "keys", tmp_path / "two"
    made = program("issuer", "init", "--name", "Example University", "--store", address, "--shards", SHARDS)
    assert made.code == 0, made.err
    saved = program("issuer", "backup", "--keys", keys)
    assert (saved.code, saved.out.strip()) == (0, str(keys))
    assert "not sealed" in saved.err
    content = keys.read_bytes()
    assert program("issuer", "backup", "--keys", keys).code == 1
    assert keys.read_bytes() == content
    joined = program("--home", two, "issuer", "join", address, "--keys", keys)
    assert joined.code == 0, joined.err
    assert "Example University" in joined.err
    source = csv_file(tmp_path / "graduates.csv", [graduate(1), graduate(2)])
    issued = program("--home", two, "issuer", "issue", source.path, "--out", tmp_path / "given")
    assert issued.code == 0, issued.err
    listed = program("issuer", "list")
    assert listed.out.count("Given") == 2, listed.out
    found = program("doctor")
    assert "last seen" in found.out, found.out


@postgres_server.needed
@pytest.mark.slow
@pytest.mark.usefixtures("twin")
def test_a_file_is_read_for_the_issuer_in_the_database(program: Program, tmp_path: Path) -> None:
    """Another form is one beside its own, and rows that were given numbers are known."""
    server = postgres_server.server()
    address = server.uri(server.of(tmp_path), "machine")
    made = program("issuer", "init", "--name", "U", "--store", address, "--shards", SHARDS)
    assert made.code == 0, made.err
    second = ("--form", "application/dc+sd-jwt")
    for row, form in ((1, second), (2, ())):
        source = csv_file(tmp_path / f"{row}.csv", [graduate(row)])
        issued = program("issuer", "issue", source.path, "--out", tmp_path / "given", *form)
        assert issued.code == 0, issued.err
    with closing(open_index(program.home / "issuer")) as index:
        assert [entry.form for entry in index.entries(-1)] == [SD_JWT_VC, DEFAULT]
    unnumbered = tmp_path / "u.csv"
    unnumbered.write_text(table([graduate(3)], [name for name in HEADER if name != "diploma_number"]))
    words = ("issuer", "issue", unnumbered, "--number", "{year}-{seq:06}")
    issued = program(*words, "--out", tmp_path / "given")
    assert issued.code == 0, issued.err
    again = program(*words, "--dry-run")
    assert "0 would be issued" in again.out + again.err, again


def test_an_issuer_in_a_folder_has_no_keys_for_others(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "one")
    with raises(NOT_SHARED):
        write_keys(issuer.home, tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


@postgres_server.needed
@pytest.mark.slow
def test_an_archive_in_a_folder_is_for_one_machine(tmp_path: Path) -> None:
    """Other machines could neither give out nor finish what was issued from a file."""
    server = postgres_server.server()
    address = server.uri(server.of(tmp_path), "machine")
    issuer = issuer_in(tmp_path / "one", database=address, ledger=address)
    with raises(NOT_SHARED, match="the archive lies in"):
        write_keys(issuer.home, tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{}", b'{"version": 1, "ledger": 7, "keys": {}}', b'{"version": 1, "ledger": "x"}'],
)
def test_a_file_of_keys_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "keys").write_bytes(content)
    with raises(Damaged):
        join(tmp_path / "two", NOWHERE, tmp_path / "keys", lambda: None, agreed)
    with raises(NotFound):
        join(tmp_path / "two", NOWHERE, tmp_path / "none", lambda: None, agreed)
    assert not (tmp_path / "two").exists()
