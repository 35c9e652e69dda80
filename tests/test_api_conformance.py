"""The calls that W3C's suites make, by the conformance profile: data model, suites, status, presentations.

The suites themselves are run by `make conformance SUITE=FOLDER`; docs/conformance.md has what they say.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from intaglio.api.conformance.service import create_app, local_config, throwaways
from tests.api import asked
from tests.commandline import Program
from tests.conftest import CORPORA, ROOT
from tests.sources import SOURCES, nodes
from tests.world import NOW, Holder
from vc.status import MINIMUM_ENTRIES, StatusList

URL = "http://localhost:8490"
ISSUERS = throwaways()
APP = create_app(URL, lambda: NOW, ISSUERS)
V1, V2 = "https://www.w3.org/2018/credentials/v1", "https://www.w3.org/ns/credentials/v2"
EXAMPLES = "https://www.w3.org/ns/credentials/examples/v2"
HOLDER = Holder()
DID = ISSUERS["eddsa-rdfc-2022-ed25519"].did
VECTORS = [
    path
    for path in sorted((CORPORA / "vectors").glob("di-e*dsa/**/signed*.json"))
    if "employ" not in path.parts  # whose context a host has, and contexts are never fetched
]


def post(path: str, body: object) -> httpx.Response:
    return asked(APP, "POST", path, json=body)


def credential(name: str = "eddsa-rdfc-2022-ed25519", /, **members: Any) -> dict[str, Any]:
    """An unsigned credential of the issuer; a member that is `...` is left out."""
    document = {
        "@context": [V2],
        "type": ["VerifiableCredential"],
        "issuer": ISSUERS[name].did,
        "credentialSubject": {"id": "did:example:subject"},
        **members,
    }
    return {member: value for member, value in document.items() if value is not ...}


def issue(document: object, name: str = "eddsa-rdfc-2022-ed25519") -> httpx.Response:
    return post(f"/issuers/{name}/credentials/issue", {"credential": document, "options": {}})


def verify(document: object) -> httpx.Response:
    return post("/credentials/verify", {"verifiableCredential": document, "options": {"checks": ["proof"]}})


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", [name for name in ISSUERS if name != "jwt"])
def test_each_suite_issues_and_what_it_issued_is_verified(name: str) -> None:
    answer = issue(credential(name), name)
    assert (answer.status_code, answer.headers["X-Intaglio-Profile"]) == (201, "conformance")
    signed = answer.json()["verifiableCredential"]
    method = signed["proof"]["verificationMethod"]
    assert method == f"{ISSUERS[name].did}#{ISSUERS[name].did.removeprefix('did:key:')}"
    assert signed["proof"]["cryptosuite"] == ISSUERS[name].suite
    assert verify(signed).status_code == 200
    assert verify({**signed, "credentialSubject": {"id": "did:example:other"}}).status_code == 400


def test_one_issues_in_an_envelope_which_is_verified() -> None:
    answer = issue(credential("jwt"), "jwt")
    assert answer.status_code == 201
    signed = answer.json()["verifiableCredential"]
    assert (signed["@context"], signed["type"]) == ([V2], "EnvelopedVerifiableCredential")
    assert signed["id"].startswith("data:application/vc+jwt,ey")
    assert verify(signed).status_code == 200
    changes: list[dict[str, Any]] = [
        {"@context": []},
        {"@context": EXAMPLES},
        {"id": signed["id"].partition(",")[2]},
        {"id": signed["id"][:-4] + "AAAA"},
        {"type": None},
        {"type": ["VerifiableCredential"]},
    ]
    assert {verify({**signed, **change}).status_code for change in changes} <= {400, 422}
    first = credential("jwt", **{"@context": [V1], "issuanceDate": "2026-01-01T00:00:00Z"})
    assert issue(first, "jwt").status_code == 400  # VC-JOSE-COSE secures the data model 2.0


def test_the_first_data_model_gets_the_words_for_its_proof() -> None:
    members: dict[str, Any] = {"@context": [V1], "issuanceDate": "2026-01-01T00:00:00Z"}
    document = credential(**members)
    signed = issue(document).json()["verifiableCredential"]
    assert signed["@context"] == [V1, "https://w3id.org/security/data-integrity/v2"]
    assert verify(signed).status_code == 200


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "members",
    [
        {"id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33"},
        {"type": ["VerifiableCredential", "https://example.org/Type"]},
        {"@context": [V2, EXAMPLES], "type": ["VerifiableCredential", "ExampleAlumniCredential"]},
        {"name": {"@value": "Diplom", "@language": "de", "@direction": "ltr"}},
        {"description": [{"@value": "a", "@language": "en"}, {"@value": "b", "@language": "de"}]},
        {"credentialSubject": [{"id": "did:example:a"}, {"id": "did:example:b"}]},
        {"validFrom": "3019-03-23T06:35:22.123Z"},
        {"validFrom": "2019-03-23T06:35:22-04:00", "validUntil": "2119-03-23T06:35:22Z"},
        {"credentialStatus": {"type": "https://example.org/Status"}},
        {"credentialSchema": {"id": "https://example.org/s.json", "type": "JsonSchema"}},
        {"evidence": [{"id": "https://example.org/e", "type": "https://example.org/Evidence"}]},
        {"refreshService": [{"id": "did:example:refresh/2", "type": "https://example.org/#Refresh"}]},
        {"@context": [V2, {"D": "https://example.org/#D"}], "termsOfUse": [{"type": "D"}, {"type": "D"}]},
        {
            "issuer": {
                "id": DID,
                "name": [{"@value": "Dog", "@language": "en"}, {"@value": "犬", "@language": "ja"}],
            }
        },
    ],
    ids=lambda members: next(iter(members)),
)
def test_what_the_data_model_allows_is_issued(members: Mapping[str, Any]) -> None:
    answer = issue(credential(**members))
    assert answer.status_code == 201, answer.text


WRONG = {
    "@context": f'"{V2}" ["{EXAMPLES}","{V2}"] [] 4 [4] [null] {{}} [{{"a":4}},"{V2}"]',
    "type": '4 [] ["ExampleCredential"] ["VerifiableCredential","Unmapped"] [2,null] null {"foo":true}',
    "id": '"not-a-url" ["urn:a","urn:b"] 4 null',
    "issuer": 'null "not-a-url" 4 [] {"name":"x"} {"id":"x"}',
    "credentialSubject": 'null {} [] [{}] "did:example:a" [null,true,4]',
}
"""The values that the suites put in the place of these members, as JSON."""


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "members",
    [
        *({name: json.loads(value)} for name, values in WRONG.items() for value in values.split()),
        *({name: ...} for name in ("@context", "type", "issuer", "credentialSubject")),
        {"credentialSubject": {"id": "not a url"}},
        {"validFrom": "2019-03-23"},
        {"validUntil": "June 2026"},
        {"validFrom": "2026-01-02T00:00:00Z", "validUntil": "2026-01-01T00:00:00Z"},
        {"credentialStatus": {"id": "https://example.org/s"}},
        {"credentialSchema": {"type": "JsonSchema"}},
        {"credentialSchema": {"id": "https://example.org/s"}},
        {"termsOfUse": {"id": "https://example.org/t"}},
        {"evidence": {"id": "https://example.org/e"}},
        {"refreshService": {"id": "https://example.org/r"}},
        {"name": {"@value": "x", "unknown": "y"}},
        {"description": {"@language": "en"}},
        {"name": 4},
        {"relatedResource": [{"id": "https://example.org/r"}]},
        {"unmapped": "term"},
        {"@context": [V2, {"VerifiableCredential": "https://example.org/#Other"}]},
        {
            "@context": [
                V2,
                {"@protected": True, "T": "https://example.org/#T"},
                {"T": "https://example.org/#U"},
            ]
        },
        {"@context": [V2, {"T": "https ://not-a-url#T"}], "type": ["VerifiableCredential", "T"]},
        {"credentialStatus": {"id": "https ://not-a-url/4", "type": "https://example.org/#S"}},
        {"credentialStatus": {"id": ["did:example:1", "did:example:2"], "type": "https://example.org/#S"}},
        {"credentialStatus": {"id": "did:example:status", "type": 2}},
        {"credentialSubject": [{"id": "did:example:subject"}, {}]},
        {"issuer": {"id": DID, "name": {"@value": "E", "@language": "en", "url": "did:example:issuer"}}},
    ],
    ids=lambda members: str(members).replace(DID, "DID"),  # which is another one in each process
)
def test_what_it_does_not_is_refused(members: Mapping[str, Any]) -> None:
    answer = issue(credential(**members))
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("document", [None, "e30", 4, [], {}])
def test_what_is_no_credential_is_neither_issued_nor_verified(document: object) -> None:
    assert issue(document).status_code == 400
    assert verify(document).status_code in (400, 422)
    assert (
        post("/issuers/eddsa-rdfc-2022-ed25519/credentials/issue", {"verifiableCredential": {}}).status_code
        == 400
    )


def test_an_issuer_that_is_not_there_issues_nothing() -> None:
    assert issue(credential(), "none").status_code == 400


class TestVerifiers:
    """The suites of Data Integrity send these: any status but 400 and 422 is a failed test there."""

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        "change",
        [
            {"type": ...},
            {"cryptosuite": ...},
            {"verificationMethod": "did:key:invalidVm"},
            {"proofPurpose": "invalidPurpose"},
            {"proofPurpose": ...},
            {"created": "invalidDate"},
            {"expires": "invalidDate"},
            {"proofValue": ...},
            {"proofValue": None},
            {"proofValue": "2" * 87},
            {"cryptosuite": "UnknownCryptosuite"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("name", ["eddsa-rdfc-2022-ed25519", "ecdsa-jcs-2019-p-384"])
    def test_a_proof_that_is_not_as_it_has_to_be(self, name: str, change: Mapping[str, Any]) -> None:
        signed = issue(credential(name), name).json()["verifiableCredential"]
        proof = {key: value for key, value in {**signed["proof"], **change}.items() if value is not ...}
        answer = verify({**signed, "proof": proof})
        assert answer.status_code in (400, 422)
        assert answer.json()["verified"] is False

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize(
        "change",
        [
            {"credentialSubject": {"id": "did:example:subject", "undefinedTerm": "x"}},
            {"type": ["VerifiableCredential", "UndefinedType"]},
            {"type": "string"},
            {"type": [None]},
            {"@context": [{}]},
            {"issuer": []},
            {"proof": []},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("name", ["eddsa-rdfc-2022-ed25519", "eddsa-jcs-2022-ed25519"])
    def test_a_credential_that_is_not_as_it_was(self, name: str, change: Mapping[str, Any]) -> None:
        signed = issue(credential(name), name).json()["verifiableCredential"]
        assert verify({**signed, **change}).status_code in (400, 422)

    def test_another_purpose_is_expected(self) -> None:
        signed = issue(credential()).json()["verifiableCredential"]
        body = {"verifiableCredential": signed, "options": {"expectedProofPurpose": "authentication"}}
        assert post("/credentials/verify", body).status_code == 400


class TestVectors:
    """W3C's own vectors, whose issuer has another name than the key that signed."""

    @pytest.mark.quick(every=4)
    @pytest.mark.parametrize("path", VECTORS or [Path("none")], ids=lambda path: path.stem)
    def test_their_proofs_are_verified(self, path: Path, corpora: Path) -> None:
        document = json.loads(path.read_text())
        assert verify(document).status_code == 200
        document["credentialSubject"]["id"] = "did:example:another"
        assert verify(document).status_code == 400

    @pytest.mark.parametrize(
        "change",
        [
            {"cryptosuite": "unknown-2099"},
            {"proofPurpose": "authentication"},
            {"verificationMethod": ...},
            {"proofValue": "u" + "A" * 86},
            {"previousProof": "urn:uuid:none"},
            {"type": "UnknownProof"},
        ],
        ids=str,
    )
    def test_a_proof_that_is_changed_is_none(self, change: Mapping[str, Any]) -> None:
        signed = issue(credential()).json()["verifiableCredential"]
        proof = {name: value for name, value in {**signed["proof"], **change}.items() if value is not ...}
        assert verify({**signed, "proof": proof}).status_code in (400, 422)
        assert verify({**signed, "proof": None}).status_code == 400


class TestStatus:
    def test_the_issuer_states_it_and_publishes_the_list(self) -> None:
        first, second = (
            issue(credential("status"), "status").json()["verifiableCredential"]["credentialStatus"]
            for _ in "ab"
        )
        assert first["type"] == "BitstringStatusListEntry"
        assert first["statusPurpose"] == "revocation"
        assert int(second["statusListIndex"]) == int(first["statusListIndex"]) + 1
        answer = asked(APP, "GET", first["statusListCredential"].removeprefix(URL))
        lst = answer.json()
        assert (answer.status_code, lst["id"]) == (200, first["statusListCredential"])
        assert "BitstringStatusListCredential" in lst["type"]
        assert lst["credentialSubject"]["type"] == "BitstringStatusList"
        assert StatusList.decode(lst["credentialSubject"]["encodedList"]).entries >= MINIMUM_ENTRIES
        assert verify(lst).status_code == 200

    def test_an_entry_of_another_name_is_refused(self) -> None:
        entry = {"type": "BitstringStatusListEntry", "statusListIndex": True}
        assert issue(credential("status", statusEntry=entry), "status").status_code == 400

    def test_a_posted_one_is_refused(self) -> None:
        posted = credential("status", credentialStatus={"type": "BitstringStatusListEntry"})
        assert issue(posted, "status").status_code == 400
        assert asked(APP, "GET", "/status/1").status_code == 404


class TestPresentations:
    def present(self, document: object, **options: Any) -> httpx.Response:
        return post(
            "/presentations/verify",
            {"verifiablePresentation": document, "options": {"checks": [], **options}},
        )

    def test_one_is_verified_without_a_challenge_and_with_its_own(self) -> None:
        signed = issue(credential()).json()["verifiableCredential"]
        shown = HOLDER.present(signed)
        assert self.present(shown).status_code == 200
        assert self.present(shown, challenge="challenge", domain="employer.example").status_code == 200
        assert self.present(shown, challenge="other").status_code == 400
        assert self.present({**shown, "holder": "did:example:other"}).status_code == 400

    def test_one_without_credentials_is_its_holder_s(self) -> None:
        assert self.present(HOLDER.present()).status_code == 200

    @pytest.mark.parametrize(
        "members",
        [
            {"id": "urn:uuid:9c9a36f8-518f-4976-a934-6649502d0008"},
            {"holder": {"id": HOLDER.did}},
            {"@context": [V2, EXAMPLES], "type": ["VerifiablePresentation", "Example"]},
            {"@context": [V2, {"term": "https://example.org/term"}]},
        ],
        ids=lambda members: next(iter(members)),
    )
    def test_what_the_data_model_allows_is_verified(self, members: Mapping[str, Any]) -> None:
        document = {"@context": [V2], "type": ["VerifiablePresentation"], **members}
        signed = HOLDER.sign(document, purpose="authentication", challenge="c", domain="d")
        assert self.present(signed).status_code == 200
        assert self.present({**signed, "verifiableCredential": []}).status_code == 200  # it says nothing
        assert self.present({**signed, "@context": [EXAMPLES, V2]}).status_code == 400
        assert self.present({**signed, "@context": [V2, "https://example.com"]}).status_code in (400, 422)
        assert self.present({**signed, "@context": [V2, 123192875]}).status_code == 400

    def test_what_one_asserts_of_oneself_is_the_holder_s(self) -> None:
        own = HOLDER.sign(credential(issuer=HOLDER.did))
        other = HOLDER.sign(credential(issuer="did:example:acme"))
        assert self.present(HOLDER.present(own)).status_code == 200
        assert self.present(HOLDER.present(other)).status_code == 400
        unheld = {"@context": [V2], "type": ["VerifiablePresentation"], "verifiableCredential": [own]}
        assert self.present(HOLDER.sign(unheld, purpose="authentication", challenge="c")).status_code == 400

    @pytest.mark.parametrize("items", ["e30", 4, ["e30"], [4], [None], ["https://example.org/vc"]])
    def test_its_credentials_are_objects(self, items: object) -> None:
        document = {"@context": [V2], "type": ["VerifiablePresentation"], "holder": HOLDER.did}
        shown = {**document, "verifiableCredential": items}
        proof = HOLDER.present()["proof"]
        assert self.present({**shown, "proof": proof}).status_code in (400, 422)

    def test_what_ended_is_not_verified(self) -> None:
        ended = (NOW - timedelta(days=1)).isoformat()
        signed = issue(credential(validUntil=ended)).json()["verifiableCredential"]
        assert (verify(signed).status_code, verify(signed).json()["code"]) == (400, "expired")


def test_the_suites_find_everything_by_one_configuration() -> None:
    config = local_config(URL, ISSUERS)
    implementation = config["implementations"][0]
    names = [issuer["endpoint"].split("/")[-3] for issuer in implementation["issuers"]]
    assert names == list(ISSUERS)
    tags = {tag for issuer in implementation["issuers"] for tag in issuer["tags"]}
    assert {"vc2.0", "vc-api", "BitstringStatusList", "eddsa-rdfc-2022", "ecdsa-jcs-2019"} <= tags
    assert "EnvelopingProof" in tags
    verified = [*implementation["verifiers"], *implementation["vpVerifiers"]]
    assert not any("EnvelopingProof" in each["tags"] for each in verified)  # see `local_config`
    did = implementation["didResolvers"][0]["supportedDids"]["valid"][0]["did"]
    assert asked(APP, "GET", f"/1.0/identifiers/{did}").json()["didDocument"]["id"] == did


def imported(path: Path) -> set[str]:
    """The parts of all names that a file imports, however it does."""
    names = [alias.name for node in nodes(path, ast.Import) for alias in node.names]
    for node in nodes(path, ast.ImportFrom):
        names += [node.module or "", *(alias.name for alias in node.names)]
    return {part for name in names for part in name.split(".")}


class TestApart:
    """Nothing that is for people may sign what is posted, or take a proof for a verdict."""

    def test_only_the_command_imports_the_profile(self) -> None:
        naming = [path for path in SOURCES if "conformance" in path.read_text()]  # to parse all takes seconds
        importing = [path.relative_to(ROOT).as_posix() for path in naming if "conformance" in imported(path)]
        assert importing == ["intaglio/commands/api.py"]

    def test_only_the_profile_can_sign_what_is_posted(self) -> None:
        folder = ROOT / "intaglio/api"
        signing = [path for path in folder.rglob("*.py") if {"sign", "sign_compact"} & imported(path)]
        assert {path.relative_to(folder).as_posix() for path in signing} == {
            "conformance/service.py",
            "conformance/jose.py",
        }

    def test_it_takes_no_issuer_and_listens_on_loopback_alone(self, program: Program) -> None:
        serve = ("api", "serve", "--profile", "conformance")
        assert "takes no --issuer" in program(*serve, "--issuer", f"a={program.home}").err
        assert "takes no --issuer" in program(*serve, "--resolve", "any").err
        assert "takes no --issuer" in program(*serve, "--processes", "2").err
        assert "loopback only" in program(*serve, "--host", "0.0.0.0").err
        # A proxy in front would hand on what others send.
        assert "loopback only" in program(*serve, "--url", "https://suites.example").err
        assert not (program.home / "api").exists()
