"""The verifier's description (OpenAPI) against the service: what schemathesis makes of it, and what comes."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.world import NOW, University, verifier
from verifier.http import create_app
from verifier.judge import Verifiers

pytestmark = pytest.mark.slow

UNIVERSITY = University()
JUDGES = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
DESCRIPTION: Any = schemathesis.openapi.from_asgi(
    "/openapi.json", create_app(lambda: JUDGES, clock=lambda: NOW)
)
OPERATIONS = {one.ok().label: one.ok() for one in DESCRIPTION.get_all_operations()}


def test_the_check_is_described() -> None:
    assert "POST /verify" in OPERATIONS


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(label: str) -> None:
    @given(case=OPERATIONS[label].as_strategy())
    @settings(deadline=None, suppress_health_check=list(HealthCheck))
    def answered(case: Any) -> None:
        checks = [not_a_server_error, status_code_conformance, content_type_conformance]
        case.validate_response(case.call(), checks=checks)

    answered()
