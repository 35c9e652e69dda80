"""Transactions of the account that pays fees: their present cost, and their signatures.

The account has a key of its own (secp256k1), which can do nothing else in the log's name: a thief gets the
account's balance only. eth-account signs, and is imported when something is signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keys import PrivateKey, PublicKey, Signer
from wire.strict import base64url_decode, load_json_object

from .chain import Chain, Mined, NewestBlock
from .keccak import keccak256
from .problem import FEE_ACCOUNT_LOW, NO_FEE_KEY, NODE_BEHIND, FeeAboveCap

GWEI = 10**9
_PATIENCE = 20
"""Blocks for which a transaction waits before another one with a higher fee replaces it."""


class Fees(NamedTuple):
    """The highest price for a unit of gas; `tip` of it goes to the block's maker, None before London."""

    price: int
    tip: int | None


@dataclass(frozen=True, slots=True)
class Call:
    """The target and data of a transaction; `to` is None where it creates a contract."""

    to: bytes | None
    content: bytes


class OnItsWay(NamedTuple):
    """A signed transaction, and the newest block when it was signed."""

    raw: bytes
    nonce: int
    fees: Fees
    block: int


@dataclass(frozen=True, slots=True)
class Pending:
    """All transactions signed for one call, which is to be done once; kept before they are sent."""

    sent: tuple[OnItsWay, ...] = ()

    def encode(self) -> bytes:
        """The bytes that are kept."""
        sent = [
            {"raw": each.raw.hex(), "nonce": each.nonce, "fees": each.fees, "block": each.block}
            for each in self.sent
        ]
        return json.dumps({"version": 1, "sent": sent}).encode()

    @classmethod
    def parse(cls, state: bytes) -> Pending:
        """Read the kept bytes."""
        sent = load_json_object(state)["sent"]
        return cls(
            tuple(
                OnItsWay(bytes.fromhex(each["raw"]), each["nonce"], Fees(*each["fees"]), each["block"])
                for each in sent
            )
        )


class FeeAccount:
    """The account that pays on one chain, at most `cap` for a unit of gas."""

    def __init__(self, chain: Chain, address: bytes, opened: Callable[[], Signer], cap: int) -> None:
        """`opened` returns the account's key; it is called when something is to be signed."""
        self.address, self._opened = address, opened
        self._chain, self._cap = chain, cap

    def balance(self) -> int:
        """The account's balance, in the chain's smallest unit. Raises as `Chain`."""
        return self._chain.balance(self.address)

    def nonce(self) -> int:
        """The number of its next transaction, which is the count of those mined. Raises as `Chain`."""
        return self._chain.nonce(self.address)

    def mined(self, pending: Pending) -> Sequence[Mined]:
        """The transactions of `pending` that were mined. Raises as `Chain`."""
        return [mined for sent in pending.sent if (mined := self._chain.mined(sent.raw))]

    def following(self, call: Call, pending: Pending, nonce: int) -> Pending:
        """`pending`, ending with the transaction to send next; none of its transactions is mined yet.

        That is the last one, unless its number is not the account's next, or it is stuck. Then another one
        replaces it, with the same number if that is free, so that at most one of the two is mined. Raises
        `FeeAboveCap`, `FEE_ACCOUNT_LOW`, `NO_FEE_KEY` for a key that is another one, not secp256k1 or not in
        a file, `NODE_BEHIND`, and what `Chain` and opening the key raise.
        """
        head = self._chain.head()
        above = None
        if pending.sent:
            last = pending.sent[-1]
            # Nothing is signed by the word of a node that does not know what was seen before.
            if head.number < last.block:
                raise NODE_BEHIND.saying(
                    "the newest block of {chain} is {number}, and was {known} before",
                    chain=self._chain.name,
                    number=head.number,
                    known=last.block,
                )
            if last.nonce == nonce:
                # At most one transaction with a number is mined: sending the same one again costs nothing.
                if not _is_stuck(last, head):
                    return pending
                above = last.fees
        fees = self._fees(head, above)
        return Pending((*pending.sent, OnItsWay(self._signed(call, nonce, fees), nonce, fees, head.number)))

    def _fees(self, head: NewestBlock, above: Fees | None) -> Fees:
        """The fees to offer after this block; high enough above an earlier offer that nodes replace it."""
        if head.base_fee is None:
            needed = price = max(self._chain.gas_price(), _raised(above.price) if above else 0)
            tip = None
        else:
            tip = max(self._chain.tip(), _raised(above.tip or 0) if above else 0)
            needed = max(head.base_fee, _raised(above.price) if above else 0)
            # Twice the base fee lasts for five full blocks, each of which raises it by an eighth (EIP-1559).
            price = max(min(2 * head.base_fee + tip, self._cap), needed)
            tip = min(tip, price)
        # ADR 57: the cap bounds the cost of a node that lies about fees.
        if needed > self._cap:
            raise FeeAboveCap.saying(
                "{chain} asks for {fee} gwei a unit of gas at present; paid are {cap}",
                chain=self._chain.name,
                fee=_gwei(needed),
                cap=_gwei(self._cap),
            )
        return Fees(price, tip)

    def _signed(self, call: Call, nonce: int, fees: Fees) -> bytes:
        # A quarter more than estimated: the state may change until it is mined; what is left is not paid.
        gas = self._chain.gas(self.address, call.to, call.content) * 5 // 4
        self._require(gas * fees.price)
        return self._sign(
            {
                "chainId": self._chain.id,
                "nonce": nonce,
                "gas": gas,
                "value": 0,
                "data": call.content,
                **({"to": call.to} if call.to else {}),
                **(
                    {"gasPrice": fees.price}
                    if fees.tip is None
                    else {"type": 2, "maxFeePerGas": fees.price, "maxPriorityFeePerGas": fees.tip}
                ),
            }
        )

    def _require(self, cost: int) -> None:
        balance = self.balance()
        # Before signing: a node takes such a transaction and drops it silently, and its number stays open.
        if balance < cost:
            raise FEE_ACCOUNT_LOW.saying(
                "the account {account} on {chain} has {balance}, and {needed} are needed",
                account=checksummed(self.address),
                chain=self._chain.name,
                balance=coins(balance),
                needed=coins(cost),
            )

    def _sign(self, transaction: dict[str, object]) -> bytes:
        from eth_account import Account  # half a second, and most processes sign nothing

        key = self._opened()
        # A file that was replaced since would pay from, and need rights for, another account.
        if not isinstance(key, PrivateKey) or account_of(key.public_key) != self.address:
            raise NO_FEE_KEY.saying(
                "the key of the account {account} is not in a file, or another one by now",
                account=checksummed(self.address),
            )
        return bytes(Account.sign_transaction(transaction, key.secret).raw_transaction)


def _is_stuck(last: OnItsWay, head: NewestBlock) -> bool:
    too_low = head.base_fee is not None and last.fees.price < head.base_fee
    return too_low or head.number - last.block >= _PATIENCE


def account_of(key: PublicKey) -> bytes:
    """The address of a secp256k1 key's account (Yellow Paper, F). Raises `NO_FEE_KEY`."""
    if key.type != "secp256k1":  # the only curve of accounts (Yellow Paper, F)
        raise NO_FEE_KEY.saying("fees are paid with a secp256k1 key, not {key_type}", key_type=key.type)
    jwk = key.jwk()
    return keccak256(base64url_decode(jwk["x"]) + base64url_decode(jwk["y"]))[12:]


def checksummed(address: bytes) -> str:
    """An address as people compare it, with a checksum in its capitals (EIP-55)."""
    digits = address.hex()
    sums = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(s, 16) >= 8 else d for d, s in zip(digits, sums, strict=False))


def coins(amount: int) -> str:
    """An amount in the unit that people know, 10^18 of the smallest."""
    whole, rest = divmod(amount, 10**18)
    return f"{whole}.{rest:018}".rstrip("0").removesuffix(".")


def _gwei(price: int) -> str:
    return coins(price * GWEI)


def _raised(price: int) -> int:
    """The price raised by an eighth: nodes replace nothing for less than a tenth."""
    return price * 9 // 8 + 1
