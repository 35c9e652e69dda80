"""The API's description (OpenAPI) against the service: no answer that it does not have, and no 500."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from did import METHODS, Resolver
from intaglio.api.app import create_app
from intaglio.api.issuing import Served
from intaglio.api.posted import PostedCredentials
from intaglio.api.tokens import Right, Tokens
from kinds import shipped
from tests.world import NOW, issuer_in, trust_in, verifier
from verifier.judge import Judge, Verifiers
from wire.fetch import NoFetcher

pytestmark = pytest.mark.slow

LABELS = (
    "POST /credentials/verify",
    "POST /presentations/verify",
    "POST /issuers/{name}/credentials/issue",
    "POST /issuers/{name}/credentials/status",
    "GET /1.0/identifiers/{identifier}",
)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The operations by label, and a token in the place of every `Authorization`."""
    issuer = issuer_in(tmp_path_factory.mktemp("api") / "issuer", kind=shipped("certificate"))
    judges = Verifiers(verifier(trust_in(issuer)), verifier(trust_in(issuer)))
    resolver, tokens = Resolver(METHODS, NoFetcher()), Tokens(issuer.home)
    token = tokens.add("fuzz", Right, NOW)
    served = {"uni": Served(PostedCredentials(issuer, lambda: NOW), tokens)}
    app = create_app(Judge(lambda: judges), lambda: resolver, lambda: NOW, issuers=served)
    description: Any = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = {one.ok().label: one.ok() for one in description.get_all_operations()}
    return {"token": token, **operations}


def test_each_route_is_described(described: dict[str, Any]) -> None:
    assert {*LABELS} <= described.keys()


@pytest.mark.parametrize("label", LABELS)
def test_what_the_description_allows_is_answered_as_it_says(label: str, described: dict[str, Any]) -> None:
    @given(case=described[label].as_strategy())
    @settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
    def answered(case: Any) -> None:
        if "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = "uni"
        headers = {"Authorization": f"Bearer {described['token']}"}
        checks = [
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
        case.validate_response(case.call(headers=headers), checks=checks)

    answered()
