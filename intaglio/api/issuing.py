"""The VC-API of issuers: `POST /issuers/NAME/credentials/issue` and `…/status` (VCALM 1.0, 3.2).

A posted credential is read into a record of one of the issuer's kinds; see `posted.py`. The client needs
a token of that issuer.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPBearer

from exchange.http import BODY_TIME, Whole, log_problem
from issuer.archive.kept import Entry
from issuer.desk.http import status_of
from vc.status import Reason
from vc.vcdm.enveloped import Enveloped
from wire.problem import Code, Malformed, NotFound, Problem, Refused, Unavailable

from ..connections import sender
from .message import PROBLEM, Message, Unread, answer, failure, is_text, read_message
from .posted import PostedCredentials
from .tokens import Right, Tokens

_LOG = logging.getLogger(__name__)

NOT_AUTHORISED = Code("not-authorised", Refused, "A token is needed")
"""A request without a token of the issuer, or with one that was ended."""
NO_RIGHT = Code("no-right", Refused, "The token is not for this")
"""The token is of this issuer, and for something else."""
TOO_MANY_TOKENS = Code("too-many-tokens", Refused, "Too many wrong tokens")
"""An address tried more wrong tokens in a minute than anybody mistypes."""
REVOCATION_IS_FOR_GOOD = Code("revocation-is-for-good", Refused, "A revocation is for good")
"""A request would take back a revocation."""

_MOST_WRONG, _WHILE = 20, 60.0
_MOST_SENDERS = 4096
_CHALLENGE = 'Bearer realm="issuer"'
_STATUS_ENTRIES = frozenset({"BitstringStatusListEntry", "BitstringStatusList"})


class Served(NamedTuple):
    """An issuer by the name in its routes."""

    credentials: PostedCredentials
    tokens: Tokens


def add_issuing(
    app: FastAPI,
    issuers: Mapping[str, Served],
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
    origins: Set[str],
    body_seconds: float = BODY_TIME,
    siblings: int = 1,
) -> None:
    """Adds the two routes to a service; `monotonic` is a clock in seconds that is never set.

    Of so many `siblings`, each takes its share of the wrong tokens of an address.
    """
    wrong = _Wrong(monotonic, -(-_MOST_WRONG // siblings))
    issuing = _Issuing(issuers, clock, wrong, origins, body_seconds)
    for name, answered, right in (
        ("issue", issuing.issue, Right.ISSUE),
        ("status", issuing.status, Right.STATUS),
    ):
        app.router.add_api_route(
            f"/issuers/{{name}}/credentials/{name}",
            answered,
            methods=["POST"],
            responses=_RESPONSES[right],
            route_class_override=Whole,
            dependencies=[
                Depends(HTTPBearer(auto_error=False))
            ],  # for the description: a `Whole` asks nobody
            openapi_extra={
                "parameters": [
                    {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "requestBody": _BODIES[right],
            },
        )


@dataclass
class _Wrong:
    """Counts wrong tokens by the network they come from; the oldest give way."""

    clock: Callable[[], float]
    most: int
    _senders: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    def __call__(self, network: str) -> bool:
        """Count one more wrong token; true if these were too many within a minute."""
        now = self.clock()
        begun, count = self._senders.pop(network, (now, 0))
        if now - begun > _WHILE:
            begun, count = now, 0
        self._senders[network] = begun, count + 1
        if len(self._senders) > _MOST_SENDERS:
            self._senders.popitem(last=False)
        return count + 1 > self.most


@dataclass(frozen=True, slots=True)
class _Issuing:
    issuers: Mapping[str, Served]
    clock: Callable[[], datetime]
    wrong: _Wrong
    origins: Set[str]
    body_seconds: float

    async def issue(self, request: Request) -> Response:
        """Issues a credential of one of the issuer's kinds, and answers it as it was signed."""
        return await self._answer(request, Right.ISSUE, self._issued)

    async def status(self, request: Request) -> Response:
        """Revokes a credential, suspends it or ends its suspension."""
        return await self._answer(request, Right.STATUS, self._changed)

    async def _answer(
        self, request: Request, right: Right, do: Callable[[Served, Message], Response]
    ) -> Response:
        served = self.issuers.get(request.path_params["name"])
        try:
            if refusal := self._refusal(request, served, right):
                return refusal
            message = await read_message(request, self.origins, self.body_seconds)
            assert served is not None
            return await run_in_threadpool(do, served, message)
        except Unread as unread:
            return unread.answer
        except Problem as problem:
            return _failure(problem)

    def _refusal(self, request: Request, served: Served | None, right: Right) -> Response | None:
        """The refusal of an unauthorised request; `None` if it is authorised.

        It is the same for an unknown name as for a wrong token: else anybody could probe for names.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        rights = served.tokens.rights(token.strip()) if served and scheme.lower() == "bearer" else None
        if rights is not None:
            if right in rights:
                return None
            # RFC 6750, 3: a token that does not enable access is answered with a challenge, too.
            return failure(
                NO_RIGHT.saying("the token is not for {right}", right=right.value),
                403,
                _challenge("insufficient_scope", f'scope="{right.value}"'),
            )
        network = sender((request.client.host, request.client.port) if request.client else None)
        if token and self.wrong(network):
            return failure(
                TOO_MANY_TOKENS("too many wrong tokens came from here"), 429, {"Retry-After": "60"}
            )
        # RFC 6750, 3.1: a request without a token is told no error code.
        return failure(
            NOT_AUTHORISED("this needs a token of the issuer: Authorization: Bearer …"),
            401,
            _challenge("invalid_token") if token else _challenge(),
        )

    def _issued(self, served: Served, message: Message) -> Response:
        credential = message.members.get("credential")
        if not isinstance(credential, dict):
            raise Malformed("credential is not a JSON object")
        understood = {"kind": is_text, "bundle": lambda value: isinstance(value, bool)}
        options, warnings = message.options(understood)
        posted = served.credentials.issue(credential, options.get("kind", ""))
        content: dict[str, Any] = {"verifiableCredential": _shown(served, posted.entry)}
        if options.get("bundle"):
            content["bundle"] = orjson.loads(served.credentials.issuer.bundle(posted.entry).to_bytes())
        if warnings:
            content["warnings"] = warnings
        return answer(content, 201 if posted.is_new else 200)

    def _changed(self, served: Served, message: Message) -> Response:
        identifier = message.members.get("credentialId")
        if not is_text(identifier):
            raise Malformed("credentialId is no text")
        options, warnings = message.options({"reason": lambda value: value in list(Reason)})
        purpose, is_set = _change(message.members)
        issuer, now = served.credentials.issuer, self.clock()
        editions = issuer.find(str(identifier))
        if not str(identifier).startswith(issuer.identity.profile.iri("credential", "")) or not editions:
            raise NotFound("no credential with this id was issued here")
        reason = Reason(options.get("reason", Reason.UNSPECIFIED))
        numbers = {entry.which for entry in editions}
        if purpose == "revocation":
            issuer.revoke(numbers, reason, date=now, now=now)
        elif is_set:
            issuer.suspend(numbers, reason, now=now)
        else:
            issuer.reinstate(numbers, now=now)
        return answer({"warnings": warnings} if warnings else {})


def _challenge(error: str = "", *parameters: str) -> Mapping[str, str]:
    stated = [f'error="{error}"', *parameters] if error else []
    return {"WWW-Authenticate": ", ".join([_CHALLENGE, *stated])}


def _change(members: Mapping[str, Any]) -> tuple[str, bool]:
    """The purpose whose status is to change, and whether it is set.

    Both shapes are read that the drafts of the VC-API have had: `status` beside the entry, and in it. Raises
    `Malformed` for what asks for neither, `REVOCATION_IS_FOR_GOOD` for the end of a revocation.
    """
    entries = members.get("credentialStatus")
    entry = entries[0] if isinstance(entries, list) and len(entries) == 1 else entries
    if not isinstance(entry, dict) or entry.get("type") not in _STATUS_ENTRIES:
        raise Malformed("credentialStatus is no entry of a bitstring status list")
    purpose = entry.get("statusPurpose", "revocation")
    if purpose not in ("revocation", "suspension"):
        raise Malformed("credentialStatus is for another purpose than revocation and suspension")
    status = members.get("status", entry.get("status"))
    if status not in ("0", "1", False, True):
        raise Malformed("status is neither true nor false")
    is_set = status in ("1", True)
    if purpose == "revocation" and not is_set:
        raise REVOCATION_IS_FOR_GOOD("a revocation cannot be taken back: issue the credential anew")
    return purpose, is_set


def _shown(served: Served, entry: Entry) -> dict[str, Any]:
    """The credential as W3C's suites read it: the only proof as an object, JWTs in an envelope."""
    credential = served.credentials.issuer.line(entry).credential
    shown = dict(credential)
    proof = shown.get("proof")
    if not isinstance(credential, Enveloped) and isinstance(proof, list) and len(proof) == 1:
        shown["proof"] = proof[0]
    return shown


def _failure(problem: Problem) -> Response:
    status = status_of(problem)
    headers = {"Retry-After": "60"} if status == 503 else {}
    if status >= 500:  # paths and remedies are for who runs the service, not for who asks it
        log_problem(_LOG, problem)
        problem = Unavailable("the issuer cannot do this now")
    return failure(problem, status, headers)


def _responses(done: Mapping[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    refused = {
        400: "Not what this address takes",
        401: "No token of this issuer",
        403: "The token is not for this, or what was posted is not what a kind says",
        404: "No such credential",
        408: "The body did not arrive in time",
        409: "Issued before with other facts",
        413: "The body is too long",
        415: "The body is not JSON",
        429: "Too many wrong tokens came from here",
        500: "Something of the issuer is damaged",
        503: "The issuer cannot do this now",
    }
    return {
        **done,
        **{status: {"description": text, "content": PROBLEM} for status, text in refused.items()},
    }


def _options(**properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": ["object", "null"], "properties": properties}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_WARNINGS = {"warnings": {"type": "array", "items": {"type": "string"}}}
_CREDENTIAL = {
    "type": "object",
    "required": ["verifiableCredential"],
    "properties": {"verifiableCredential": {"type": "object"}, "bundle": {"type": "object"}, **_WARNINGS},
}
_REVOKED = {"type": "object", "properties": _WARNINGS}
_RESPONSES = {
    Right.ISSUE: _responses(
        {
            200: {"description": "Issued before, by the same request", "content": _json(_CREDENTIAL)},
            201: {"description": "Issued", "content": _json(_CREDENTIAL)},
        }
    ),
    Right.STATUS: _responses({200: {"description": "Changed", "content": _json(_REVOKED)}}),
}
_BODIES = {
    Right.ISSUE: {
        "required": True,
        "content": _json(
            {
                "type": "object",
                "required": ["credential"],
                "properties": {
                    "credential": {"type": "object"},
                    "options": _options(kind={"type": "string"}, bundle={"type": "boolean"}),
                },
            }
        ),
    },
    Right.STATUS: {
        "required": True,
        "content": _json(
            {
                "type": "object",
                "required": ["credentialId", "credentialStatus"],
                "properties": {
                    "credentialId": {"type": "string"},
                    "credentialStatus": {"type": ["object", "array"]},
                    "status": {"type": ["boolean", "string"]},
                    "options": _options(reason={"enum": [reason.value for reason in Reason]}),
                },
            }
        ),
    },
}
