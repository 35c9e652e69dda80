"""The request by which a log asks for a cosignature (C2SP tlog-witness, add-checkpoint): both sides of it.

A mirror is told of a log's newest checkpoint by the same request (C2SP tlog-mirror).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from wire.problem import Malformed

from . import merkle
from .note import LARGEST_NOTE, Checkpoint, decode_base64
from .problem import NOT_CONTINUED, OTHER_ROOT, WITNESS_AT_OTHER_SIZE, InvalidEvidence

_MOST_HASHES = 63  # lines of a consistency proof: a client MUST NOT send more (tlog-witness, add-checkpoint)
LARGEST_REQUEST = LARGEST_NOTE + (1 << 12)
"""Bytes of a request: the longest signed note, and before it an old size and 63 hashes in base64."""
_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")


class AddCheckpoint(NamedTuple):
    """A log's request by `add-checkpoint`: a cosignature on `checkpoint`, which continues a tree."""

    old: int
    """The size of the tree that the proof starts from."""
    proof: Sequence[bytes]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> AddCheckpoint:
        """The parts of a request's body. Raises `Malformed`, and `TooLarge` for a note above 128 KiB."""
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.split(b"\n")
        old = _OLD.fullmatch(first)
        if old is None or len(lines) > _MOST_HASHES:
            raise Malformed("the request does not begin with an old size and at most 63 hashes")
        proof = [decode_base64(line, "A hash of the consistency proof") for line in lines]
        # As in evidence: a hash of another length could be split between two nodes.
        if any(len(hashed) != merkle.HASH_SIZE for hashed in proof):
            raise Malformed("a hash of the consistency proof is not 32 bytes")
        return cls(int(old[1]), proof, Checkpoint.parse(note))

    def write(self) -> bytes:
        """The body of the request."""
        lines = b"".join(map(binascii.b2a_base64, self.proof))
        return b"old %d\n%b\n%b" % (self.old, lines, self.checkpoint.note)

    def require_continues(self, size: int, root: bytes) -> None:
        """Raise unless the checkpoint continues the tree of a size and a root, by the proof.

        Raises `Malformed` for an old size above the new one, `WITNESS_AT_OTHER_SIZE` with the fact `size`,
        `OTHER_ROOT` and `NOT_CONTINUED`.
        """
        checkpoint = self.checkpoint
        if self.old > checkpoint.size:  # add-checkpoint: 400
            raise Malformed("the old size is above that of the checkpoint")
        # The client learns the size (409), so that it can send the proof from there (add-checkpoint).
        if self.old != size:
            raise WITNESS_AT_OTHER_SIZE.saying("the newest checkpoint here is of {size} entries", size=size)
        # threat A44: two roots for one size are two views of the log; one of them is cosigned at most.
        if checkpoint.size == size and checkpoint.root != root:
            raise OTHER_ROOT.saying("another root was cosigned for the log of {size} entries", size=size)
        try:
            merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, self.proof)
        except InvalidEvidence as problem:  # accuses nobody: whoever relays a genuine note makes up the proof
            raise NOT_CONTINUED.saying("the consistency proof does not hold: {why}", why=problem) from problem
