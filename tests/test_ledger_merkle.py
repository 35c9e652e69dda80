"""The Merkle tree against RFC 6962 read literally, and against the example of C2SP merkle-tree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import InvalidEvidence, merkle
from tests.ledger_samples import naive_path, naive_proof, naive_root

ENTRIES = [b"entry %d" % index for index in range(70)]


def tree(entries: Sequence[bytes]) -> merkle.Subtree:
    return lambda level, index: naive_root(entries[index << level : (index + 1) << level])


def test_empty_tree() -> None:
    assert merkle.EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root(0, 0, tree([])) == merkle.EMPTY_ROOT


def test_the_example_of_seven_entries() -> None:
    """C2SP merkle-tree, "Example": its letters."""
    a, b, c, d, e, f, g = (hashlib.sha256(b"\x00" + entry).digest() for entry in ENTRIES[:7])
    h, i, j = merkle.node_hash(a, b), merkle.node_hash(c, d), merkle.node_hash(e, f)
    k, l = merkle.node_hash(h, i), merkle.node_hash(j, g)  # noqa: E741
    seven = tree(ENTRIES[:7])
    assert merkle.root(0, 7, seven) == merkle.node_hash(k, l)
    assert merkle.inclusion_proof(0, 7, seven) == [b, i, l]
    assert merkle.inclusion_proof(3, 7, seven) == [c, h, l]
    assert merkle.inclusion_proof(4, 7, seven) == [f, g, k]
    assert merkle.inclusion_proof(6, 7, seven) == [j, k]
    assert merkle.consistency_proof(3, 7, seven) == [c, d, h, l]
    assert merkle.consistency_proof(4, 7, seven) == [l]
    assert merkle.consistency_proof(6, 7, seven) == [j, g, k]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("size", range(1, 20))
def test_proofs_are_those_of_the_rfc(size: int) -> None:
    entries = ENTRIES[:size]
    root = naive_root(entries)
    assert merkle.root(0, size, tree(entries)) == root
    for index, entry in enumerate(entries):
        proof = merkle.inclusion_proof(index, size, tree(entries))
        assert proof == naive_path(index, entries)
        merkle.verify_inclusion(merkle.leaf_hash(entry), index, size, proof, root)
    for old in range(size + 1):
        proof = merkle.consistency_proof(old, size, tree(entries))
        assert proof == (naive_proof(old, entries) if old else [])
        merkle.verify_consistency(old, naive_root(entries[:old]), size, root, proof)


@given(st.data())
def test_proofs_of_many_leaves_are_those_of_each(data: st.DataObject) -> None:
    """And none is given where one leaf, or the root, is another."""
    size = data.draw(st.integers(1, 70))
    entries = [b"%d" % number for number in range(size)]
    indices = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    leaves = {index: merkle.leaf_hash(entries[index]) for index in indices}
    subtree, root = tree(entries), merkle.root(0, size, tree(entries))
    proofs = merkle.verified_proofs(leaves, size, subtree, root)
    assert proofs == {index: tuple(merkle.inclusion_proof(index, size, subtree)) for index in indices}
    with pytest.raises(InvalidEvidence):
        merkle.verified_proofs(leaves, size, subtree, merkle.EMPTY_ROOT)
    wrong = data.draw(st.sampled_from(sorted(indices)))
    with pytest.raises(InvalidEvidence):
        merkle.verified_proofs({**leaves, wrong: merkle.EMPTY_ROOT}, size, subtree, root)


@given(data=st.data())
def test_no_sibling_is_given_that_the_leaves_beside_it_contradict(data: st.DataObject) -> None:
    """A spoilt tile: the root over the leaves is right, and one of the nodes in between is not."""
    size = data.draw(st.integers(2, 70))
    entries = [b"%d" % number for number in range(size)]
    leaves = {index: merkle.leaf_hash(entry) for index, entry in enumerate(entries)}
    sound = tree(entries)
    asked: set[tuple[int, int]] = set()

    def noted(level: int, index: int) -> bytes:
        asked.add((level, index))
        return sound(level, index)

    root = merkle.root(0, size, sound)
    merkle.verified_proofs(leaves, size, noted, root)
    spoilt = data.draw(st.sampled_from(sorted(asked)))

    def subtree(level: int, index: int) -> bytes:
        return merkle.EMPTY_ROOT if (level, index) == spoilt else sound(level, index)

    with pytest.raises(InvalidEvidence):
        merkle.verified_proofs(leaves, size, subtree, root)


@given(data=st.data())
def test_nothing_but_the_right_inclusion_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(ENTRIES)))
    index = data.draw(st.integers(0, size - 1))
    entries = ENTRIES[:size]
    leaf, root = merkle.leaf_hash(entries[index]), naive_root(entries)
    proof = merkle.inclusion_proof(index, size, tree(entries))
    at = data.draw(st.integers(0, len(proof)))
    wrong = [
        (leaf, index, size, [*proof[:at], hashlib.sha256().digest(), *proof[at:]], root),
        (merkle.leaf_hash(b"another"), index, size, proof, root),
        (leaf, index, size, proof, merkle.EMPTY_ROOT),
        (leaf, -1, size, proof, root),
        (leaf, size, size, proof, root),
        *([(leaf, index, size, proof[:at] + proof[at + 1 :], root)] if at < len(proof) else []),
        *([(leaf, index ^ 1, size, proof, root)] if size > 1 else []),
    ]
    for arguments in wrong:
        with pytest.raises(InvalidEvidence):
            merkle.verify_inclusion(*arguments)


@given(st.data())
def test_nothing_but_the_right_consistency_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, len(ENTRIES)))
    old = data.draw(st.integers(1, size - 1))
    old_root, root = naive_root(ENTRIES[:old]), naive_root(ENTRIES[:size])
    proof = merkle.consistency_proof(old, size, tree(ENTRIES[:size]))
    at = data.draw(st.integers(0, len(proof)))
    wrong = [
        (old, old_root, size, root, [*proof[:at], merkle.EMPTY_ROOT, *proof[at:]]),
        (old, naive_root([b"another", *ENTRIES[1:old]]), size, root, proof),
        (old, old_root, size, merkle.EMPTY_ROOT, proof),
        (old, old_root, size, root, []),
        (size, root, old, old_root, proof),
        (-1, old_root, size, root, proof),
        (size, root, size, old_root, []),
        (size, root, size, root, proof),
        (0, old_root, size, root, []),
        (0, merkle.EMPTY_ROOT, size, root, proof),
        *([(old, old_root, size, root, proof[:at] + proof[at + 1 :])] if at < len(proof) else []),
    ]
    for arguments in wrong:
        with pytest.raises(InvalidEvidence):
            merkle.verify_consistency(*arguments)


def test_an_entry_beyond_the_tree_is_not_in_it() -> None:
    """In a tree of one, nothing but the index tells."""
    leaf = merkle.leaf_hash(ENTRIES[0])
    merkle.verify_inclusion(leaf, 0, 1, [], leaf)
    with pytest.raises(InvalidEvidence):
        merkle.verify_inclusion(leaf, 1, 1, [], leaf)


def test_both_roots_of_a_consistency_proof_are_compared() -> None:
    old_root, root = naive_root(ENTRIES[:3]), naive_root(ENTRIES[:7])
    proof = merkle.consistency_proof(3, 7, tree(ENTRIES[:7]))
    merkle.verify_consistency(3, old_root, 7, root, proof)
    for roots in ((merkle.EMPTY_ROOT, root), (old_root, merkle.EMPTY_ROOT)):
        with pytest.raises(InvalidEvidence):
            merkle.verify_consistency(3, roots[0], 7, roots[1], proof)


def test_a_tree_follows_none_that_is_larger() -> None:
    """Where both have one root, nothing but the sizes tells."""
    root = naive_root(ENTRIES[:2])
    merkle.verify_consistency(2, root, 2, root, [])
    with pytest.raises(InvalidEvidence):
        merkle.verify_consistency(2, root, 1, root, [])


def test_a_changed_past_has_no_consistency_proof() -> None:
    other = tree([*ENTRIES[:3], b"rewritten", *ENTRIES[4:40]])
    for old in range(4, 40):
        with pytest.raises(InvalidEvidence):
            merkle.verify_consistency(
                old,
                naive_root(ENTRIES[:old]),
                40,
                merkle.root(0, 40, other),
                merkle.consistency_proof(old, 40, other),
            )
