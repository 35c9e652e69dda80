"""Digests of files as texts, and of files that are larger than what is in memory of them."""

from __future__ import annotations

import base64
import hashlib
from io import BytesIO

import pytest

from wire.integrity import digests_of, stated
from wire.strict import base58_encode, base64url_encode

FILE = b"a plan of the building"
SHA256, SHA384, SHA512 = (hashlib.new(name, FILE).digest() for name in ("sha256", "sha384", "sha512"))


def sri(name: str, digest: bytes) -> str:
    return f"{name}-{base64.b64encode(digest).decode()}"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (sri("sha256", SHA256), {SHA256}),
        (sri("sha384", SHA384), {SHA384}),
        (f"{sri('sha256', SHA256)} {sri('sha512', SHA512)}", {SHA512}),  # the strongest alone
        (f"{sri('sha256', SHA256)} {sri('sha256', b'x' * 32)}", {SHA256, b"x" * 32}),
        ("u" + base64url_encode(b"\x12\x20" + SHA256), {SHA256}),
        ("z" + base58_encode(b"\x20\x30" + SHA384), {SHA384}),
        ("z" + base58_encode(b"\x13\x40" + SHA512), {SHA512}),
        ("u" + base64url_encode(SHA256), {SHA256}),  # bare
        # What no file can have
        (sri("sha256", SHA256[:-1]), set()),
        (sri("sha256", SHA384), set()),
        (sri("sha256", b""), set()),
        ("u" + base64url_encode(b"\x12\x20" + SHA256[:-1]), set()),
        ("u" + base64url_encode(b"\x16\x20" + SHA256), set()),  # SHA-3
        ("u" + base64url_encode(SHA256[:20]), set()),
        ("u!", set()),
        ("md5-AAAA", set()),
        ("", set()),
    ],
)
def test_a_text_states_the_digests_that_a_file_may_have(text: str, found: set[bytes]) -> None:
    assert stated(text) == found


class _Large(BytesIO):
    """A file that notes how much of it was asked for at once."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0, "the whole file is read"
        self.most = max(self.most, size)
        return super().read(size)


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_a_file_is_read_in_pieces_and_once(size: int) -> None:
    data = bytes(range(256)) * (size // 256) or bytes(size)
    file = _Large(data)
    assert digests_of(file) == {hashlib.new(name, data).digest() for name in ("sha256", "sha384", "sha512")}
    assert file.most <= 1 << 20
    assert file.tell() == len(data)
