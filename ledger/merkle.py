"""The Merkle tree of transparency logs (RFC 6962 section 2.1, RFC 9162 section 2.1): hashes and proofs.

Pure: a tree is known here only as a `Subtree` function, so that the same proofs come from tiles on a disk
and from a list in a test. A subtree (level, index) covers the 2^level leaves from index * 2^level on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from struct import iter_unpack

from .problem import InvalidEvidence

Subtree = Callable[[int, int], bytes]

HASH_SIZE = 32
EMPTY_ROOT = sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry (RFC 6962 2.1)."""
    # The prefixes 0 and 1 differ, so that no node can be passed off as an entry.
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Sequence[bytes]) -> bytes:
    """The hashes of many entries, one after the other."""
    return b"".join([sha256(b"\x00" + entry).digest() for entry in entries])


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children (RFC 6962 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def parents(row: bytes, levels: int = 1) -> bytes:
    """The nodes `levels` levels above a row of hashes; an odd last hash of a row has no parent."""
    for _ in range(levels):
        even = row[: len(row) // 64 * 64]
        row = b"".join([sha256(b"\x01" + pair).digest() for (pair,) in iter_unpack("64s", even)])
    return row


def edge_root(rows: Iterable[bytes]) -> bytes:
    """The root of the tree whose right edge has these rows of hashes, a whole number of levels apart."""
    current = b""
    for row in rows:
        stop = len(row)
        width, level = HASH_SIZE, 0
        while stop:  # from right to left, the perfect subtrees that the row falls into
            if stop & width:
                subtree = parents(row[stop - width : stop], level)
                current = node_hash(subtree, current) if current else subtree
                stop -= width
            width, level = width * 2, level + 1
    return current or EMPTY_ROOT


def root(start: int, stop: int, subtree: Subtree) -> bytes:
    """MTH(D[start:stop]) of RFC 6962 2.1, for a range that is a node of the tree, or the whole tree."""
    size = stop - start
    if size == 0:
        return EMPTY_ROOT
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtree(level, start >> level)
    middle = start + _split(size)
    return node_hash(root(start, middle, subtree), root(middle, stop, subtree))


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 2.1.1: the siblings from the leaf's up to the root's child."""
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(root(middle, stop, subtree))
            stop = middle
        else:
            proof.append(root(start, middle, subtree))
            start = middle
    return proof[::-1]


def verified_proofs(
    leaves: Mapping[int, bytes], size: int, subtree: Subtree, expected: bytes
) -> dict[int, tuple[bytes, ...]]:
    """The inclusion proofs of many leaf hashes by index, as `inclusion_proof` gives each; shared nodes once.

    Raises `InvalidEvidence` unless all of them lead from these leaves to the root `expected`.
    """
    indices = sorted(leaves)
    proofs: dict[int, tuple[bytes, ...]] = {}

    def prove(start: int, stop: int, first: int, end: int, above: tuple[bytes, ...]) -> bytes:
        """The node over a range, hashed from the leaves `indices[first:end]` in it and their siblings."""
        if stop - start == 1:
            proofs[start] = above
            return leaves[start]
        middle = start + _split(stop - start)
        cut = bisect_left(indices, middle, first, end)
        if cut == end:
            right = root(middle, stop, subtree)
            left = prove(start, middle, first, end, (right, *above))
        elif cut == first:
            left = root(start, middle, subtree)
            right = prove(middle, stop, first, end, (left, *above))
        else:
            left, right = root(start, middle, subtree), root(middle, stop, subtree)
            hashed_left = prove(start, middle, first, cut, (right, *above))
            hashed_right = prove(middle, stop, cut, end, (left, *above))
            # Each half is a sibling in the other's proofs: a damaged one would not show in the root.
            if (hashed_left, hashed_right) != (left, right):
                raise _unproved(indices[first])
        return node_hash(left, right)

    # Against the root that was signed: a damaged tile gives no proofs (one hashing for all of them).
    if indices and prove(0, size, 0, len(indices), ()) != expected:
        raise _unproved(indices[0])
    return proofs


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 2.1.2: that the tree of `old` leaves is the beginning of the new one."""
    proof: list[bytes] = []
    # Known: the old root is that of the range, and the verifier has it.
    start, stop, is_known = 0, new, True
    while 0 < old < stop:
        middle = start + _split(stop - start)
        if old <= middle:
            proof.append(root(middle, stop, subtree))
            stop = middle
        else:
            proof.append(root(start, middle, subtree))
            start, is_known = middle, False
    if not is_known:
        proof.append(root(start, stop, subtree))
    return proof[::-1]


def subtree_proof(start: int, stop: int, size: int, subtree: Subtree) -> list[bytes]:
    """SUBTREE_PROOF(start, stop, D[size]) of Merkle Tree Certificates 4.4.1: that a tree has this subtree.

    The range begins at a multiple of the smallest power of two that is not below its length. From 0 on it is
    the proof that a tree of `stop` leaves is the beginning.
    """
    proof: list[bytes] = []
    # Known: the hash of the range is that of the subtree, or of its end.
    low, high, is_known = 0, size, True
    while (low, high) != (max(low, start), stop):
        middle = low + _split(high - low)
        if stop <= middle:
            proof.append(root(middle, high, subtree))
            high = middle
        else:
            proof.append(root(low, middle, subtree))
            is_known = is_known and middle <= start
            low = middle
    if not is_known:
        proof.append(root(low, high, subtree))
    return proof[::-1]


def verify_subtree(
    start: int, stop: int, node: bytes, size: int, expected: bytes, proof: Sequence[bytes]
) -> None:
    """Raise `InvalidEvidence` unless the tree with this root has `node` over a range of its leaves.

    The range is as that of `subtree_proof` (Merkle Tree Certificates 4.4.3).
    """
    left = list(proof)

    def taken() -> bytes:
        if not left:
            raise InvalidEvidence("the proof of the subtree is too short")
        return left.pop()

    def hashes(low: int, high: int, is_known: bool) -> tuple[bytes, bytes]:
        """The part of the subtree in a range, and the whole of it."""
        if (low, high) == (max(low, start), stop):
            whole = node if is_known else taken()
            return whole, whole
        middle, sibling = low + _split(high - low), taken()
        if stop <= middle:
            part, whole = hashes(low, middle, is_known)
            return part, node_hash(whole, sibling)
        part, whole = hashes(middle, high, is_known and middle <= start)
        # A half that is not left of the subtree is its beginning.
        return (part if middle <= start else node_hash(sibling, part)), node_hash(sibling, whole)

    is_subtree = 0 <= start < stop <= size and start % (1 << (stop - start - 1).bit_length()) == 0
    if not is_subtree or hashes(0, size, True) != (node, expected) or left:
        raise InvalidEvidence.saying(
            "the range from {start} to {stop} is not shown to be in the tree of {size}",
            start=start,
            stop=stop,
            size=size,
        )


def left_of_subtree(
    start: int, stop: int, size: int, proof: Sequence[bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """The perfect subtrees before a subtree, each by its range and hash, from a proof that verifies."""
    low, high = 0, size
    for sibling in reversed(proof):
        middle = low + _split(high - low)
        if stop <= middle:
            high = middle
        elif middle <= start:
            yield low, middle, sibling
            low = middle
        else:  # what is left is its own beginning
            return


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Raise `InvalidEvidence` unless the leaf is at `index` of the tree with this root (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:  # RFC 9162 2.1.3.2 step 1
        raise InvalidEvidence.saying(
            "the entry's index {index} is outside of the tree of {size}", index=index, size=size
        )
    node, last, current = index, size - 1, leaf  # steps 2 and 3
    for sibling in proof:  # step 4
        if last == 0:  # step 4a: hashes beyond the root
            raise InvalidEvidence("the inclusion proof has more hashes than the tree has levels")
        if node & 1 or node == last:  # step 4b: a right child, or the last node of a level without a sibling
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    if last or current != expected:  # step 5: a proof that is too short ends below the root
        raise _unproved(index)


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise `InvalidEvidence` unless the old tree is the beginning of the new one (RFC 9162 2.1.4.2)."""
    # The algorithm is for 0 < old < new; equal and empty trees need no proof, and may have none.
    if not 0 <= old_size <= new_size:
        raise InvalidEvidence.saying("a tree of {new} cannot follow one of {old}", new=new_size, old=old_size)
    if old_size in (0, new_size):
        old_expected = EMPTY_ROOT if old_size == 0 else new_root
        # A proof that nobody needs could be anything, and evidence would have many forms.
        if proof or old_root != old_expected:
            raise InvalidEvidence("the trees differ, or have a proof where none is due")
        return
    # Step 2: the old tree is a node of the new one where its size is a power of two.
    hashes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not hashes:  # step 1
        raise InvalidEvidence("the consistency proof is empty")
    node, last = old_size - 1, new_size - 1  # steps 3 and 4
    while node & 1:
        node, last = node >> 1, last >> 1
    old_current = new_current = hashes[0]  # step 5
    for sibling in hashes[1:]:  # step 6
        if last == 0:  # step 6a: hashes beyond the root
            raise InvalidEvidence("the consistency proof has more hashes than the tree has levels")
        if node & 1 or node == last:  # step 6b: left of the node, so a part of both trees
            old_current = node_hash(sibling, old_current)
            new_current = node_hash(sibling, new_current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:  # right of the node: entries that came later
            new_current = node_hash(new_current, sibling)
        node, last = node >> 1, last >> 1
    # Step 7: both roots, or a proof could be made up for one of them alone.
    if last or old_current != old_root or new_current != new_root:
        raise InvalidEvidence.saying(
            "the tree of {old} is not the beginning of the tree of {new}", old=old_size, new=new_size
        )


def _unproved(index: int) -> InvalidEvidence:
    return InvalidEvidence.saying(
        "the inclusion proof does not lead from entry {index} to the root", index=index
    )


def _split(size: int) -> int:
    """The largest power of two smaller than a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
