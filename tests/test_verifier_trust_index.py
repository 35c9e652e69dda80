"""A long trust file and its index: whatever the index is, the file decides."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from intaglio.session import Session
from keys import PrivateKey
from ledger import TrustedLedger
from tests.world import NOW, University, verifier
from vc.anchoring import document_digest
from verifier import RecognisedIssuer, Trust
from verifier.sources.trust_index import LONG, IndexedTrust, index_of, open_trust
from wire import Malformed, base64url_encode

UNIVERSITY, OTHER = University(), University("other.example")
BUNDLE = UNIVERSITY.issue()
KEYS = [PrivateKey.generate().public_key.multikey() for _ in range(3)]


def long_list() -> Trust:
    crowd = [
        RecognisedIssuer(
            f"did:web:university{number}.example",
            f"University {number}",
            keys=(KEYS[number % 3],),
            status_issuers=("https://status.example/lists",) if number % 7 == 0 else (),
        )
        for number in range(500)
    ]
    (first,) = UNIVERSITY.documents
    pins = (base64url_encode(document_digest(first.document)),)  # others speak through its log, too
    (issuer,) = UNIVERSITY.trust.issuers
    trust = UNIVERSITY.trust.adding(replace(issuer, documents=pins)).joined(OTHER.trust)
    for_more = (*trust.logs[0].issuers, crowd[3].id, "did:web:nobody.example")
    gazette = TrustedLedger("gazette.example/notice@v1", "gazette:example", {"issues": ["5" * 64]})
    shared = replace(trust.logs[0], issuers=for_more, ledgers=(gazette,))
    return Trust((*crowd, *trust.issuers), (shared, *trust.logs[1:]))


WHOLE = long_list()


def settle(path: Path) -> None:
    """As if the index had been made a while after the file."""
    later = path.stat().st_ctime_ns + 2_000_000_000
    os.utime(index_of(path), ns=(later, later))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A trust file with an index that is in use."""
    file = tmp_path / "trust.json"
    file.write_bytes(WHOLE.to_bytes())
    assert isinstance(open_trust(file), Trust)
    settle(file)
    assert isinstance(open_trust(file), IndexedTrust)
    return file


def test_it_says_of_each_name_what_the_file_says(path: Path) -> None:
    indexed = open_trust(path)
    names = [issuer.id for issuer in WHOLE.issuers]
    names += [
        "https://status.example/lists",
        "did:web:nobody.example",
        "did:web:stranger.example",
        "",
        "\ud800",
    ]
    for _ in range(2):  # read, then remembered
        for name in names:
            assert indexed.issuer(name) == WHOLE.issuer(name)
            assert indexed.issuer(name, types=["X"], at=NOW) == WHOLE.issuer(name)
            assert indexed.policy_for(name).logs == WHOLE.policy_for(name).logs


def test_it_knows_the_names_that_look_alike(path: Path) -> None:
    indexed = open_trust(path)
    assert isinstance(indexed, IndexedTrust)
    for name in ("Univers1ty 77", "UNIVERSITY 4", "Example Univeristy", "Nobody's College", ""):
        found = indexed.resembling(name)
        assert list(found) == list(WHOLE.resembling(name))
        assert len(found) <= 3
    assert [issuer.name for issuer in indexed.resembling("Example Univers1ty")] == ["Example University"] * 2


@pytest.mark.slow
def test_a_log_that_speaks_for_very_many_makes_no_long_index(tmp_path: Path) -> None:
    """What is said of each was once kept by itself, all of it at once: 1.9 GB for a file of 4 MB."""
    path, names = tmp_path / "trust.json", tuple(map(str, range(50_000)))
    trust = Trust((RecognisedIssuer("7"),), (replace(UNIVERSITY.recognised_log, issuers=names),))
    path.write_bytes(trust.to_bytes())
    tracemalloc.start()
    try:
        Trust.load(path)
        _, alone = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        open_trust(path)
        _, indexed = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert indexed - alone < 500 * len(names)
    assert index_of(path).stat().st_size < 50 * len(names)
    settle(path)
    found = open_trust(path)
    assert isinstance(found, IndexedTrust)
    for name in ("7", "49999"):
        assert found.issuer(name) == trust.issuer(name)
        assert found.policy_for(name).logs == trust.policy_for(name).logs


def test_a_bundle_is_judged_by_it_as_by_the_file(path: Path) -> None:
    reports = [verifier(trust).verify(BUNDLE, now=NOW).to_dict() for trust in (open_trust(path), WHOLE)]
    assert reports[0] == reports[1]
    assert reports[0]["verdict"] == "valid"
    session = Session(path.parent)
    assert session.recognises(UNIVERSITY.did)
    assert not session.recognises("did:web:stranger.example")
    assert isinstance(session.verifier(offline=True).trust, IndexedTrust)


def test_a_file_that_changed_is_read_whatever_its_times_say(path: Path) -> None:
    before = path.stat()
    changed = path.read_bytes().replace(UNIVERSITY.did.encode(), UNIVERSITY.did.encode()[:-1] + b"f")
    path.write_bytes(changed)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert open_trust(path).issuer(UNIVERSITY.did) is None
    settle(path)
    found = open_trust(path)
    assert isinstance(found, IndexedTrust)
    assert found.issuer(UNIVERSITY.did) is None
    path.write_bytes(b'{"version": 1, "issuers": "' + b"x" * LONG + b'"}')
    with pytest.raises(Malformed):
        open_trust(path)
    path.unlink()
    assert open_trust(path).issuer(UNIVERSITY.did) is None


def test_an_index_made_just_after_the_file_is_not_believed_yet(tmp_path: Path) -> None:
    """The file could have been changed once more in the same tick of its clock."""
    path = tmp_path / "trust.json"
    path.write_bytes(WHOLE.to_bytes())
    open_trust(path)
    now = path.stat().st_ctime_ns
    os.utime(index_of(path), ns=(now, now))
    assert isinstance(open_trust(path), Trust)


def test_no_damaged_index_is_believed(path: Path) -> None:
    index = index_of(path)
    sound = index.read_bytes()
    for place in (*range(0, len(sound), len(sound) // 150), len(sound) - 1):
        broken = bytearray(sound)
        broken[place] ^= 1
        index.write_bytes(broken)
        settle(path)
        assert IndexedTrust.open(path, _state_of(path)) is None, place
    for short in (b"", sound[:40], sound[: len(sound) // 2]):
        index.write_bytes(short)
        settle(path)
        assert isinstance(open_trust(path), Trust)
        settle(path)
        assert isinstance(open_trust(path), IndexedTrust)


def _state_of(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_uid


def test_it_is_its_owners_alone(path: Path) -> None:
    index = index_of(path)
    assert index.stat().st_mode & 0o777 == 0o600
    for mode in (0o620, 0o602):
        index.chmod(mode)
        assert IndexedTrust.open(path, _state_of(path)) is None
    index.chmod(0o600)
    assert IndexedTrust.open(path, _state_of(path)) is not None
    if os.geteuid() == 0:
        os.chown(index, 12345, -1)
        assert IndexedTrust.open(path, _state_of(path)) is None
    index.unlink()
    os.mkfifo(index)
    assert isinstance(open_trust(path), Trust)  # and waits for nobody


def test_where_it_cannot_be_written_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(WHOLE.to_bytes())
    index_of(path).mkdir()  # in whose place no file can be put, whoever runs this
    for _ in range(2):
        assert open_trust(path) == WHOLE
    assert [found.name for found in tmp_path.iterdir() if found.name.endswith(".tmp")] == []


def test_a_short_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    path.write_bytes(UNIVERSITY.trust.to_bytes())
    assert open_trust(path) == UNIVERSITY.trust
    assert list(tmp_path.iterdir()) == [path]


def test_a_log_that_speaks_for_all_stands_there_once(tmp_path: Path) -> None:
    """What is said of other ledgers may be long: for each issuer anew, it would fill the disk."""
    pins = {"headers": ["5" * 64] * 900}
    ledgers = tuple(TrustedLedger("chain.example/v1", f"chain:{number}", pins) for number in range(16))
    shared = replace(WHOLE.logs[0], issuers=tuple(one.id for one in WHOLE.issuers), ledgers=ledgers)
    path = tmp_path / "trust.json"
    path.write_bytes(Trust(WHOLE.issuers, (shared,)).to_bytes())
    open_trust(path)
    settle(path)
    indexed = open_trust(path)
    assert isinstance(indexed, IndexedTrust)
    assert index_of(path).stat().st_size < 2 * path.stat().st_size
    for issuer in WHOLE.issuers[:3]:
        (log,) = indexed.policy_for(issuer.id).logs
        assert log.ledgers == ledgers
