"""A strict compact JWS: RFC 7515's own example, other libraries both ways, and what others wrongly take."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jwcrypto import jwk as other_jwk
from jwcrypto import jws as other_jws

from keys import InvalidSignature, PrivateKey, PublicKey
from keys.jws import JWS, encoded, sign_compact
from keys.kinds import KINDS
from keys.problem import INVALID_JWS, JWS_NOT_SUPPORTED
from tests.problems import raises
from wire import Malformed, TooLarge, base64url_decode, base64url_encode
from wire.work import Work

KEYS = {name: PrivateKey.generate(name) for name in KINDS}
SAID = {"iss": "joe", "n": 1}


def parse(data: bytes, **options: Any) -> JWS:
    return JWS.parse(data, **{"limit": 1 << 16, **options})


def made(header: object, signature: bytes = bytes(64), payload: bytes = b"{}") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return b".".join(base64url_encode(part).encode() for part in (text, payload, signature))


def test_the_example_of_rfc_7515_appendix_a_3() -> None:
    text = (
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
        b"yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1"
        b"Q"
    )
    key = PublicKey.from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    )
    signed = parse(text)
    signed.verify(key, Work())
    assert signed.payload.startswith(b'{"iss":"joe"')
    with pytest.raises(InvalidSignature):
        signed._replace(signed=signed.signed[:-1] + b"A").verify(key, Work())


@pytest.mark.parametrize("name", KINDS)
def test_what_is_written_is_read_here_and_by_others_and_what_they_write_here(name: str) -> None:
    key = KEYS[name]
    data = sign_compact({"typ": "x"}, SAID, key)
    ours = parse(data)
    ours.verify(key.public_key, Work())
    assert ours.header == {"alg": KINDS[name].algorithms[0], "typ": "x"}
    assert json.loads(ours.payload) == SAID
    theirs = other_jwk.JWK(**key.public_key.jwk())
    token = other_jws.JWS()
    token.allowed_algs = [ours.header["alg"]]
    token.deserialize(data.decode(), theirs)
    assert json.loads(token.payload) == SAID
    secret = other_jwk.JWK(**key.public_key.jwk(), d=base64url_encode(key.secret))
    token = other_jws.JWS(json.dumps(SAID))
    token.allowed_algs = [ours.header["alg"]]
    token.add_signature(secret, None, json.dumps({"alg": ours.header["alg"]}))
    parse(token.serialize(compact=True).encode()).verify(key.public_key, Work())


def test_ed25519_by_its_later_name_is_read() -> None:
    key = KEYS["Ed25519"]
    text = made({"alg": "Ed25519"}).rpartition(b".")[0]
    parse(text + b"." + base64url_encode(key.sign(text)).encode()).verify(key.public_key, Work())


@pytest.mark.parametrize("name", KINDS)
def test_the_key_says_which_algorithm_counts(name: str) -> None:
    """A header that names another algorithm of the same length must not choose it (threat 3)."""
    key = KEYS[name]
    for other, row in KINDS.items():
        if other != name and row.signature == KINDS[name].signature:
            text = made({"alg": row.algorithms[0]}).rpartition(b".")[0]
            with pytest.raises(InvalidSignature, match="another type"):
                parse(text + b"." + base64url_encode(key.sign(text)).encode()).verify(key.public_key, Work())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "nOnE"},
        {"alg": "HS256"},
        {"alg": "hs512"},
        {"alg": 5},
        {},
        {"alg": "ES256", "jku": "https://a.example"},
        {"alg": "ES256", "x5u": "https://a.example"},
        {"alg": "ES256", "jwk": KEYS["P-256"].public_key.jwk()},
        {"alg": "ES256", "b64": True},
        {"alg": "ES256", "b64": False, "crit": ["b64"]},
        {"alg": "ES256", "zip": "DEF"},
        {"alg": "ES256", "crit": []},
        {"alg": "ES256", "crit": "exp"},
        {"alg": "ES256", "crit": [5]},
        {"alg": "ES256", "crit": ["absent"]},
        {"alg": "ES256", "crit": ["alg"]},
        {"alg": "ES256", "exp": 1, "crit": ["exp", "exp"]},
        b'{"alg":"ES256","alg":"ES256"}',
        b'["ES256"]',
        b"{",
    ],
)
def test_headers_that_are_refused(header: object) -> None:
    with raises(INVALID_JWS) as refused:
        parse(made(header))
    assert not refused.value.undetermined


@pytest.mark.parametrize(
    "header", [{"alg": "RS256"}, {"alg": "ML-DSA-44"}, {"alg": "ES256", "exp": 1, "crit": ["exp"]}]
)
def test_what_is_not_known_is_open(header: object) -> None:
    with raises(JWS_NOT_SUPPORTED) as found:
        parse(made(header))
    assert found.value.undetermined


@pytest.mark.parametrize(("algorithm", "sizes"), [("ES256", (0, 63, 66, 70, 96)), ("ES384", (64, 95, 97))])
def test_signatures_of_another_length_are_refused(algorithm: str, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        with raises(INVALID_JWS):
            parse(made({"alg": algorithm}, bytes(size)))


@pytest.mark.parametrize(
    ("what", "with_what"),
    [
        (b".", b"=."),
        (b".", b" ."),
        (b".", b"\n."),
        (b".", b".."),
        (b".", b""),
        (b"e30", b"e31"),  # the same byte twice, but for bits that are left over (threat 8)
        (b"e30", b"e3+"),
        (b"e30", b"e\xc3\xa9"),
    ],
)
def test_other_spellings_of_the_same_bytes_are_refused(what: bytes, with_what: bytes) -> None:
    good = made({"alg": "ES256"})
    assert parse(good)
    with raises(INVALID_JWS):
        parse(good.replace(what, with_what, 1))


def test_limits() -> None:
    with pytest.raises(TooLarge):
        parse(made({"alg": "ES256"}, payload=b'"' + bytes(300) + b'"'), limit=200)
    with pytest.raises(TooLarge):
        parse(made({"alg": "ES256", "x": [1] * 1000}), work=Work(100))
    with pytest.raises(TooLarge):
        parse(made({"alg": "ES256"})).verify(KEYS["P-256"].public_key, Work(100))


@pytest.mark.parametrize("value", ["null", None, 10**30, 1.5, "é\u2028", {"a": [True]}])
def test_each_value_comes_back_as_it_was(value: object) -> None:
    text = encoded(value).decode()
    assert json.loads(base64url_decode(text)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_nothing_is_written_that_no_reader_takes(value: object) -> None:
    with pytest.raises(Malformed):
        encoded({"value": value})
