"""Samples of the standards that uses follow, read where they lie: carried by digest, and compared.

They are other people's documents, so that nothing of ours made them fit. Each is issued by the folder in
which it lies, as a registrar's files are.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pytest

from examples.uses.folder import HERE, UseCase, names
from issuer.job.order import Order
from issuer.table.source import open_source
from kinds import Kind
from kinds.parsing import parse_kind
from tests.test_issuer_attached import FIELDS, THESIS, sri
from tests.test_verifier_resources import ANOTHER, VALID, outcome
from tests.world import NOW, issuer_in, verifier_for
from vc import Report
from verifier import GivenFile

BADGES = "https://purl.imsglobal.org/spec/ob/v3p0"
RFC9901 = "vectors/sd-jwt/rfc9901-specifications"


class Sample(NamedTuple):
    """A document of the standard of a use."""

    use: str
    path: str
    """Below the folder of third-party data."""
    word: str
    """A name of the standard's that stands in it: without it, it is a sample of something else."""


SAMPLES = [
    Sample("diploma", "samples/ob3/complete.json", BADGES),
    Sample("transcript", "samples/clr2/complex.json", "ResultDescription"),
    Sample("enrolment", "samples/ob3/simple-did-key-method.json", BADGES),
    Sample("micro-credential", "samples/elm/Sample-MC-Annex1-unsigned.jsonld", "esco"),
    Sample("practitioner-licence", "samples/ob3/simple-eddsa-2022.json", BADGES),
    Sample("vaccination", f"{RFC9901}/jsonld/specification.yml", "https://w3id.org/vaccination/v1"),
    Sample("identity-checked", f"{RFC9901}/complex_ekyc/specification.yml", "verified_claims"),
    Sample("driving-licence", "vectors/di-bbs/Pseudonym/addSignedSDBase.json", "https://w3id.org/vdl/v1"),
    Sample("vehicle-registration", "samples/openid/OpenID4VP-query_lang_simple_mdoc.json", "org.iso.7367.1"),
    Sample("resident", f"{RFC9901}/arf-pid/specification.yml", "urn:eudi:pid"),
    Sample("resident", "vectors/sd-jwt/sd-jwt-vc-specifications/03-pid/specification.yml", "eudi:pid"),
    Sample("residence-card", "vectors/di-bbs/prCredUnsigned.json", "https://w3id.org/citizenship/v4rc1"),
    Sample("age-over-18", f"{RFC9901}/arf-pid/specification.yml", "age_equal_or_over"),
]
UNSAMPLED: Mapping[str, str] = {
    **dict.fromkeys(("laboratory-result", "insurance-cover"), "http://hl7.org/fhir"),
    "data-set-passport": "http://mlcommons.org/croissant",
    "model-card": "https://spdx.org/rdf/3",
    "battery-passport": "DigitalProductPassport",
    "income": "MonetaryAmount",
    "business-licence": "leiCode",
    "model-evaluation": "schema.org/PropertyValue",
    "library-card": "schema.org/LibrarySystem",
}
"""The uses of whose standard there is no sample yet, with a word that one would have."""

DOCUMENT = {
    "@context": ["https://www.w3.org/ns/credentials/v2", {"no": "https://schema.org/identifier"}],
    "type": ["VerifiableCredential"],
    "relatedResource": [{"id": "urn:example:document:{no}", "digestSRI": "{thesis}"}],
    "credentialSubject": {"no": "{no}"},
}
"""Of a kind that says nothing of a document but its digest."""


def carrying() -> Kind:
    fields = {"no": FIELDS["no"], "thesis": {**FIELDS["thesis"], "required": True}}
    text = {**THESIS, "name": "carried_document", "fields": fields, "policy": {"resources": True}}
    files = {"kind.json": text, "template.json": DOCUMENT}
    return parse_kind({name: json.dumps(content).encode() for name, content in files.items()})


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each.use}, {each.word}")
def test_a_sample_of_a_standard_is_carried_as_it_is_and_compared_by_digest(
    sample: Sample, corpora: Path, tmp_path: Path
) -> None:
    path, table = corpora / sample.path, tmp_path / "rows.csv"
    content = path.read_bytes()
    assert sample.word in content.decode(), "a sample of another standard"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("no", "thesis"), ("N-1", path.name)])
    issuer = issuer_in(tmp_path / "home", kind=carrying())
    done = issuer.issue_file(Order(open_source(table, kind=issuer.kind), None, files=path.parent, workers=0))
    assert (done.issued, done.survey.findings) == (1, {})
    (entry,) = issuer.entries()
    (resource,) = issuer.line(entry).credential["relatedResource"]
    assert resource["digestSRI"] == sri(content)
    assert path.read_bytes() == content, "nothing is written where other people's files lie"
    bundle = issuer.bundle(entry).to_bytes()

    def compared(*files: bytes) -> Report:
        given = [GivenFile.read(BytesIO(data), resource["id"]) for data in files]
        return verifier_for(issuer).verify(bundle, now=NOW, files=given)

    assert outcome(compared(content)) == VALID
    for other in (content + b"\n", content[:-1], content.replace(sample.word.encode(), b"X", 1)):
        assert outcome(compared(other)) == ANOTHER
    assert "trust-resource-missing" in {check.code for check in compared().checks}, "never taken for the same"


def test_each_use_has_a_sample_or_is_named_as_without() -> None:
    assert {each.use for each in SAMPLES}.isdisjoint(UNSAMPLED)
    assert sorted({*UNSAMPLED, *(each.use for each in SAMPLES)}) == names()


@pytest.fixture(scope="module")
def third_party(corpora: Path) -> bytes:
    """All that lies there."""
    folders = (corpora / "samples", corpora / "vectors")
    return b"\n".join(path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSAMPLED)
def test_a_standard_without_a_sample_is_named(name: str, corpora: Path, third_party: bytes) -> None:
    assert UNSAMPLED[name].encode() not in third_party, "the sample belongs into SAMPLES"
    standard = UseCase.read(HERE / name).said["standard"]
    pytest.skip(f"no sample of {standard['name']} {standard['version']} in {corpora}: put one there")
