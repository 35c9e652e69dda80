"""The claim's messages: what one side builds the other reads, and nothing else passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from did import METHODS, Resolver
from did.methods import jwk as did_jwk
from did.methods import key as did_key
from exchange.claim import (
    INVALID_ACCEPTANCE,
    INVALID_INVITATION,
    MAX_MESSAGE,
    Acceptance,
    ClaimLink,
    InvalidLink,
    Invitation,
    acceptance,
)
from keys import PrivateKey
from tests.problems import raises
from vc.forms.integrity import InvalidProof, sign
from vc.vcdm.presentation import presentation
from wire.fetch import NoFetcher
from wire.problem import Malformed, Problem, TooLarge

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
LINK = ClaimLink("https://uni.example/registrar", "t" * 43)
INVITATION = Invitation("did:web:uni.example", "University of Example", LINK.service, "c" * 43, NOW)
KEYS = {"Ed25519": PrivateKey.generate("Ed25519"), "P-256": PrivateKey.generate("P-256")}
DOCUMENTS = Resolver(METHODS, NoFetcher())


def claim(key: PrivateKey, invitation: Invitation = INVITATION) -> bytes:
    did = did_key.create(key.public_key)
    method = f"{did}#{key.public_key.multikey()}"
    return acceptance(invitation, key, verification_method=method, created=NOW)


@pytest.mark.parametrize(
    ("text", "service"),
    [
        (f"https://uni.example/claim/{'a' * 22}", "https://uni.example"),
        (f"https://uni.example:8443/claim/{'a' * 86}", "https://uni.example:8443"),
        (f"https://uni.example/registrar/v-2/claim/{'a-_Z9' * 5}", "https://uni.example/registrar/v-2"),
        (f"http://localhost:8080/claim/{'a' * 43}", "http://localhost:8080"),
        (f"http://127.0.0.1/claim/{'a' * 43}", "http://127.0.0.1"),
        (f"http://[::1]:80/claim/{'a' * 43}", "http://[::1]:80"),
    ],
)
def test_a_link_is_read(text: str, service: str) -> None:
    link = ClaimLink.parse(text)
    assert (link.service, str(link)) == (service, text)
    assert link.token not in repr(link)


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://uni.example",
        f"https://uni.example/claim/{'a' * 21}",
        f"https://uni.example/claim/{'a' * 87}",
        f"https://uni.example/claim/{'a' * 43}/",
        f"https://uni.example/claim/{'a' * 43}?x=y",
        f"https://uni.example/claim/{'a' * 43}#x",
        f"https://uni.example/claim/{'a' * 43}\n",
        f" https://uni.example/claim/{'a' * 43}",
        f"https://uni.example/claim/{'ä' * 43}",
        f"https://uni.example/../x y/claim/{'a' * 43}",
        f"https://user@uni.example/claim/{'a' * 43}",
        f"https://uni.example\\@evil.example/claim/{'a' * 43}",
        f"https://unі.example/claim/{'a' * 43}",  # a Cyrillic letter
        f"ftp://uni.example/claim/{'a' * 43}",
        f"file:///claim/{'a' * 43}",
        f"http://uni.example/claim/{'a' * 43}",
        f"http://localhost.uni.example/claim/{'a' * 43}",
        f"http://127.0.0.1.uni.example/claim/{'a' * 43}",
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidLink) as refused:
        ClaimLink.parse(text)
    assert refused.value.hint


def test_an_invitation_is_read_as_written() -> None:
    assert Invitation.parse(INVITATION.to_json(), LINK) == INVITATION


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": None},
        {"issuer": None},
        {"issuer": "did:web:uni.example"},
        {"issuer": {"id": "did:web:uni.example"}},
        {"issuer": {"name": "University"}},
        {"domain": None},
        {"domain": "https://uni.example"},
        {"domain": "https://evil.example/registrar"},
        {"challenge": 7},
        {"expires": "tomorrow"},
        {"expires": None},
    ],
)
def test_an_invitation_that_is_none_is_refused(change: dict[str, Any]) -> None:
    message = {**json.loads(INVITATION.to_json()), **change}
    with pytest.raises(Malformed):
        Invitation.parse(json.dumps(message).encode(), LINK)


def test_an_invitation_for_another_domain_says_what_to_do() -> None:
    with raises(INVALID_INVITATION, match="domain") as refused:
        Invitation.parse(INVITATION.to_json(), ClaimLink("https://evil.example", LINK.token))
    assert "Do not use this link" in refused.value.hint


@pytest.mark.parametrize("kind", KEYS)
def test_an_acceptance_proves_possession(kind: str) -> None:
    received = Acceptance.parse(claim(KEYS[kind]))
    received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)
    assert received.holder == did_key.create(KEYS[kind].public_key)
    assert received.challenge == INVITATION.challenge
    assert len(claim(KEYS[kind])) < MAX_MESSAGE / 8


def with_first(invitation: Invitation = INVITATION) -> bytes:
    """For the key of P-256, which signs, and so does the first key."""
    method = f"{other()}#{KEYS['P-256'].public_key.multikey()}"
    first = KEYS["Ed25519"], f"{other('Ed25519')}#{KEYS['Ed25519'].public_key.multikey()}"
    return acceptance(invitation, KEYS["P-256"], verification_method=method, created=NOW, first=first)


def test_another_key_may_be_proved_with_the_first() -> None:
    received = Acceptance.parse(with_first())
    assert (received.holder, set(received.proved)) == (other(), {other(), other("Ed25519")})
    received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)
    assert Acceptance.parse(claim(KEYS["P-256"])).proved == {other()}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    "change", [{"proofValue": None}, {"domain": "https://other.example"}, {"created": "2026-06-29T11:59:59Z"}]
)
def test_each_of_two_keys_has_to_have_signed_it(place: int, change: dict[str, Any]) -> None:
    """The second proof counts as the first: by it a wallet shows that it has the first key."""
    message = json.loads(with_first())
    value = {"proofValue": message["proof"][1 - place]["proofValue"]} if "proofValue" in change else change
    message["proof"][place] |= value
    received = Acceptance.parse(json.dumps(message).encode())
    with pytest.raises((InvalidProof, Malformed)):
        received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)


def test_the_first_proof_is_the_holder_s_and_there_is_no_third() -> None:
    message = json.loads(with_first())
    message["proof"].reverse()
    with pytest.raises(InvalidProof, match="not signed by its holder"):
        Acceptance.parse(json.dumps(message).encode()).verify(
            domain=LINK.service, documents=DOCUMENTS, now=NOW
        )
    message["proof"].append({**message["proof"][0], "created": "2026-06-30T11:59:59Z"})
    with raises(INVALID_ACCEPTANCE, match="3 proofs"):
        Acceptance.parse(json.dumps(message).encode())


def test_a_proof_over_one_presentation_is_none_over_another() -> None:
    """A man in the middle cannot add a key to an acceptance: its holder is signed, too."""
    taken, own = json.loads(claim(KEYS["Ed25519"])), json.loads(claim(KEYS["P-256"]))
    own["proof"] += taken["proof"]
    with pytest.raises(InvalidProof):
        Acceptance.parse(json.dumps(own).encode()).verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)


def test_a_holder_may_be_a_did_jwk() -> None:
    key = KEYS["P-256"]
    did = did_jwk.create(key.public_key)
    message = acceptance(INVITATION, key, verification_method=f"{did}#0", created=NOW)
    received = Acceptance.parse(message)
    received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)
    assert received.holder == did


def test_a_message_beyond_the_limits_is_not_read() -> None:
    with pytest.raises(TooLarge):
        Acceptance.parse(claim(KEYS["Ed25519"]) + b" " * MAX_MESSAGE)
    with pytest.raises(TooLarge):
        Invitation.parse(INVITATION.to_json() + b" " * MAX_MESSAGE, LINK)


def signed(**options: Any) -> dict[str, Any]:
    key = KEYS["Ed25519"]
    did = did_key.create(key.public_key)
    settings: dict[str, Any] = {
        "verification_method": f"{did}#{key.public_key.multikey()}",
        "purpose": "authentication",
        "domain": LINK.service,
        "challenge": INVITATION.challenge,
        **options,
    }
    return sign(presentation(did, []), key, **settings)


def other(name: str = "P-256") -> str:
    return did_key.create(KEYS[name].public_key)


@pytest.mark.parametrize(
    "message",
    [
        lambda: signed(domain="https://other.example"),
        lambda: signed(domain=None),
        lambda: signed(domain=[LINK.service, "https://other.example"]),
        lambda: signed(purpose="assertionMethod"),
        lambda: signed(expires=NOW),
        lambda: signed(verification_method=f"{other()}#{KEYS['P-256'].public_key.multikey()}"),
        lambda: {**signed(), "holder": other()},
        lambda: {**signed(), "id": "urn:uuid:7f1d7a5c-0000-4000-8000-000000000000"},
        lambda: {**signed(), "proof": [{**signed()["proof"][0], "challenge": "d" * 43}]},
        lambda: {**signed(), "proof": [{**signed()["proof"][0], "created": "2026-01-01T00:00:00Z"}]},
    ],
)
def test_a_proof_for_something_else_is_refused(message: Callable[[], dict[str, Any]]) -> None:
    received = Acceptance.parse(json.dumps(message()).encode())
    with pytest.raises(InvalidProof):
        received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)


def test_a_proof_is_good_until_the_second_that_it_expires() -> None:
    message = json.dumps(signed(expires=NOW + timedelta(seconds=1))).encode()
    Acceptance.parse(message).verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)
    with pytest.raises(InvalidProof, match="expired"):
        Acceptance.parse(message).verify(
            domain=LINK.service, documents=DOCUMENTS, now=NOW + timedelta(seconds=1)
        )


CREDENTIAL = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": "did:web:uni.example",
    "credentialSubject": {"id": "urn:uuid:7f1d7a5c-0000-4000-8000-000000000000"},
}


@pytest.mark.parametrize(
    "message",
    [
        lambda: {name: value for name, value in signed().items() if name != "holder"},
        lambda: {**signed(), "verifiableCredential": [CREDENTIAL]},
        lambda: {**signed(), "proof": []},
        lambda: {**signed(), "proof": [*signed()["proof"], *signed(challenge="another")["proof"]]},
        lambda: {name: value for name, value in signed().items() if name != "proof"},
        lambda: signed(challenge=None),
        lambda: {**CREDENTIAL, "proof": signed()["proof"]},
        lambda: [signed()],
        lambda: {**signed(), "extra": [[[[[[[[[]]]]]]]]]},
    ],
)
def test_what_is_no_acceptance_is_malformed(message: Callable[[], Any]) -> None:
    with pytest.raises(Malformed):
        Acceptance.parse(json.dumps(message()).encode())
    assert INVALID_ACCEPTANCE.kind is Malformed


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(st.data())
def test_a_changed_byte_never_verifies_for_another_holder_or_challenge(data: st.DataObject) -> None:
    message = bytearray(claim(KEYS["Ed25519"]))
    index = data.draw(st.integers(0, len(message) - 1))
    message[index] = data.draw(st.integers(0, 255))
    try:
        received = Acceptance.parse(bytes(message))
        received.verify(domain=LINK.service, documents=DOCUMENTS, now=NOW)
    except Problem:
        return
    assert received.holder == did_key.create(KEYS["Ed25519"].public_key)
    assert received.challenge == INVITATION.challenge
