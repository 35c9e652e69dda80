"""The envelope under a passphrase: it opens for the right one only, unaltered only, and at bounded cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.pwhash import argon2id

from intaglio.words import remedy
from keys import WrongPassphrase
from keys.envelope import Cost, open_envelope, seal
from keys.problem import WEAK_PASSPHRASE
from tests.problems import raises
from wire.problem import Malformed, Problem, TooLarge
from wire.strict import base64url_decode, base64url_encode

KEPT: dict[str, Any] = {  # made once; must open for ever
    "version": 1,
    "kdf": "Argon2id",
    "cipher": "A256GCM",
    "memory": 32,
    "iterations": 2,
    "lanes": 1,
    "salt": "TA0H8zOsSGkgSCim1_eBdQ",
    "nonce": "0o3SvsgX3WzzNX5m",
    "ciphertext": "rBi0Q66AacN5MeAHKWcaSQl0TQoVmg",
}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=32).map(b"long pass".__add__), st.binary(max_size=40))
def test_opens_for_its_passphrase_only(secret: bytes, passphrase: bytes, other: bytes) -> None:
    envelope = json.loads(json.dumps(seal(secret, passphrase)))
    assert open_envelope(envelope, passphrase) == secret
    if other != passphrase:
        with pytest.raises(WrongPassphrase, match="another passphrase, or an altered file"):
            open_envelope(envelope, other)


def test_an_envelope_made_earlier_opens() -> None:
    assert open_envelope(KEPT, b"passphrase") == b"secret"


def test_an_independent_reading_of_the_format_opens_it() -> None:
    """libsodium's Argon2id, and the associated data from the description in the module."""
    key = argon2id.kdf(32, b"passphrase", base64url_decode(KEPT["salt"]), opslimit=2, memlimit=32 * 1024)
    associated = (
        b'{"cipher":"A256GCM","iterations":2,"kdf":"Argon2id","lanes":1,"memory":32,'
        b'"nonce":"0o3SvsgX3WzzNX5m","salt":"TA0H8zOsSGkgSCim1_eBdQ","version":1}'
    )
    sealed = base64url_decode(KEPT["ciphertext"])
    assert AESGCM(key).decrypt(base64url_decode(KEPT["nonce"]), sealed, associated) == b"secret"


@pytest.mark.slow
@pytest.mark.usefixtures("costly_passphrases")
def test_by_default_a_guess_costs_64_mib_and_three_passes() -> None:
    envelope = seal(b"secret", b"passphrase")
    assert {name: envelope[name] for name in Cost._fields} == {"memory": 65536, "iterations": 3, "lanes": 4}
    assert open_envelope(envelope, b"passphrase") == b"secret"


def test_sealing_twice_shares_nothing() -> None:
    one, two = (seal(b"secret", b"passphrase") for _ in range(2))
    assert all(one[name] != two[name] for name in ("salt", "nonce", "ciphertext"))


@pytest.mark.parametrize(
    "passphrase", ["", "seven..", "12345678", "20260630123456", "ééé", "a" * 40, "    " * 3, "张" * 9]
)
def test_a_passphrase_that_is_soon_guessed_is_refused(passphrase: str) -> None:
    with raises(WEAK_PASSPHRASE, match="at least 8 characters") as found:
        seal(b"secret", passphrase.encode())
    assert "random words" in remedy(found.value)


@pytest.mark.parametrize("member", ["salt", "nonce", "ciphertext"])
def test_any_bit_changed_does_not_open(member: str) -> None:
    data = base64url_decode(KEPT[member])
    for bit in range(8 * len(data)):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WrongPassphrase):
            open_envelope({**KEPT, member: base64url_encode(bytes(altered))}, b"passphrase")


@pytest.mark.parametrize(
    ("member", "value"), [("memory", 33), ("memory", 40), ("iterations", 3), ("lanes", 2)]
)
def test_another_cost_does_not_open(member: str, value: int) -> None:
    with pytest.raises(WrongPassphrase):
        open_envelope({**KEPT, "memory": 64, member: value}, b"passphrase")


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version 1"),
        ({"version": "1"}, "version 1"),
        ({"kdf": "scrypt"}, "version 1"),
        ({"cipher": "A128GCM"}, "version 1"),
        ({"more": 1}, "version 1"),
        ({"salt": ...}, "version 1"),
        ({"memory": "32"}, "'memory'"),
        ({"memory": 32.0}, "'memory'"),
        ({"memory": True}, "'memory'"),
        ({"memory": 0}, "'memory'"),
        ({"iterations": -1}, "'iterations'"),
        ({"iterations": None}, "'iterations'"),
        ({"lanes": []}, "'lanes'"),
        ({"memory": 7}, "less memory"),
        ({"lanes": 5}, "less memory"),
        ({"salt": 5}, "'salt'"),
        ({"nonce": None}, "'nonce'"),
        ({"ciphertext": {}}, "'ciphertext'"),
        ({"ciphertext": "rBi0Q66AacN5MeAHKWcaSQl0TQoVmg=="}, "base64url"),
        ({"salt": "TA0H"}, "wrong length"),
        ({"nonce": "0o3SvsgX3WzzNX5mAA"}, "wrong length"),
    ],
)
def test_other_forms_are_malformed(changes: dict[str, Any], said: str) -> None:
    envelope = {name: value for name, value in {**KEPT, **changes}.items() if value is not ...}
    with pytest.raises(Malformed, match=said):
        open_envelope(envelope, b"passphrase")


@pytest.mark.parametrize(
    "changes",
    [{"memory": 8 << 20}, {"memory": 10**30}, {"memory": (1 << 20) + 1}, {"iterations": 17}, {"lanes": 17}],
)
def test_an_envelope_does_not_command_the_machine(changes: dict[str, int]) -> None:
    """8 GiB of memory, or work for hours."""
    with pytest.raises(TooLarge, match="above"):
        open_envelope({**KEPT, **changes}, b"passphrase")


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("length", range(16))
def test_a_ciphertext_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(Problem):
        open_envelope({**KEPT, "ciphertext": base64url_encode(bytes(length))}, b"passphrase")
