"""The VC-API of verifiers: `POST /credentials/verify` and `POST /presentations/verify` (VCALM 1.0, 3.3).

200 is VALID and nothing else, 400 not valid, 422 undecided, as `POST /verify` has it. No option makes more of
a credential than it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from exchange.http import BODY_TIME, Whole, log_problem
from vc import Outcome
from vc.problem import MalformedCredential
from vc.reading.front import BUNDLE
from vc.vcdm.enveloped import PRESENTATION_TYPE, TYPE
from verifier.judge import Judged, Question
from wire.problem import Malformed, Problem, TryLater, Unavailable

from .message import PROBLEM, Message, Unread, answer, failure, fitting, is_text, read_message, to_json

_LOG = logging.getLogger(__name__)

_SPARE = ("fields", "credentials", "checks")
_CREDENTIALS = frozenset({"VerifiableCredential", TYPE, BUNDLE})
_PRESENTATIONS = frozenset({"VerifiablePresentation", PRESENTATION_TYPE})


Answers = Callable[[Question], Coroutine[Any, Any, Judged]]
"""A function that judges a question, such as `verifier.answering.Answering`."""


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= 16 and all(is_text(item) for item in value)


def add_verification(
    app: FastAPI,
    answering: Answers,
    clock: Callable[[], datetime],
    origins: Set[str],
    body_seconds: float = BODY_TIME,
) -> None:
    """Adds the two routes to a service. Clients need no token: a verdict is about the posted document."""
    verification = _Verification(answering, clock, origins, body_seconds)
    for path, answered, member, purpose in (
        ("/credentials/verify", verification.credential, "verifiableCredential", "assertionMethod"),
        ("/presentations/verify", verification.presentation, "verifiablePresentation", "authentication"),
    ):
        app.router.add_api_route(
            path,
            answered,
            methods=["POST"],
            responses=_RESPONSES,
            route_class_override=Whole,
            openapi_extra={"requestBody": _body(member, purpose)},
        )


@dataclass(frozen=True, slots=True)
class _Verification:
    answering: Answers
    clock: Callable[[], datetime]
    origins: Set[str]
    body_seconds: float

    async def credential(self, request: Request) -> Response:
        """Verifies a credential."""
        return await self._answer(request, _credential_question)

    async def presentation(self, request: Request) -> Response:
        """Verifies a presentation made for the options' `challenge` and `domain`."""
        return await self._answer(request, _presentation_question)

    async def _answer(self, request: Request, question_of: _QuestionOf) -> Response:
        try:
            message = await read_message(request, self.origins, self.body_seconds)
        except Unread as unread:
            return unread.answer
        try:
            question, warnings = question_of(message, self.clock())
        except Malformed as problem:
            refused = problem.to_dict()
            content = {**refused, "status": 400, "verified": False, "problemDetails": [refused]}
            return answer(content, 400)
        try:
            judged = await self.answering(question)
        except TryLater as problem:
            return failure(problem, 503, {"Retry-After": "5"})
        except Problem as problem:  # no report raises any: it is of the trust list
            log_problem(_LOG, problem)
            return failure(Unavailable("the trust list of this service cannot be used"), 503)
        return _verdict(judged, message, warnings)


_QuestionOf = Callable[[Message, datetime], tuple[Question, list[str]]]


def _credential_question(message: Message, now: datetime) -> tuple[Question, list[str]]:
    value = _object(message, "verifiableCredential")
    if _types(value) & _PRESENTATIONS:
        raise Malformed("verifiableCredential is a presentation")
    if not _types(value) & _CREDENTIALS:
        raise MalformedCredential("verifiableCredential is by its type no credential, and no bundle")
    # A credential's proof has neither challenge nor domain: suites send the two with it, too.
    _, warnings = message.options(_options("assertionMethod"))
    return Question(to_json(value), now), warnings


def _presentation_question(message: Message, now: datetime) -> tuple[Question, list[str]]:
    value = _object(message, "verifiablePresentation")
    if not _types(value) & _PRESENTATIONS:
        raise Malformed("verifiablePresentation is no presentation")
    options, warnings = message.options(_options("authentication"))
    if "domain" in options and "challenge" not in options:
        raise Malformed("options.domain stands there without options.challenge")
    return Question(to_json(value), now, options.get("challenge"), options.get("domain")), warnings


def _options(purpose: str) -> Mapping[str, Callable[[object], bool]]:
    """The options that are known. No other purpose is expected than the one that is always compared."""
    return {
        "checks": _are_texts,
        "challenge": is_text,
        "domain": is_text,
        # Another purpose than the one that is checked would be promised and not compared.
        "expectedProofPurpose": lambda value: value == purpose,
    }


def _object(message: Message, name: str) -> Mapping[str, Any]:
    value = message.members.get(name)
    if not isinstance(value, dict):
        raise Malformed.saying("{name} is not a JSON object", name=name)
    return value


def _types(value: Mapping[str, Any]) -> set[object]:
    types = value.get("type")
    return {item for item in types if isinstance(item, str)} if isinstance(types, list) else {str(types)}


def _verdict(judged: Judged, message: Message, warnings: list[str]) -> Response:
    report = orjson.loads(judged.content)
    problems = [check["problem"] for check in report["checks"] if "problem" in check and _is_open(check)]
    content = {"verified": judged.status == 200, **report}
    if problems:
        content["problemDetails"] = problems
    if warnings:
        content["warnings"] = warnings
    if judged.status != 200:
        content = {**_deciding(report), "status": judged.status, **content}
    return answer(fitting(content, message.size, _SPARE), judged.status)


def _is_open(check: Mapping[str, Any]) -> bool:
    return check["outcome"] in ("failed", "undetermined")


def _deciding(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """The problem of the check that decides, as `vc.Report.deciding` has it."""
    failed = [check for check in report["checks"] if check["outcome"] == "failed" and "problem" in check]
    still_open = [check for check in report["checks"] if _is_open(check) and "problem" in check]
    deciding = next(iter(failed[:1] or still_open[-1:]), None)
    problem: Mapping[str, Any] = deciding["problem"] if deciding else {"type": "about:blank"}
    return problem


_OBJECTS = {"type": "array", "items": {"type": "object"}}
_CHECK = {
    "type": "object",
    "required": ["step", "name", "code", "outcome", "text"],
    "properties": {
        "step": {"type": "integer"},
        "name": {"type": "string"},
        "code": {"type": "string"},
        "outcome": {"enum": [outcome.value for outcome in Outcome]},
        "text": {"type": "string"},
        "problem": {"type": "object"},
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Valid",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    # The others are left out where the answer would be too long.
                    "required": ["verified", "version", "verdict"],
                    "properties": {
                        "verified": {"const": True},
                        "version": {"type": "integer"},
                        "verdict": {"const": "valid"},
                        "holder": {"type": "string"},
                        "checks": {"type": "array", "items": _CHECK},
                        "credentials": _OBJECTS,
                        "fields": _OBJECTS,
                        "problemDetails": _OBJECTS,
                        "warnings": {"type": "array", "items": {"type": "string"}},
                    },
                }
            }
        },
    },
    **{
        status: {"description": description, "content": PROBLEM}
        for status, description in {
            400: "Not valid, or not what this address takes",
            403: "A browser sent it from a page of another host, or to another name",
            408: "The body did not arrive in time",
            413: "The body is too long",
            415: "The body is not JSON",
            422: "It could not be decided",
            503: "The service cannot judge now",
        }.items()
    },
}


def _body(member: str, purpose: str) -> dict[str, Any]:
    texts = {"type": "string", "minLength": 1, "maxLength": 2048}
    options = {
        "type": ["object", "null"],
        "properties": {
            "checks": {"type": "array", "maxItems": 16, "items": texts},
            "challenge": texts,
            "domain": texts,
            "expectedProofPurpose": {"const": purpose},
        },
    }
    schema = {
        "type": "object",
        "required": [member],
        "properties": {member: {"type": "object"}, "options": options},
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}
