"""DIDs and DID URLs: the ABNF of DID 1.0, section 3, to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from did import DID, DIDURL, INVALID_DID_URL, InvalidDID
from tests.problems import raises

SPECIFIED = [
    "did:example:123456789abcdefghi",
    "did:example:123456/path",
    "did:example:123456?versionId=1",
    "did:example:123#public-key-0",
    "did:example:123?service=agent&relativeRef=/credentials%23degree",
    "did:example:123?versionTime=2021-05-10T17:00:00Z",
]


@pytest.mark.parametrize("text", SPECIFIED)
def test_examples_of_the_specification(text: str) -> None:
    assert str(DIDURL.parse(text)) == text


def test_parts_of_a_did() -> None:
    did = DID.parse("did:web:example.com%3A3000:user:alice")
    assert (did.method, did.method_specific_id) == ("web", "example.com%3A3000:user:alice")


def test_parts_of_a_did_url() -> None:
    url = DIDURL.parse("did:a:b:c/p/q%20?x=/?&y#z/?")
    assert url == DIDURL(DID("a", "b:c"), "/p/q%20", "x=/?&y", "z/?")


def test_nothing_and_empty_are_told_apart() -> None:
    assert DIDURL.parse("did:a:b") == DIDURL(DID("a", "b"), "", None, None)
    assert DIDURL.parse("did:a:b?#") == DIDURL(DID("a", "b"), "", "", "")


def test_spellings_are_not_folded() -> None:
    assert DID.parse("did:web:a%3Ab") != DID.parse("did:web:a%3ab")
    assert DID.parse("did:web:a.example") != DID.parse("did:web:A.example")
    assert DID.parse("did:web:%61") != DID.parse("did:web:a")


NEITHER = [
    "",
    "did",
    "did:",
    "did:a",
    "did:a:",
    "did::a",
    "did:A:a",
    "did:a-b:c",
    "Did:a:b",
    "DID:a:b",
    " did:a:b",
    "did:a:b ",
    "did:a:b\n",
    "did:a:b\x00",
    "did:a:b:",
    "did:a:%",
    "did:a:%4",
    "did:a:%4g",
    "did:a:b%",
    "did:a:b~c",
    "did:a:b@c",
    "did:a:b\\c",
    "did:a:ü",
    "did:a:b٣",
    "did:é:b",
    "did:a:b\u202e",
    "did:a:" + "b" * 2043,
    "urn:a:b",
    "https://example.org/",
]


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("text", NEITHER)
def test_neither_did_nor_did_url(text: str) -> None:
    with pytest.raises(InvalidDID) as caught:
        DID.parse(text)
    assert caught.value.type == "https://www.w3.org/ns/did#INVALID_DID"
    with raises(INVALID_DID_URL) as caught_url:
        DIDURL.parse(text)
    assert caught_url.value.type == "https://www.w3.org/ns/did#INVALID_DID_URL"
    assert "\u202e" not in str(caught.value) + str(caught_url.value)


@pytest.mark.parametrize("text", SPECIFIED[1:])
def test_a_did_url_is_no_did(text: str) -> None:
    with pytest.raises(InvalidDID):
        DID.parse(text)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "text",
    [
        "did:a:b/%zz",
        "did:a:b?%",
        "did:a:b#%4",
        "did:a:b#c#d",
        "did:a:b#c d",
        "did:a:b/[",
        'did:a:b?"',
        "did:a:b#ü",
        "did:a:b:/c",
        "did:a:b:#c",
    ],
)
def test_malformed_did_urls(text: str) -> None:
    with raises(INVALID_DID_URL):
        DIDURL.parse(text)


def test_the_longest_is_taken() -> None:
    longest = "did:a:" + "b" * 2042
    assert str(DID.parse(longest)) == longest


@pytest.mark.parametrize(
    "attack", ["did:a:" + ":" * 2041, "did:a:" + "b:" * 1020 + "!", "did:a:b" + "/" * 2000 + " "]
)
def test_hostile_text_does_not_make_the_grammar_backtrack(attack: str) -> None:
    for parse in (DID.parse, DIDURL.parse):
        with raises((InvalidDID, INVALID_DID_URL)):
            parse(attack)


_percent = st.from_regex(r"%[0-9A-Fa-f]{2}", fullmatch=True)
_idchar = st.sampled_from("abcXYZ019.-_") | _percent
_method = st.text("abcxyz019", min_size=1, max_size=5)
_segments = st.lists(st.lists(_idchar, max_size=4).map("".join), max_size=3)
_last = st.lists(_idchar, min_size=1, max_size=6).map("".join)
_dids = st.builds(lambda m, s, last: "did:" + ":".join([m, *s, last]), _method, _segments, _last)
_pchar = st.sampled_from("aZ09-._~!$&'()*+,;=:@") | _percent
_path = st.lists(st.lists(_pchar, max_size=4).map(lambda c: "/" + "".join(c)), max_size=3).map("".join)
_tail = st.none() | st.lists(_pchar | st.sampled_from("/?"), max_size=6).map("".join)


@pytest.mark.slow
@given(_dids)
def test_whatever_the_grammar_makes_is_a_did(text: str) -> None:
    did = DID.parse(text)
    assert str(did) == text
    assert DIDURL.parse(text).did == did


@pytest.mark.slow
@given(_dids, _path, _tail, _tail)
def test_whatever_the_grammar_makes_is_a_did_url(
    did: str, path: str, query: str | None, fragment: str | None
) -> None:
    url = DIDURL(DID.parse(did), path, query, fragment)
    assert DIDURL.parse(str(url)) == url


@pytest.mark.slow
@given(_dids, st.characters(), st.integers(min_value=0))
def test_any_other_character_is_refused(text: str, character: str, place: int) -> None:
    place %= len(text) + 1
    altered = text[:place] + character + text[place:]
    if character.isascii() and (character.isalnum() or character in ".-_:%"):
        return
    with pytest.raises(InvalidDID):
        DID.parse(altered)


def test_what_was_parsed_is_remembered_by_its_text_and_a_thousand_at_the_most() -> None:
    """No longer ones than there may be, so a few megabytes."""
    first = DIDURL.parse("did:example:0#k")
    assert DIDURL.parse("did:example:0#k") is first
    for number in range(1, 1_100):
        assert str(DIDURL.parse(f"did:example:{number}#k").did) == str(DID.parse(f"did:example:{number}"))
    assert DIDURL.parse("did:example:0#k") is not first
