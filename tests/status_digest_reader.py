"""A reader of status digests, written from docs/formats/revocations.md; it imports nothing of the project."""

import base64
import hashlib
import json
from typing import Any


def number(data: bytes, place: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first, and where the next one begins."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def block(data: bytes, place: int) -> tuple[list[int], int]:
    """The positions of a block, and where the next one begins."""
    count, place = number(data, place)
    if count == 0:
        return [], place
    parameter = data[place]
    length, place = number(data, place + 1)
    bits = "".join(f"{byte:08b}" for byte in data[place : place + length])
    positions: list[int] = []
    at, last = 0, -1
    for _ in range(count):
        quotient = 0
        while bits[at] == "1":
            quotient += 1
            at += 1
        at += 1
        remainder = int(bits[at : at + parameter] or "0", 2)
        at += parameter
        last += 1 + (quotient << parameter) + remainder
        positions.append(last)
    return positions, place + length


def read(file: bytes) -> tuple[dict[str, Any], dict[str, set[tuple[str, int]]]]:
    """The statements of a whole digest, and by purpose the addresses and indexes that are set in it."""
    head, document, packed = file.split(b"\n", 2)
    if head != b"IntaglioStatusDigest 1 whole":
        raise ValueError(head)
    stated = json.loads(document)["credential"]["credentialSubject"]["statusDigest"]
    digest = base64.b64encode(hashlib.sha256(packed).digest()).decode()
    if stated["positions"] != f"sha256-{digest}":
        raise ValueError("the positions are not those that were signed")
    place = 0
    entries: dict[str, set[tuple[str, int]]] = {}
    for purpose in stated["purposes"]:
        entries[purpose] = set()
        for each in range(stated["lists"]["count"]):
            positions, place = block(packed, place)
            entries[purpose] |= {(f"{stated['lists']['prefix']}{each}", index) for index in positions}
    return stated, entries
