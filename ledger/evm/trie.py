"""Ethereum's Merkle-Patricia trie: its root, and the proof that it has a value at a key (Yellow Paper, D).

A key is a path of half bytes. A node is a leaf (rest of the path, value), an extension (part of the path,
child) or a branch (a child for each half byte, value). A child of 32 bytes or more is stored by its hash, a
smaller one inline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..problem import InvalidEvidence
from . import rlp
from .keccak import keccak256

_HASH = 32
_BRANCH = 17
_NONE = b""


def verify(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """The value at `key` of the trie with this root; `proof` has the nodes on the way, from the root on.

    Raises `InvalidEvidence` unless these nodes, and no others, lead there, and what `rlp.decode` raises.
    """
    left = list(reversed(proof))

    def following(expected: bytes) -> bytes:
        if not left:
            raise InvalidEvidence("the proof lacks a node of the trie")
        node = left.pop()
        # Each node is bound by its hash in the one above, up to the root in the header.
        if keccak256(node) != expected:
            raise InvalidEvidence("a node of the proof is not the one that the trie has there")
        return node

    value = _find(root, key, following)
    # Nodes that nobody hashes could be altered, and the evidence would have many forms.
    if left:
        raise InvalidEvidence("the proof has more nodes than lead to the value")
    return value


class Trie:
    """A trie with these values, none of which is empty."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._nodes: dict[bytes, bytes] = {}
        self.root = self._kept(rlp.encode(self._node(sorted((key.hex(), values[key]) for key in values))))

    def prove(self, key: bytes) -> list[bytes]:
        """The nodes on the way to the value at `key`. Raises `InvalidEvidence` where there is none."""
        proof: list[bytes] = []

        def following(expected: bytes) -> bytes:
            proof.append(self._nodes[expected])
            return proof[-1]

        _find(self.root, key, following)
        return proof

    def _kept(self, node: bytes) -> bytes:
        name = keccak256(node)
        self._nodes[name] = node
        return name

    def _node(self, pairs: Sequence[tuple[str, bytes]]) -> rlp.Item:
        """The node over paths and values, in the order of paths."""
        if not pairs:
            return _NONE
        (first, value), last = pairs[0], pairs[-1][0]
        if len(pairs) == 1:
            return [_compact(first, leaf=True), value]
        shared = next(at for at in range(len(last)) if first[at : at + 1] != last[at])
        if shared:
            rest = [(path[shared:], value) for path, value in pairs]
            return [_compact(first[:shared], leaf=False), self._child(rest)]
        below: list[list[tuple[str, bytes]]] = [[] for _ in range(16)]
        for path, value in pairs:
            if path:
                below[int(path[0], 16)].append((path[1:], value))
        return [*map(self._child, below), _NONE if first else pairs[0][1]]

    def _child(self, pairs: Sequence[tuple[str, bytes]]) -> rlp.Item:
        node = self._node(pairs)
        form = rlp.encode(node)
        return node if len(form) < _HASH else self._kept(form)


def _find(root: bytes, key: bytes, following: Callable[[bytes], bytes]) -> bytes:
    """The value at a key; `following` gives the node of a hash."""
    item: rlp.Item = root
    path: str | None = key.hex()
    while path is not None:
        # A child is a hash, or a smaller node inline, which is a list; anything else is no child.
        if isinstance(item, bytes) and len(item) != _HASH:
            raise InvalidEvidence("the trie has nothing at this key")
        node = rlp.decode(following(item)) if isinstance(item, bytes) else item
        item, path = _step(node, path)
    # An empty value in a branch means that there is none (Yellow Paper, D).
    if not isinstance(item, bytes) or not item:
        raise InvalidEvidence("the trie has nothing at this key")
    return item


def _step(node: rlp.Item, path: str) -> tuple[rlp.Item, str | None]:
    """The next item on the path below a node, and the rest of the path; None where the item is the value."""
    if isinstance(node, bytes) or len(node) not in (2, _BRANCH):
        raise InvalidEvidence("a node of the proof is no node of a trie")
    if len(node) == _BRANCH:
        return (node[int(path[0], 16)], path[1:]) if path else (node[16], None)
    part, leaf = _path(node[0])
    # All of the rest: a leaf with a longer or shorter path is the value of another key.
    if leaf and part == path:
        return node[1], None
    if not leaf and part and path.startswith(part):
        return node[1], path[len(part) :]
    raise InvalidEvidence("the trie has nothing at this key")


def _compact(path: str, *, leaf: bool) -> bytes:
    """Half bytes as bytes, with a flag for a leaf (Yellow Paper, C)."""
    odd = len(path) % 2
    return bytes.fromhex(f"{2 * leaf + odd}{'' if odd else '0'}{path}")


def _path(compact: rlp.Item) -> tuple[str, bool]:
    """The half bytes, and true where they end at a leaf. Raises `InvalidEvidence`."""
    text = compact.hex() if isinstance(compact, bytes) else ""
    path = text[1:] if text[:1] in ("1", "3") else text[2:]
    leaf = text[:1] in ("2", "3")
    # One spelling only: unused flag bits would give a path several forms.
    if _compact(path, leaf=leaf) != compact:
        raise InvalidEvidence("a node of the proof is no node of a trie")
    return path, leaf
