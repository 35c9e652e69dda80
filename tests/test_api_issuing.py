"""The VC-API of issuers: what is posted becomes a credential of a kind, and nothing else gets a signature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from did import METHODS, Resolver
from intaglio.api.app import create_app
from intaglio.api.issuing import Served
from intaglio.api.posted import PostedCredentials
from intaglio.api.tokens import Right, Tokens
from kinds import shipped
from tests.api import asked
from tests.world import NOW, issuer_in, trust_in, verifier
from vc import Bundle
from verifier.judge import Judge, Verifiers
from wire.fetch import NoFetcher

CERTIFICATE = shipped("certificate")
FACTS = {
    "certificate_number": "C-1",
    "title": "Schweißen “MAG” {issuer} ]$ <b>",
    "name": "Seán O'Brien-Müller",
    "issued_on": "2026-06-01",
    "valid_until": "2029-06-01",
}


class API:
    """One issuer of certificates and diplomas, and a client with a token for it."""

    def __init__(self, home: Path) -> None:
        self.issuer = issuer_in(home / "issuer", kind=CERTIFICATE, url="https://university.example")
        self.tokens = Tokens(self.issuer.home)
        self.token = self.tokens.add("registry", Right, NOW)
        self.monotonic = 0.0
        judges = Verifiers(verifier(trust_in(self.issuer)), verifier(trust_in(self.issuer)))
        resolver = Resolver(METHODS, NoFetcher())
        served = Served(PostedCredentials(self.issuer, lambda: NOW), self.tokens)
        self.app: FastAPI = create_app(
            Judge(lambda: judges), lambda: resolver, lambda: NOW, issuers={"uni": served}
        )

    def post(self, path: str, body: object, token: str | None = None, **headers: str) -> httpx.Response:
        authorization = f"Bearer {self.token if token is None else token}"
        headers = {"Content-Type": "application/json", "Authorization": authorization, **headers}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return asked(self.app, "POST", f"/issuers/{path}", content=content, headers=headers)

    def issue(self, credential: object, **options: Any) -> httpx.Response:
        return self.post("uni/credentials/issue", {"credential": credential, "options": options})

    def revoke(self, identifier: object, **members: Any) -> httpx.Response:
        entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}
        body = {"credentialId": identifier, "credentialStatus": entry, "status": True, **members}
        return self.post("uni/credentials/status", body)


@pytest.fixture
def api(tmp_path: Path) -> API:
    return API(tmp_path)


def posted(api: API, **facts: Any) -> dict[str, Any]:
    """Return a credential as a client posts it: the kind's template, without the issuer's members."""
    values = {**FACTS, **facts}
    others = dict.fromkeys((*CERTIFICATE.template.fields, "issuer_name"), "")
    document = CERTIFICATE.template.fill({**others, **values})
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]


def test_what_is_posted_is_issued_logged_and_valid(api: API) -> None:
    answer = api.issue(posted(api))
    assert answer.status_code == 201, answer.text
    credential = answer.json()["verifiableCredential"]
    assert isinstance(credential["proof"], dict)
    assert credential["issuer"]["id"] == api.issuer.did
    entry = api.issuer.current("C-1")
    assert api.issuer.line(entry).record["name"] == FACTS["name"]
    bundle = api.issuer.bundle(entry)
    assert verifier(trust_in(api.issuer)).verify(bundle, now=NOW)
    # The client has the signed credential, and a bundle may carry it.
    whole = Bundle(credential, bundle.evidence, bundle.issuer_documents, bundle.status_lists, bundle.kinds)
    assert verifier(trust_in(api.issuer)).verify(whole, now=NOW)
    for name in ("name", "validFrom", "validUntil", "credentialSubject"):
        assert credential[name] == posted(api)[name]


def test_the_same_again_gives_the_same_and_other_facts_are_a_conflict(api: API) -> None:
    first, again = api.issue(posted(api)), api.issue(posted(api))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = api.issue(posted(api, title="Brazing"))
    assert (other.status_code, other.json()["code"]) == (409, "other-facts")
    assert "Brazing" not in other.text


def test_of_one_body_that_comes_many_times_at_once_there_is_one(api: API) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.issue(posted(api)), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"id": "urn:uuid:1"}, "id"),
        ({"proof": {}}, "proof"),
        ({"credentialStatus": {"type": "BitstringStatusListEntry"}}, "credentialStatus"),
        ({"termsOfUse": []}, "termsOfUse"),
        ({"credentialSchema": []}, "credentialSchema"),
        ({"issuer": {"id": "did:web:university.example", "name": "Ministry"}}, "issuer.name"),
        ({"evidence": {"type": "Evidence"}}, "Evidence"),
        ({"evidence": {"id": "urn:example:1", "type": "urn:example:Evidence"}}, "evidence"),
        ({"name": "Doctor"}, "credentialSubject.title"),
        ({"validFrom": "2026-06-02T00:00:00Z"}, "validFrom"),
        ({"type": ["VerifiableCredential", "CertificateCredential", "AlumniCredential"]}, "AlumniCredential"),
    ],
    ids=str,
)
def test_what_no_field_says_is_refused_by_its_place(api: API, change: Mapping[str, Any], place: str) -> None:
    answer = api.issue({**posted(api), **change})
    assert answer.status_code in (400, 403), answer.text
    assert place in answer.json()["detail"]
    assert not list(api.issuer.entries())


@pytest.mark.parametrize(
    "issuer", ["did:web:other.example", {"id": "did:web:other.example"}, None, 7], ids=str
)
def test_another_issuer_is_not_issued_for(api: API, issuer: object) -> None:
    answer = api.issue({**posted(api), "issuer": issuer})
    assert (answer.status_code, answer.json()["code"]) == (403, "anothers-name")
    assert not list(api.issuer.entries())


def test_a_subject_says_no_more_than_the_kind(api: API) -> None:
    document = posted(api)
    document["credentialSubject"]["admin"] = True
    answer = api.issue(document)
    assert answer.status_code == 400
    assert "admin" in answer.json()["detail"]
    document = posted(api)
    document["credentialSubject"]["id"] = "did:example:holder"
    answer = api.issue(document)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-of-the-kind")
    assert "credentialSubject.id" in answer.json()["detail"]


def test_words_of_another_context_are_not_read(api: API) -> None:
    ours = posted(api)["@context"]
    redefined = [*ours, {"title": "https://evil.example/title"}]
    further = [*ours, "https://www.w3.org/ns/credentials/examples/v2"]
    assert api.issue({**posted(api), "@context": redefined}).status_code in (400, 403)
    assert api.issue({**posted(api), "@context": ours[:1]}).status_code in (400, 403)
    answer = api.issue({**posted(api), "@context": further})
    assert (answer.status_code, answer.json()["detail"]) == (403, "its @context is not that of the kind")


def test_one_of_no_kind_is_refused(api: API) -> None:
    answer = api.issue({**posted(api), "type": ["VerifiableCredential"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-of-the-kind")
    assert api.issue(posted(api), kind="none").status_code == 404
    assert api.issue(posted(api), kind="certificate").status_code == 201


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({"issued_on": "2126-06-01", "valid_until": "2129-06-01"}, "issued_on"),
        ({"certificate_number": ""}, "certificate_number"),
    ],
)
def test_a_record_that_the_kind_refuses_is_named_without_its_value(
    api: API, facts: Mapping[str, str], word: str
) -> None:
    answer = api.issue(posted(api, **facts))
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("credential", [None, "e30", 7, [], {}, {"type": "VerifiableCredential"}])
def test_what_is_no_credential_is_refused(api: API, credential: object) -> None:
    assert api.issue(credential).status_code in (400, 403)
    assert api.post("uni/credentials/issue", {}).status_code == 400


def test_the_issuer_may_be_named(api: API) -> None:
    assert api.issue({**posted(api), "issuer": api.issuer.did}).status_code == 201
    named = {"id": api.issuer.did, "name": "Invented University"}
    assert api.issue({**posted(api), "issuer": named}).status_code == 200


def test_unknown_options_are_named(api: API) -> None:
    answer = api.issue(posted(api), mandatoryPointers=["/issuer"])
    assert answer.json()["warnings"] == ["'options.mandatoryPointers' is not known here"]
    assert api.issue(posted(api), kind=7).status_code == 400


class TestStatus:
    def test_a_revocation_counts_at_once(self, api: API) -> None:
        credential = api.issue(posted(api)).json()["verifiableCredential"]
        answer = api.revoke(credential["id"], options={"reason": "fraud"})
        assert (answer.status_code, answer.json()) == (200, {})
        entry = api.issuer.current("C-1")
        assert entry.reason == "fraud"
        report = verifier(trust_in(api.issuer)).verify(api.issuer.bundle(entry), now=NOW)
        assert report.verdict.value == "invalid"
        assert api.issue(posted(api)).status_code == 409
        assert api.revoke(credential["id"]).status_code == 200

    def test_both_shapes_of_the_drafts_are_read(self, api: API) -> None:
        identifier = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        entry = {"type": "BitstringStatusList", "status": "1"}
        assert api.revoke(identifier, credentialStatus=[entry], status="1").status_code == 200

    @pytest.mark.parametrize("status", [False, "0"])
    def test_it_is_for_good(self, api: API, status: object) -> None:
        identifier = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        answer = api.revoke(identifier, status=status)
        assert (answer.status_code, answer.json()["code"]) == (403, "revocation-is-for-good")

    @pytest.mark.parametrize(
        "identifier", ["C-1", "row:2", "Seán", "urn:uuid:1", "https://university.example/credential/a"]
    )
    def test_it_is_named_by_its_id_alone(self, api: API, identifier: str) -> None:
        api.issue(posted(api))
        assert api.revoke(identifier).status_code == 404
        assert api.issuer.current("C-1").reason is None

    @pytest.mark.parametrize(
        "members",
        [
            {"credentialId": 7},
            {"credentialStatus": None},
            {"credentialStatus": []},
            {"credentialStatus": {"type": "Other"}},
            {"credentialStatus": {"type": "BitstringStatusListEntry", "statusPurpose": "message"}},
            {"status": 7},
            {"status": None},
            {"options": {"reason": "because"}},
            {"options": {"reason": []}},
        ],
        ids=str,
    )
    def test_what_asks_for_no_revocation_is_refused(self, api: API, members: Mapping[str, Any]) -> None:
        identifier = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        assert api.revoke(identifier, **members).status_code == 400
        assert api.issuer.current("C-1").reason is None


class TestTokens:
    def test_without_one_nothing_is_done(self, api: API) -> None:
        for authorization in ("", "Bearer", "Bearer ", f"Basic {api.token}", api.token):
            answer = api.post(
                "uni/credentials/issue", {"credential": posted(api)}, Authorization=authorization
            )
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert not list(api.issuer.entries())

    def test_one_of_another_issuer_is_none_and_no_name_is_told(self, api: API, tmp_path: Path) -> None:
        other = Tokens(tmp_path).add("other", Right, NOW)
        answers = [
            api.post(f"{name}/credentials/issue", {"credential": posted(api)}, token)
            for name, token in (("uni", other), ("none", api.token), ("none", other))
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert len({answer.text for answer in answers}) == 1

    def test_each_is_for_what_it_was_made_for(self, api: API) -> None:
        token = api.tokens.add("clerk", [Right.ISSUE], NOW)
        body = {"credential": posted(api)}
        assert api.post("uni/credentials/issue", body, token).status_code == 201
        answer = api.post("uni/credentials/status", {}, token)
        assert (answer.status_code, answer.json()["code"]) == (403, "no-right")

    def test_one_that_was_ended_is_ended(self, api: API) -> None:
        api.tokens.end("registry")
        assert api.issue(posted(api)).status_code == 401

    def test_who_guesses_is_slowed_down_and_who_knows_is_not(self, api: API) -> None:
        body = {"credential": posted(api)}
        statuses = [api.post("uni/credentials/issue", body, f"guess{nth}").status_code for nth in range(25)]
        assert statuses == [401] * 20 + [429] * 5
        assert api.issue(posted(api)).status_code == 201

    def test_a_token_is_nowhere_kept(self, api: API) -> None:
        for path in api.issuer.home.rglob("*"):
            assert not path.is_file() or api.token.encode() not in path.read_bytes()

    def test_a_file_that_is_damaged_lets_nobody_in(self, api: API) -> None:
        for content in (
            b"{",
            b"{}",
            b'{"tokens": [{"name": 7}]}',
            b'{"tokens": [{"name": "a", "digest": "\xc3\xa4"}]}',
        ):
            (api.issuer.home / "tokens.json").write_bytes(content)
            answer = api.issue(posted(api))
            assert answer.status_code == 500
            assert "tokens.json" not in answer.text


@pytest.mark.parametrize("value", ["01.06.2026", "2026-02-30", 20260601])
def test_a_value_that_the_kind_does_not_give_is_told_from_a_place_that_it_does_not_have(
    api: API, value: object
) -> None:
    document = posted(api)
    document["credentialSubject"]["issued_on"] = value
    answer = api.issue(document)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-of-the-kind")
    assert "'credentialSubject.issued_on' has another value" in answer.json()["detail"]
