"""Canonical forms that others have published, and real credentials against pyld."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.oracles import by_pyld
from tests.nquads import parse
from vc.vcdm.jsonld import Contexts, Documents, LossyDocument, UnknownContext, canonicalize, to_rdf
from vc.vcdm.jsonld.rdfc import canonicalize as canonicalize_dataset
from wire.problem import Problem

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")  # pyld's, about contexts


@pytest.fixture(scope="module")
def documents(corpora: Path) -> Documents:
    """The vendored contexts, and the corpus' own ones that its documents use beside them."""
    folder = corpora / "vectors/contexts"
    vendored = Documents()
    extra = {}
    for row in json.loads((folder / "index.json").read_bytes()):
        try:
            vendored.load(row["url"] or "")
        except UnknownContext:
            extra[row["url"]] = json.loads((folder / row["file"]).read_bytes())
    return Documents(extra)


RDFC_VECTORS = [
    ("di-eddsa/Ed25519Signature2020", "di-eddsa/unsigned.json"),
    ("di-eddsa/eddsa-rdfc-2022", "di-eddsa/unsigned.json"),
    ("di-eddsa/eddsa-rdfc-2022/employ", "di-eddsa/employmentAuth.json"),
    ("di-ecdsa/ecdsa-rdfc-2019-p256", "di-ecdsa/unsigned.json"),
    ("di-ecdsa/ecdsa-rdfc-2019-p256/employ", "di-ecdsa/employmentAuth.json"),
    ("di-ecdsa/ecdsa-rdfc-2019-p384", "di-ecdsa/unsigned.json"),
    ("di-ecdsa/ecdsa-rdfc-2019-p384/employ", "di-ecdsa/employmentAuth.json"),
]


@pytest.mark.parametrize(("folder", "unsigned"), RDFC_VECTORS)
def test_intermediate_values_of_the_suites(
    corpora: Path, documents: Documents, folder: str, unsigned: str
) -> None:
    vectors = corpora / "vectors"
    contexts = Contexts(documents)
    digest = "sha384" if "p384" in folder else "sha256"
    (document,) = (vectors / folder).glob("canonDoc*.txt")
    (options,) = (vectors / folder).glob("proofCanon*.txt")
    (configuration,) = (vectors / folder).glob("proofConfig*.json")
    for source, expected in (vectors / unsigned, document), (configuration, options):
        ours = canonicalize(json.loads(source.read_bytes()), contexts=contexts, digest=digest)
        assert ours.decode().strip() == expected.read_text().strip(), expected


@pytest.mark.parametrize(
    "folder",
    [
        "di-ecdsa/ecdsa-sd-2023/employ",
        "di-ecdsa/ecdsa-sd-2023/prc",
        "di-bbs",
        "di-bbs/prc",
        "di-bbs/Pseudonym",
    ],
)
def test_intermediate_values_of_selective_disclosure(
    corpora: Path, documents: Documents, folder: str
) -> None:
    vectors = corpora / "vectors" / folder
    signed = json.loads((vectors / "addSignedSDBase.json").read_bytes())
    del signed["proof"]
    ours = canonicalize(signed, contexts=Contexts(documents)).decode()
    assert ours.splitlines(keepends=True) == json.loads((vectors / "addBaseDocCanon.json").read_bytes())
    options = json.loads((vectors / "addProofConfig.json").read_bytes())
    expected = (vectors / "addProofConfigCanon.txt").read_text()
    assert canonicalize(options, contexts=Contexts(documents)).decode().strip() == expected.strip()


def unsecured(credential: dict[str, Any]) -> list[dict[str, Any]]:
    """A credential, it without its proofs, and the options of its first proof."""
    proof = credential.get("proof")
    first = proof[0] if isinstance(proof, list) and proof else proof
    found = [credential]
    if isinstance(first, dict):
        found.append({key: value for key, value in credential.items() if key != "proof"})
        found.append({"@context": credential["@context"], **first})
    return found


@pytest.mark.slow
def test_real_credentials_equal_pyld(corpora: Path, documents: Documents) -> None:
    contexts = Contexts(documents)
    outcome: Counter[str] = Counter()
    files = [
        *(corpora / "samples/dcc").rglob("*.json"), *(corpora / "samples/ob3").rglob("*.json"),
        *(corpora / "samples/clr2").glob("*.json"), *(corpora / "vectors/openbadges").rglob("*.json"),
    ]  # fmt: skip
    for file in files:
        credential = json.loads(file.read_bytes())
        if "@context" not in credential:
            continue
        for document in unsecured(credential):
            try:
                ours = canonicalize(document, contexts=contexts).decode()
            except (LossyDocument, UnknownContext) as problem:
                outcome[f"{file.parent.name} {type(problem).__name__}"] += 1
            else:
                assert ours == by_pyld(document, documents), file
                outcome["equal"] += 1
    assert outcome.pop("equal") > 350
    assert {reason.split()[0] for reason in outcome} <= {
        "ob3", "invalid", "clr2", "validator-fixtures-ob30", "dids",
    }  # fmt: skip
    assert outcome["ob3 LossyDocument"] <= 3, "only the deliberately bad ones name undefined types"


# What pyld gets wrong of the corpus, reported upstream or not.
PYLD_DIFFERS = {
    "#te111": "a relative @vocab on top of another one",
    "#te112": "a relative @vocab on top of another one",
    "#te122": "stumbles over an id that looks like a keyword",
}
# Base directions are kept, which the corpus drops or writes as compound literals.
DIRECTIONS = {"#tdi01", "#tdi02", "#tdi03", "#tdi04", "#tdi05", "#tdi06", "#tdi11", "#tdi12"}


@pytest.mark.slow
def test_json_ld_api_corpus(corpora: Path) -> None:
    """toRdf on the general processor; and `canonicalize` on the same documents: the same, or refused."""
    folder = corpora / "vectors/json-ld-api"
    manifest = json.loads((folder / "toRdf-manifest.jsonld").read_bytes())
    base = manifest["baseIri"]
    extra = {
        base + str(path.relative_to(folder)): json.loads(path.read_bytes())
        for path in folder.rglob("*.jsonld")
        if path.name not in {"toRdf-manifest.jsonld"}
    }
    contexts = Contexts(Documents(extra))
    outcome: Counter[str] = Counter()
    for entry in manifest["sequence"]:
        options = entry.get("option", {})
        if "json-ld-1.0" in (options.get("specVersion"), options.get("processingMode")):
            outcome["JSON-LD 1.0 only"] += 1
            continue
        identifier, negative = entry["@id"], "jld:NegativeEvaluationTest" in entry["@type"]
        document = json.loads((folder / entry["input"]).read_bytes())
        expected = None
        if "expect" in entry:
            expected = canonicalize_dataset(parse((folder / entry["expect"]).read_text())[0])

        try:
            dataset = to_rdf(
                document,
                base=options.get("base", base + entry["input"]),
                contexts=contexts,
                expand_context=extra[base + options["expandContext"]] if "expandContext" in options else None,
                direction=options.get("rdfDirection"),
            )
            general: str | None = canonicalize_dataset(dataset)
        except Problem:
            general = None
        if identifier in PYLD_DIFFERS:
            assert general != expected
        elif negative:
            assert general is None, identifier
        else:
            assert general is not None, identifier
            assert expected is None or general == expected, identifier

        try:
            strict: str | None = canonicalize(document, contexts=contexts).decode()
        except Problem:
            strict = None
        if strict is None:
            outcome["refused"] += not negative
            outcome["invalid"] += negative
        else:
            assert not negative, identifier
            assert strict == expected or identifier in DIRECTIONS or expected is None, identifier
            outcome["equal"] += strict == expected
    assert outcome["equal"] >= 175
    assert outcome["invalid"] >= 90
