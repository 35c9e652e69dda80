"""A log sends a mirror its entries, as C2SP tlog-mirror has it: what is taken, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger import merkle
from ledger.add_entries import AddEntries, MirrorInfo, Package, add_entries
from ledger.mirror import Mirror, mirrored_file
from ledger.note import Checkpoint
from ledger.problem import LOG_NOT_PROVED, MIRROR_AT_OTHER_ENTRY, InvalidEvidence
from ledger.tiles.posix import PosixStore
from ledger.tiles.reader import TileReader
from ledger.tiles.store import CHECKPOINT
from tests.problems import raises
from tests.test_ledger_mirror import KEY, Stranger, shown
from wire.problem import Malformed

LEAVES = [merkle.leaf_hash(b"%d" % index) for index in range(40)]


def tree(level: int, index: int) -> bytes:
    return merkle.parents(b"".join(LEAVES[index << level : (index + 1) << level]), level)


def naive(start: int, stop: int) -> bytes:
    """MTH(D[start:stop]), as RFC 6962 2.1 says it."""
    if stop - start == 1:
        return LEAVES[start]
    middle = start + (1 << (stop - start - 1).bit_length() - 1)
    return merkle.node_hash(naive(start, middle), naive(middle, stop))


def is_subtree(start: int, stop: int) -> bool:
    return start % (1 << (stop - start - 1).bit_length()) == 0


@pytest.mark.quick("3", "13", "32")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 31, 32, 33])
def test_every_subtree_of_a_tree_is_proved_and_nothing_else(size: int) -> None:
    for start in range(size):
        for stop in range(start + 1, size + 1):
            node, root = naive(start, stop), naive(0, size)
            if not is_subtree(start, stop):
                with raises(InvalidEvidence):
                    merkle.verify_subtree(start, stop, node, size, root, [])
                continue
            proof = merkle.subtree_proof(start, stop, size, tree)
            merkle.verify_subtree(start, stop, node, size, root, proof)
            left = list(merkle.left_of_subtree(start, stop, size, proof))
            assert [hashed for _, _, hashed in left] == [naive(low, high) for low, high, _ in left]
            assert [0, *(high for _, high, _ in left)] == [*(low for low, _, _ in left), start]
            if start == 0 and stop < size:  # then it is RFC 6962's
                assert proof == merkle.consistency_proof(stop, size, tree)
            wrong = [proof[:-1]] if proof else []
            wrong += [[*proof, root], [bytes(32), *proof[1:]] if proof else [root]]
            for each in wrong:
                with raises(InvalidEvidence):
                    merkle.verify_subtree(start, stop, node, size, root, each)
            for other_node, other_root in ((bytes(32), root), (node, bytes(32))):
                with raises(InvalidEvidence):
                    merkle.verify_subtree(start, stop, other_node, size, other_root, proof)
    for start, stop in ((0, 0), (-1, 1), (0, size + 1), (1, 1)):
        with raises(InvalidEvidence):
            merkle.verify_subtree(start, stop, bytes(32), size, naive(0, size), [])


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(KEY.name, KEY, PosixStore(tmp_path / "log"))


def body_of(log: Stranger, start: int, end: int) -> bytes:
    return add_entries(KEY.name, TileReader(log.files.get), start, end)


def send(mirror: Mirror, body: bytes, note: bytes) -> int:
    return mirror.add_entries(AddEntries.parse(body), Checkpoint.parse(note))


@pytest.mark.slow
def test_a_log_is_sent_in_packages_until_it_is_whole(mirror: Mirror) -> None:
    log = Stranger()
    for size in (3, 256, 300, 9000, 9001):
        note = log.grow(size)
        at = mirror.store.head().base.size
        while at < size:
            assert mirrored_file(mirror.store, CHECKPOINT) != note
            at = send(mirror, body_of(log, at, size), note)
        assert shown(mirror, log) == log.files
    assert send(mirror, body_of(log, 9001, 9001), note) == 9001


def test_a_request_may_begin_within_the_last_bundle_and_not_elsewhere(mirror: Mirror) -> None:
    log = Stranger()
    first = log.grow(300)
    send(mirror, body_of(log, 0, 300), first)
    note = log.grow(600)
    for start in (255, 301, 512):
        with raises(MIRROR_AT_OTHER_ENTRY):
            send(mirror, body_of(log, start, 600), note)
    assert send(mirror, body_of(log, 256, 600), note) == 600
    assert shown(mirror, log) == log.files
    with raises(MIRROR_AT_OTHER_ENTRY):  # not the pending checkpoint
        send(mirror, body_of(log, 600, 600), log.grow(700))
    old = Checkpoint.parse(Stranger().grow(1))
    with raises(MIRROR_AT_OTHER_ENTRY):
        mirror.add_entries(AddEntries(KEY.name, 1, 1, b"", lambda: iter(())), old)


def test_what_came_whole_is_kept_and_the_rest_is_asked_for_again(mirror: Mirror) -> None:
    log = Stranger()
    note = log.grow(600)
    body = body_of(log, 0, 600)
    second = len(body_of(log, 256, 600)) - len(body_of(log, 512, 600))
    whole = len(body) - len(body_of(log, 256, 600)) + len(body_of(log, 600, 600))
    with raises(Malformed):
        send(mirror, body[: whole - 1], note)
    assert send(mirror, body[:whole], note) == 256
    assert send(mirror, body_of(log, 256, 600)[: -second // 4], note) == 512
    assert mirrored_file(mirror.store, CHECKPOINT) is None
    assert send(mirror, body_of(log, 512, 600), note) == 600
    assert shown(mirror, log) == log.files


def changed(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def test_a_package_with_one_entry_or_hash_changed_is_refused_and_not_those_before(mirror: Mirror) -> None:
    log = Stranger()
    note = log.grow(600)
    for start, kept, find in ((0, 256, b"entry 300"), (256, 256, b"entry 511"), (256, 512, b"entry 599")):
        body = body_of(log, start, 600)
        with raises(LOG_NOT_PROVED):
            send(mirror, changed(body, body.index(find) + 8), note)
        assert mirror.store.head().base.size == kept
        assert mirrored_file(mirror.store, CHECKPOINT) is None
    body = body_of(log, 512, 600)
    with raises(LOG_NOT_PROVED):
        send(mirror, changed(body, len(body) - 1), note)
    with raises(LOG_NOT_PROVED):
        other = Stranger(lambda index: b"other %d" % index)
        other.grow(600)
        send(mirror, body_of(other, 512, 600), note)
    assert send(mirror, body_of(log, 512, 600), note) == 600


@pytest.mark.quick("0-256", "256-300")
@pytest.mark.parametrize("size", [256, 300, 512, 700])
@pytest.mark.parametrize("common", [0, 256, 299])
def test_entries_of_another_version_never_get_into_a_mirror(mirror: Mirror, size: int, common: int) -> None:
    """A log that signed two, and sends parts of each: the mirror goes on with the one that it began with."""
    log = Stranger()
    fork = Stranger(lambda index: b"%s %d" % (b"entry" if index < common else b"fork", index))
    mirror.pull(log.read, log.grow(size))
    note = fork.grow(900)
    for start in {size - size % 256, size} if common < size else ():
        with raises(LOG_NOT_PROVED):
            send(mirror, body_of(fork, start, 900), note)
        assert mirror.store.head().base.size == size
    assert shown(mirror, log) == log.files
    note = log.grow(901)
    assert send(mirror, body_of(log, size - size % 256, 901), note) == 901
    assert shown(mirror, log) == log.files


def test_what_was_pulled_in_part_is_continued_by_no_other_version(mirror: Mirror) -> None:
    """Before anything of it is shown."""
    log, fork = Stranger(), Stranger(lambda index: b"fork %d" % index)
    note = log.grow(600)
    assert send(mirror, body_of(log, 0, 600)[:-100], note) == 512
    other = fork.grow(600)
    with raises(LOG_NOT_PROVED):
        send(mirror, body_of(fork, 512, 600), other)
    assert mirror.pull(log.read, note).size == 600


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\x00\x01\xff" + bytes(18),
        b"\x00\x00" + bytes(7) + b"\x01" + bytes(8) + bytes(2),
        b"\x00\x00" + bytes(16) + b"\x00\x05",
    ],
)
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with raises(Malformed):
        AddEntries.parse(body)


def test_packages_have_their_borders_and_what_is_behind_them_is_left_out(mirror: Mirror) -> None:
    log = Stranger()
    note = log.grow(3)
    body = body_of(log, 0, 3)
    long = body[: body.rindex(b"entry 2") + 7] + b"\x40" + bytes(64 * 32)
    with raises(Malformed):
        send(mirror, long, note)
    assert mirrored_file(mirror.store, CHECKPOINT) is None
    assert [package.stop for package in AddEntries.parse(body + b"\x00").packages()] == [3]
    assert [package.stop for package in AddEntries.parse(body).packages()] == [3]
    assert Package(0, [b"ab"], [bytes(32)]).write() == b"\x00\x02ab\x01" + bytes(32)


def test_the_answer_of_a_mirror_is_three_lines() -> None:
    assert MirrorInfo.parse(MirrorInfo(600, 256).write()) == (600, 256)
    for wrong in (b"", b"1\n2\n", b"x\n2\n\n", b"1\n2\n\n\n", b"1" * 20 + b"\n2\n\n"):
        with raises(Malformed):
            MirrorInfo.parse(wrong)
