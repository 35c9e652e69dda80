from __future__ import annotations

import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zlib_ng import zlib_ng

from tests.problems import raises
from vc import Credential, MalformedCredential, StatusList
from vc.status import (
    INVALID_STATUS_LIST,
    UNKNOWN_STATUS_ENTRY,
    Reason,
    Revocation,
    StatusEntry,
    details_url,
    open_list,
    read_revocation,
    status_entry,
)
from vc.vcdm.status_lists import revocation_details_document, status_list_document
from wire import Malformed, TooLarge, base64url_encode

URL = "https://university.example/status/0"
NOW = datetime(2026, 6, 30, tzinfo=UTC)


def document(bits: StatusList, **change: Any) -> Credential:
    value = status_list_document(URL, "did:example:issuer", bits, valid_from=NOW, lifetime=timedelta(days=1))
    subject = {**value["credentialSubject"], **change.pop("subject", {})}
    return Credential.parse({**value, "credentialSubject": subject, **change})


def test_index_0_is_the_leftmost_bit() -> None:
    bits = StatusList()
    bits[0] = 1
    bits[9] = 1
    assert bytes(bits.bits[:2]) == b"\x80\x40"


@given(st.integers(1, 8), st.data())
def test_what_is_set_is_read_and_nothing_else_changes(size: int, data: st.DataObject) -> None:
    bits = StatusList(64, size)
    wanted = data.draw(st.dictionaries(st.integers(0, 63), st.integers(0, (1 << size) - 1)))
    for index, value in wanted.items():
        bits[index] = (1 << size) - 1
        bits[index] = value
    read = StatusList.decode(bits.encode(), size)
    assert [read[index] for index in range(64)] == [wanted.get(index, 0) for index in range(64)]


@given(st.integers(1, 8), st.sets(st.integers(0, 63)))
def test_what_is_set_at_once_is_as_if_set_one_by_one(size: int, wanted: set[int]) -> None:
    bits, others = StatusList(64, size), StatusList(64, size)
    bits.set_all(wanted)
    for index in wanted:
        others[index] = 1
    assert bits.bits == others.bits


def test_the_same_bits_have_the_same_bytes() -> None:
    assert StatusList().encode() == StatusList().encode()


@pytest.mark.parametrize("index", [-1, 131_072])
def test_a_position_outside_is_refused(index: int) -> None:
    with raises(INVALID_STATUS_LIST, match="outside"):
        StatusList()[index]
    with raises(INVALID_STATUS_LIST, match="outside"):
        StatusList().set_all([0, index])


def test_values_and_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        StatusList()[0] = 2
    with pytest.raises(ValueError, match="bits"):
        StatusList(8, 9)
    with pytest.raises(ValueError, match="bytes"):
        StatusList(8, 1, b"")


@pytest.mark.slow
def test_a_decompression_bomb_stops_early() -> None:
    bomb = "u" + base64url_encode(gzip.compress(bytes(200 << 20)))
    with pytest.raises(TooLarge):
        StatusList.decode(bomb)


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        "",
        "zAAAA",
        "u!!!",
        "uAAAA",
        "u" + base64url_encode(gzip.compress(bytes(16), mtime=0)[:-4]),
        "u" + base64url_encode(gzip.compress(bytes(16), mtime=0) + b"more"),
    ],
)
def test_a_list_that_is_not_one_is_malformed(encoded: object) -> None:
    with pytest.raises(Malformed):
        StatusList.decode(encoded)


@pytest.mark.parametrize(
    "change",
    [
        {"statusPurpose": ""},
        {"statusListCredential": "no url"},
        {"statusListIndex": 5},
        {"statusListIndex": "-5"},
        {"statusListIndex": "٥"},
        {"statusListIndex": "5" * 13},
        {"statusSize": 0},
        {"statusSize": True},
    ],
)
def test_a_broken_entry_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedCredential):
        StatusEntry.parse({**status_entry(URL, 5), **change})


def test_an_entry_of_another_kind_stays_open() -> None:
    both = {**status_entry(URL, 5), "type": ["BitstringStatusListEntry", "StatusList2021Entry"]}
    for found in ({"type": "1EdTechRevocationList", "id": URL}, both):
        with raises(UNKNOWN_STATUS_ENTRY) as caught:
            StatusEntry.parse(found)
        assert caught.value.undetermined


def test_a_set_bit_is_read_through_the_signed_list() -> None:
    bits = StatusList()
    bits[5] = 1
    assert open_list(StatusEntry.parse(status_entry(URL, 5)), document(bits))[5] == 1
    assert open_list(StatusEntry.parse(status_entry(URL, 6)), document(bits))[6] == 0


@pytest.mark.parametrize(
    "credential",
    [
        document(StatusList(), type=["VerifiableCredential"]),
        document(StatusList(), id="https://university.example/status/1"),
        document(StatusList(), subject={"type": "List"}),
        document(StatusList(), subject={"statusPurpose": "suspension"}),
        document(StatusList(), subject={"statusSize": 2}),
    ],
)
def test_a_list_that_does_not_fit_is_refused(credential: Credential) -> None:
    with raises(INVALID_STATUS_LIST):
        open_list(StatusEntry.parse(status_entry(URL, 5)), credential)


def test_a_list_of_several_purposes_serves_each() -> None:
    credential = document(StatusList(), subject={"statusPurpose": ["suspension", "revocation"]})
    assert open_list(StatusEntry.parse(status_entry(URL, 5)), credential)[5] == 0


def test_details_have_date_and_reason() -> None:
    entry = StatusEntry.parse(status_entry(URL, 5))
    found = Revocation(5, NOW, Reason.ISSUED_IN_ERROR)
    value = revocation_details_document(
        URL, "did:example:issuer", [Revocation(7, NOW, "fraud"), found], valid_from=NOW
    )
    assert value["id"] == details_url(URL)
    credential = Credential.parse(value)
    assert read_revocation(entry, credential) == found
    assert read_revocation(StatusEntry.parse(status_entry(URL, 6)), credential) is None
    with raises(INVALID_STATUS_LIST):
        read_revocation(StatusEntry.parse(status_entry(URL + "1", 5)), credential)
    value["credentialSubject"]["revocations"] = {}
    with pytest.raises(Malformed):
        read_revocation(entry, Credential.parse(value))


def test_a_list_of_another_implementation_is_read(corpora: Path) -> None:
    """digitalcredentials/vc-test-fixtures has lists of 100,000 entries, not 131,072."""
    (path,) = (corpora / "samples/dcc/status").glob("e5*.json")
    credential = Credential.parse(json.loads(path.read_bytes()))
    bits = StatusList.decode(credential.subjects[0]["encodedList"])
    assert bits.entries == 100_000
    assert any(bits[index] for index in range(100))
    assert credential.id is not None
    opened = open_list(StatusEntry.parse(status_entry(credential.id, 5)), credential)
    assert [opened[index] for index in range(100)] == [bits[index] for index in range(100)]


def unpacked(library: Any, packed: bytes, limit: int) -> tuple[bytes, bytes, bytes, bool] | None:
    unpacker = library.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(packed, limit)
    except library.error:
        return None
    return found, unpacker.unconsumed_tail, unpacker.unused_data, unpacker.eof


@given(
    st.binary(max_size=200),
    st.integers(1, 90),
    st.integers(0, 9),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 255)), max_size=2),
    st.integers(0, 30),
    st.binary(max_size=30),
)
def test_both_libraries_unpack_the_same_from_whatever_comes(
    unit: bytes, times: int, level: int, changes: list[tuple[int, int]], missing: int, rest: bytes
) -> None:
    packed = bytearray(gzip.compress(unit * times, level))
    for place, change in changes:
        packed[place % len(packed)] ^= change
    whole = bytes(packed[: len(packed) - missing]) + rest
    here, there = unpacked(zlib_ng, whole, 1 << 20), unpacked(zlib, whole, 1 << 20)
    if here != there:  # of what neither takes for whole, one may have had some of before it noticed
        assert all(found is None or not found[3] for found in (here, there))


def test_both_libraries_stop_at_the_limit() -> None:
    packed = gzip.compress(bytes(1 << 20))
    for library in (zlib, zlib_ng):
        found = unpacked(library, packed, 1000)
        assert found
        assert (len(found[0]), bool(found[1]), found[3]) == (1000, True, False)
