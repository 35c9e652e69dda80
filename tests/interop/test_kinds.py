"""The configuration of each kind, as the parser of wallets reads it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from kinds.openid4vci import configuration
from kinds.shipped import SHIPPED, shipped

from .peers import JavaScript, javascript

ISSUER = {
    "credential_issuer": "https://issuer.example",
    "credential_endpoint": "https://issuer.example/credential",
}

SPOILT: tuple[tuple[tuple[Any, ...], Any], ...] = (
    (("credential_metadata", "claims", 0, "path"), []),
    (("credential_definition", "@context"), [{"a": "urn:example:a"}]),
    (("credential_definition", "type"), "VerifiableCredential"),
)


@pytest.fixture(scope="module")
def ask() -> Iterator[JavaScript]:
    with javascript() as ask:
        yield ask


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_openid4vc_reads_the_configuration_as_it_was_written(ask: JavaScript, name: str) -> None:
    metadata: dict[str, Any] = {**ISSUER, **configuration(shipped(name))}
    outcome = ask("metadata", metadata)
    assert outcome == {"configurations": metadata["credential_configurations_supported"]}
    for place, value in SPOILT:  # else it might read anything
        spoilt = copy.deepcopy(metadata)
        node = spoilt["credential_configurations_supported"][name]
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = value
        outcome = ask("metadata", spoilt)
        assert "error" in outcome or name not in outcome["configurations"]
