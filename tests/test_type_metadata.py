"""The type metadata of SD-JWT VCs: rules of claims, types that extend others, digests of documents."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kinds.compiling import with_compiled
from kinds.metadata import metadata_of
from tests.sd_jwts import Path as Place
from tests.test_kinds_groups import FIELDS, parsed
from tests.test_sd_jwt_vc import ABSENT, ISSUER, SAID, left_open, refused, vc
from tests.world import NOW, verifier
from vc import Report
from vc.type_metadata import MOST_EXTENDED, TypeDocuments, TypeMetadata
from verifier import RecognisedIssuer, Trust
from verifier.sources.trust_entries import KindFiles
from wire import Malformed, TooLarge, integrity
from wire.work import Work

VCT = SAID["vct"]
TRUST = Trust().adding(RecognisedIssuer(ISSUER.did))


def sri(data: bytes, name: str = "sha256") -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}"


def document(vct: str = VCT, *claims: Mapping[str, Any], **members: Any) -> bytes:
    return json.dumps({"vct": vct, "claims": claims, **members}).encode()


def claim(*path: Any, **said: Any) -> dict[str, Any]:
    return {"path": path, **said}


def parse(*texts: bytes) -> list[TypeMetadata]:
    return [TypeMetadata.parse(text) for text in texts]


def judged(
    *texts: bytes,
    digest: Any = ABSENT,
    hidden: Collection[Place] = (("given_name",), ("address", "city"), ("languages", 1)),
    shown: Collection[Place] | None = None,
    said: Mapping[str, Any] = SAID,
) -> Report:
    data = vc({**said, "vct#integrity": digest}, hidden, shown=shown)
    return verifier(TRUST, types=TypeDocuments(parse(*texts))).verify(data, now=NOW)


def step_7(report: Report) -> str:
    (check,) = (one for one in report.checks if one.step == 7)
    return check.code


# What a type says of its claims


KEPT: Sequence[Mapping[str, Any]] = (
    claim("given_name", sd="always", mandatory=True),
    claim("family_name", sd="never", mandatory=True),
    claim("address", sd="never"),
    claim("address", "city", sd="always", mandatory=True),
    claim("address", "country", sd="never", mandatory=True),
    claim("languages", None),
    claim("languages", 0, sd="never"),
    claim("languages", 1, sd="always"),
    claim("nickname", sd="never"),
    claim("nickname", "short", mandatory=True),
)


def test_one_that_has_the_form_of_its_type() -> None:
    for shown in (None, (), (("given_name",),)):
        report = judged(document(VCT, *KEPT), shown=shown)
        assert report
        assert step_7(report) == "schema-fits"


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (claim("given_name", sd="never"), "sd"),
        (claim("family_name", sd="always"), "sd"),
        (claim("address", sd="always"), "sd"),
        (claim("languages", None, sd="never"), "sd"),
        (claim("languages", None, sd="always"), "sd"),
        (claim("languages", 0, sd="always"), "sd"),
        (claim("nickname", mandatory=True), "mandatory"),
        (claim("nickname", sd="never", mandatory=True), "mandatory"),
        (claim("address", "street", mandatory=True), "mandatory"),
        (claim("languages", 2, mandatory=True), "mandatory"),
        (claim("family_name", "first"), "path"),
        (claim("family_name", None), "path"),
        (claim("address", 0), "path"),
    ],
)
def test_one_that_breaks_a_rule_of_its_type(broken: Mapping[str, Any], rule: str) -> None:
    report = judged(document(VCT, broken))
    refused(report, "schema-mismatch")
    assert report.deciding is not None
    assert f"breaks the rule {rule}" in report.deciding.text


def test_what_is_hidden_is_not_missing_but_what_is_always_shown_is() -> None:
    """SD-JWT VC, 4.6: that something was not shown is no evidence that the issuer left it out."""
    missing = claim("nickname", mandatory=True)
    assert judged(document(VCT, missing), shown=(("given_name",),))
    refused(judged(document(VCT, {**missing, "sd": "never"}), shown=(("given_name",),)))
    # 4.6.1: of an array with hidden elements nobody can tell which number an element has
    assert judged(document(VCT, claim("languages", 0, sd="always")), shown=())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"path": []},
        {"path": "name"},
        {"path": [True]},
        {"path": [-1]},
        {"path": [{}]},
        claim("a", sd="sometimes"),
        claim("a", sd=1),
        claim("a", mandatory=1),
        "name",
    ],
)
def test_a_claim_that_is_described_wrongly(wrong: Any) -> None:
    with pytest.raises(Malformed):
        TypeMetadata.parse(document(VCT, wrong))


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"vct": ""}', b'{"vct": "a", "claims": {}}', b'{"vct": "a", "extends": 1}']
)
def test_what_is_no_type_metadata(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(Malformed, match=r"a\.json"):
        TypeDocuments.load(tmp_path)


def test_the_documents_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(document())
    (tmp_path / "b.txt").write_bytes(b"no JSON")
    assert TypeDocuments.load(tmp_path).rules(VCT, "") == ()


def test_rules_times_claims_are_bounded() -> None:
    rules = [claim("languages", None, f"{number}") for number in range(500)]
    said = {**SAID, "languages": [{}] * 5000}
    left_open(judged(document(VCT, *rules), said=said), "too-large")


# Which document is meant


OTHER = document("urn:example:other")


def test_a_type_without_metadata_here_is_held_against_none() -> None:
    for texts in ((), (OTHER,)):
        report = judged(*texts, digest=sri(document()))
        assert report
        assert step_7(report) == "schema-none-known"


def test_another_edition_of_the_metadata_is_not_the_one_that_was_meant() -> None:
    left_open(judged(document(), digest=sri(OTHER)), "type-metadata-missing")
    strict = document(VCT, claim("nickname", mandatory=True))
    refused(judged(document(), strict, digest=sri(strict)), "schema-mismatch")
    assert judged(strict, document(), digest=sri(document()))


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("digest", "is_same"),
    [
        (sri(document()), True),
        (sri(document(), "sha512"), True),
        (f"{sri(OTHER)} {sri(document())}", True),
        (f"{sri(document())}\t{sri(OTHER)}", True),
        (f"{sri(OTHER)} {sri(document(), 'sha384')}", True),
        (f"{sri(document())} {sri(OTHER, 'sha384')}", False),
        (f"sha3-256-AA== {sri(document())}", True),
        (f"{sri(document())}?option", True),
        ("sha256-!", None),
        ("sha256-A", False),
        ("sha3-256-AA==", None),
        (sri(document()).upper(), None),
    ],
)
def test_any_digest_of_the_strongest_algorithm(digest: str, is_same: bool | None) -> None:
    assert integrity.fits(digest, document()) is is_same
    report = judged(document(), digest=digest)
    if is_same is None:
        assert step_7(report) == "schema-none-known"
    elif is_same:
        assert step_7(report) == "schema-fits"
    else:
        left_open(report, "type-metadata-missing")


def test_a_digest_is_a_text() -> None:
    refused(judged(document(), digest=["sha256-AA=="]), "malformed-credential")


# Types that extend others


def line(length: int, *, pinned: bool = True) -> list[bytes]:
    """A type, and those that it extends, the type first."""
    texts: list[bytes] = []
    for number in reversed(range(length)):
        name = VCT if number == 0 else f"urn:example:{number}"
        members: dict[str, Any] = {}
        if texts:
            members["extends"] = f"urn:example:{number + 1}"
            if pinned:
                members["extends#integrity"] = sri(texts[0])
        texts.insert(0, document(name, claim(f"n{number}", mandatory=True), **members))
    return texts


@pytest.mark.parametrize("pinned", [True, False])
def test_as_many_as_a_type_may_extend(pinned: bool) -> None:
    most = line(MOST_EXTENDED + 1, pinned=pinned)
    said = {**SAID, **{f"n{number}": 1 for number in range(MOST_EXTENDED + 1)}}
    assert judged(*most, said=said)
    for number in range(MOST_EXTENDED + 1):
        refused(judged(*most, said={**said, f"n{number}": ABSENT}), "schema-mismatch")
    left_open(judged(*line(MOST_EXTENDED + 2, pinned=pinned), said=said), "type-metadata-missing")


def test_a_type_that_extends_itself() -> None:
    loop = [document(VCT, extends="urn:example:1"), document("urn:example:1", extends=VCT)]
    refused(judged(*loop), "schema-mismatch")
    refused(judged(document(VCT, extends=VCT)), "schema-mismatch")


def test_a_type_that_is_extended_and_not_at_hand() -> None:
    texts = line(3)
    assert judged(*texts, said={**SAID, "n0": 1, "n1": 1, "n2": 1})
    for missing in (texts[1], texts[2]):
        left_open(judged(*(text for text in texts if text != missing)), "type-metadata-missing")
    changed = [*texts[:2], texts[2].replace(b"n2", b"n3")]
    left_open(judged(*changed), "type-metadata-missing")


@pytest.mark.parametrize(
    ("parent", "child", "kept"),
    [
        ({"sd": "always"}, {"sd": "never"}, False),
        ({"sd": "always"}, {"sd": "allowed"}, False),
        ({"sd": "never"}, {"sd": "always"}, False),
        ({"sd": "never"}, {"sd": "never"}, True),
        ({"sd": "never"}, {}, True),
        ({"sd": "allowed"}, {"sd": "never"}, True),
        ({"mandatory": True}, {"mandatory": False}, False),
        ({"mandatory": True}, {}, True),
        ({"mandatory": False}, {"mandatory": True}, True),
    ],
)
def test_what_a_type_says_holds_for_those_that_extend_it(
    parent: dict[str, Any], child: dict[str, Any], kept: bool
) -> None:
    texts = (
        document(VCT, claim("family_name", **child), extends="urn:example:1"),
        document("urn:example:1", claim("family_name", **parent)),
    )
    report = judged(*texts)
    assert report if kept else not report
    if not kept:
        refused(report, "schema-mismatch")
        return
    # inherited, also where the child says nothing
    wanted = "never" in (parent.get("sd"), child.get("sd"))
    assert bool(judged(*texts, hidden=(("family_name",),))) is not wanted


# Where documents come from


def test_a_bundle_brings_what_is_extended_and_no_first_word() -> None:
    """To leave out of a bundle what it brought makes nothing valid."""
    first, second = line(2)
    brought = TypeDocuments(parse(first)).adding((), parse(second))
    assert brought.rules(VCT, "") is not None
    assert TypeDocuments(()).adding((), parse(first, second)).rules(VCT, sri(first)) is None
    unpinned = parse(document(VCT, extends="urn:example:1")), parse(document("urn:example:1"))
    with pytest.raises(Exception, match="not at hand"):
        TypeDocuments(unpinned[0]).adding((), unpinned[1]).rules(VCT, "")


def test_the_kinds_that_the_trust_list_has_of_the_issuer_bring_theirs() -> None:
    fields = {**FIELDS, "no": {**FIELDS["no"], "disclosure": "never"}}
    kind = with_compiled(parsed(fields))
    vct = metadata_of(kind)["vct"]
    signed = {**SAID, "vct": vct, "vct#integrity": sri(kind.files["vct.json"])}
    known = replace(TRUST.issuers[0], kinds=(KindFiles((("vct.json", "{"),)), KindFiles(kind.texts)))
    types = TypeDocuments(parse(document()))

    def judged_by(entry: RecognisedIssuer, said: Mapping[str, Any]) -> Report:
        return verifier(Trust().adding(entry), types=types).verify(vc(said), now=NOW)

    refused(judged_by(known, signed), "schema-mismatch")
    assert judged_by(TRUST.issuers[0], signed)
    # Of one type there may be several editions: without a digest nobody knows which is meant.
    assert judged_by(known, {**SAID, "vct": vct})


def test_what_costs_more_than_is_left_is_not_read() -> None:
    with pytest.raises(TooLarge):
        TypeMetadata.parse(document(VCT, *[claim("a")] * 100), Work(10))
