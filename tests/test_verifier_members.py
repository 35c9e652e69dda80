"""Each member of everything that a verifier is given: removed, altered, added, doubled, redefined."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from did import METHODS, Resolver
from did.methods import web as did_web
from holder import Wallet
from keys import PrivateKey
from tests.loopback import Authority, Site, response
from tests.serving import listening, serving
from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Report, Verdict, sign
from verifier import RecognisedIssuer, Trust, Verifier
from verifier.http import create_app
from verifier.judge import Verifiers
from wire import Problem
from wire.fetch import HttpsFetcher

UNIVERSITY, HOLDER = University(), Holder()
PINNED = UNIVERSITY.pinned
ASKED: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}


def only_signed(suite: str) -> Bundle:
    """A diploma in no log: nothing but the signature holds its content together."""
    document = UNIVERSITY.stated(index=1, validUntil="2036-06-30T00:00:00Z")
    document["termsOfUse"] = document["termsOfUse"][1:]
    return Bundle(UNIVERSITY.sign(document, suite=suite), (), (), UNIVERSITY.status_lists())


FORMS = {
    "in a log": (UNIVERSITY.issue(index=2), UNIVERSITY.trust),
    "RDF": (only_signed("eddsa-rdfc-2022"), PINNED),
    "JCS": (only_signed("eddsa-jcs-2022"), PINNED),
}
EACH_FORM = pytest.mark.parametrize("form", FORMS)


def check(bundle: Bundle | bytes, trust: Trust, **options: Any) -> Report:
    return verifier(trust).verify(bundle, now=NOW, **options)


def changed(form: str, document: Any) -> Report:
    """What is said when the credential is this one instead."""
    bundle, trust = FORMS[form]
    return check(replace(bundle, secured=document), trust)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything inside."""
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, step)
        if isinstance(item, dict | list):
            yield from places(item, (*path, step))


def parts(document: Any, *kinds: type) -> list[tuple[Any, ...]]:
    """Paths to what is of one of these kinds; the document itself is the empty path."""
    return [path for path in [(), *places(document)] if isinstance(at(document, path), kinds)]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def copied(document: Any, path: tuple[Any, ...]) -> tuple[Any, Any]:
    """A copy of the document, and what lies at the path in it."""
    document = copy.deepcopy(document)
    return document, at(document, path)


def without(document: Any, path: tuple[Any, ...]) -> Any:
    document, around = copied(document, path[:-1])
    del around[path[-1]]
    return document


@EACH_FORM
def test_as_issued_it_is_valid(form: str) -> None:
    bundle, trust = FORMS[form]
    assert check(bundle, trust)
    assert check(bundle.to_bytes(), trust)


# R1: what no signature covers


@EACH_FORM
def test_each_part_of_a_credential_and_its_proof_removed_in_turn_is_noticed(form: str) -> None:
    document = FORMS[form][0].secured
    for path in places(document):
        assert not changed(form, without(document, path)), path


@EACH_FORM
def test_each_value_in_a_credential_and_its_proof_altered_is_noticed(form: str) -> None:
    document = FORMS[form][0].secured
    for path in parts(document, str, bool):
        value = at(document, path)
        for other in [not value] if isinstance(value, bool) else [f"{value}x", value[:-1], f" {value}"]:
            altered, around = copied(document, path[:-1])
            around[path[-1]] = other
            assert not changed(form, altered), (path, other)


@EACH_FORM
def test_no_member_can_be_added_anywhere(form: str) -> None:
    document = FORMS[form][0].secured
    more = {"name": "x", "description": "x", "id": "urn:example:x", "type": "x", "unheardOf": 1, "": "x"}
    for path in parts(document, dict):
        for name in more.keys() - at(document, path).keys():
            added, around = copied(document, path)
            around[name] = more[name]
            assert not changed(form, added), (path, name)


@EACH_FORM
def test_nothing_can_be_added_to_a_list(form: str) -> None:
    document = FORMS[form][0].secured
    for path in parts(document, list):
        unlike_a_proof = ({"type": ["Profile"], "name": "x"}, at(document, path))
        for item in ("x", 1, [], *(unlike_a_proof if path != ("proof",) else ())):
            longer, around = copied(document, path)
            around.append(item)
            assert not changed(form, longer), (path, item)


# R5: nothing missing is ever a crash


def everything() -> Bundle:
    """A presentation of two diplomas, with all that such a bundle may bring."""
    document = UNIVERSITY.diploma(index=3, name="Diploma", evidence=[{"id": "urn:e", "type": ["Evidence"]}])
    document["credentialSubject"]["id"] = HOLDER.did
    bound, free = UNIVERSITY.issue(document), UNIVERSITY.issue(index=4)
    evidence = (*bound.evidence, *free.evidence)
    return replace(bound, secured=HOLDER.present(bound.secured, free.secured), evidence=evidence)


EVERYTHING = everything()


@pytest.mark.slow
def test_each_part_of_a_bundle_removed_in_turn_is_no_crash_and_changes_no_valid_content() -> None:
    whole = json.loads(EVERYTHING.to_bytes())
    shown = whole["presentation"]["verifiableCredential"]
    still_valid = []
    for path in places(whole):
        report = check(json.dumps(without(whole, path)).encode(), UNIVERSITY.trust, **ASKED)
        if report:
            assert [claims.said for claims in report.require()] == shown, path
            still_valid.append(path)
    # Intact copies may go missing: the details of revocations, and evidence that only says the same again.
    assert still_valid
    assert {path[0] for path in still_valid} == {"statusLists"}


ODD = [None, -1, 0.5, "", "urn:x:y", [], [None], {}, {"@value": "x"}, "9999-12-31T24:00:00Z", "A" * 43]


@pytest.mark.slow
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
def test_each_part_of_a_bundle_replaced_by_something_odd_is_no_crash(every: int) -> None:
    """Each by some of what is odd, which are others at the next; a soak tries all at each."""
    whole = json.loads(EVERYTHING.to_bytes())
    shown = whole["presentation"]["verifiableCredential"]
    for number, path in enumerate(places(whole)):
        for odd in ODD[number % every :: every]:
            changed_, around = copied(whole, path[:-1])
            around[path[-1]] = odd
            for source in (changed_, json.dumps(changed_).encode()):
                report = verifier(UNIVERSITY.trust).verify(source, now=NOW, **ASKED)
                assert not report or [claims.said for claims in report.require()] == shown, (path, odd)


def test_no_wallet_keeps_a_diploma_with_a_part_missing(tmp_path: Path) -> None:
    Wallet.create(tmp_path, b"correct horse battery", now=NOW)
    whole = json.loads(FORMS["in a log"][0].to_bytes())
    with Wallet(tmp_path, b"correct horse battery") as wallet:
        for path in places(whole["credential"], ("credential",)):
            less = json.dumps(without(whole, path)).encode()
            with pytest.raises(Problem):
                wallet.accept(less, lambda data: check(data, UNIVERSITY.trust), now=NOW)
        assert wallet.credentials() == []
        wallet.accept(json.dumps(whole).encode(), lambda data: check(data, UNIVERSITY.trust), now=NOW)


@pytest.fixture
def service() -> Iterator[str]:
    judge = verifier(UNIVERSITY.trust)
    app = create_app(lambda: Verifiers(judge, judge), clock=lambda: NOW)
    with listening() as listener, serving(app, listener):
        yield f"http://localhost:{listener.getsockname()[1]}/verify"


@pytest.mark.slow
def test_the_service_has_an_answer_whatever_is_missing(service: str) -> None:
    whole = json.loads(EVERYTHING.to_bytes())
    statuses = set()
    with httpx.Client() as client:
        for path in places(whole):
            answer = client.post(service, params=ASKED, content=json.dumps(without(whole, path)).encode())
            statuses.add((answer.status_code, answer.json()["verdict"]))
    assert statuses == {(200, "valid"), (400, "invalid"), (422, "undetermined")}


def test_each_part_of_a_did_document_removed_in_turn(tmp_path: Path) -> None:
    """A host that serves its DID document over TLS, each time with something missing."""
    authority, served = Authority(tmp_path), dict[str, Any]()
    site = Site(
        lambda path: response(200, json.dumps(served).encode()), authority.server_context("localhost")
    )
    key = PrivateKey.generate()
    with site.running():
        did = did_web.create(site.url())
        document = did_web.document(
            did, {"assertionMethod": [key.public_key], "authentication": [key.public_key]}
        )
        signed = sign(
            UNIVERSITY.plain(issuer=did), key, verification_method=f"{did}#{key.public_key.multikey()}"
        )

        def verdict(value: dict[str, Any]) -> Verdict:
            served.clear()
            served.update(value)
            fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)
            trust = Trust().adding(RecognisedIssuer(did))
            return Verifier(Resolver(METHODS, fetcher), trust=trust).verify(signed, now=NOW).verdict

        assert verdict(document) is Verdict.VALID
        needless = {path for path in places(document) if path[0] in ("@context", "authentication")}
        for path in places(document):
            assert (verdict(without(document, path)) is Verdict.VALID) == (path in needless), path


# 26: two members of one name


@pytest.mark.slow
@EACH_FORM
def test_no_member_can_stand_there_twice(form: str) -> None:
    bundle, trust = FORMS[form]
    whole = json.loads(bundle.to_bytes())
    for path in parts(whole, dict):
        for name, value in at(whole, path).items():
            for other in ("x", value):
                doubled, around = copied(whole, path)
                around["twice"] = other
                for first, second in ((other, value), (value, other)):
                    around[name], around["twice"] = first, second
                    text = json.dumps(doubled).replace('"twice": ', f"{json.dumps(name)}: ", 1)
                    report = check(text.encode(), trust)
                    assert report.verdict is Verdict.INVALID, (path, name)
                    assert "a second member of this name" in report.checks[0].text


# 30, R6: contexts

CONTEXTS: dict[str, Any] = {
    "another name": {"name": "https://schema.org/description"},
    "a protected term": {"VerifiableCredential": "urn:evil:VerifiableCredential"},
    "all words": {"@vocab": "urn:evil:"},
    "a base": {"@base": "https://evil.example/"},
    "a language": {"@language": "de"},
    "a scheme": {"https": "urn:evil:"},
    "nothing": None,
    "an empty one": {},
    "one that is not known here": "https://evil.example/v1",
}


# RDF: they give no word of the document another meaning, and claims are read by their IRIs
HARMLESS = {"all words", "a base", "a scheme", "an empty one"}


@pytest.mark.quick(every=4)
@EACH_FORM
@pytest.mark.parametrize("name", CONTEXTS)
def test_no_context_can_be_added_that_changes_a_word(form: str, name: str) -> None:
    document, context = FORMS[form][0].secured, CONTEXTS[name]
    own = document["@context"]
    for contexts in ([*own, context], [own[0], context, *own[1:]], [context, *own], context, [context]):
        report = changed(form, {**document, "@context": contexts})
        if report:
            assert form == "RDF"
            assert name in HARMLESS
            (credential,) = report.require()
            assert {**credential.said, "@context": own} == document


@EACH_FORM
def test_contexts_cannot_be_exchanged(form: str) -> None:
    document = FORMS[form][0].secured
    own, old = document["@context"], "https://www.w3.org/2018/credentials/v1"
    badge = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json"
    for contexts in (own[::-1], own[:1], own[1:], [old, *own[1:]], [own[0], badge], [old, *own], []):
        assert not changed(form, {**document, "@context": contexts}), contexts


@EACH_FORM
def test_a_context_that_was_added_to_a_list_of_contexts_is_not_handed_out_as_signed(form: str) -> None:
    """A signature over JCS covers the contexts that the proof repeats, and lets others follow."""
    document = FORMS[form][0].secured
    longer = {**document, "@context": [*document["@context"], "https://www.w3.org/ns/did/v1"]}
    report = changed(form, longer)
    # RDF: what the known context says gives no word of the document another meaning
    assert report.verdict is {"RDF": Verdict.VALID, "JCS": Verdict.UNDETERMINED}.get(form, Verdict.INVALID)


@pytest.mark.quick(every=4)
@EACH_FORM
@pytest.mark.parametrize("context", [{"name": "urn:evil:name"}, {"created": "urn:evil:created"}])
def test_terms_cannot_be_redefined_inside(form: str, context: Any) -> None:
    document = FORMS[form][0].secured
    for path in [path for path in parts(document, dict) if path]:
        inside, around = copied(document, path)
        around["@context"] = context
        report = changed(form, inside)
        if report:  # RDF: a word that does not stand there
            assert form == "RDF"
            assert "name" not in context
            del around["@context"]
            assert inside == document


# 28, 29: what a signature would not cover


@pytest.mark.quick(every=4)
@EACH_FORM
@pytest.mark.parametrize("name", ["relative", "/x", "#x", "", "urn:a b", "_:b0", "not an iri", None, 7, {}])
def test_no_id_can_be_made_one_that_drops_what_it_names(form: str, name: Any) -> None:
    document = FORMS[form][0].secured
    for path in [path for path in places(document) if path[-1] in ("id", "verificationMethod")]:
        altered, around = copied(document, path[:-1])
        around[path[-1]] = name
        assert not changed(form, altered), path


@pytest.mark.parametrize("change", [{"id": "relative"}, {"unheardOf": "x"}, {"type": ["Unheard", "Of"]}])
def test_what_would_be_lost_is_never_signed(change: dict[str, Any]) -> None:
    """Wherever it stands: a signature without it would look as if it covered it."""
    document = UNIVERSITY.diploma(index=5)
    for path in parts(document, dict):
        lossy, around = copied(document, path)
        around.update(change)
        with pytest.raises(Problem):
            UNIVERSITY.sign(lossy)
