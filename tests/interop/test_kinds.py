"""The configuration of each kind, as the parser of wallets reads it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from examples.uses.folder import HERE
from issuer.identity.kind import read_kind
from kinds import Kind
from kinds.openid4vci import configuration
from kinds.shipped import SHIPPED, shipped
from tests.test_kinds_sd_jwt import pid

from .peers import JavaScript, javascript

ISSUER = {
    "credential_issuer": "https://issuer.example",
    "credential_endpoint": "https://issuer.example/credential",
}

Spoilt = tuple[tuple[tuple[Any, ...], Any], ...]
SPOILT: dict[str, Spoilt] = {
    "ldp_vc": (
        (("credential_metadata", "claims", 0, "path"), []),
        (("credential_definition", "@context"), [{"a": "urn:example:a"}]),
        (("credential_definition", "type"), "VerifiableCredential"),
    ),
    "mso_mdoc": (
        (("credential_metadata", "claims", 0, "path"), ["org.iso.18013.5.1"]),
        (("credential_signing_alg_values_supported",), [True]),
        (("doctype",), ["org.iso.18013.5.1.mDL"]),
    ),
    "dc+sd-jwt": (
        (("credential_metadata", "claims", 0, "path"), []),
        (("vct",), ["urn:example:pid:1"]),
    ),
}
LICENCE = read_kind(HERE / "driving-licence")
KINDS = [*map(shipped, SHIPPED), LICENCE, pid()]


@pytest.fixture(scope="module")
def ask() -> Iterator[JavaScript]:
    with javascript() as ask:
        yield ask


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_openid4vc_reads_the_configuration_as_it_was_written(ask: JavaScript, kind: Kind) -> None:
    metadata: dict[str, Any] = {**ISSUER, **configuration(kind)}
    written = metadata["credential_configurations_supported"]
    assert ask("metadata", metadata) == {"configurations": written}
    formats = {"ldp_vc": True, "mso_mdoc": bool(kind.doctype), "dc+sd-jwt": kind.has_claim_paths}
    assert [each["format"] for each in written.values()] == [name for name in formats if formats[name]]
    for name, said in written.items():
        for place, value in SPOILT[said["format"]]:  # else it might read anything
            spoilt = copy.deepcopy(metadata)
            node = spoilt["credential_configurations_supported"][name]
            for step in place[:-1]:
                node = node[step]
            node[place[-1]] = value
            outcome = ask("metadata", spoilt)
            assert "error" in outcome or name not in outcome["configurations"]
