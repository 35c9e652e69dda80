"""Ethereum's own forms, read and made: RLP, tries, headers, receipts. PyPI's `rlp` and `trie` are oracles."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import rlp as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from trie.exceptions import ValidationError
from trie.hexary import HexaryTrie

pytest.importorskip("Crypto", reason="no extra [evm]: pip install '.[evm]'")

from ledger import InvalidEvidence
from ledger.evm import rlp
from ledger.evm import trie as tries
from ledger.evm.header import FORMS, Header
from ledger.evm.hexadecimal import parse_address
from ledger.evm.keccak import keccak256
from ledger.evm.receipt import Event, Receipt
from ledger.problem import UnknownForm
from tests.evm_chain import event, header, others, receipt
from wire.problem import Malformed, TooLarge

ITEMS = st.recursive(st.binary(max_size=70), lambda items: st.lists(items, max_size=6), max_leaves=30)


def test_keccak_is_not_sha3() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"  # Yellow Paper, 4.1: KEC(())
    assert keccak256(b"").hex() == empty


@settings(deadline=None)
@given(ITEMS)
def test_rlp_is_written_and_read_as_the_oracle_does(item: Any) -> None:
    data = rlp.encode(item)
    assert data == oracle.encode(item)
    assert rlp.decode(data) == item


BEGUN = st.tuples(st.sampled_from([b"\xb8", b"\xf8", b"\xc2\x81", b"\x81"]), st.binary()).map(b"".join)


@settings(deadline=None)
@given(st.binary(max_size=80) | BEGUN)
def test_what_is_not_canonical_is_no_rlp_and_the_oracle_agrees(data: bytes) -> None:
    """What is read is written again as it was, so that no two forms stand for one thing."""
    try:
        item = rlp.decode(data)
    except InvalidEvidence:
        with pytest.raises(oracle.exceptions.DecodingError):
            oracle.decode(data)
        return
    assert rlp.encode(item) == data
    assert oracle.decode(data) == item


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "data",
    [b"", b"\x81\x7f", b"\xb8\x37" + b"x" * 55, b"\xb9\x00\x38" + b"x" * 56, b"\xb8", b"\xb9\x01", b"\x82x",
     b"\xf8\x37" + b"x" * 55, b"\xc2x", b"xx", b"\xc0\xc0", b"\xc3\x82x", b"\xc2\x82xx",
     b"\xbf" + b"\xff" * 8]
)  # fmt: skip
def test_each_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEvidence):
        rlp.decode(data)


def test_of_rlp_only_so_much_is_read() -> None:
    many: rlp.Item = [b""] * 4096
    assert rlp.decode(rlp.encode(many)) == many
    deep: rlp.Item = b""
    for _ in range(15):
        deep = [deep]
    assert rlp.decode(rlp.encode(deep)) == deep
    for item in ([b""] * 4097, [deep]):
        with pytest.raises(TooLarge):
            rlp.decode(rlp.encode(item))


KEYS = st.binary(max_size=4) | st.integers(0, 600).map(lambda number: rlp.encode(rlp.integer(number)))
VALUES = st.dictionaries(KEYS, st.binary(min_size=1, max_size=40), max_size=40)


@settings(deadline=None)
@given(VALUES)
def test_a_trie_is_that_of_the_oracle(values: dict[bytes, bytes]) -> None:
    known = HexaryTrie({})
    for key, value in values.items():
        known[key] = value
    made = tries.Trie(values)
    assert made.root == known.root_hash
    for key, value in values.items():
        proof = made.prove(key)
        assert tries.verify(made.root, key, proof) == value
        nodes = [rlp.decode(node) for node in proof]
        assert HexaryTrie.get_from_proof(known.root_hash, key, nodes) == value


@settings(deadline=None)
@given(VALUES, KEYS, st.data())
def test_a_proof_is_of_one_key_and_of_all_its_nodes(
    values: dict[bytes, bytes], other: bytes, data: st.DataObject
) -> None:
    made = tries.Trie(values)
    if other not in values:
        with pytest.raises(InvalidEvidence):
            made.prove(other)
    if not values:
        return
    key = data.draw(st.sampled_from(sorted(values)))
    proof = made.prove(key)
    try:  # small nodes stand in their parents, so that one proof may be of two keys
        assert tries.verify(made.root, other, proof) == values[other]
    except InvalidEvidence:
        assert other != key
    at = data.draw(st.integers(0, len(proof) - 1))
    position = data.draw(st.integers(0, len(proof[at]) - 1))
    altered = bytearray(proof[at])
    altered[position] ^= data.draw(st.integers(1, 255))
    for wrong in (
        [*proof[:at], bytes(altered), *proof[at + 1 :]],
        [*proof[:at], *proof[at + 1 :]],
        [*proof[: at + 1], *proof[at:]],
        [*proof, b"\x80"],
        [],
    ):
        with pytest.raises(InvalidEvidence):
            tries.verify(made.root, key, wrong)


@pytest.mark.parametrize(
    "node",
    [b"x", b"x" * 17, [b"\x00", [b"\x20", b"a"]], [b"\x00", [b"\x20\x01", b"a"]], [], [b"x"],
     [b"\x20", b"a", b"b"], [b"", b"a"], [b"\x40", b"a"], [b"\x21", b"a"],
     [b"\x00", b"a" * 32], [b"\x20", []], [b"\x20", b""], [[b"\x20"], b"a"],
     [b"\x10", [b"\x20", b"a"]], [b"\x3f\xff\xff", b"a"], [b""] * 17, [*[b""] * 16, [b"a"]]]
)  # fmt: skip
@pytest.mark.quick(every=4)
@pytest.mark.parametrize("key", [b"", b"\x01"])
def test_a_node_has_one_of_three_forms(node: rlp.Item, key: bytes) -> None:
    """Even where its hash is right, which no chain's is: nothing stands at the key."""
    form = rlp.encode(node)
    with pytest.raises(InvalidEvidence):
        tries.verify(keccak256(form), key, [form])


@pytest.mark.parametrize("fields", FORMS)
def test_a_header_is_read_in_each_form(fields: int) -> None:
    raw = header(1_700_000_000, b"\x07" * 32, fields)
    found = Header.parse(raw)
    assert (found.time, found.number, found.receipts_root) == (1_700_000_000, 7, b"\x07" * 32)
    assert found.hash == keccak256(raw)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("fields", sorted({*range(26)} - FORMS.keys()))
def test_a_header_of_another_form_is_left_open_by_name(fields: int) -> None:
    with pytest.raises(UnknownForm, match=f"{fields} fields") as left:
        Header.parse(rlp.encode([b"x"] * fields))
    assert left.value.undetermined


def test_each_field_of_a_header_has_its_length() -> None:
    fields: list[Any] = list(rlp.decode(header(1, b"\x07" * 32)))
    for at in range(21):
        wrong: list[rlp.Item] = [[], b"\x00" + fields[at]]
        for value in wrong[: 1 if at == 12 else 2]:  # extraData is anything
            with pytest.raises(InvalidEvidence, match="has no such value"):
                Header.parse(rlp.encode([*fields[:at], value, *fields[at + 1 :]]))
    gas = fields.index(rlp.integer(1_009))
    assert Header.parse(rlp.encode([*fields[:gas], b"\x01" * 32, *fields[gas + 1 :]])).number == 7
    with pytest.raises(InvalidEvidence, match="has no such value"):  # a number of the machine has 256 bits
        Header.parse(rlp.encode([*fields[:gas], b"\x01" * 33, *fields[gas + 1 :]]))
    with pytest.raises(InvalidEvidence):
        Header.parse(b"x")


def test_a_header_of_a_node_has_the_fields_of_one_form() -> None:
    with pytest.raises(UnknownForm, match="0 fields"):
        Header.of_node({})
    with pytest.raises(UnknownForm, match="0 fields"):
        Header.of_node({"number": None})
    whole = ETHEREUM[-1]
    names = [name for name in whole if name not in ("hash", "transactions")]
    for missing in (names[0], names[-2]):
        with pytest.raises(UnknownForm):
            Header.of_node({name: value for name, value in whole.items() if name != missing})


EMPTY = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
NO_UNCLES = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"
ETHEREUM: tuple[dict[str, str], ...] = (
    {
        "hash": "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
        "parentHash": "0x" + "00" * 32,
        "sha3Uncles": NO_UNCLES,
        "miner": "0x" + "00" * 20,
        "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
        "transactionsRoot": EMPTY,
        "receiptsRoot": EMPTY,
        "logsBloom": "0x" + "00" * 256,
        "difficulty": "0x400000000",
        "number": "0x0",
        "gasLimit": "0x1388",
        "gasUsed": "0x0",
        "timestamp": "0x0",
        "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
        "mixHash": "0x" + "00" * 32,
        "nonce": "0x0000000000000042",
    },
    {
        "baseFeePerGas": "0xb9e4be0",
        "blobGasUsed": "0xc0000",
        "difficulty": "0x0",
        "excessBlobGas": "0x0",
        "extraData": "0x546974616e2028746974616e6275696c6465722e78797a29",
        "gasLimit": "0x2aea540",
        "gasUsed": "0x1d1e02e",
        "hash": "0xe38d4bb2060a54519508612f40ef737a09c5b20488c12b0bec2d4f5ea7073c15",
        "logsBloom": "0x"
        "3effc77fb16497fa74fffeb6ef65dfbd7b97f8dd7f198ff37abfcf5fdeb329e7bdbc9d8caffdf765f7b75df9e737eff7"
        "73fbf639ff9ffb376fb726a7ff2f68dffea0de7fafd3f7fbff8d5fdff57becf3e76f3f73fefc1ff9bbf9df7fb3fffff1"
        "3f577b7fdffeb7f7ffb8cd71ff93fff3bfffd7e3bfbe576daefdfff6fb5afedf8ffbbd7d7baf977f46fbffceebfbe86f"
        "c6ffb6f1eff3fbbfbeb9eefbf954ffe3fbff9d73b8f9ecfdcfdf7df3fdd9ff3bbfdfe9efe8ffee6ff7fe4a3ff7a5fefb"
        "fffffcffcd7f2bc04bdf7c52d3fdfeff3f7dfe7b4fefa9f46edb53c2de9ffb7f3ffdff6fefa67f64f6e7f7bff5af1dff"
        "ffeff9b99ff86fef589e3bbfffdfffb7",
        "miner": "0x4838b106fce9647bdf1e7877bf73ce8b0bad5f97",
        "mixHash": "0x15350a0cad9bc5cb1298b3710db038850f1df5d8ac00c4ca3b03fb64c7e8ab78",
        "nonce": "0x0000000000000000",
        "number": "0x1672108",
        "parentBeaconBlockRoot": "0x2bd55d2f0e1a3d3e181659ebc21bb167527e517de88b39b0d7ebbeeb3e28eebc",
        "parentHash": "0x1fab238a9630a2e95c8b735ebc63bc2751bc6492f409ee16a7b5a532985196eb",
        "receiptsRoot": "0x01d0a60dd8fd8de710a191aba91f82e2a437ac21a6e77b21b2f745809e7feadf",
        "requestsHash": "0x965c860907968cab126093a785436ad747495ae45b21dac1b6a92ae0f4866ce0",
        "sha3Uncles": NO_UNCLES,
        "stateRoot": "0xd3c86549e5d57f14bd0b28630b70cb68038ac3334251bd194c93a18d96492f39",
        "timestamp": "0x68e6df9f",
        "transactionsRoot": "0x9da0226f723a9da4b8df8782930c0e83bd73c4a393069ee7861465188eed989b",
        "withdrawalsRoot": "0x0740ba007069960b2d60f77b0ce2648cffa3573accd055d4803eb771e32903e7",
    },
)
"""The first block of Ethereum, and one by the rules of Prague, as everybody knows them."""


@pytest.mark.parametrize("block", ETHEREUM, ids=["0", "23535880"])
def test_blocks_of_ethereum_have_their_hashes(block: dict[str, str]) -> None:
    found = Header.of_node(block)
    assert f"0x{found.hash.hex()}" == block["hash"]
    assert Header.parse(found.raw) == found
    for name in block.keys() - {"hash"}:  # and no other fields have them
        other = block[name][:-1] + "01"[block[name][-1] == "0"]
        assert Header.of_node({**block, name: other}).hash != found.hash


@pytest.mark.parametrize("kind", range(5))
def test_a_receipt_is_read_in_each_type(kind: int) -> None:
    found = Receipt.parse(receipt(event(3, b"r" * 32, "log"), [b"c" * 20, [], b""], kind=kind))
    assert (found.type, found.succeeded, len(found.logs)) == (kind, True, 2)
    assert found.logs[1] == Event(b"c" * 20, (), b"")


@pytest.mark.parametrize("raw", [b"", b"\x00\xc0", b"\x05\xc0", b"\x7e\xc0", b"\x80", b"\xbf"])
def test_a_receipt_of_another_type_is_left_open_by_name(raw: bytes) -> None:
    with pytest.raises(UnknownForm, match="type") as left:
        Receipt.parse(raw)
    assert left.value.undetermined


def test_a_receipt_from_before_byzantium_is_left_open() -> None:
    with pytest.raises(UnknownForm, match="Byzantium"):
        Receipt.parse(rlp.encode([b"s" * 32, b"\x01", b"\0" * 256, []]))
    with pytest.raises(UnknownForm, match="Byzantium"):
        Receipt.of_node({"root": "0x00", "logs": []})


_LOG: rlp.Item = [b"c" * 20, [b"t" * 32], b""]


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    "fields",
    [b"x", [], [b"\x01", b"", b"\0" * 256], [b"\x02", b"", b"\0" * 256, []], [[], b"", b"\0" * 256, []],
     [b"\x01", [], b"\0" * 256, []], [b"\x01", b"", b"\0" * 255, []], [b"\x01", b"", [], []],
     [b"\x01", b"", b"\0" * 256, b""], [b"\x01", b"", b"\0" * 256, [b"x"]],
     *([b"\x01", b"", b"\0" * 256, [log]] for log in
       ([], [b"c" * 19, [], b""], [[], [], b""], [b"c" * 20, [], []], [b"c" * 20, b"t", b""],
        [b"c" * 20, [b"t" * 31], b""], [b"c" * 20, [[]], b""], [b"c" * 20, [b"t" * 32] * 5, b""],
        [b"c" * 20, [b"t" * 32], b"", b""]))]
)  # fmt: skip
def test_a_receipt_has_its_form(fields: rlp.Item) -> None:
    with pytest.raises(InvalidEvidence):
        Receipt.parse(b"\x02" + rlp.encode(fields))
    if not isinstance(fields, bytes):  # one of the first type is a list without a byte in front
        with pytest.raises(InvalidEvidence):
            Receipt.parse(rlp.encode(fields))


def test_what_a_node_says_has_its_form() -> None:
    good = {"type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "logsBloom": "0x" + "00" * 256}
    log = {"address": "0x" + "01" * 20, "topics": ["0x" + "02" * 32], "data": "0x"}
    assert Receipt.of_node({**good, "logs": [log]}).logs == (Event(b"\x01" * 20, (b"\x02" * 32,), b""),)
    others: tuple[dict[str, Any], ...] = (
        {**good},
        {**good, "logs": [1]},
        {**good, "logs": [{**log, "topics": "0x"}]},
        {**good, "logs": [{**log, "topics": None}]},
        {**good, "logs": [{**log, "topics": [1]}]},
        {**good, "logs": [{**log, "data": "0x1"}]},
        {**good, "logs": [{**log, "data": None}]},
        {**good, "logs": [], "status": "1"},
        {**good, "logs": [], "status": None},
        {**good, "logs": [], "cumulativeGasUsed": "0x" + "f" * 65},
    )
    for receipt_of_node in others:
        with pytest.raises(Malformed):
            Receipt.of_node(receipt_of_node)
    with pytest.raises(UnknownForm, match="type 126"):
        Receipt.of_node({**good, "type": "0x7e"})
    assert Receipt.of_node({**{k: v for k, v in good.items() if k != "type"}, "logs": []}).type == 0
    for text in ("", "0x", "0x" + "0" * 39, "0x" + "0" * 41, "0X" + "0" * 40, "1" * 42):
        with pytest.raises(Malformed):
            parse_address(text)


def test_receipts_of_all_types_make_a_trie_of_the_oracle() -> None:
    known, values = HexaryTrie({}), {}
    for number, raw in enumerate(others(300)):
        key = rlp.encode(rlp.integer(number))
        known[key] = values[key] = raw
    made = tries.Trie(values)
    assert made.root == known.root_hash
    for number in (0, 1, 127, 128, 255, 256, 299):
        key = rlp.encode(rlp.integer(number))
        assert Receipt.parse(tries.verify(made.root, key, made.prove(key))).type == number % 5


def test_receipts_of_others_may_have_any_length() -> None:
    """They are needed for the trie alone: ours could not be proved beside one that is not read."""
    log = {"address": "0x" + "01" * 20, "topics": [], "data": "0x"}
    fields = {"type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x1", "logsBloom": "0x" + "00" * 256}
    assert len(Receipt.of_node({**fields, "logs": [log] * 5_000}).logs) == 5_000


READABLE = (InvalidEvidence, UnknownForm, TooLarge)


@settings(deadline=None)
@given(ITEMS, st.sampled_from([b"", b"\x02"]))
def test_whatever_stands_there_is_said_to_be_wrong(item: Any, kind: bytes) -> None:
    """A block that is pinned may be anybody's, and so may be what its hash leads to."""
    data = rlp.encode(item)
    for read in (Header.parse, lambda raw: Receipt.parse(kind + raw)):
        with pytest.raises(READABLE):
            read(data)
    with pytest.raises(READABLE):
        tries.verify(keccak256(data), b"\x80", [data])


NODES = st.recursive(
    st.binary(max_size=40),
    lambda items: (
        st.lists(items, min_size=17, max_size=17)
        | st.tuples(st.sampled_from([b"\x00", b"\x18", b"\x20", b"\x38", b"\x20\x80"]), items).map(list)
    ),
    max_leaves=40,
)


@settings(deadline=None, max_examples=settings().max_examples // 2)
@given(NODES, st.sampled_from([b"", b"\x80", b"\x81\x80"]))
def test_a_trie_that_nobody_would_make_has_one_value_at_a_key_or_none(node: Any, key: bytes) -> None:
    data = rlp.encode(node)
    try:
        value = tries.verify(keccak256(data), key, [data])
    except READABLE:
        return
    with contextlib.suppress(ValidationError):  # of a part of the node that is not on the way
        assert value == HexaryTrie.get_from_proof(keccak256(data), key, [node])
