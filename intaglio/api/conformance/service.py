"""The profile as a service: throw-away issuers sign what is posted, proofs alone are checked.

W3C's suites need both, and no service for people may do either. So nothing else of the program imports this
module but the command that starts it: it keeps nothing, logs nothing, is on loopback only, and each of its
answers says in a header what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from did import METHODS, Resolver
from did.methods import key as did_key
from exchange.http import add_probes, documented
from keys import PrivateKey
from ledger import KINDS
from vc import (
    FORMS,
    Asked,
    Check,
    Claims,
    Credential,
    Enveloped,
    InvalidProof,
    Outcome,
    Report,
    Verdict,
    sign,
)
from vc.forms import VC_JWT
from vc.reading import read
from vc.reading.front import received
from vc.status import StatusList, status_entry
from vc.vcdm import jsonld
from vc.vcdm.related import compare_resources
from vc.vcdm.status_lists import status_list_document
from verifier import Trust
from verifier.judge import Judged, Question
from verifier.signatures import SignatureCheck
from verifier.sources.documents import IssuerDocuments
from verifier.sources.keys import IssuerKeys
from wire.fetch import NoFetcher
from wire.problem import Malformed, Problem
from wire.work import BODY_STEPS, Work

from ..identifiers import add_identifiers
from ..message import Unread, answer, failure, read_message
from ..verification import add_verification
from .jose import GivenKey, issue
from .model import require_sound

HEADER = (b"x-intaglio-profile", b"conformance")

_V1 = "https://www.w3.org/2018/credentials/v1"
_DATA_INTEGRITY = "https://w3id.org/security/data-integrity/v2"
_STATUS = {Verdict.VALID: 200, Verdict.INVALID: 400, Verdict.UNDETERMINED: 422}
_LIFETIME = timedelta(days=1)
_NOBODY = Trust()
_ENVELOPING = "EnvelopingProof"
_SUITES = {
    "eddsa-rdfc-2022": ("Ed25519",),
    "eddsa-jcs-2022": ("Ed25519",),
    "ecdsa-rdfc-2019": ("P-256", "P-384"),
    "ecdsa-jcs-2019": ("P-256", "P-384"),
}
"""The suites that the suites of W3C try, each with the types of key for which an issuer is made."""


class Throwaway(NamedTuple):
    """An issuer that ends with the process: its key, its suite, and whether it states a status."""

    key: PrivateKey
    suite: str
    """The cryptosuite, or the media type of its JWTs."""
    has_status: bool = False

    @property
    def did(self) -> str:
        """The did:key of its key."""
        return did_key.create(self.key.public_key)

    def sign(self, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """The document with a proof of this issuer's, as an object, or in an envelope.

        Raises as `vc.sign`, and as `jose.issue`.
        """
        method = f"{self.did}#{self.key.public_key.multikey()}"
        if self.suite == VC_JWT:
            token = issue(VC_JWT, orjson.dumps(document), GivenKey(method, self.key.public_key, self.key))
            return dict(Enveloped(VC_JWT, token.encode()))
        signed = sign(document, self.key, verification_method=method, suite=self.suite, created=now)
        *former, proof = signed["proof"]
        return {**signed, "proof": signed["proof"] if former else proof}


def throwaways() -> dict[str, Throwaway]:
    """One issuer for each suite and type of key, by the name in its address.

    One more states a status, and one secures credentials in JWTs.
    """
    by_suite = {
        f"{suite}-{key_type}".lower(): Throwaway(PrivateKey.generate(key_type), suite)
        for suite, key_types in _SUITES.items()
        for key_type in key_types
    }
    status = Throwaway(PrivateKey.generate(), "eddsa-rdfc-2022", has_status=True)
    return {**by_suite, "status": status, "jwt": Throwaway(PrivateKey.generate("P-256"), VC_JWT)}


def create_app(url: str, clock: Callable[[], datetime], issuers: Mapping[str, Throwaway]) -> ASGIApp:
    """The service at `url`, whose issuers are those of `throwaways`."""
    app = documented("Intaglio API, conformance profile")
    resolver = Resolver(METHODS, NoFetcher())
    signing = _Signing(url, clock, issuers)
    app.add_api_route("/issuers/{name}/credentials/issue", signing.issue, methods=["POST"])
    app.add_api_route("/status/{number}", signing.status_list, methods=["GET"])
    add_verification(app, _ProofsAlone(resolver), clock, frozenset())
    add_identifiers(app, lambda: resolver, lambda _: False)
    add_probes(app, lambda: None)
    return _Marked(app)


@dataclass(frozen=True)
class _Marked:
    """Middleware that adds a header to each answer, which names this profile."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], HEADER]
            await send(message)

        await self.app(scope, receive, marked)


@dataclass
class _Signing:
    """Signs posted documents, once their data model is in order."""

    url: str
    clock: Callable[[], datetime]
    issuers: Mapping[str, Throwaway]
    _bits: StatusList = field(default_factory=StatusList)
    _next: int = 0

    async def issue(self, request: Request) -> Response:
        """The posted credential with a proof: 201, as the suite of the VC-API asks for."""
        issuer = self.issuers.get(request.path_params["name"])
        try:
            message = await read_message(request, frozenset())
            if issuer is None:
                raise Malformed("no issuer has this name")
            signed = issuer.sign(self._sound(message.members.get("credential"), issuer), self.clock())
        except Unread as unread:
            return unread.answer
        except Problem as problem:
            return failure(problem, 400)
        return answer({"verifiableCredential": signed}, 201)

    async def status_list(self, request: Request) -> Response:
        """The list of the issuer that states a status; nobody is ever revoked in it."""
        issuer = self.issuers["status"]
        if request.path_params["number"] != "0":
            return failure(Malformed("no list has this number"), 404)
        now = self.clock()
        document = status_list_document(
            f"{self.url}/status/0", issuer.did, self._bits, valid_from=now, lifetime=_LIFETIME
        )
        return answer(issuer.sign(document, now))

    def _sound(self, posted: object, issuer: Throwaway) -> dict[str, Any]:
        """Return the document to sign. Raises `Malformed`, and the problem of a term without a meaning."""
        if not isinstance(posted, dict):
            raise Malformed("credential is not a JSON object")
        document = dict(posted)
        contexts = document.get("@context")
        if isinstance(contexts, list) and contexts[:1] == [_V1] and _DATA_INTEGRITY not in contexts:
            # The first data model has no words for proofs of this kind (VC Data Integrity 2.1).
            document["@context"] = [*contexts, _DATA_INTEGRITY]
        if issuer.has_status:
            if "credentialStatus" in document:
                raise Malformed("the status is stated here, and may not be posted")
            document["credentialStatus"] = status_entry(f"{self.url}/status/0", self._next)
            self._next += 1
        require_sound(document)
        return document


@dataclass(frozen=True)
class _ProofsAlone:
    """The policy of this profile: any issuer, any holder, and of nine steps the proofs and the dates.

    It is called as `verifier.answering.Answering` is.
    """

    resolver: Resolver

    async def __call__(self, question: Question) -> Judged:
        work = Work(BODY_STEPS)
        try:
            claims, presenter = self._proved(question, work)
            check = Check(4, "signature", Outcome.PASSED, "the proofs fit; nothing else was looked at")
            report = Report([check], claims, holder=presenter)
        except Problem as problem:
            outcome = Outcome.UNDETERMINED if problem.undetermined else Outcome.FAILED
            report = Report([Check(4, "signature", outcome, problem.detail, problem)], ())
        return Judged(_STATUS[report.verdict], orjson.dumps(report.to_dict()))

    def _proved(self, question: Question, work: Work) -> tuple[list[Claims], str | None]:
        """The claims of a credential, or of those in a presentation, and who presented them.

        Raises what is wrong with one of them.
        """
        asked = Asked(question.challenge, question.domain)
        secured = read(received(question.body, FORMS, work), FORMS, work, asked)
        documents = IssuerDocuments(_NOBODY, (), work, KINDS, None)
        keys = IssuerKeys(self.resolver, _NOBODY, documents, work, set(), strangers=True)
        check = SignatureCheck(keys, question.now, work)
        presentation = secured.presentation
        claimed: list[Claims] = []
        presenter: str | None = None
        if presentation is not None and question.challenge is not None:
            presenter, _ = check.presenter(secured, asked)
        elif presentation is not None:
            signatures = check.find(secured, "authentication").known
            check.fitting(secured, signatures)
            presenter = signatures[0].signer
        for credential in secured.credentials:
            signatures = check.find(credential, "assertionMethod").known
            claims = check.claimed(credential, check.fitting(credential, signatures))
            if isinstance(claims, Credential):
                compare_resources(claims.said, jsonld.vendored().documents)
            check.period(claims, signatures)
            # VCDM 2.0, 4.13.4: who asserts something about oneself, and signs nothing else, is the holder.
            by_presenter = presentation is not None and {each.signer for each in signatures} == {presenter}
            if by_presenter and presentation is not None and presentation.holder != claims.issuer:
                raise InvalidProof("a self-asserted credential is by another than the holder")
            claimed.append(claims)
        return claimed, presenter


def local_config(url: str, issuers: Mapping[str, Throwaway]) -> dict[str, Any]:
    """Return the `localConfig.cjs` of the W3C suites: endpoints, and the tags that each of them serves."""
    entries = [
        {
            "id": issuer.did,
            "endpoint": f"{url}/issuers/{name}/credentials/issue",
            "tags": _tags(name, issuer),
            "supports": {"vc": ["2.0"] if issuer.suite == VC_JWT else ["1.1", "2.0"]},
            **(
                {"supportedEcdsaKeyTypes": [issuer.key.public_key.type]}
                if issuer.key.public_key.type.startswith("P-")
                else {}
            ),
        }
        for name, issuer in issuers.items()
    ]
    # What the suite has verified in an envelope names no key, or is of VCDM 1.1: nobody could verify that.
    tags = sorted({tag for entry in entries for tag in entry["tags"]} - {_ENVELOPING})
    curves = {"supports": {"vc": ["1.1", "2.0"]}, "supportedEcdsaKeyTypes": ["P-256", "P-384"]}
    verify = {"id": f"{url}/credentials/verify", "endpoint": f"{url}/credentials/verify", "tags": tags}
    present = {"id": f"{url}/presentations/verify", "endpoint": f"{url}/presentations/verify"}
    did = issuers["eddsa-rdfc-2022-ed25519"].did
    resolvers = {
        "id": f"{url}/1.0/identifiers",
        "endpoint": f"{url}/1.0/identifiers",
        "tags": ["did-key", "Did-Key", "did-resolution"],
        "supportedDids": {"valid": [{"did": did, "resolutionOptions": {}}]},
    }
    implementation = {
        "name": "Intaglio",
        "implementation": "Intaglio",
        "issuers": entries,
        "verifiers": [{**verify, **curves}],
        "vpVerifiers": [{**present, "tags": tags}],
        "didResolvers": [resolvers],
    }
    settings = {"enableInteropTests": False, "testAllImplementations": False}
    return {"settings": settings, "implementations": [implementation]}


def _tags(name: str, issuer: Throwaway) -> list[str]:
    if issuer.has_status:
        return ["BitstringStatusList"]
    if issuer.suite == VC_JWT:
        return [_ENVELOPING]
    if name == "eddsa-rdfc-2022-ed25519":
        return [issuer.suite, "vc-api", "vc2.0"]
    return [issuer.suite]
