"""`EvmAnchor`: sends a log's checkpoints to its contract on a chain, and collects the evidence.

After a crash, the contract's own size and event show what was sent. If two transactions for one checkpoint
are ever mined, the contract refuses the second.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from wire.health import Finding
from wire.problem import Unavailable

from .. import merkle
from ..evidence import Evidence
from ..log import LogReader
from ..note import Checkpoint
from ..problem import InvalidEvidence
from . import KIND
from .chain import Block, Chain
from .contract import ANCHORED, SELECTORS, TreeHead, anchor_call, is_submitter_call, origin_digest, read_event
from .evidence import header_of, prove
from .problem import (
    CONTRACT_AHEAD,
    FINALITY_STALLED,
    MAY_NOT_ANCHOR,
    OTHER_CONTRACT,
    TRANSACTION_FAILED,
    FeeAboveCap,
    NodeLies,
)
from .receipt import Receipt
from .transactions import Call, FeeAccount, Pending, checksummed, coins

_STALLED = 6 * 3600
"""Seconds, by the chain's clock, after which a block that is not final yet is reported."""
_ANCHORS = 30
"""Number of anchors that the account's balance should pay for."""
_GAS = 50_000
"""Gas of one anchor, with a little to spare."""


class EvmAnchor:
    """The anchor of one log at its contract; the account pays the fees."""

    kind = KIND

    def __init__(
        self, chain: Chain, contract: bytes, account: FeeAccount, log: LogReader, since: int
    ) -> None:
        """`since` is the number of the first block in which the contract exists."""
        self.name = chain.name
        self._chain, self._contract, self._account = chain, contract, account
        self._log, self._since = log, since

    def prepare(self, checkpoint: Checkpoint) -> bytes:
        """See `Anchor.prepare`. Raises as `advance`."""
        nonce = self._account.nonce()
        # The contract takes sizes in growing order only; a later checkpoint covers this one.
        if self._size() >= checkpoint.size:
            return Pending().encode()  # there is nothing to send
        return self._signing(checkpoint, Pending(), nonce).encode()

    def advance(self, checkpoint: Checkpoint, state: bytes, keep: Callable[[bytes], None]) -> Evidence | None:
        """See `Anchor.advance`.

        Raises `CONTRACT_AHEAD` where the contract takes it no more, `MAY_NOT_ANCHOR`, `TRANSACTION_FAILED`,
        and, undetermined, for present obstacles: no answer, lies, a fee above the cap, an empty account.
        """
        pending = Pending.parse(state)
        # Before it is asked what was mined: what is mined in between is then not taken for lost.
        nonce = self._account.nonce()
        blocks = self._blocks(checkpoint, pending)
        if blocks is not None:
            return self._collected(checkpoint, blocks)
        self._send(checkpoint, pending, nonce, keep)
        return None

    def confirm(self, checkpoint: Checkpoint, evidence: Evidence) -> bool:  # noqa: ARG002
        """See `Anchor.confirm`."""
        # A reorganisation puts another block, with another hash, at this number.
        header = header_of(evidence)
        return self._chain.header(header.number).hash == header.hash

    def examine(self) -> Iterable[Finding]:
        """See `Anchor.examine`: a contract with more entries than the log, and how long fees can be paid.

        The contract of a log that was restored from an old copy has more. Nothing is refused for it here: a
        thief of the fee key can write such a size, too, and could otherwise stop the issuer (threat F21).
        """
        size, in_log = self._size(), self._log.checkpoint().size
        if size > in_log:
            yield Finding.failed("anchor-ahead", ledger=self.name, entries=size, known=in_log)
        head = self._chain.head()
        price = self._chain.gas_price() if head.base_fee is None else head.base_fee + self._chain.tip()
        balance, account = self._account.balance(), checksummed(self._account.address)
        if balance < _ANCHORS * _GAS * price:
            yield Finding.warned(
                "anchor-balance-low", chain=self.name, account=account, balance=coins(balance)
            )
        else:
            yield Finding.passed("anchor-balance", chain=self.name, account=account, balance=coins(balance))

    # Sending

    def _send(
        self, checkpoint: Checkpoint, pending: Pending, nonce: int, keep: Callable[[bytes], None]
    ) -> None:
        """Send the last signed transaction, or a replacement, which is kept before it is sent."""
        try:
            signing = self._signing(checkpoint, pending, nonce)
        except FeeAboveCap:
            # The last one is offered again: nodes forget transactions that wait for a lower fee.
            with contextlib.suppress(Unavailable):
                for last in pending.sent[-1:]:
                    self._chain.send(last.raw)
            raise
        # ADR 56: written down before it is sent, so that a crash in between is not paid for twice.
        if signing != pending:
            keep(signing.encode())
        self._chain.send(signing.sent[-1].raw)

    def _signing(self, checkpoint: Checkpoint, pending: Pending, nonce: int) -> Pending:
        call = Call(self._contract, anchor_call(checkpoint.size, checkpoint.root))
        if not pending.sent:
            self._require_continued(checkpoint)
            self._require_may()
        return self._account.following(call, pending, nonce)

    def _require_continued(self, checkpoint: Checkpoint) -> None:
        """Require that the log begins with the contract's tree: a restored log may have outgrown it."""
        size = self._size()
        # An empty contract continues nothing, and one that is not behind is looked at in its events.
        if not 0 < size < checkpoint.size:
            return
        root, proof = self._read(SELECTORS["root"]).to_bytes(32), self._log.consistency(size, checkpoint.size)
        try:
            merkle.verify_consistency(size, root, checkpoint.size, checkpoint.root, proof)
        except InvalidEvidence:
            raise CONTRACT_AHEAD.saying(
                "the contract {contract} on {chain} has {size} entries that are not those of this log",
                contract=checksummed(self._contract),
                chain=self.name,
                size=size,
            ) from None

    def _require_may(self) -> None:
        # Asked before a fee is paid: the contract would refuse the transaction, and the fee is gone.
        if not self._read(is_submitter_call(self._account.address)):
            raise MAY_NOT_ANCHOR.saying(
                "the contract {contract} on {chain} takes nothing from the account {account}",
                contract=checksummed(self._contract),
                chain=self.name,
                account=checksummed(self._account.address),
            )

    # Collecting

    def _size(self) -> int:
        return self._read(SELECTORS["size"])

    def _read(self, call: bytes) -> int:
        """A number from the contract. Raises `OTHER_CONTRACT` where there is none, or no longer."""
        answer = self._chain.read(self._contract, call)
        # A call to an address without code succeeds, with an empty answer.
        if len(answer) != 32:
            raise OTHER_CONTRACT.saying(
                "there is no contract {contract} on {chain}, or not any more",
                contract=checksummed(self._contract),
                chain=self.name,
            )
        return int.from_bytes(answer)

    def _blocks(self, checkpoint: Checkpoint, pending: Pending) -> Sequence[int] | None:
        """The blocks with this checkpoint or a later one, as nodes say; None where there is none."""
        mined = self._account.mined(pending)
        if blocks := [each.block for each in mined if each.succeeded]:
            return blocks
        if self._size() >= checkpoint.size:
            return self._searched(checkpoint)
        if mined:  # and failed: most likely since the owner had taken the account's right, which may be back
            self._require_may()
        # One failure may have had a cause that is gone; a second one would go on costing fees for ever.
        if len(mined) > 1:
            raise TRANSACTION_FAILED.saying(
                "the transaction for {size} entries in block {number} of {chain} failed",
                size=checkpoint.size,
                number=mined[-1].block,
                chain=self.name,
            )
        return None

    def _searched(self, checkpoint: Checkpoint) -> Sequence[int]:
        """The blocks in which the contract took this checkpoint or later ones, the oldest first."""
        topics = (ANCHORED, origin_digest(checkpoint.origin))
        blocks: list[int] = []
        for number, event in self._chain.events(
            self._contract, topics, self._since, self._chain.head().number
        ):
            # From the newest back: sizes in the contract only grow, so older events are smaller still.
            if read_event(event, checkpoint.origin).size < checkpoint.size:
                break
            blocks.append(number)
        return blocks[::-1]

    def _collected(self, checkpoint: Checkpoint, blocks: Sequence[int]) -> Evidence | None:
        """The evidence from the first block that proves the checkpoint; None where that is not final yet."""
        final = self._chain.final()
        for number in blocks:
            # Evidence goes into diplomas for decades: never from a block that may still be replaced.
            if number > final:
                self._require_moving(number, final)
                return None
            if evidence := self._evidence(checkpoint, self._chain.block(number)):
                return evidence
        raise CONTRACT_AHEAD.saying(
            "the contract {contract} on {chain} has a checkpoint that is not smaller than the one of {size} "
            "entries, and is none of this log",
            contract=checksummed(self._contract),
            chain=self.name,
            size=checkpoint.size,
        )

    def _evidence(self, checkpoint: Checkpoint, block: Block) -> Evidence | None:
        """Evidence from a block that has an event of the contract, as nodes say. Else raises `NodeLies`."""
        events = [
            (index, event)
            for index, receipt in enumerate(block.receipts)
            if (event := self._last_event(checkpoint, receipt))
        ]
        if not events:
            raise NodeLies.saying(
                "a node of {chain} says that block {number} has a checkpoint of this log, and it has none",
                chain=self.name,
                number=block.header.number,
            )
        for index, event in events:
            # The event of a thief of the fee key may be larger than the log: no proof leads there (F21).
            if checkpoint.size <= event.size <= self._log.checkpoint().size:
                with contextlib.suppress(InvalidEvidence):  # by whoever stole the key of the fees
                    return prove(
                        checkpoint,
                        self.name,
                        block.header,
                        block.receipts,
                        index,
                        self._contract,
                        self._log.consistency(checkpoint.size, event.size),
                    )
        return None

    def _last_event(self, checkpoint: Checkpoint, receipt: Receipt) -> TreeHead | None:
        events = [event for event in receipt.logs if event.address == self._contract]
        return read_event(events[-1], checkpoint.origin) if events else None

    def _require_moving(self, number: int, final: int) -> None:
        waited = self._chain.head().time - self._chain.header(number).time
        # By the chain's own clock: being slow here is no stall of the chain.
        if waited > _STALLED:
            raise FINALITY_STALLED.saying(
                "block {number} of {chain} is not final after {hours} hours; the last that is is {final}",
                number=number,
                chain=self.name,
                hours=waited // 3600,
                final=final,
            )
