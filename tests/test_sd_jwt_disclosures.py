"""RFC 9901 below `typ`: its own examples, other people's cases, random frames, and each rule broken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import InvalidSignature, PublicKey
from keys.jws import JWS
from tests.calls import calls
from tests.conftest import CORPORA
from tests.problems import raises
from tests.sd_jwts import Frame, Path, as_text, b64, digest, framed, places
from vc.forms.sdjwt.disclosures import (
    DEEPEST,
    HASHES,
    INVALID_SD_JWT,
    NOT_DISCLOSED_ALONE,
    SD_HASH_UNKNOWN,
    SDJWT,
    Disclosed,
    disclose,
)
from wire import TooLarge, load_json_object
from wire.work import VALUE_WALKED, Work

VECTORS = CORPORA / "vectors/sd-jwt"
ISSUER = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}
"""The key of the examples (RFC 9901, appendix A.5)."""


def read(payload: dict[str, Any], *disclosures: bytes, fixed: Sequence[str] = ()) -> Disclosed:
    return disclose(json.loads(json.dumps(payload)), disclosures, Work(), fixed)


def examples() -> Iterator[tuple[str, bytes]]:
    for name in ("selective-disclosure-jwt-22", "sd-jwt-vc-18"):
        for example in json.loads((VECTORS / f"text/draft-ietf-oauth-{name}.compact.json").read_text()):
            yield f"{name} {example['section']}", example["compact"].encode()


def test_the_examples_of_the_specifications(corpora: object) -> None:
    """Each is signed, each disclosure referred to; a holder sees more than a verifier of the same JWT."""
    shown = 0
    for name, data in examples():
        if b"~" not in data:  # the JWT alone
            continue
        parts = SDJWT.parse(data, Work())
        signed = JWS.parse(parts.jwt, limit=1 << 16)
        signed.verify(PublicKey.from_jwk(ISSUER), Work())
        found = disclose(load_json_object(signed.payload), parts.disclosures, Work())
        assert len(found.disclosures) == len(parts.disclosures), name
        assert not any("_sd" in node or "..." in node for node in objects(found.payload)), name
        assert "_sd_alg" not in found.payload
        if parts.binding:
            shown += 1
            binding = JWS.parse(parts.binding, limit=1 << 16)
            binding.verify(PublicKey.from_jwk(found.payload["cnf"]["jwk"]), Work())
            assert load_json_object(binding.payload)["sd_hash"] == digest(parts.shown)
            with pytest.raises(InvalidSignature):
                binding._replace(signed=binding.signed + b"x").verify(PublicKey.from_jwk(ISSUER), Work())
    assert shown == 5


def test_the_main_example_of_rfc_9901_says_what_its_text_prints(corpora: object) -> None:
    presented = dict(examples())["selective-disclosure-jwt-22 5.2.  Presentation"]
    parts = SDJWT.parse(presented, Work())
    payload = load_json_object(JWS.parse(parts.jwt, limit=1 << 16).payload)
    found = disclose(payload, parts.disclosures, Work())
    cnf = found.payload.pop("cnf")
    assert cnf["jwk"]["crv"] == "P-256"
    assert found.payload == {
        "iss": "https://issuer.example.com",
        "iat": 1683000000,
        "exp": 1883000000,
        "sub": "user_42",
        "nationalities": ["US"],
        "given_name": "John",
        "family_name": "Doe",
        "address": {
            "street_address": "123 Main St",
            "locality": "Anytown",
            "region": "Anystate",
            "country": "US",
        },
    }


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(member)


def _path(text: str, claims: Any) -> Path | None:
    """A dotted path of the cases; `None` where it leads nowhere, as two of theirs do."""
    path: list[str | int] = []
    for step in text.split("."):
        if isinstance(claims, list) and step.isdigit() and int(step) < len(claims):
            path.append(int(step))
        elif isinstance(claims, dict) and step in claims:
            path.append(step)
        else:
            return None
        claims = claims[path[-1]]
    return tuple(path)


CASES = sorted(path.stem for path in (VECTORS / "testcases-json").glob("*.json")) if VECTORS.exists() else []


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", CASES)
def test_cases_of_others(name: str) -> None:
    case = json.loads((VECTORS / f"testcases-json/{name}.json").read_text())
    claims = case["claims"]
    hidden = {path for text in case.get("disclosureFrame", []) if (path := _path(text, claims))}
    chosen = {path for text in case["holder_disclosed_claims"] if (path := _path(text, claims))}
    frame = framed(claims, hidden)
    whole = read(frame.payload, *frame.disclosures.values())
    assert whole.payload == claims
    # Theirs names each level; what stands in a chosen one is shown only where it is named as well.
    kept = [text for path, text in frame.disclosures.items() if path in chosen]
    # One case leaves out an object of which nothing is shown, which RFC 9901, 7.1, step 3.e, keeps as {}.
    expected = {"is_over": {}} if name == "array_none_disclosed" else case["expect_verified_user_claims"]
    assert read(frame.payload, *kept).payload == expected


@pytest.mark.parametrize("name", HASHES)
def test_each_hash(name: str) -> None:
    frame = framed({"a": 1, "b": [2, 3], "_sd_alg": name}, [("a",), ("b", 1)], name.replace("-", ""))
    found = read(frame.payload, *frame.disclosures.values())
    assert (found.payload, found.hidden) == ({"a": 1, "b": [2, 3]}, 0)


@pytest.mark.parametrize("name", ["md5", "sha-1", "sha3-256", "SHA-256", "sha-256-128", "future"])
def test_another_hash_is_open(name: str) -> None:
    with raises(SD_HASH_UNKNOWN) as found:
        read({"_sd_alg": name})
    assert found.value.undetermined


DIGEST = digest(as_text(["salt", "a", 1]))
ONE = as_text(["salt", "a", 1])
ITEM = as_text(["salt", 1])


def referred(*contents: object) -> tuple[dict[str, Any], list[bytes]]:
    texts = [as_text(content) for content in contents]
    return {"_sd": [digest(text) for text in texts]}, texts


BROKEN: dict[str, tuple[dict[str, Any], list[bytes]]] = {
    "nothing refers to it": ({"_sd": ["x"]}, [ONE]),
    "nothing refers to anything": ({}, [ONE]),
    "it stands there twice": ({"_sd": [DIGEST]}, [ONE, ONE]),
    "one digest twice in one place": ({"_sd": [DIGEST, DIGEST]}, [ONE]),
    "one digest in two places": ({"_sd": [DIGEST], "b": {"_sd": [DIGEST]}}, [ONE]),
    "a decoy in two places": ({"_sd": ["x"], "b": [{"...": "x"}]}, []),
    "one digest in payload and disclosure": (
        {"_sd": [digest(as_text(["s", "b", {"_sd": ["x"]}])), "x"]},
        [as_text(["s", "b", {"_sd": ["x"]}])],
    ),
    "_sd is no array": ({"_sd": DIGEST}, [ONE]),
    "_sd is an object": ({"_sd": {"a": 1}}, []),
    "a digest is no text": ({"_sd": [5]}, []),
    "a digest in an array is no text": ({"a": [{"...": 5}]}, []),
    "a name beside ...": ({"a": [{"...": digest(ITEM), "b": 1}]}, [ITEM]),
    "... in an object": ({"a": {"...": digest(ITEM)}}, [ITEM]),
    "... at the top": ({"...": digest(ITEM)}, [ITEM]),
    "_sd_alg is no text": ({"_sd_alg": 5}, []),
    "_sd_alg below the top": ({"a": {"_sd_alg": "sha-256"}}, []),
    "three elements in an array": ({"a": [{"...": DIGEST}]}, [ONE]),
    "two elements in _sd": ({"_sd": [digest(ITEM)]}, [ITEM]),
    "an empty array": referred([]),
    "four elements": referred(["s", "a", 1, 2]),
    "an object": referred({"s": 1}),
    "a text": referred("text"),
    "a salt that is no text": referred([5, "a", 1]),
    "a name that is no text": referred(["s", 5, 1]),
    "the name _sd": referred(["s", "_sd", ["x"]]),
    "the name ...": referred(["s", "...", "x"]),
    "the name _sd_alg": referred(["s", "_sd_alg", "sha-512"]),
    "a name that is there": ({**referred(["s", "a", 1])[0], "a": 2}, referred(["s", "a", 1])[1]),
    "one name twice": referred(["s", "a", 1], ["t", "a", 1]),
    "no JSON": ({"_sd": [digest(b64(b"{"))]}, [b64(b"{")]),
    "a member twice": ({"_sd": [digest(b64(b'["s","a",{"b":1,"b":1}]'))]}, [b64(b'["s","a",{"b":1,"b":1}]')]),
    "padding": ({"_sd": [digest(ITEM + b"=")]}, [ITEM + b"="]),
    "white space": ({"_sd": [digest(ONE + b" ")]}, [ONE + b" "]),
    "bits left over": ({"a": [{"...": digest(b"WyJzIiwxXR")}]}, [b"WyJzIiwxXR"]),
    "no ASCII": ({"_sd": [digest(b"\xff")]}, [b"\xff"]),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_broken(name: str) -> None:
    payload, disclosures = BROKEN[name]
    with raises(INVALID_SD_JWT) as found:
        read(payload, *disclosures)
    assert not found.value.undetermined


def test_what_is_not_broken_is_read() -> None:
    assert read({"_sd": [DIGEST]}, ONE).payload == {"a": 1}
    assert read({"a": [{"...": digest(ITEM)}]}, ITEM).payload == {"a": [1]}
    assert read({"a": {"_sd": []}, "b": [{"...": "decoy"}, {"c": 1}]}) == Disclosed(
        {"a": {}, "b": [{"c": 1}]}, {}, 1, HASHES["sha-256"]
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"_sd": [DIGEST]},
        {"a": {"_sd": ["x"]}},
        {"a": {"b": {"_sd": ["x"]}}},
        {"a": [{"...": "x"}]},
        {"a": {"b": [[{"...": "x"}]]}},
    ],
)
def test_what_is_fixed_is_hidden_in_no_part(payload: dict[str, Any]) -> None:
    disclosures = [ONE] if "_sd" in payload else []
    read(payload, *disclosures)
    with raises(INVALID_SD_JWT, match="left out"):
        read(payload, *disclosures, fixed=["a"])


# Any frame

VALUES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = st.dictionaries(st.sampled_from("abcde"), VALUES, min_size=1, max_size=4)


@st.composite
def frames(draw: st.DrawFn) -> tuple[dict[str, Any], Frame, set[Path]]:
    claims = draw(CLAIMS)
    every = list(places(claims))
    hidden = draw(st.sets(st.sampled_from(every), max_size=6))
    return claims, framed(claims, hidden), draw(st.sets(st.sampled_from(every), max_size=3))


@given(frames())
def test_any_frame_shows_what_was_hidden_and_no_more_than_was_chosen(
    drawn: tuple[dict[str, Any], Frame, set[Path]],
) -> None:
    claims, frame, chosen = drawn
    whole = read(frame.payload, *frame.disclosures.values())
    assert (whole.payload, whole.hidden) == (claims, 0)
    assert dict(whole.disclosures) == frame.disclosures
    wanted = {path for path in frame.disclosures if any(path[: len(each)] == each for each in chosen)}
    stands_in = {
        outer for path in wanted for outer in frame.disclosures if path[: len(outer)] == outer
    }  # each of which a verifier needs
    is_nothing = any(not any(path[: len(each)] == each for path in wanted) for each in chosen)
    if is_nothing or stands_in - wanted:
        with raises(NOT_DISCLOSED_ALONE):
            whole.choose(chosen)
        return
    texts = whole.choose(chosen)
    shown = {path for path, text in frame.disclosures.items() if text in texts}
    assert all(any(path[: len(each)] == each for each in chosen) for path in shown)
    again = read(frame.payload, *texts)  # which no verifier refuses
    assert len(again.disclosures) == len(texts)
    assert again.hidden <= len(frame.disclosures) - len(texts)


@given(frames(), st.data())
def test_a_disclosure_taken_away_is_not_missed_and_one_altered_or_added_is(
    drawn: tuple[dict[str, Any], Frame, set[Path]], data: st.DataObject
) -> None:
    _, frame, _ = drawn
    texts = list(frame.disclosures.values())
    if not texts:
        return
    leaves = [
        path
        for path in frame.disclosures
        if not any(each != path and each[: len(path)] == path for each in frame.disclosures)
    ]
    gone = data.draw(st.sampled_from(leaves))
    read(frame.payload, *(text for path, text in frame.disclosures.items() if path != gone))
    position = data.draw(st.integers(0, len(texts) - 1))
    altered = as_text(["other salt", "a", 1])
    for changed in ([*texts, altered], [*texts[:position], altered, *texts[position + 1 :]]):
        with raises(INVALID_SD_JWT):
            read(frame.payload, *changed)


# Limits


def test_disclosures_in_disclosures_nest_as_deep_as_is_read_and_no_deeper() -> None:
    def nested(levels: int) -> tuple[dict[str, Any], list[bytes]]:
        value: Any = 1
        texts = []
        for _ in range(levels):
            text = as_text(["s", "a", value])
            texts.append(text)
            value = {"_sd": [digest(text)]}
        return value, texts

    payload, texts = nested(DEEPEST)
    assert len(read(payload, *texts).disclosures) == DEEPEST
    for levels in (DEEPEST + 2, 5_000):
        payload, texts = nested(levels)
        with pytest.raises(TooLarge):
            read(payload, *texts)


def test_a_hundred_thousand_disclosures_are_refused_before_one_is_read() -> None:
    data = b"a.b.c~" + b"WyJzIiwxXQ~" * 100_000

    def work() -> None:
        with pytest.raises(TooLarge):
            SDJWT.parse(data, Work())

    assert calls(work) < 1_000


def test_what_is_read_of_a_disclosure_is_charged() -> None:
    text = as_text(["s", "a", [0] * 1_000])
    with pytest.raises(TooLarge):
        disclose({"_sd": [digest(text)]}, [text], Work(500))


def test_each_object_and_array_is_charged_as_one_that_is_walked() -> None:
    """A request of 300 KB, deep in brackets, took a service three times what it may cost."""
    for payload, texts in (({"a": [[]] * 1_000}, []), sealed([[]] * 1_000)):
        work = Work()
        before = work.left
        disclose(payload, texts, work)
        assert before - work.left >= 1_000 * VALUE_WALKED


def sealed(value: object) -> tuple[dict[str, Any], list[bytes]]:
    text = as_text(["s", "a", value])
    return {"_sd": [digest(text)]}, [text]


def test_without_a_tilde_it_is_no_sd_jwt() -> None:
    with raises(INVALID_SD_JWT):
        SDJWT.parse(b"a.b.c", Work())


@pytest.mark.quick("1000")
@pytest.mark.parametrize("size", [pytest.param(16, marks=pytest.mark.slow), 100, 1_000, 1 << 20])
def test_a_megabyte_of_disclosures_takes_as_many_calls_as_there_are_disclosures(size: int) -> None:
    names = range(min(20_000, (1 << 20) // (size * 4 // 3 + 20)) or 1)
    texts = [as_text([f"{name:05}", f"n{name}", "x" * size]) for name in names]
    data = json.dumps({"_sd": [digest(text) for text in texts]}).encode()

    def work() -> None:
        found = disclose(load_json_object(data, limit=1 << 22), texts, Work(2_000_000))
        assert len(found.disclosures) == len(texts)

    assert calls(work) < 60 * len(texts) + 100
