"""The VC-API of verifiers: what W3C's vc-api-verifier suite sends, and what no client should."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from did import METHODS, Resolver
from intaglio.api.app import create_app
from intaglio.api.message import MAX_BODY
from tests.api import asked
from tests.world import NOW, Holder, University, verifier
from vc.vcdm.enveloped import Enveloped
from verifier.judge import Judge, Verifiers
from wire import Malformed
from wire.fetch import NoFetcher

UNIVERSITY, HOLDER = University(), Holder()
BADGE = UNIVERSITY.sign(UNIVERSITY.plain())
BUNDLE = UNIVERSITY.issue()
SHOWN = UNIVERSITY.sign(UNIVERSITY.plain(8))
PRESENTATION = HOLDER.present(SHOWN)
OPTIONS = {"challenge": "challenge", "domain": "employer.example"}
ORIGIN = "https://api.example"
MISSING = object()
WRONG = {
    "@context": '"string" {} null 10 true [10] [null]',
    "type": '"string" {} null 10 true [[]] [null]',
    "issuer": "[] null 10 true",
    "credentialSubject": '"string" null 10 true []',
    "proof": '"string" null 10 true []',
}
"""The values that the suite puts in the place of these members, as JSON."""


@functools.cache
def service() -> FastAPI:
    judges = Verifiers(verifier(UNIVERSITY.pinned), verifier(UNIVERSITY.pinned))
    resolver = Resolver(METHODS, NoFetcher())
    return create_app(Judge(lambda: judges), lambda: resolver, lambda: NOW, origins={ORIGIN})


def post(path: str, body: object, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    return asked(service(), "POST", path, content=content, headers=headers)


def verify(credential: object, **options: Any) -> httpx.Response:
    return post("/credentials/verify", {"verifiableCredential": credential, **options})


def present(presentation: object, **options: Any) -> httpx.Response:
    return post("/presentations/verify", {"verifiablePresentation": presentation, "options": options})


def changed(document: Mapping[str, Any], *path: str | int, value: object = MISSING) -> dict[str, Any]:
    """A copy in which the member at the path has this value, or is not there."""
    copy = json.loads(json.dumps(document))
    *way, last = path
    node = functools.reduce(lambda node, step: node[step], way, copy)
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return copy  # type: ignore[no-any-return]


def test_a_valid_credential_is_verified() -> None:
    answer = verify(BADGE, options={"checks": ["proof"]})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    content = answer.json()
    assert (content["verified"], content["verdict"]) == (True, "valid")
    assert content["credentials"] == [BADGE]
    assert "errors" not in content
    assert "warnings" not in content


@pytest.mark.parametrize("options", [None, {}, {"checks": []}])
def test_options_may_be_left_out(options: object) -> None:
    assert verify(BADGE, options=options).status_code == verify(BADGE).status_code == 200


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    "credential",
    [
        *(changed(BADGE, name) for name in ("@context", "type", "issuer", "credentialSubject", "proof")),
        *(
            changed(BADGE, "proof", 0, name)
            for name in ("type", "created", "verificationMethod", "proofValue", "proofPurpose")
        ),
        *(
            changed(BADGE, name, value=json.loads(value))
            for name, values in WRONG.items()
            for value in values.split()
        ),
        changed(BADGE, "name", value="Doctor of Everything"),
        {},
    ],
)
def test_what_is_none_is_not_verified(credential: object) -> None:
    answer = verify(credential)
    # The suite takes nothing but 400; of a proof without a type nobody knows how to verify it.
    assert answer.status_code == (422 if credential == changed(BADGE, "proof", 0, "type") else 400)
    content = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (content["verified"], content["status"]) == (False, answer.status_code)
    assert content["type"] in [problem["type"] for problem in content["problemDetails"]]


def test_the_problem_has_the_specification_s_type_beside_our_code() -> None:
    content = verify(changed(BADGE, "name", value="Doctor of Everything")).json()
    assert content["type"] == "https://w3id.org/security#PROOF_VERIFICATION_ERROR"
    assert content["code"] == "signature-misfit"
    assert content["verdict"] == "invalid"


def test_a_stranger_s_is_undecided_and_no_option_makes_it_valid() -> None:
    stranger = Holder().sign(UNIVERSITY.plain() | {"issuer": (other := Holder()).did})
    own = other.sign(UNIVERSITY.plain() | {"issuer": other.did})
    assert verify(own).status_code == verify(own, options={"checks": []}).status_code == 422
    assert verify(stranger).status_code == 400


@pytest.mark.parametrize("value", [None, "e30", 7, [BADGE], json.dumps(BADGE), MISSING])
def test_a_credential_is_an_object(value: object) -> None:
    body = {} if value is MISSING else {"verifiableCredential": value}
    answer = post("/credentials/verify", body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed"


def test_one_may_come_in_an_envelope_and_with_its_evidence() -> None:
    assert verify(json.loads(BUNDLE.to_bytes())).status_code == 422  # this verifier knows no log
    envelope = dict(Enveloped("application/vc+jwt", b"e30.e30.AA"))
    assert (verify(envelope).status_code, verify(envelope).json()["code"]) == (400, "invalid-jws")


def test_one_is_not_taken_for_the_other() -> None:
    assert "is a presentation" in verify(PRESENTATION).json()["detail"]
    assert "is no presentation" in present(BADGE, **OPTIONS).json()["detail"]
    envelope = dict(Enveloped("application/vp+jwt", b"e30.e30.AA"))
    assert "is a presentation" in verify(envelope).json()["detail"]


class TestPresentations:
    def test_one_for_this_challenge_and_domain_is_verified(self) -> None:
        content = present(PRESENTATION, **OPTIONS).json()
        assert content["verified"]
        assert content["holder"] == HOLDER.did

    def test_the_domain_is_compared_where_it_is_given(self) -> None:
        assert present(PRESENTATION, challenge="challenge").status_code == 200
        assert present(PRESENTATION, **OPTIONS | {"domain": "other.example"}).status_code == 400

    def test_another_challenge_is_none(self) -> None:
        answer = present(PRESENTATION, **OPTIONS | {"challenge": "another"})
        assert (answer.status_code, answer.json()["code"]) == (400, "wrong-challenge")

    def test_without_a_challenge_it_stays_open(self) -> None:
        answer = present(PRESENTATION)
        assert (answer.status_code, answer.json()["code"]) == (422, "challenge-missing")
        assert present(PRESENTATION, domain="employer.example").status_code == 400


class TestOptions:
    def test_unknown_ones_are_named_and_change_nothing(self) -> None:
        answer = verify(BADGE, options={"returnCredential": False, "\u202eodd": 1})
        assert answer.status_code == 200
        assert answer.json()["warnings"] == [
            "'options.returnCredential' is not known here",
            "'options.\u27e8202E\u27e9odd' is not known here",
        ]

    def test_there_are_no_more_warnings_than_somebody_reads(self) -> None:
        warnings = verify(BADGE, options={f"option{number}": 1 for number in range(99)}).json()["warnings"]
        assert len(warnings) == 8

    def test_a_purpose_that_is_not_compared_is_refused(self) -> None:
        """vc-di-eddsa and vc-di-ecdsa expect `authentication` of a credential, which has to fail."""
        assert verify(BADGE, options={"expectedProofPurpose": "assertionMethod"}).status_code == 200
        answer = verify(BADGE, options={"expectedProofPurpose": "authentication"})
        assert (answer.status_code, answer.json()["verified"]) == (400, False)
        assert present(PRESENTATION, **OPTIONS, expectedProofPurpose="authentication").status_code == 200
        assert present(PRESENTATION, **OPTIONS, expectedProofPurpose="assertionMethod").status_code == 400

    @pytest.mark.parametrize(
        "options",
        [
            [],
            "proof",
            7,
            {"checks": "proof"},
            {"checks": [7]},
            {"checks": ["x"] * 17},
            {"challenge": 7},
            {"challenge": ""},
            {"domain": ["a"]},
            {"challenge": "x" * 2049},
        ],
    )
    def test_known_ones_of_a_wrong_type_are_refused(self, options: object) -> None:
        body = {"verifiablePresentation": PRESENTATION, "options": options}
        assert post("/presentations/verify", body).status_code == 400


class TestBodies:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"[]", 400),
            (b'{"a": 1, "a": 2}', 400),
            (b'{"a": NaN}', 400),
            (b"\xff\xfe{}", 400),
            (b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", 413),
            (b'{"a":[' + b"1," * 200_000 + b"1]}", 413),
            (b" " * (MAX_BODY + 1), 413),
        ],
        ids=lambda value: str(value)[:24],
    )
    def test_what_is_no_json_object_is_refused(self, body: bytes, status: int) -> None:
        assert post("/credentials/verify", body).status_code == status

    @pytest.mark.parametrize(
        "media_type", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""]
    )
    def test_a_page_can_send_none_without_asking_first(self, media_type: str) -> None:
        body = {"verifiableCredential": BADGE}
        assert post("/credentials/verify", body, **{"Content-Type": media_type}).status_code == 415

    def test_a_page_of_another_host_is_refused_and_so_is_another_name(self) -> None:
        body = {"verifiableCredential": BADGE}
        assert post("/credentials/verify", body, Origin=ORIGIN).status_code == 200
        assert post("/credentials/verify", body, Origin="https://evil.example").status_code == 403
        assert post("/credentials/verify", body, Origin=ORIGIN, Host="evil.example").status_code == 403

    def test_numbers_beyond_what_machines_count_are_answered(self) -> None:
        body = b'{"verifiableCredential": {"type": ["VerifiableCredential"], "n": %s}}' % (b"9" * 40)
        assert post("/credentials/verify", body).status_code in (400, 422)

    def test_an_answer_is_no_larger_than_four_times_its_question_or_64_kibibytes(self) -> None:
        many = [UNIVERSITY.sign(UNIVERSITY.plain(number)) for number in range(16)]
        shown = HOLDER.present(*many)
        answer = present(shown, **OPTIONS)
        body = json.dumps({"verifiablePresentation": shown, "options": OPTIONS})
        assert answer.json()["verdict"] == "valid"
        assert len(answer.content) <= max(4 * len(body), 1 << 16)
        small = {"@context": [], "type": "VerifiablePresentation", "verifiableCredential": [{}] * 20_000}
        answer = present(small)
        assert len(answer.content) <= max(4 * len(json.dumps(small)), 1 << 16)


def test_a_trust_list_that_cannot_be_read_is_the_service_s_affair(logged: io.StringIO) -> None:
    def unreadable() -> Verifiers:
        raise Malformed("trust.json, line 3")

    app = create_app(Judge(unreadable), lambda: Resolver(METHODS, NoFetcher()), lambda: NOW)
    answer = asked(app, "POST", "/credentials/verify", json={"verifiableCredential": BADGE})
    assert answer.status_code == 503
    assert "trust.json" not in answer.text
    assert "trust.json, line 3" in logged.getvalue()
    assert asked(app, "GET", "/readyz").status_code == 503
