"""Lines and labels are those that selective disclosure needs: by the vectors of its cryptosuites."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vc.vcdm.jsonld import (
    Contexts,
    Documents,
    InvalidDocument,
    Statements,
    canonicalize,
    statements,
)

CREDENTIALS = "https://www.w3.org/ns/credentials/v2"


@pytest.fixture(scope="module")
def contexts(corpora: Path) -> Contexts:
    own = json.loads((corpora / "vectors/contexts/citizenship-v4rc1.jsonld").read_bytes())
    return Contexts(Documents({"https://w3id.org/citizenship/v4rc1": own}))


def hidden(found: Statements, key: bytes, *, shuffled: bool) -> dict[str, str]:
    """Labels that tell nothing (VC DI ECDSA 1.0, 3.4.4; VC DI BBS 1.0, 3.2.1)."""
    names = {}
    for label in sorted({label for line in found.lines for label in line.split() if label.startswith("_:")}):
        digest = hmac.digest(key, label[2:].encode(), hashlib.sha256)
        names[label[2:]] = "u" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if shuffled:
        order = sorted(names.values())
        return {label: f"b{order.index(name)}" for label, name in names.items()}
    return names


def selection(document: dict[str, Any], pointers: Sequence[str], named: dict[str, str]) -> dict[str, Any]:
    """What stands at these pointers, with ids and types on the way, and each object under its own name."""

    def start(value: Any, pointer: str) -> Any:
        if not isinstance(value, dict):
            return {} if isinstance(value, list) else value
        kept = {name: value[name] for name in ("id", "type") if name in value}
        return {"id": f"urn:bnid:{named[pointer]}", **kept} if pointer in named else kept

    def whole(value: Any, pointer: str) -> Any:
        if isinstance(value, list):
            return [whole(item, f"{pointer}/{index}") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        return {**start(value, pointer), **{name: whole(value[name], f"{pointer}/{name}") for name in value}}

    def listed(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if value and all(isinstance(name, int) for name in value):
            return [listed(value[index]) for index in sorted(value)]
        return {name: listed(member) for name, member in value.items()}

    chosen: Any = {"@context": document["@context"], **start(document, "")}
    for pointer in pointers:
        steps = pointer.split("/")[1:]
        there, place = chosen, ""
        source: Any = document
        for step in steps[:-1]:
            key: Any = int(step) if isinstance(source, list) else step
            source, place = source[key], f"{place}/{step}"
            there = there.setdefault(key, start(source, place))
        last: Any = int(steps[-1]) if isinstance(source, list) else steps[-1]
        there[last] = whole(source[last], pointer)
    result: dict[str, Any] = listed(chosen)
    return result


VECTORS = [
    ("di-ecdsa/ecdsa-sd-2023/employ", "../../employ", "../SDKeyMaterial.json", False),
    ("di-ecdsa/ecdsa-sd-2023/prc", "../../prCred", "../SDKeyMaterial.json", False),
    ("di-bbs", "wind", "BBSKeyMaterial.json", True),
    ("di-bbs/prc", "../prCred", "../BBSKeyMaterial.json", True),
]


@pytest.mark.parametrize(("folder", "name", "keys", "shuffled"), VECTORS)
def test_what_is_disclosed_is_what_the_vectors_disclose(
    corpora: Path, contexts: Contexts, folder: str, name: str, keys: str, shuffled: bool
) -> None:
    vectors = corpora / "vectors" / folder

    def load(file: str) -> Any:
        return json.loads((vectors / file).read_bytes())

    document = load("addSignedSDBase.json")
    del document["proof"]
    found = statements(document, contexts=contexts)
    assert list(found.lines) == load("addBaseDocCanon.json")
    names = hidden(found, bytes.fromhex(load(keys)["hmacKeyString"]), shuffled=shuffled)
    lines = found.relabelled(names)
    assert list(lines) == load("addBaseDocHMACCanon.json")

    labels = {pointer: names[label] for pointer, label in found.labels.items()}
    groups = load("derivedGroupIndexes.json")
    for file, group in (("Mandatory", "mandatoryIndexes"), ("Selective", "selectiveIndexes")):
        part = selection(document, load(f"{name}{file}.json"), labels)
        chosen = statements(part, contexts=contexts)
        assert chosen.labels == {}
        shown = {unnamed(line) for line in chosen.lines}
        assert [index for index, line in enumerate(lines) if line in shown] == groups[group], file


def unnamed(line: str) -> str:
    """With blank nodes for the names that were given (3.4.9)."""
    return " ".join(f"_:{term[10:-1]}" if term.startswith("<urn:bnid:") else term for term in line.split(" "))


def test_the_lines_are_the_bytes() -> None:
    document = {"@context": [CREDENTIALS], "type": "VerifiableCredential", "issuer": {"name": "x\u2028\ny"}}
    found = statements(document)
    assert "".join(found.lines).encode() == canonicalize(document)
    assert found.labels.keys() == {"", "/issuer"}


def test_pointers_are_those_of_rfc_6901() -> None:
    key = "https://example.org/a~1"
    document = {"@context": {"id": "@id"}, "id": "urn:x", key: [{"id": "urn:y"}, {key: {key: "v"}}]}
    found = statements(document, contexts=Contexts(Documents()))
    step = "/https:~1~1example.org~1a~01"
    assert found.labels.keys() == {f"{step}/1", f"{step}/1{step}"}
    assert set(found.labels.values()) == {"c14n0", "c14n1"}


def test_only_blank_nodes_are_relabelled() -> None:
    context = {"p": "https://example.org/p"}
    document = {"@context": context, "p": ['_:c14n0 "_:c14n0" \\', {"p": "https://example.org/_:c14n0"}]}
    found = statements(document, contexts=Contexts(Documents()))
    twice = Statements(found.relabelled({"c14n0": "c14n1", "c14n1": "c14n0"}), {})
    assert twice.lines != found.lines
    assert twice.relabelled({"c14n0": "c14n1", "c14n1": "c14n0"}) == found.lines
    (named,) = [line for line in found.relabelled({"c14n0": "A", "c14n1": "B"}) if "\\\\" in line]
    assert named.endswith(' <https://example.org/p> "_:c14n0 \\"_:c14n0\\" \\\\" .\n')


def test_one_object_in_two_places_has_no_one_label() -> None:
    same = {"name": "x"}
    document = {
        "@context": [CREDENTIALS],
        "type": "VerifiableCredential",
        "issuer": same,
        "credentialSubject": same,
    }
    with pytest.raises(InvalidDocument, match="two places"):
        statements(document)
