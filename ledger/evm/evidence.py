"""The evidence that a log's checkpoint is on a chain: made from a block, verified against pinned ones.

    urn:intaglio:evidence:eip155-anchor@v1
    chain eip155:1
    header <base64>          the block's header, whose hash is pinned
    transaction 7            the place in the block of the one that made the event
    event 0                  the place of the event in its receipt
    node <base64>            of the trie of receipts, from the root on; the last one has the receipt
    consistency <base64>     where the event is of a later checkpoint: the log's proof between the two

The pinned hash vouches for the header, the header for the root of receipts, and the root for the receipt. The
contract vouches for the log's size and root, and the log's proof for the checkpoint. It is verified offline.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from wire.problem import Malformed, TooLarge
from wire.strict import base64url_decode
from wire.text import shortened

from .. import merkle
from ..evidence import Evidence, Fact, OfCheckpoints, TrustedLedger
from ..note import Checkpoint, decode_base64
from ..problem import UNKNOWN_BLOCK, UNKNOWN_CONTRACT, InvalidEvidence, UnknownLedger
from . import KIND, SINCE, rlp, trie
from .contract import read_event
from .header import Header
from .hexadecimal import parse_address
from .receipt import Receipt

LARGEST = 1 << 16
"""Bytes of evidence. Work is charged by its length. The costliest for its length, a receipt of a thousand
small events, takes three times as long, and comes only from a pinned block."""

_CHAIN = re.compile(r"eip155:(?:0|[1-9][0-9]{0,31})")  # CAIP-2: a reference has 32 characters at most
_BODY = re.compile(
    rb"%b\nchain ([!-~]{1,64})\nheader (.*)\ntransaction (0|[1-9][0-9]{0,8})\nevent (0|[1-9][0-9]{0,8})\n"
    rb"((?:node .*\n){1,64})((?:consistency .*\n){0,64})" % re.escape(KIND.encode())
)
_PIN = 40  # bytes: a block's hash, and its time in seconds
_LAST_SECOND = 253402300799  # of the year 9999, where `datetime` ends


@dataclass(frozen=True, slots=True)
class Pinned:
    """The trusted facts of a chain: the contracts with a log's checkpoints, and the times of blocks."""

    chain: str
    contracts: frozenset[bytes]
    blocks: Mapping[bytes, int]


class _Parts(NamedTuple):
    chain: str
    header: bytes
    transaction: int
    event: int
    nodes: Sequence[bytes]
    consistency: Sequence[bytes]


def read(ledger: TrustedLedger) -> Pinned:
    """The pinned facts from the parameters: `contracts`, a list of addresses, and `blocks`, if any are known.

    `blocks` is base64url of 40 bytes for each block: its hash and its seconds since 1970. `since` is ignored
    here: it is for the search for blocks. Raises `Malformed`.
    """
    contracts, blocks = ledger.parameters.get("contracts"), ledger.parameters.get("blocks", "")
    since = ledger.parameters.get(SINCE, 0)
    if (
        not _CHAIN.fullmatch(ledger.where)
        or ledger.parameters.keys() - {"contracts", "blocks", SINCE}
        or type(since) is not int
        or since < 0
        or not isinstance(contracts, list)
        or not all(isinstance(text, str) for text in contracts)
        or not isinstance(blocks, str)
    ):
        raise Malformed("a chain is eip155: and a number, with contracts and blocks")
    # At least 300,000 blocks: one an hour for thirty years.
    pins = base64url_decode(blocks, limit=1 << 24)
    if len(pins) % _PIN:
        raise Malformed.saying("the blocks of the chain are not {size} bytes each", size=_PIN)
    times = {
        pins[at : at + 32]: int.from_bytes(pins[at + 32 : at + _PIN]) for at in range(0, len(pins), _PIN)
    }
    if any(time > _LAST_SECOND for time in times.values()):
        raise Malformed("a block of the chain has a time beyond the year 9999")
    return Pinned(ledger.where, frozenset(map(parse_address, contracts)), times)


def verify(checkpoint: Checkpoint, evidence: Evidence, pinned: Pinned) -> Fact:
    """Verify that the chain has the checkpoint, or a later one of the same log, by the time of its block.

    Raises `InvalidEvidence` when it does not hold, and `TooLarge`. Undetermined are `UNKNOWN_BLOCK` and
    `UNKNOWN_CONTRACT` for those that are not pinned, `UnknownLedger` for another chain, and `UnknownForm` for
    a block or receipt that is not read here.
    """
    parts = _parse(evidence.body)
    # Each chain is trusted for itself: a block's time is by the clock of its chain.
    if parts.chain != pinned.chain:
        raise UnknownLedger.saying(
            "the evidence is of the chain {chain}, not of {other}",
            chain=shortened(parts.chain),
            other=pinned.chain,
        )
    header = Header.parse(parts.header)
    # threat F20: only the pin says that a block is of the chain; a header by itself is cheap to make up.
    if pinned.blocks.get(header.hash) != header.time:
        raise UNKNOWN_BLOCK.saying(
            "the block {block} of {chain} is not among those that are known here",
            block=header.hash.hex(),
            chain=pinned.chain,
        )
    receipt = Receipt.parse(trie.verify(header.receipts_root, _key(parts.transaction), parts.nodes))
    if parts.event >= len(receipt.logs):
        raise InvalidEvidence("the receipt has no such event")
    event = receipt.logs[parts.event]
    # Anybody may deploy a contract that emits the same event for this log.
    if event.address not in pinned.contracts:
        raise UNKNOWN_CONTRACT.saying(
            "the contract 0x{contract} of {chain} is none that is known here for this log",
            contract=event.address.hex(),
            chain=pinned.chain,
        )
    size, root = read_event(event, checkpoint.origin)
    # threat F21: a log that was split cannot show that the chain's tree continues its own.
    merkle.verify_consistency(checkpoint.size, checkpoint.root, size, root, parts.consistency)
    time = datetime.fromtimestamp(header.time, UTC)
    return Fact(KIND, pinned.chain, time, "chain", checkpoint=checkpoint)


def prove(
    checkpoint: Checkpoint,
    chain: str,
    header: Header,
    receipts: Sequence[Receipt],
    index: int,
    contract: bytes,
    consistency: Sequence[bytes] = (),
) -> Evidence:
    """Make evidence from a block's header, all its receipts, and the index of that with the contract's event.

    `consistency` is the log's proof from the checkpoint to that of the event, where that is a later one.
    Raises `InvalidEvidence` where these parts do not fit together, regardless of a node's claims.
    """
    of_block = tree(receipts)
    # threat F20: receipts that a node made up do not have the header's root.
    if of_block.root != header.receipts_root:
        raise InvalidEvidence("the receipts are not those of the block")
    logs = receipts[index].logs if 0 <= index < len(receipts) else ()
    events = [number for number, log in enumerate(logs) if log.address == contract]
    if not events:
        raise InvalidEvidence("the contract has no event in this receipt")
    lines = [
        KIND.encode(),
        b"chain %b" % chain.encode(),
        b"header %b" % _base64(header.raw),
        b"transaction %d" % index,
        b"event %d" % events[-1],
        *(b"node %b" % _base64(node) for node in of_block.prove(_key(index))),
        *(b"consistency %b" % _base64(sibling) for sibling in consistency),
    ]
    evidence = Evidence(KIND, checkpoint.digest, b"".join(b"%b\n" % line for line in lines))
    # As a verifier will: nothing leaves here that would fail there.
    verify(checkpoint, evidence, Pinned(chain, frozenset({contract}), {header.hash: header.time}))
    return evidence


def tree(receipts: Sequence[Receipt]) -> trie.Trie:
    """The trie of all receipts of a block, in their order: its root is in the header."""
    return trie.Trie({_key(number): receipt.raw for number, receipt in enumerate(receipts)})


def header_of(evidence: Evidence) -> Header:
    """The header of the evidence's block; its hash is not compared with any pinned one.

    Raises `InvalidEvidence`, `UnknownForm`, `TooLarge`.
    """
    return Header.parse(_parse(evidence.body).header)


ANCHORS = OfCheckpoints(read, verify)


def _parse(body: bytes) -> _Parts:
    # threat 62: refused by its length, before the expression runs over it.
    if len(body) > LARGEST:
        raise TooLarge.saying("the evidence is longer than {most} bytes", most=LARGEST)
    match = _BODY.fullmatch(body)
    if match is None:
        raise InvalidEvidence("the evidence is not a chain, a header, a receipt and its path")
    chain, header, transaction, event, nodes, consistency = match.groups()
    siblings = _decoded(consistency, "A hash of the consistency proof")
    # As in a tlog-proof: a hash of another length could be split between two nodes.
    if any(len(sibling) != merkle.HASH_SIZE for sibling in siblings):
        raise InvalidEvidence("a hash of the consistency proof is not 32 bytes")
    return _Parts(
        chain.decode(),
        decode_base64(header, "The header of the block"),
        int(transaction),
        int(event),
        _decoded(nodes, "A node of the trie"),
        siblings,
    )


def _decoded(lines: bytes, what: str) -> list[bytes]:
    return [decode_base64(line.partition(b" ")[2], what) for line in lines.split(b"\n")[:-1]]


def _key(index: int) -> bytes:
    # Yellow Paper: in the trie of receipts the key is the RLP of the transaction's index.
    return rlp.encode(rlp.integer(index))


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)
