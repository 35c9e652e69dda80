"""A chain in this process, for contracts: py-evm, by way of eth-tester."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from ledger.evm.contract import init_code
from ledger.evm.header import Header
from ledger.evm.hexadecimal import parse_address
from ledger.evm.receipt import Receipt
from tests.ledger_samples import ORIGIN


class Chain:
    """py-evm in this process: each transaction is a block."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from eth_tester import EthereumTester, PyEVMBackend

        self._tester = EthereumTester(PyEVMBackend())
        self.owner, self.submitter, self.other, *_ = map(parse_address, self._tester.get_accounts())

    def send(self, sender: bytes, data: bytes, to: bytes | None = None) -> Any:
        """The receipt of a transaction, which may have failed."""
        transaction = {"from": _hex(sender), "data": _hex(data), "gas": 2_000_000}
        if to:
            transaction["to"] = _hex(to)
        return self._tester.get_transaction_receipt(self._tester.send_transaction(transaction))

    def refuses(self, sender: bytes, data: bytes, to: bytes) -> str:
        """The contract's reason to refuse: the transaction has to fail, then a call gives the reason."""
        from eth_tester.exceptions import TransactionFailed

        receipt = self.send(sender, data, to)
        assert (receipt["status"], len(receipt["logs"])) == (0, 0)
        with pytest.raises(TransactionFailed) as refused:
            self._tester.call({"from": _hex(sender), "to": _hex(to), "data": _hex(data), "gas": 2_000_000})
        return str(refused.value)

    def call(self, contract: bytes, data: bytes) -> bytes:
        """The result of a view of the contract."""
        asked = {"from": _hex(self.other), "to": _hex(contract), "data": _hex(data)}
        return bytes.fromhex(self._tester.call(asked).removeprefix("0x"))

    def code(self, contract: bytes) -> bytes:
        return bytes.fromhex(self._tester.get_code(_hex(contract)).removeprefix("0x"))

    def block(self, number: int) -> tuple[Header, list[Receipt]]:
        """A block's header and receipts, as py-evm writes them."""
        import rlp

        chain = self._tester.backend.chain
        block = chain.get_canonical_block_by_number(number)
        receipts = [Receipt.parse(receipt.encode()) for receipt in block.get_receipts(chain.chaindb)]
        header = Header.parse(rlp.encode(block.header))
        assert header.hash == block.header.hash
        return header, receipts

    def deploy(self, origin: str = ORIGIN) -> bytes:
        """The address of a new contract, which the submitter pays for."""
        receipt = self.send(self.submitter, init_code(origin, self.owner, self.submitter))
        return parse_address(receipt["contract_address"])


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
