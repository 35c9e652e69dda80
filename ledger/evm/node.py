"""`RpcNode`: one node of a chain, asked by JSON-RPC over https; on this machine itself over http, too.

Its address may hold a key, so messages show its host only. The operator named the node, so it may stand in a
private network (ADR 57). This module checks only that a response answers the question; `chain.py` does the
rest.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from wire.address import Target
from wire.fetch import HttpsFetcher
from wire.message import Body, header_fields
from wire.problem import Malformed, Problem, Refused, TooLarge, TryLater, Unavailable
from wire.strict import load_json_object
from wire.text import claimed

from .problem import NODE_MALFORMED, NODE_REFUSES, NODE_UNAVAILABLE, NodeError

LARGEST_ANSWER = 1 << 25
"""Bytes: all receipts of the fullest blocks there are."""
_SECONDS = 20.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN)
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class RpcNode:
    """One node. Raises `Refused` for an address that is none, and for header fields that are not sent."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        seconds: float = _SECONDS,
    ) -> None:
        """`ca_file` has the node's own certificate authority; `headers` authenticate the caller to it."""
        self.host = Target.parse(url).authority
        self._url, self._headers = url, dict(header_fields(headers))
        parts = [*re.split(r"[/?&=]", Target.parse(url).path), *" ".join(headers.values()).split()]
        # the longest first, since a short one may be a part of it
        self._secrets = sorted(filter(None, [*parts, *map(unquote, parts)]), key=len, reverse=True)
        # ADR 57: the operator named the node, so the rules about strangers' addresses do not hold.
        self._client = HttpsFetcher(allow_loopback=True, allow_private=True, ca_file=ca_file, timeout=seconds)

    def __repr__(self) -> str:
        return f"RpcNode({self.host})"

    def call(self, method: str, *parameters: object) -> Any:
        """The node's answer to one call (JSON-RPC 2.0), in JSON.

        Raises `NodeError` for its own errors, `NODE_MALFORMED` for a body that is no answer, `NODE_REFUSES`,
        `TryLater`, `NODE_UNAVAILABLE`, and problems of reaching it, mostly undetermined as well.
        """
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        body = Body(json.dumps(question).encode())
        try:
            response = self._client.exchange(
                "POST", self._url, body, headers=self._headers, limit=LARGEST_ANSWER
            )
        except (Unavailable, TooLarge, Refused) as problem:
            raise self._by_host(problem) from None  # that one has the address
        answer = _answer(response.body)
        if answer is None and response.status in _REFUSALS:
            raise NODE_REFUSES.saying(
                "the node {host} refuses the request: status {status}", **self._said(response.status)
            )
        if answer is None and response.status in _BUSY:
            raise TryLater.saying("the node {host} is busy: status {status}", **self._said(response.status))
        if answer is None and response.status != HTTPStatus.OK:
            raise NODE_UNAVAILABLE.saying(
                "the node {host} answers with status {status}", **self._said(response.status)
            )
        # JSON-RPC 2.0, 5: an error that came before the id was read has the id null.
        if answer is None or answer.get("id") not in (1, None) or not answer.keys() & {"result", "error"}:
            raise self.malformed(method)
        if answer.get("error") is not None:
            raise self._error(method, answer["error"])
        return answer.get("result")

    def malformed(self, method: str) -> Unavailable:
        """The problem of an answer to a call that is not of its form."""
        return NODE_MALFORMED.saying(
            "what the node {host} answers to {method} is not of the form that it has",
            host=self.host,
            method=method,
        )

    def _error(self, method: str, error: Any) -> NodeError:
        message = error.get("message") if isinstance(error, dict) else None
        message = message if isinstance(message, str) else ""
        for secret in self._secrets:  # some repeat the key that they do not know
            message = message.replace(secret, "…")
        number = error.get("code") if isinstance(error, dict) else None
        return NodeError.saying(
            'the node {host} answers to {method}: "{said}"',
            host=self.host,
            method=method,
            said=claimed(message),
            number=number if isinstance(number, int) else None,
        )

    def _by_host(self, problem: Problem) -> Problem:
        """The same problem, without the rest of the address."""
        same = copy.copy(problem)
        same.facts = {**problem.facts, "url": self.host}
        same.detail = problem.template.format_map(same.facts)
        same.args = (same.detail,)
        return same

    def _said(self, status: int) -> dict[str, Any]:
        return {"host": self.host, "status": status}


def _answer(body: bytes) -> Mapping[str, Any] | None:
    try:
        return load_json_object(body, limit=LARGEST_ANSWER)
    except Malformed:
        return None
