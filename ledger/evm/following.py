"""The blocks of a chain that have checkpoints of a log, as its nodes say: verifiers pin them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..evidence import Reached
from ..note import LAST_SECOND
from .chain import Chain
from .contract import ANCHORED, origin_digest, read_event
from .problem import NodeLies


class AnchoredBlock(NamedTuple):
    """A final block with an event of the log's contract."""

    hash: bytes
    time: int
    reached: Reached
    """The state that the log had reached by then, according to the contract."""

    @property
    def row(self) -> bytes:
        """The hash and time, in the form of the `blocks` parameter that evidence is checked against."""
        return self.hash + self.time.to_bytes(8)


def anchored_blocks(
    chain: Chain, contract: bytes, origin: str, known: Collection[bytes] = (), since: int = 0
) -> Sequence[AnchoredBlock]:
    """The final blocks with events of a log's contract, the oldest first, that come after the `known` rows.

    `since` is the number of the first block to search.
    Each block is checked as a whole: its header hashes to its hash, its receipts have the root in it. Raises
    as `Chain.block`, `NodeLies` where a block lacks the event that a node reported, and `InvalidEvidence`
    where the contract is another log's.
    """
    # Found from the newest back to a known one, and pinned in the order of time.
    newest_first = list(_newest_first(chain, contract, origin, known, since))
    return newest_first[::-1]


def _newest_first(
    chain: Chain, contract: bytes, origin: str, rows: Collection[bytes], since: int
) -> Iterator[AnchoredBlock]:
    topics, before = (ANCHORED, origin_digest(origin)), -1
    for number, event in chain.events(contract, topics, since, chain.final()):
        if number == before:  # the newest event of a block says what the log had come to
            continue
        before, size_and_root = number, read_event(event, origin)
        # The node that told of the event is not believed: the block is fetched and checked as a whole.
        header, receipts = chain.block(number)
        # threat F20: receipts hash to the header's root, so an event that a node made up is not there.
        if not any(event in receipt.logs for receipt in receipts):
            raise NodeLies.saying(
                "a node of {chain} tells of an event that block {number} does not have",
                chain=chain.name,
                number=number,
            )
        # threat F32: a year that `datetime` cannot hold.
        if header.time > LAST_SECOND:
            raise NodeLies.saying(
                "block {number} of {chain} is of a time beyond the year 9999", chain=chain.name, number=number
            )
        reached = Reached(*size_and_root, datetime.fromtimestamp(header.time, UTC))
        block = AnchoredBlock(header.hash, header.time, reached)
        # By hash and time, not by number: a block in the place of a known one is not known.
        if block.row in rows:
            return
        yield block
