"""The VC-API of issuers: what is posted becomes a credential of a kind, and nothing else gets a signature."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from did import METHODS, Resolver
from intaglio.api.app import create_app
from intaglio.api.issuing import Served
from intaglio.api.posted import Posted, PostedCredentials, _surplus
from intaglio.api.tokens import Right, Tokens
from issuer.identity.kind import read_kind
from issuer.press.document import trial
from kinds import shipped
from kinds.parsing import parse_kind
from kinds.records import check_record
from tests.api import asked
from tests.conftest import ROOT
from tests.world import NOW, issuer_in, trust_in, verifier
from vc import Bundle
from verifier.judge import Judge, Verifiers
from wire.fetch import NoFetcher
from wire.problem import Conflict, Malformed, NotFound, Refused, TooLarge

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
        self.serve()

    def serve(self, others: Mapping[str, Served] = MappingProxyType({}), siblings: int = 1) -> None:
        judges = Verifiers(verifier(trust_in(self.issuer)), verifier(trust_in(self.issuer)))
        resolver = Resolver(METHODS, NoFetcher())
        served = Served(PostedCredentials(self.issuer, lambda: NOW), self.tokens)
        issuers = {"uni": served, **others}
        self.app: FastAPI = create_app(
            Judge(lambda: judges), lambda: resolver, lambda: NOW, issuers=issuers, siblings=siblings
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


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> API:
    """For tests after which nothing is issued: they share it."""
    return API(tmp_path_factory.mktemp("refusing"))


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> tuple[API, str]:
    """One credential that no test revokes, and its id."""
    api = API(tmp_path_factory.mktemp("issued"))
    return api, api.issue(posted(api)).json()["verifiableCredential"]["id"]


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


@pytest.mark.quick(every=4)
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
def test_what_no_field_says_is_refused_by_its_place(
    refusing: API, change: Mapping[str, Any], place: str
) -> None:
    answer = refusing.issue({**posted(refusing), **change})
    assert answer.status_code in (400, 403), answer.text
    assert place in answer.json()["detail"]
    assert not list(refusing.issuer.entries())


@pytest.mark.parametrize(
    "issuer", ["did:web:other.example", {"id": "did:web:other.example"}, None, 7], ids=str
)
def test_another_issuer_is_not_issued_for(refusing: API, issuer: object) -> None:
    answer = refusing.issue({**posted(refusing), "issuer": issuer})
    assert (answer.status_code, answer.json()["code"]) == (403, "anothers-name")
    assert not list(refusing.issuer.entries())


def test_a_subject_says_no_more_than_the_kind(refusing: API) -> None:
    document = posted(refusing)
    document["credentialSubject"]["admin"] = True
    answer = refusing.issue(document)
    assert answer.status_code == 400
    assert "admin" in answer.json()["detail"]
    document = posted(refusing)
    document["credentialSubject"]["id"] = "did:example:holder"
    answer = refusing.issue(document)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-of-the-kind")
    assert "credentialSubject.id" in answer.json()["detail"]


def test_words_of_another_context_are_not_read(refusing: API) -> None:
    ours = posted(refusing)["@context"]
    redefined = [*ours, {"title": "https://evil.example/title"}]
    further = [*ours, "https://www.w3.org/ns/credentials/examples/v2"]
    assert refusing.issue({**posted(refusing), "@context": redefined}).status_code in (400, 403)
    assert refusing.issue({**posted(refusing), "@context": ours[:1]}).status_code in (400, 403)
    answer = refusing.issue({**posted(refusing), "@context": further})
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
    refusing: API, facts: Mapping[str, str], word: str
) -> None:
    answer = refusing.issue(posted(refusing, **facts))
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("credential", [None, "e30", 7, [], {}, {"type": "VerifiableCredential"}])
def test_what_is_no_credential_is_refused(refusing: API, credential: object) -> None:
    assert refusing.issue(credential).status_code in (400, 403)
    assert refusing.post("uni/credentials/issue", {}).status_code == 400


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("name", unicodedata.normalize("NFD", "Seán")),  # it would be signed as another text
        ("name", " Seán"),
        ("name", {"@value": "Seán", "@language": "ga"}),
        ("name", {"@value": "Seán"}),
        ("name", None),
        ("name", ["Seán", "Seán"]),
        ("name", [["Seán"]]),
        ("description", []),
        ("certificate_number", 1),
        ("certificate_number", 1.0),
        ("certificate_number", True),
        ("certificate_number", 10**300),
        ("issued_on", "1.6.2026"),
        ("__proto__", {"admin": True}),
        ("constructor", "x"),
        ("$if", "title"),
        ("$each", "title"),
        ("@context", {"title": "https://schema.org/ratingValue"}),
        ("@id", "urn:example:1"),
        ("@nest", {"grade": "1"}),
        ("@reverse", {"title": {"id": "urn:example:1"}}),
        ("https://schema.org/ratingValue", "1"),
        ("grade", [{"title": "x"}]),
    ],
    ids=lambda value: str(value)[:24],
)
def test_no_other_spelling_gets_a_signature(refusing: API, member: str, value: object) -> None:
    document = posted(refusing)
    document["credentialSubject"][member] = value
    answer = refusing.issue(document)
    assert answer.status_code in (400, 403), answer.text
    assert not any(value in answer.text for value in ("Müller", FACTS["title"], FACTS["certificate_number"]))
    assert not list(refusing.issuer.entries())


@pytest.mark.quick("alike", "types")
@pytest.mark.parametrize(
    "change",
    [
        {"credentialSubject": {"grade": [f"{number}" for number in range(40_000)]}},
        {"credentialSubject": [{"title": "x"}] * 40_000},
        {"credentialSubject": [{}] * 100_000},
        {"type": ["VerifiableCredential", *(f"urn:x:{number}" for number in range(40_000))]},
    ],
    ids=["values", "alike", "empty", "types"],
)
def test_a_document_costs_no_more_than_a_request_may(refusing: API, change: Mapping[str, Any]) -> None:
    answer = refusing.issue({**posted(refusing), **change})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert not list(refusing.issuer.entries())


def test_a_list_of_one_is_its_item(api: API) -> None:
    document = posted(api)
    subject = document["credentialSubject"]
    assert api.issue({**document, "credentialSubject": [subject]}).status_code == 201
    assert api.issue(document).status_code == 200
    twice = api.issue({**document, "credentialSubject": [subject, subject]})
    assert "credentialSubject[1]" in twice.json()["detail"]


def test_an_item_may_stand_for_a_list_of_one() -> None:
    assert not [*_surplus({"a": {"id": "urn:x"}}, {"a": [{"id": "urn:x", "name": "x"}]}, "")]
    assert [*_surplus({"a": {"id": "urn:y"}}, {"a": [{"id": "urn:x"}]}, "")] == [("a[0]", True)]
    assert [*_surplus({"a": {"id": "urn:x"}}, {"a": "urn:x"}, "")] == [("a", True)]


def test_the_same_body_gives_the_same_credential_after_a_birthday(tmp_path: Path) -> None:
    """A value that follows from the day of issue is no other fact: somebody was not 18 then."""
    days = [NOW]
    resident = shipped("resident")
    issuer = issuer_in(tmp_path / "issuer", kind=resident, url="https://city.example", clock=lambda: days[-1])
    credentials = PostedCredentials(issuer, lambda: days[-1])
    composer = trial(resident, None, issuer.identity.profile)
    cells = {
        "personal_administrative_number": "P-1",
        "family_name": "Nkosi",
        "given_name": "Ayanda",
        "birth_date": "2008-07-02",
        "issuance_date": "2026-06-01",
    }
    record = check_record(resident, cells, NOW.date(), composer.own)
    body = json.loads(json.dumps(composer.template.fill(composer.values(record))))
    assert body["credentialSubject"]["age_over_18"] is False
    first = credentials.issue(body)
    days.append(NOW + timedelta(days=2))
    assert credentials.issue(body) == Posted(first.entry, is_new=False)
    body["credentialSubject"]["age_over_18"] = True  # which the credential does not say
    with pytest.raises(Refused) as refusal:
        credentials.issue(body)
    assert refusal.value.code == "not-of-the-kind"


def test_a_group_says_each_item_and_no_other(tmp_path: Path) -> None:
    """An item that stands there twice, or has something more in it, is refused."""
    source = json.loads(CERTIFICATE.files["kind.json"])
    course = {"type": "text", "required": True, "iri": "https://schema.org/name"}
    hours = {"type": "number", "iri": "https://schema.org/value"}
    source["fields"]["courses"] = {
        "type": "group",
        "iri": "https://schema.org/hasPart",
        "fields": {"unit": course, "hours": hours},
    }
    kind = parse_kind({"kind.json": json.dumps(source).encode()})
    issuer = issuer_in(tmp_path / "issuer", kind=kind, url="https://university.example")
    credentials = PostedCredentials(issuer, lambda: NOW)
    composer = trial(kind, None, issuer.identity.profile)
    cells = {**FACTS, "courses": [{"unit": "Steel", "hours": "12"}, {"unit": "Tin", "hours": "1.5"}]}
    record = check_record(kind, cells, NOW.date(), composer.own)
    body = json.loads(json.dumps(composer.template.fill(composer.values(record))))
    items = body["credentialSubject"]["courses"]
    for wrong in (
        [*items, items[0]],
        [items[0] | {"grade": "1"}, items[1]],
        [items[0] | {"hours": True}, items[1]],
        [items[0] | {"hours": "12"}, items[1]],
        [items[0] | {"hours": 12.25e15}, items[1]],
    ):
        changed = {**body, "credentialSubject": {**body["credentialSubject"], "courses": wrong}}
        with pytest.raises((Malformed, Refused)):
            credentials.issue(changed)
    assert not list(issuer.entries())
    entry, is_new = credentials.issue(body)
    assert is_new
    assert issuer.line(entry).record["courses"] == record["courses"]


def test_the_issuer_may_be_named(api: API) -> None:
    assert api.issue({**posted(api), "issuer": api.issuer.did}).status_code == 201
    named = {"id": api.issuer.did, "name": "Invented University"}
    assert api.issue({**posted(api), "issuer": named}).status_code == 200


def test_unknown_options_are_named(api: API) -> None:
    answer = api.issue(posted(api), mandatoryPointers=["/issuer"])
    assert answer.json()["warnings"] == ["'options.mandatoryPointers' is not known here"]
    assert api.issue(posted(api), kind=7).status_code == 400


def test_the_description_names_the_token_and_every_option(refusing: API) -> None:
    document = asked(refusing.app, "GET", "/openapi.json").json()
    assert document["components"]["securitySchemes"]["HTTPBearer"] == {"type": "http", "scheme": "bearer"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            placeholders = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            described = [each["name"] for each in operation.get("parameters", []) if each["in"] == "path"]
            assert described == placeholders
            assert ("security" in operation) is path.startswith("/issuers/")
    issue = document["paths"]["/issuers/{name}/credentials/issue"]["post"]
    schema = issue["requestBody"]["content"]["application/json"]["schema"]
    assert {*schema["properties"]["options"]["properties"]} == {"kind", "bundle"}


class TestStatus:
    def test_a_suspension_is_set_and_ended_where_the_kind_provides_for_it(self, api: API) -> None:
        entry = {"type": "BitstringStatusListEntry", "statusPurpose": "suspension"}
        certificate = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        answer = api.revoke(certificate, credentialStatus=entry)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-suspendable")

        kind = read_kind(ROOT / "tests/own_kinds/licence")
        api.issuer = issuer_in(api.issuer.home, kind=kind, url="https://university.example")
        api.serve()
        licence = api.issuer.issue("licence", {"licence": "L-1", "name": "张敏", "expires": "2030-12-31"})
        identifier = api.issuer.line(licence).id
        for status, is_suspended in ((True, True), (True, True), (False, False), ("1", True), ("0", False)):
            answer = api.revoke(identifier, credentialStatus=entry, status=status)
            assert (answer.status_code, answer.json()) == (200, {})
            assert api.issuer.current(licence.which).is_suspended is is_suspended
        api.revoke(identifier)
        assert (
            api.revoke(identifier, credentialStatus=entry, status=False).json()["code"] == "revoked-for-good"
        )

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

    def test_what_is_revoked_meanwhile_is_never_valid_again(self, api: API) -> None:
        identifier = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        together = Barrier(5)

        def again(_: int) -> int:
            together.wait()
            return api.issue(posted(api)).status_code

        def revoked() -> int:
            together.wait()
            return api.revoke(identifier).status_code

        with ThreadPoolExecutor(5) as pool:
            revocation, answers = pool.submit(revoked), pool.map(again, range(4))
        assert revocation.result() == 200
        assert {*answers} <= {200, 409}
        assert api.issue(posted(api)).status_code == 409
        assert [entry.reason for entry in api.issuer.entries()] == ["unspecified"]

    def test_both_shapes_of_the_drafts_are_read(self, api: API) -> None:
        identifier = api.issue(posted(api)).json()["verifiableCredential"]["id"]
        entry = {"type": "BitstringStatusList", "status": "1"}
        assert api.revoke(identifier, credentialStatus=[entry], status="1").status_code == 200

    @pytest.mark.parametrize("status", [False, "0"])
    def test_it_is_for_good(self, issued: tuple[API, str], status: object) -> None:
        api, identifier = issued
        answer = api.revoke(identifier, status=status)
        assert (answer.status_code, answer.json()["code"]) == (403, "revocation-is-for-good")

    @pytest.mark.parametrize(
        "identifier", ["C-1", "row:2", "Seán", "urn:uuid:1", "https://university.example/credential/a"]
    )
    def test_it_is_named_by_its_id_alone(self, issued: tuple[API, str], identifier: str) -> None:
        api, _ = issued
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
    def test_what_asks_for_no_revocation_is_refused(
        self, issued: tuple[API, str], members: Mapping[str, Any]
    ) -> None:
        api, identifier = issued
        assert api.revoke(identifier, **members).status_code == 400
        assert api.issuer.current("C-1").reason is None


class TestTokens:
    def test_without_one_nothing_is_done(self, refusing: API) -> None:
        body = {"credential": posted(refusing)}
        for authorization in ("", "Bearer", "Bearer ", f"Basic {refusing.token}", refusing.token):
            answer = refusing.post("uni/credentials/issue", body, Authorization=authorization)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="issuer"')
        assert not list(refusing.issuer.entries())

    def test_the_challenge_says_what_a_token_lacks(self, api: API) -> None:
        """RFC 6750, 3.1: nothing to who sent none, else `invalid_token` or `insufficient_scope`."""
        none = api.post("uni/credentials/status", {}, Authorization="")
        wrong = api.post("uni/credentials/status", {}, "wrong")
        clerk = api.post("uni/credentials/status", {}, api.tokens.add("clerk", [Right.ISSUE], NOW))
        challenges = [answer.headers["WWW-Authenticate"] for answer in (none, wrong, clerk)]
        assert challenges == [
            'Bearer realm="issuer"',
            'Bearer realm="issuer", error="invalid_token"',
            'Bearer realm="issuer", error="insufficient_scope", scope="status"',
        ]

    @pytest.mark.parametrize("token", [b"\xc3\xa4", b"\xff", b"a" * 100_000, b"a b", b"\t"])
    def test_one_of_odd_bytes_is_a_wrong_one(self, refusing: API, token: bytes) -> None:
        headers: Any = {b"Authorization": b"Bearer " + token, b"Content-Type": b"application/json"}
        answer = asked(refusing.app, "POST", "/issuers/uni/credentials/issue", content=b"{}", headers=headers)
        assert answer.status_code in (401, 429)

    @pytest.mark.parametrize("name", ["", "a b", "a\nb", "é", "a" * 65, "-a"])
    def test_its_name_is_short_and_plain(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(Malformed):
            Tokens(tmp_path).add(name, Right, NOW)

    def test_no_more_are_made_than_are_read(self, tmp_path: Path) -> None:
        tokens = Tokens(tmp_path)
        token = tokens.add("a", Right, NOW)
        members = json.loads((tmp_path / "tokens.json").read_text())
        entry = {**members["tokens"][0], "name": "b", "since": "x" * (1_048_576 - 500)}  # nearly a full file
        (tmp_path / "tokens.json").write_text(json.dumps({**members, "tokens": [*members["tokens"], entry]}))
        with pytest.raises(TooLarge):
            tokens.add("c", Right, NOW)
        assert tokens.rights(token) == frozenset(Right)
        tokens.end("b")
        assert [token.name for token in tokens.all()] == ["a"]

    def test_names_are_taken_once_and_only_what_is_there_ends(self, tmp_path: Path) -> None:
        tokens = Tokens(tmp_path)
        tokens.add("a", Right, NOW)
        with pytest.raises(Conflict):
            tokens.add("a", Right, NOW)
        with pytest.raises(NotFound):
            tokens.end("b")

    def test_one_of_another_issuer_is_none_and_no_name_is_told(self, api: API, tmp_path: Path) -> None:
        other = Tokens(tmp_path).add("other", Right, NOW)
        answers = [
            api.post(f"{name}/credentials/issue", {"credential": posted(api)}, token)
            for name, token in (("uni", other), ("none", api.token), ("none", other))
        ]
        assert [answer.status_code for answer in answers] == [401] * 3
        assert len({answer.text for answer in answers}) == 1

    def test_each_issuer_has_its_own(self, tmp_path: Path) -> None:
        first = API(tmp_path / "first")
        second = issuer_in(tmp_path / "second", kind=CERTIFICATE, url="https://college.example")
        tokens = Tokens(second.home)
        token = tokens.add("registry", Right, NOW)
        first.serve({"college": Served(PostedCredentials(second, lambda: NOW), tokens)})
        body = {"credential": posted(first)}
        assert first.post("uni/credentials/issue", body, token).status_code == 401
        assert first.post("college/credentials/issue", body).status_code == 401
        answer = first.post("college/credentials/issue", body, token)
        assert answer.json()["verifiableCredential"]["issuer"]["id"] == second.did
        assert not list(first.issuer.entries())
        # One of the two revokes nothing of the other.
        identifier = first.issue(posted(first)).json()["verifiableCredential"]["id"]
        entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation"}
        revocation = {"credentialId": identifier, "credentialStatus": entry, "status": True}
        assert first.post("college/credentials/status", revocation, token).status_code == 404
        assert first.issuer.current("C-1").reason is None

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

    def test_of_two_processes_each_has_half_of_the_guesses(self, api: API) -> None:
        api.serve(siblings=2)
        statuses = [api.post("uni/credentials/issue", {}, "guess").status_code for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2

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
