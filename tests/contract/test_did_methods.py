"""What every DID method owes a `Resolver`. A new method is added to `CASES`, with a way to make a DID."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
import pytest

from did import DID, DID_FEATURE_NOT_SUPPORTED, METHODS, Document, InvalidDID, Method, Resolution, Resolver
from did.methods import jwk, key, web
from keys import PrivateKey, PublicKey
from tests.problems import raises
from wire.fetch import Fetcher, NoFetcher
from wire.problem import NotFound, Problem, Unavailable


class Shelf:
    """A fetcher that has what was put there, and nothing else."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def fetch(
        self, url: str, *, accept: str = "application/json", limit: int = 1 << 20, same_origin: bool = False
    ) -> bytes:
        if url not in self.content:
            raise NotFound(f"{url} does not exist.")
        return self.content[url]


class Case(NamedTuple):
    publish: Callable[[PublicKey, Shelf], str]
    """Makes a DID with one key for assertions, and puts on the shelf what the method fetches."""
    invalid: str
    """A DID by the general syntax, not by the method's."""
    fetches: bool
    """Whether the document is anywhere else than in the DID itself."""


def _publish_web(public_key: PublicKey, shelf: Shelf) -> str:
    did = web.create("https://uni.example/registrar")
    shelf.content[web.url(did)] = orjson.dumps(web.document(did, {"assertionMethod": [public_key]}))
    return did


def _publish_kept(public_key: PublicKey, shelf: Shelf) -> str:
    did = "did:kept:uni.example"
    document = orjson.dumps(web.document("did:web:uni.example", {"assertionMethod": [public_key]}))
    shelf.content[did] = b'[{"id": "%s"}, %s]' % (did.encode(), document.replace(b"did:web:", b"did:kept:"))
    return did


def _kept(did: DID, fetcher: Fetcher) -> Sequence[Resolution]:
    if "." not in did.method_specific_id:
        raise InvalidDID(f"{did} is no did:kept")
    return [
        Resolution(Document.parse(value, str(did)), str(number), datetime(2024, 1, number, tzinfo=UTC))
        for number, value in enumerate(orjson.loads(fetcher.fetch(str(did))), 1)
    ]


ALL = {**METHODS, "kept": Method(lambda did, fetcher: _kept(did, fetcher)[-1].document, _kept)}
"""With one that keeps versions, made for this test."""

CASES = {
    "key": Case(lambda public_key, shelf: key.create(public_key), "did:key:z", fetches=False),
    "jwk": Case(lambda public_key, shelf: jwk.create(public_key), "did:jwk:z", fetches=False),
    "web": Case(_publish_web, "did:web:127.0.0.1", fetches=True),
    "kept": Case(_publish_kept, "did:kept:1", fetches=True),
}
KEYS = [PrivateKey.generate(key_type).public_key for key_type in ("Ed25519", "P-256", "P-384", "secp256k1")]

every_method = pytest.mark.parametrize("name", ALL)


def test_every_method_is_under_contract() -> None:
    assert CASES.keys() == ALL.keys()


@pytest.mark.quick(every=4)
@every_method
@pytest.mark.parametrize("public_key", KEYS, ids=lambda public_key: public_key.type)
def test_the_document_is_of_the_did_and_has_the_key(name: str, public_key: PublicKey) -> None:
    shelf = Shelf()
    did = CASES[name].publish(public_key, shelf)
    assert DID.parse(did).method == name
    document = ALL[name].resolve(DID.parse(did), shelf)
    assert document.id == did == document.value["id"]
    (method,) = document.methods("assertionMethod")
    assert method.key == public_key
    assert method.controller == did
    assert document.verification_method(method.id, "assertionMethod") == method
    assert orjson.loads(orjson.dumps(document.value)) == document.value


@every_method
def test_resolving_again_gives_the_same_document(name: str) -> None:
    shelf = Shelf()
    did = DID.parse(CASES[name].publish(KEYS[0], shelf))
    assert ALL[name].resolve(did, shelf).value == ALL[name].resolve(did, shelf).value


@every_method
def test_its_facts_hold(name: str) -> None:
    method = ALL[name]
    assert method.self_certifying is not CASES[name].fetches
    assert Resolver(ALL, NoFetcher()).method(CASES[name].publish(KEYS[0], Shelf())) is method
    if method.self_certifying:
        assert not method.rotates, "what says all itself cannot say something else later"


@every_method
def test_earlier_versions_are_had_or_said_not_to_be(name: str) -> None:
    shelf = Shelf()
    did = CASES[name].publish(KEYS[0], shelf)
    resolver = Resolver(ALL, shelf)
    latest = resolver.resolve(did)
    assert latest.content_type == "application/did"
    if not ALL[name].has_history:
        assert latest.metadata == {}
        for ask in (lambda: resolver.history(did), lambda: resolver.resolve(did, version="1")):
            with raises(DID_FEATURE_NOT_SUPPORTED):
                ask()
        return
    assert not ALL[name].self_certifying
    history = resolver.history(did)
    assert history[-1] is latest
    assert latest.document.value == ALL[name].resolve(DID.parse(did), shelf).value
    assert [one.document.id for one in history] == [did] * len(history)
    for one in history:
        assert one.version is not None
        assert one.updated is not None
        assert resolver.resolve(did, version=one.version) is one
        assert resolver.resolve(did, version=one.updated) is one
    moments = [one.updated for one in history if one.updated]
    assert moments == sorted(moments)


@every_method
def test_its_own_syntax_is_checked(name: str) -> None:
    with pytest.raises(InvalidDID):
        ALL[name].resolve(DID.parse(CASES[name].invalid), Shelf())


@every_method
def test_offline_it_knows_or_leaves_the_question_open(name: str) -> None:
    did = CASES[name].publish(KEYS[0], Shelf())
    resolver = Resolver(ALL, NoFetcher())
    if CASES[name].fetches:
        with pytest.raises(Unavailable) as caught:
            resolver.resolve(did)
        assert caught.value.hint
    else:
        assert resolver.resolve(did).document.id == did


@every_method
def test_an_altered_did_never_has_the_same_document(name: str) -> None:
    shelf = Shelf()
    did = CASES[name].publish(KEYS[0], shelf)
    fetcher: Fetcher = shelf
    for place in range(len(f"did:{name}:"), len(did)):
        altered = did[:place] + ("2" if did[place] != "2" else "3") + did[place + 1 :]
        try:
            document = Resolver(ALL, fetcher).resolve(altered).document
        except Problem:
            continue
        assert document.id == altered
        assert KEYS[0] not in {method.key for method in document.methods("assertionMethod")}
