"""`Chain`: questions to one chain, through the nodes that somebody named for it.

A node is a stranger (threats F20, F32). It is asked first which chain it is of. A header has to hash to its
hash, and receipts to the root in it. All nodes that answer have to agree on a block. Other questions go to
the next node if one has no answer. No answer of a node makes the questions endless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from wire.problem import Malformed, Problem, Refused, TooLarge, Unavailable
from wire.text import shortened

from .evidence import tree
from .header import Header
from .hexadecimal import data, quantity
from .keccak import keccak256
from .node import LARGEST_ANSWER, RpcNode
from .problem import NODE_BEHIND, NODES_DISAGREE, WRONG_CHAIN, NodeError, NodeLies
from .receipt import Event, Receipt

_SPAN = 1_000
"""Blocks that one question for events covers; fewer where a node finds that too many."""
_ASKED = 100_000
"""Questions for events: enough for a chain of thirty years, at twenty thousand blocks a question."""
_LARGEST_NUMBER = 1 << 63
"""Above any chain's number of blocks, and any block's time in seconds."""
_MOST_TRANSACTIONS = 1 << 14
"""Transactions of a block whose receipts are asked for one by one: several times the fullest blocks."""
_NAME = re.compile(r"eip155:([1-9][0-9]{0,17})")
_T = TypeVar("_T")


class NewestBlock(NamedTuple):
    """The newest block; `base_fee` is None where the chain has none (before London)."""

    number: int
    time: int
    base_fee: int | None


class Block(NamedTuple):
    """A block's header, and the receipts that hash to its root."""

    header: Header
    receipts: Sequence[Receipt]


class Mined(NamedTuple):
    """A mined transaction: its block and its outcome."""

    block: int
    succeeded: bool
    contract: bytes | None
    """The address of the contract that it created."""
    cost: int


class Chain:
    """A chain by its CAIP-2 name. A block is final after `depth` blocks, where nodes do not say which are.

    Its methods raise `Unavailable`, with many codes, where no node gives a usable answer, and `WRONG_CHAIN`.
    """

    def __init__(
        self, name: str, nodes: Sequence[RpcNode], depth: int | None = None, *, unanimous: bool = False
    ) -> None:
        """With `unanimous`, questions on which nodes have to agree stay open unless all of them answer.

        Raises `Malformed` for a name that is not one of an EVM chain.
        """
        self.name, self.id = name, chain_id(name)
        self._nodes, self._depth, self._unanimous = nodes, depth, unanimous
        self._known: set[RpcNode] = set()
        """Nodes that were already found to be of this chain."""

    def head(self) -> NewestBlock:
        """The newest block."""
        return self._first(_head, "eth_getBlockByNumber", "latest", False)

    def final(self) -> int:
        """The number of the newest block that every node that answers calls final.

        Raises `Refused` where a node does not say what is final, and no depth is given in its stead.
        """
        # threat F20: the smallest, so that no single node makes a block final.
        return min(number for _, number in self._each(self._final))

    def nonce(self, account: bytes) -> int:
        """The number of the account's next transaction, which is the count of those mined."""
        return self._first(_number, "eth_getTransactionCount", _hex(account), "latest")

    def balance(self, account: bytes) -> int:
        """The account's balance, in the smallest unit."""
        return self._first(_number, "eth_getBalance", _hex(account), "latest")

    def gas_price(self) -> int:
        """The price of a unit of gas where there is no base fee."""
        return self._first(_number, "eth_gasPrice")

    def tip(self) -> int:
        """The present tip above the base fee; one gwei where no node says it."""
        try:
            return self._first(_number, "eth_maxPriorityFeePerGas")
        except NodeError:
            return 10**9

    def gas(self, sender: bytes, to: bytes | None, content: bytes) -> int:
        """The gas that a transaction takes. Raises `NodeError` for one that would fail."""
        transaction = {"from": _hex(sender), "data": _hex(content), **({"to": _hex(to)} if to else {})}
        return self._first(_number, "eth_estimateGas", transaction)

    def code(self, contract: bytes) -> bytes:
        """The code of a contract; empty where there is none."""
        return self._first(_bytes, "eth_getCode", _hex(contract), "latest")

    def read(self, contract: bytes, content: bytes) -> bytes:
        """A contract's answer, as of the newest block; empty where there is no contract."""
        call = {"to": _hex(contract), "data": _hex(content)}
        return self._first(_bytes, "eth_call", call, "latest")

    def send(self, transaction: bytes) -> None:
        """Send a signed transaction to each node. If none takes it, raise the problem of the last one.

        A node that already has it counts as having taken it.
        """
        refusal: Unavailable | None = None
        taken = False
        # To each of them: one that lies could keep the transaction to itself.
        for node in self._nodes:
            try:
                self._hand_over(node, transaction)
                taken = True
            except Unavailable as problem:
                refusal = problem
        if refusal is not None and not taken:
            raise refusal

    def mined(self, transaction: bytes) -> Mined | None:
        """The block and outcome of a signed transaction, from the first node that answers, if mined."""
        return self._first(_mined, "eth_getTransactionReceipt", _hex(keccak256(transaction)))

    def events(
        self, contract: bytes, topics: Sequence[bytes], first: int, last: int
    ) -> Iterator[tuple[int, Event]]:
        """Events of a contract with these topics, and the numbers of their blocks: the newest first.

        Nodes limit the blocks of a question, each in its own way, so the search goes back from the end in
        spans. Raises `NodeLies` for events that were not asked for, and `Unavailable` where the nodes' limits
        are too small.
        """
        span, narrowed = _SPAN, False
        for _ in range(_ASKED):  # a node that looks through one block at a time would be asked for years
            if last < first:
                return
            begin = max(first, last - span + 1)
            asked = {
                "address": _hex(contract),
                "topics": [_hex(topic) for topic in topics],
                "fromBlock": hex(begin),
                "toBlock": hex(last),
            }
            try:
                events = self._first(_events, "eth_getLogs", asked)
            except NodeError:  # too many blocks or events for this node: half as many, and never more again
                if span == 1:
                    raise
                span, narrowed = span // 2, True
                continue
            for number, event in reversed(events):
                # threat F32: one event of another block could be the answer to every question.
                is_elsewhere = not begin <= number <= last
                if event.address != contract or event.topics[: len(topics)] != (*topics,) or is_elsewhere:
                    raise NodeLies.saying(
                        "a node of {chain} gives events that it was not asked for", chain=self.name
                    )
                yield number, event
            last -= span
            span *= 1 if narrowed else 2
        raise Unavailable.saying(
            "the nodes of {chain} look through too few blocks at once: {count} questions were not enough",
            chain=self.name,
            count=_ASKED,
        )

    def header(self, number: int) -> Header:
        """The header of a block, on which all nodes that answer agree.

        Raises `NodeLies`, `NODES_DISAGREE`, `NODE_BEHIND` where there is no such block yet, and
        `UnknownForm`.
        """
        return self._agreed(number)[1]

    def block(self, number: int) -> Block:
        """A block as `header`, with its receipts. Raises as that."""
        node, header, transactions = self._agreed(number)
        receipts = self._receipts(node, number, transactions)
        # threat F20: the header vouches for the receipts, whoever gives them.
        if tree(receipts).root != header.receipts_root:
            raise NodeLies.saying(
                "the receipts that the node {host} gives of block {number} do not have its root",
                host=node.host,
                number=number,
            )
        return Block(header, receipts)

    def _agreed(self, number: int) -> tuple[RpcNode, Header, Sequence[str]]:
        """The first node that answers, the header on which all agree, and the hashes of its transactions."""
        answers = self._each(lambda node: self._block(node, number))
        (first, (header, transactions)), *others = answers
        for node, (other, _) in others:
            # threat F20: a block that one node has and others have not.
            if other.hash != header.hash:
                raise NODES_DISAGREE.saying(
                    "the nodes {host} and {other} disagree on block {number}",
                    host=first.host,
                    other=node.host,
                    number=number,
                )
        return first, header, transactions

    def _block(self, node: RpcNode, number: int) -> tuple[Header, Sequence[str]]:
        method = "eth_getBlockByNumber"
        block = node.call(method, hex(number), False)
        if block is None:  # execution-apis: null for a block that a node does not have
            raise NODE_BEHIND.saying(
                "the node {host} does not have block {number}", host=node.host, number=number
            )
        try:
            members = _members(block)
            header, claimed = Header.of_node(members), data(members, "hash")
            transactions = [_hex(_word(each)) for each in _list(members.get("transactions"))]
        except Malformed:
            raise node.malformed(method) from None
        # The hash is computed from the fields; another block would pass that, so its number is compared too.
        if header.hash != claimed or header.number != number:
            raise NodeLies.saying(
                "block {number} as the node {host} gives it does not hash to its hash",
                host=node.host,
                number=number,
            )
        return header, transactions

    def _receipts(self, node: RpcNode, number: int, transactions: Sequence[str]) -> Sequence[Receipt]:
        method = "eth_getBlockReceipts"
        try:
            answers: Iterable[Any] = self._understood(node, method, _list, node.call(method, hex(number)))
        except NodeError:  # not all nodes have that
            method = "eth_getTransactionReceipt"
            # threat F32: one request for each, and the node chose how many there are.
            if len(transactions) > _MOST_TRANSACTIONS:
                raise node.malformed(method) from None
            answers = (node.call(method, each) for each in transactions)
        receipts: list[Receipt] = []
        size = 0
        for each in answers:
            try:
                receipts.append(Receipt.of_node(_members(each)))
            except Malformed:
                raise node.malformed(method) from None
            size += len(receipts[-1].raw)
            if size > LARGEST_ANSWER:  # each of many answers may be as long as the one to all of them
                raise node.malformed(method)
        return receipts

    def _final(self, node: RpcNode) -> int:
        method = "eth_getBlockByNumber"
        try:
            final = node.call(method, "finalized", False)
        except NodeError:
            final = None
        # No guess: how deep is final differs from chain to chain, so the operator has to say it.
        if final is None and self._depth is None:
            raise Refused.saying(
                "the node {host} does not say which blocks are final, and no depth is given in its stead",
                host=node.host,
            )
        newest = node.call(method, "latest", False) if final is None else final
        number = self._understood(node, method, _head, newest).number
        return number if final is not None else number - (self._depth or 0)

    def _hand_over(self, node: RpcNode, transaction: bytes) -> None:
        self._require_of_chain(node)
        try:
            node.call("eth_sendRawTransaction", _hex(transaction))
        except NodeError:  # also for one that it has already, with a text of each node's own
            if node.call("eth_getTransactionByHash", _hex(keccak256(transaction))) is None:
                raise

    def _first(self, read: Callable[[Any], _T], method: str, *parameters: object) -> _T:
        """The answer of the first node that has one; else the first `NodeError`, or the last problem."""
        problems: list[Problem] = []
        for node in self._nodes:
            try:
                self._require_of_chain(node)
                return self._understood(node, method, read, node.call(method, *parameters))
            except (Unavailable, TooLarge) as problem:
                problems.append(problem)
        raise next((each for each in problems if isinstance(each, NodeError)), problems[-1])

    def _each(self, ask: Callable[[RpcNode], _T]) -> Sequence[tuple[RpcNode, _T]]:
        """The answers of all nodes that have one; where `unanimous`, every node has to have one.

        `NodeLies` of one node is raised, regardless of the others.
        """
        answers: list[tuple[RpcNode, _T]] = []
        missing: Problem | None = None
        for node in self._nodes:
            try:
                self._require_of_chain(node)
                answers.append((node, ask(node)))
            except NodeLies:  # ADR 57: somebody has to look at that node
                raise
            except (Unavailable, TooLarge) as problem:
                missing = problem
        # threat F20: where all have to agree, silencing one node must not leave the others the word.
        if missing is not None and (self._unanimous or not answers):
            raise missing
        return answers

    def _require_of_chain(self, node: RpcNode) -> None:
        if node not in self._known:
            method = "eth_chainId"
            number = self._understood(node, method, _number, node.call(method))
            # Blocks of another chain would hash to their hashes as well.
            if number != self.id:
                raise WRONG_CHAIN.saying(
                    "the node {host} is of the chain eip155:{found}, not of {chain}",
                    host=node.host,
                    found=number,
                    chain=self.name,
                )
            self._known.add(node)

    def _understood(self, node: RpcNode, method: str, read: Callable[[Any], _T], value: Any) -> _T:
        try:
            return read(value)
        except Malformed:
            raise node.malformed(method) from None


def chain_id(name: str) -> int:
    """The number of a chain by its CAIP-2 name. Raises `Malformed`."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise Malformed.saying("{name} is no name of an EVM chain: eip155:1 is one", name=shortened(name))
    return int(match[1])


def _head(value: Any) -> NewestBlock:
    block = _members(value)
    has_fee = block.get("baseFeePerGas") is not None
    return NewestBlock(
        _bounded(block, "number"),
        _bounded(block, "timestamp"),
        quantity(block, "baseFeePerGas") if has_fee else None,
    )


def _mined(value: Any) -> Mined | None:
    if value is None:
        return None
    receipt = _members(value)
    return Mined(
        _bounded(receipt, "blockNumber"),
        quantity(receipt, "status") == 1,
        data(receipt, "contractAddress") if receipt.get("contractAddress") else None,
        quantity(receipt, "gasUsed") * quantity({"effectiveGasPrice": "0x0", **receipt}, "effectiveGasPrice"),
    )


def _events(value: Any) -> Sequence[tuple[int, Event]]:
    return [_event(_members(each)) for each in _list(value)]


def _event(value: Mapping[str, Any]) -> tuple[int, Event]:
    topics = tuple(map(_word, _list(value.get("topics"))))
    return _bounded(value, "blockNumber"), Event(data(value, "address"), topics, data(value, "data"))


def _bounded(value: Mapping[str, Any], name: str) -> int:
    """The number of a block, or of seconds since 1970. Raises `Malformed`."""
    # threat F32: numbers that no database or calendar takes.
    number = quantity(value, name)
    if number >= _LARGEST_NUMBER:
        raise Malformed.saying("{member} of the node's answer is larger than any chain has", member=name)
    return number


def _number(value: Any) -> int:
    return quantity({"result": value}, "result")


def _bytes(value: Any) -> bytes:
    return data({"result": value}, "result")


def _word(value: Any) -> bytes:
    word = _bytes(value)
    if len(word) != 32:
        raise Malformed("the node's answer is not 32 bytes")
    return word


def _members(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("the node's answer is no object")
    return value


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise Malformed("the node's answer is no array")
    return value


def _hex(content: bytes) -> str:
    return f"0x{content.hex()}"
