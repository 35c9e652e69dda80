"""What the account that pays fees offers, signs and replaces, asked of a node that is made up for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from keys import PrivateKey
from ledger.evm import rlp
from ledger.evm.problem import FEE_ACCOUNT_LOW, NODE_BEHIND, FeeAboveCap
from ledger.evm.transactions import Call, FeeAccount, Fees, OnItsWay, Pending, account_of
from tests.problems import raises
from tests.test_evm_chain import CONTRACT, LATEST, RAW, Answering

KEY = PrivateKey.generate("secp256k1")
CALL = Call(CONTRACT, b"call")
NODE: Mapping[str, Any] = {
    "eth_getBlockByNumber": LATEST,  # 30, with a base fee of 9
    "eth_maxPriorityFeePerGas": "0x4",
    "eth_gasPrice": "0x14",
    "eth_estimateGas": "0x8000",
    "eth_getBalance": hex(10**18),
}
BEFORE_LONDON: Mapping[str, Any] = {"eth_getBlockByNumber": {**LATEST, "baseFeePerGas": None}}


@pytest.fixture
def nodes() -> Iterator[Answering]:
    answering = Answering()
    yield answering
    answering.close()


def account(nodes: Answering, cap: int = 1_000, **told: Any) -> FeeAccount:
    return FeeAccount(nodes.chain({**NODE, **told}), account_of(KEY.public_key), lambda: KEY, cap)


def waiting(fees: Fees, block: int = 30, nonce: int = 5) -> Pending:
    return Pending((OnItsWay(RAW, nonce, fees, block),))


NOTHING = Pending()


def offered(account: FeeAccount, pending: Pending = NOTHING) -> Fees:
    return account.following(CALL, pending, 5).sent[-1].fees


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("cap", "fees"),
    [
        (1_000, Fees(22, 4)),  # twice the base fee, which may rise, and the tip
        (22, Fees(22, 4)),
        (21, Fees(21, 4)),
        (9, Fees(9, 4)),  # as much as is needed now
    ],
)
def test_what_is_offered_is_enough_for_a_while_and_never_above_the_cap(
    nodes: Answering, cap: int, fees: Fees
) -> None:
    assert offered(account(nodes, cap)) == fees


def test_a_tip_is_never_more_than_the_whole(nodes: Answering) -> None:
    assert offered(account(nodes, 9, eth_maxPriorityFeePerGas="0x64")) == Fees(9, 9)


def test_what_a_chain_asks_for_above_the_cap_is_not_paid(nodes: Answering) -> None:
    with pytest.raises(FeeAboveCap, match=r"asks for 0\.000000009 gwei .* paid are 0\.000000008"):
        offered(account(nodes, 8))


def test_before_london_there_is_one_price(nodes: Answering) -> None:
    assert offered(account(nodes, 20, **BEFORE_LONDON)) == Fees(20, None)
    with pytest.raises(FeeAboveCap):
        offered(account(nodes, 19, **BEFORE_LONDON))


@pytest.mark.parametrize(
    ("before", "told", "fees"),
    [
        (Fees(8, 3), {}, Fees(22, 4)),  # an eighth more, 10 and 4, is less than what is offered anyway
        (Fees(8, 8), {}, Fees(28, 10)),
        (Fees(8, None), BEFORE_LONDON, Fees(20, None)),
        (Fees(40, None), BEFORE_LONDON, Fees(46, None)),
    ],
)
def test_what_takes_the_place_of_another_offers_so_much_more_that_nodes_take_it(
    nodes: Answering, before: Fees, told: Mapping[str, Any], fees: Fees
) -> None:
    pending = waiting(before, block=10)
    replaced = account(nodes, **told).following(CALL, pending, 5)
    assert replaced.sent[0] == pending.sent[0]
    last = replaced.sent[-1]
    assert (len(replaced.sent), last.fees, last.nonce, last.block) == (2, fees, 5, 30)


def test_a_price_that_was_offered_is_raised_even_above_twice_the_base_fee(nodes: Answering) -> None:
    assert offered(account(nodes), waiting(Fees(80, 8), block=10)) == Fees(91, 10)
    with pytest.raises(FeeAboveCap):
        offered(account(nodes, 90), waiting(Fees(80, 8), block=10))


@pytest.mark.parametrize(
    ("fees", "block", "count"),
    [
        (Fees(9, 1), 11, 1),  # 19 blocks
        (Fees(9, 1), 10, 2),
        (Fees(8, 1), 30, 2),  # less than the base fee
        (Fees(9, 1), 30, 1),
    ],
)
def test_one_that_waits_is_sent_again_as_it_is_until_it_is_stuck(
    nodes: Answering, fees: Fees, block: int, count: int
) -> None:
    pending = waiting(fees, block)
    found = account(nodes).following(CALL, pending, 5)
    assert len(found.sent) == count
    assert (found == pending) is (count == 1)


def test_before_london_no_price_is_too_low_by_itself(nodes: Answering) -> None:
    pending = waiting(Fees(1, None))
    assert account(nodes, **BEFORE_LONDON).following(CALL, pending, 5) == pending


def test_where_its_number_is_taken_another_one_owes_it_nothing(nodes: Answering) -> None:
    found = account(nodes).following(CALL, waiting(Fees(80, 8), nonce=4), 5)
    assert [(each.nonce, each.fees) for each in found.sent] == [(4, Fees(80, 8)), (5, Fees(22, 4))]


def test_a_node_that_is_behind_is_waited_for(nodes: Answering) -> None:
    with raises(NODE_BEHIND, match="is 30, and was 31 before"):
        account(nodes).following(CALL, waiting(Fees(9, 1), block=31), 5)


def test_the_account_has_enough_for_the_most_that_it_may_cost(nodes: Answering) -> None:
    gas = 0x8000 * 5 // 4
    assert offered(account(nodes, eth_getBalance=hex(22 * gas))) == Fees(22, 4)
    low = account(nodes, eth_getBalance=hex(22 * gas - 1))
    with raises(FEE_ACCOUNT_LOW) as refused:
        offered(low)
    assert refused.value.facts["needed"] == f"0.{22 * gas:018}".rstrip("0")
    assert low.balance() == 22 * gas - 1


def fields(raw: bytes) -> Sequence[Any]:
    found = rlp.decode(raw)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("to", [CONTRACT, None])
def test_what_is_signed_is_what_was_asked_for(nodes: Answering, to: bytes | None) -> None:
    """EIP-1559 and, before London, EIP-155; to nobody, it makes a contract."""
    gas = rlp.integer(0x8000 * 5 // 4)
    call, there = Call(to, b"call"), to or b""
    (sent,) = account(nodes).following(call, Pending(), 5).sent
    numbers = [rlp.integer(number) for number in (31337, 5, 4, 22)]
    assert sent.raw[0] == 2
    assert fields(sent.raw[1:])[:9] == [*numbers, gas, there, b"", b"call", []]
    (sent,) = account(nodes, **BEFORE_LONDON).following(call, Pending(), 5).sent
    numbers = [rlp.integer(number) for number in (5, 20)]
    assert fields(sent.raw)[:6] == [*numbers, gas, there, b"", b"call"]
    assert int.from_bytes(fields(sent.raw)[6]) in (2 * 31337 + 35, 2 * 31337 + 36)


def test_which_of_several_were_mined(nodes: Answering) -> None:
    receipt = {"blockNumber": "0x7", "status": "0x1", "gasUsed": "0x1"}
    answers = [None, receipt, {**receipt, "blockNumber": "0x8"}]
    paying = account(nodes, eth_getTransactionReceipt=lambda _: answers.pop(0), eth_getTransactionCount="0x6")
    pending = Pending(tuple(OnItsWay(bytes((at,)), 5, Fees(9, 1), 30) for at in range(3)))
    assert [mined.block for mined in paying.mined(pending)] == [7, 8]
    assert paying.nonce() == 6
    assert Pending.parse(pending.encode()) == pending


def test_what_is_kept_has_one_form() -> None:
    """Of a release before: what was on its way then is found again by this one."""
    state = b'{"version": 1, "sent": [{"raw": "02", "nonce": 5, "fees": [9, null], "block": 30}]}'
    pending = Pending((OnItsWay(b"\x02", 5, Fees(9, None), 30),))
    assert (pending.encode(), Pending.parse(state)) == (state, pending)
