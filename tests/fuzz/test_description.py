"""The verifier's own description, and requests that schemathesis makes of it: none fails the service."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error

from tests.world import NOW, University, verifier
from verifier.http import create_app
from verifier.judge import Verifiers

UNIVERSITY = University()
JUDGES = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
SERVICE = schemathesis.openapi.from_asgi("/openapi.json", create_app(lambda: JUDGES, clock=lambda: NOW))


@pytest.mark.slow
@SERVICE.parametrize()
@settings(max_examples=60, deadline=None)
def test_no_request_fails_the_service(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=[not_a_server_error])
