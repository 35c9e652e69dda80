"""What decides is read under its one name, all else by what it means: planted respellings, and legal ones."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from holder.wallet import Held
from intaglio.commands.wallet import text as wallet
from issuer.press.document import Composer, Profile
from issuer.press.permutation import Positions
from kinds import Template, shipped
from kinds.problem import InvalidTemplate
from tests.problems import is_a
from tests.world import NOW, Holder, University, verifier
from vc import Anchored, Bundle, Report, Verdict
from vc.claims import ANCHORED_IN_LOG, STATUS_STATEMENT
from vc.problem import SCHEMA_MISMATCH
from vc.vcdm.jsonld import AmbiguousType, Respelled, canonicalize
from vc.vcdm.jsonld.vocabulary import CREATED
from vc.vcdm.schema import Schemas
from verifier import RecognisedIssuer, Trust
from verifier.policy import HasSchema, OfType, load_policy
from verifier.summary import summarize
from wire import Malformed

UNIVERSITY = University()
PINNED = UNIVERSITY.pinned
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
CREDENTIALS = "https://www.w3.org/2018/credentials#"
DATE_TIME = "http://www.w3.org/2001/XMLSchema#dateTime"
EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
OB = "https://purl.imsglobal.org/spec/vc/ob/vocab.html#"
SUITES = pytest.mark.parametrize("suite", ["eddsa-rdfc-2022", "eddsa-jcs-2022"])
ENDED = "2026-06-30T12:00:00Z"

Document = dict[str, Any]


def plain(**change: Any) -> Document:
    """A diploma in no log."""
    document = UNIVERSITY.diploma(**change)
    del document["termsOfUse"]
    return document


def signed(document: Document, suite: str = "eddsa-rdfc-2022") -> Document:
    return copy.deepcopy(dict(UNIVERSITY.sign(document, suite=suite)))


def check(document: Document, trust: Trust = PINNED, **options: Any) -> Report:
    return verifier(trust).verify(Bundle(document, (), (), UNIVERSITY.status_lists()), now=NOW, **options)


def text(report: Report) -> str:
    return report.deciding.text if report.deciding else ""


def with_context(document: Document, **terms: Any) -> Document:
    return {**document, "@context": [*document["@context"], terms]}


def end_under_an_alias(document: Document) -> Document:
    document["until"] = document.pop("validUntil")
    return with_context(document, until={"@id": CREDENTIALS + "validUntil", "@type": DATE_TIME})


def status_under_an_alias(document: Document) -> Document:
    document["state"] = document.pop("credentialStatus")
    return with_context(document, state={"@id": CREDENTIALS + "credentialStatus", "@type": "@id"})


def anchoring_under_an_alias(document: Document) -> Document:
    document["termsOfUse"][0]["type"] = "Anchored"
    return with_context(document, Anchored=ANCHORED_IN_LOG)


def only_stated(index: int) -> Document:
    """A diploma in no log, whose status is stated."""
    document = UNIVERSITY.stated(index)
    return {**document, "termsOfUse": document["termsOfUse"][1:]}


def statement_under_an_alias(document: Document) -> Document:
    document["termsOfUse"][0]["type"] = "Stated"
    return with_context(document, Stated=STATUS_STATEMENT)


HIDDEN: dict[str, tuple[Document, Callable[[Document], Document], str, Verdict]] = {
    "the end": (plain(index=1, validUntil=ENDED), end_under_an_alias, "'until'", Verdict.INVALID),
    "the status": (plain(index=2), status_under_an_alias, "'state'", Verdict.VALID),
    "the log": (
        UNIVERSITY.diploma(index=3), anchoring_under_an_alias, "'Anchored'", Verdict.UNDETERMINED,
    ),
    "the statement": (only_stated(8), statement_under_an_alias, "'Stated'", Verdict.VALID),
}  # fmt: skip
EACH_HIDDEN = pytest.mark.parametrize("name", HIDDEN)


@EACH_HIDDEN
def test_what_decides_is_not_hidden_under_another_name(name: str) -> None:
    document, hide, alias, verdict = HIDDEN[name]
    honest = signed(document)
    assert check(honest).verdict is verdict
    report = check(hide(honest))
    assert report.verdict is Verdict.UNDETERMINED
    assert f"{alias}, by a context of the document's own, is another spelling" in text(report)


@EACH_HIDDEN
def test_nor_by_an_issuer_whose_signature_covers_the_text(name: str) -> None:
    document, hide, alias, _ = HIDDEN[name]
    report = check(signed(hide(copy.deepcopy(document)), "eddsa-jcs-2022"))
    assert report.verdict is Verdict.UNDETERMINED
    assert alias in text(report)


def test_a_type_cannot_become_a_property() -> None:
    document = plain(index=4, type=["VerifiableCredential", "OpenBadgeCredential", "urn:example:Licence"])
    only_badges = Trust().adding(
        RecognisedIssuer(
            UNIVERSITY.did, types=("OpenBadgeCredential",), keys=PINNED.issuers[0].keys
        )
    )  # fmt: skip
    honest = signed(document)
    assert check(honest, only_badges).verdict is Verdict.INVALID
    honest["type"].remove("urn:example:Licence")
    honest[RDF_TYPE] = {"id": "urn:example:Licence"}
    assert check(honest, only_badges).verdict is Verdict.UNDETERMINED


def test_a_member_does_not_move_to_another_object_of_its_id() -> None:
    """The status entry in two halves is one entry; the achievement's name is its name wherever it stands."""
    document = plain(index=5)
    document["evidence"] = [{"id": "urn:example:thesis", "type": ["Evidence"]}]
    achievement = document["credentialSubject"]["achievement"]
    achievement["related"] = [{"id": achievement["id"], "type": ["Related"]}]
    honest = signed(document)
    before = check(honest).require()[0]
    moved = copy.deepcopy(honest)
    achievement = moved["credentialSubject"]["achievement"]
    achievement["related"][0]["name"] = achievement.pop("name")
    after = check(moved).require()[0]
    assert moved != honest
    assert str(summarize(after, PINNED)) == str(summarize(before, PINNED))
    entry = moved["credentialStatus"]
    half = {"id": entry["id"], "type": entry["type"], "statusPurpose": entry.pop("statusPurpose")}
    moved["credentialStatus"] = [entry, half]
    assert check(moved).require()[0].status[0] == before.status[0]


def test_a_service_may_have_the_credentials_own_id() -> None:
    """1EdTech's complete example; its type is then one of the credential's."""
    document = plain(index=6)
    document["@context"] = [*document["@context"], EXTENSIONS]
    document["refreshService"] = {"id": document["id"], "type": "1EdTechCredentialRefresh"}
    honest = signed(document)
    (credential,) = check(honest).require()
    assert set(credential.types) == {
        "VerifiableCredential", "OpenBadgeCredential", "1EdTechCredentialRefresh",
    }  # fmt: skip
    honest["refreshService"]["type"] = ["1EdTechCredentialRefresh", honest["type"].pop()]
    assert check(honest).require()[0].types == credential.types
    honest["refreshService"]["validFrom"] = honest.pop("validFrom")
    assert "another object of the same id" in text(check(honest))


@SUITES
def test_a_name_is_a_name_under_any_other(suite: str) -> None:
    document = plain(index=7, title="Diploma of Mathematics")
    del document["credentialSubject"]["achievement"]["name"]
    del document["credentialSubject"]["identifier"]
    document["credentialSubject"]["fullName"] = "Nguyễn Thị Ánh"
    document = with_context(
        document, fullName="https://schema.org/name", title="https://schema.org/name",
        dateCreated={"@id": "http://purl.org/dc/terms/created", "@type": DATE_TIME},
    )  # fmt: skip
    document["credentialSubject"]["dateCreated"] = "2026-06-30T00:00:00Z"
    honest = signed(document, suite)
    (credential,) = check(honest).require()
    assert (credential.holder_name, credential.said["name"]) == (
        "Nguyễn Thị Ánh",
        "Diploma of Mathematics",
    )
    summary = summarize(credential, PINNED)
    assert (summary.what, summary.whom) == ("Diploma of Mathematics", "Nguyễn Thị Ánh")
    data = Bundle(honest, (), (), ()).to_bytes()
    held = Held("0" * 12, data, NOW, Verdict.VALID)
    assert wallet.title(held) == "Diploma of Mathematics"
    assert "of Nguyễn Thị Ánh" in wallet.line(held, lambda _: "")


@SUITES
def test_two_names_of_one_thing_are_read_together(suite: str) -> None:
    document = with_context(plain(index=8, name="Bachelor", title="Master"), title="https://schema.org/name")
    (credential,) = check(signed(document, suite)).require()
    assert credential.said["name"] == ["Bachelor", "Master"]
    swapped = with_context(plain(index=8, name="Master", title="Bachelor"), title="https://schema.org/name")
    (other,) = check(signed(swapped, suite)).require()
    assert (credential.title, credential.said["name"]) == (other.title, other.said["name"])


@SUITES
def test_terms_of_ones_own_are_given_by_what_they_mean(suite: str) -> None:
    document = with_context(plain(index=9), motto="https://university.example/terms#motto")
    document["credentialSubject"]["motto"] = "Sapere aude"
    (credential,) = check(signed(document, suite)).require()
    assert credential.subjects[0]["https://university.example/terms#motto"] == "Sapere aude"
    assert "motto" not in credential.subjects[0]


def test_a_name_of_the_table_means_nothing_else() -> None:
    """`result` of a context of one's own is not the grades of an Open Badge."""
    document = plain(index=10)
    document["@context"] = [document["@context"][0], {"result": "urn:example:wish", "achievement": None}]
    document["credentialSubject"] = {"result": "First class"}
    del document["awardedDate"]
    document["type"] = ["VerifiableCredential"]
    document["issuer"] = UNIVERSITY.did
    (credential,) = check(signed(document)).require()
    assert credential.subjects == ({"urn:example:wish": "First class"},)


def test_references_are_written_out() -> None:
    document = plain(index=11)
    document["credentialSubject"]["id"] = "urn:example:graduates:4711"
    honest = signed(document)
    honest = with_context(honest, g={"@id": "urn:example:graduates:", "@prefix": True})
    honest["credentialSubject"]["id"] = "g:4711"
    assert check(honest).require()[0].subjects[0]["id"] == "urn:example:graduates:4711"


def test_null_and_the_empty_list_are_no_claims() -> None:
    honest = signed(plain(index=12))
    honest["credentialSubject"]["achievement"] |= {"tag": [], "version": None}
    honest["validUntil"] = None
    (credential,) = check(honest).require()
    assert "validUntil" not in credential.said
    achievement = credential.subjects[0]["achievement"]
    assert not achievement.keys() & {"tag", "version"}
    assert honest["credentialSubject"]["achievement"]["tag"] == []


def test_types_are_compared_by_what_they_mean() -> None:
    names = ["OpenBadgeCredential", "AchievementCredential", OB + "OpenBadgeCredential"]
    for name in names:
        document = signed(plain(index=13, type=["VerifiableCredential", name]))
        for asked in names:
            trust = Trust().adding(
                RecognisedIssuer(UNIVERSITY.did, types=(asked,), keys=PINNED.issuers[0].keys)
            )
            assert check(document, trust, policy=OfType(asked))
    other = with_context(plain(index=14), OpenBadge="urn:example:OpenBadgeCredential")
    other["type"] = ["VerifiableCredential", "OpenBadge"]
    del other["awardedDate"], other["credentialSubject"]["achievement"]
    other["credentialSubject"] = {"id": "urn:example:x"}
    other["issuer"] = UNIVERSITY.did
    assert check(signed(other), policy=OfType("OpenBadgeCredential")).verdict is Verdict.INVALID
    assert check(signed(other), policy=OfType("urn:example:OpenBadgeCredential"))


def test_a_word_for_several_types_is_refused() -> None:
    with pytest.raises(AmbiguousType, match="'name' could mean"):
        load_policy({"type": "name"})
    entry = RecognisedIssuer(UNIVERSITY.did, types=("name",))
    with pytest.raises(AmbiguousType):
        Trust.parse(Trust().adding(entry).to_bytes())


def test_a_schema_reads_what_the_verifier_reads() -> None:
    schema = {"required": ["name"], "properties": {"name": {"const": "Master"}}}
    schemas = Schemas({"urn:example:schema": schema})
    judge = verifier(PINNED, schemas=schemas)
    policy = HasSchema("urn:example:schema")

    def verdict(document: Document) -> Report:
        bundle = Bundle(document, (), (), UNIVERSITY.status_lists())
        return judge.verify(bundle, now=NOW, policy=policy)

    renamed = signed(plain(index=15, name="Master"))
    renamed["title"] = renamed.pop("name")
    assert verdict(with_context(renamed, title="https://schema.org/name"))
    false = with_context(plain(index=16, wish="Master"), wish="urn:example:wish")
    false = signed(false)
    false["name"], false["@context"][-1] = false.pop("wish"), {"name": "urn:example:wish"}
    assert not verdict(false)
    assert is_a(verdict(signed(plain(index=17, name="B"))).deciding.problem, SCHEMA_MISMATCH)  # type: ignore[union-attr]


def test_a_status_list_is_read_in_the_same_way() -> None:
    bits = UNIVERSITY.status_lists()[0].document
    document = {name: value for name, value in bits.items() if name != "proof"}
    subject = dict(document["credentialSubject"])
    document["credentialSubject"] = {**subject, "more": subject["statusPurpose"]}
    document = with_context(document, more="https://www.w3.org/ns/credentials/status#statusPurpose")
    lists = (Anchored(signed(document, "eddsa-jcs-2022")),)
    report = verifier(PINNED).verify(Bundle(signed(plain(index=18)), (), (), lists), now=NOW)
    assert report.verdict is Verdict.UNDETERMINED
    assert "'more', by a context of the document's own, is another spelling of statusPurpose" in text(report)


def test_a_proof_says_when_it_was_made_or_leaves_the_question_open() -> None:
    security = "https://w3id.org/security#"
    terms: dict[str, Any] = {"DataIntegrityProof": security + "DataIntegrityProof", "made": CREATED}
    options = {"type": "DataIntegrityProof", "made": "2026-07-01T00:00:00Z"}
    v1 = "https://www.w3.org/2018/credentials/v1"
    with pytest.raises(Respelled, match="does not say what 'created' is"):
        canonicalize({"@context": [v1, terms], **options})
    with pytest.raises(Respelled, match="'made', by a context of the document's own"):
        canonicalize({"@context": [v1, {**terms, "created": CREATED}], **options})
    elsewhere = {"@context": [v1, {"made": CREATED}], "made": "2026-07-01T00:00:00Z"}
    assert CREATED in canonicalize(elsewhere).decode()


SILENT: dict[str, Any] = {"null": None, "an empty list": [], "a list of null": [None]}


@SUITES
@pytest.mark.parametrize("value", SILENT.values(), ids=SILENT.keys())
def test_what_no_signature_covers_is_not_signed(value: Any, suite: str) -> None:
    document = plain(index=20)
    document["credentialSubject"]["achievement"]["tag"] = value
    with pytest.raises(Malformed, match="'tag' is null or"):
        signed(document, suite)


def test_null_that_is_a_value_and_an_empty_sequence_are_signed() -> None:
    terms = {
        "data": {"@id": "urn:example:data", "@type": "@json"},
        "steps": {"@id": "urn:example:steps", "@container": "@list"},
    }
    document = with_context(plain(index=21, data={"x": None, "y": []}, steps=[]), **terms)
    (credential,) = check(signed(document)).require()
    assert credential.said["urn:example:data"] == {"x": None, "y": []}
    assert credential.said["urn:example:steps"] == []
    text = plain(index=22, name="null and []")
    assert check(signed(text)).require()[0].said["name"] == "null and []"


def test_who_shows_a_credential_does_not_answer_for_the_null_in_it() -> None:
    holder = Holder()
    document = plain(index=23)
    document["credentialSubject"]["id"] = holder.did
    theirs = {**signed(document), "validUntil": None}
    bundle = Bundle(holder.present(theirs), (), (), UNIVERSITY.status_lists())
    report = verifier(PINNED).verify(bundle, now=NOW, challenge="challenge", domain="employer.example")
    assert "validUntil" not in report.require()[0].said


def test_a_template_with_null_makes_no_credential() -> None:
    template = json.loads(shipped().template.text)
    composer = Composer(
        shipped().with_template(Template(json.dumps({**template, "description": None}).encode())),
        Profile("did:web:university.example", "Example University", "university.example/log"),
        b"x" * 32, b"y" * 32, Positions(lambda _: b"z" * 32),
    )  # fmt: skip
    with pytest.raises(InvalidTemplate, match="'description' is null or"):
        composer.check()


def test_the_rules_of_the_data_model_stand_beside_what_is_not_understood() -> None:
    document = signed(plain(index=24))
    del document["issuer"]
    assert check({**document, "unheardOf": "x"}).verdict is Verdict.INVALID
    assert check({**document, CREDENTIALS + "issuer": {"id": UNIVERSITY.did}}).verdict is Verdict.UNDETERMINED
    unknown = [*document["@context"], "https://university.example/v1"]
    assert check({**document, "@context": unknown}).verdict is Verdict.UNDETERMINED


def test_an_end_is_an_end_in_either_versions_word() -> None:
    first = {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/security/data-integrity/v2"],
        "type": ["VerifiableCredential"],
        "issuer": UNIVERSITY.did,
        "issuanceDate": "2026-01-01T00:00:00Z",
        "credentialSubject": {"id": "urn:example:x"},
    }
    assert check(signed(first))
    for change in ({"expirationDate": ENDED}, {"validUntil": ENDED}):
        assert check(signed({**first, **change})).verdict is Verdict.INVALID


def test_what_the_document_is_and_its_proof_is_for_are_no_iris_either() -> None:
    honest = signed(plain(index=25))
    by_keyword = copy.deepcopy(honest)
    by_keyword["@type"] = by_keyword.pop("type")
    by_iri = {**honest, "type": [CREDENTIALS + "VerifiableCredential", "OpenBadgeCredential"]}
    purpose = copy.deepcopy(honest)
    purpose["proof"][0]["proofPurpose"] = "https://w3id.org/security#assertionMethod"
    for document in (by_keyword, by_iri, purpose):
        report = check(document)
        assert report.verdict is Verdict.UNDETERMINED, text(report)
        assert "read" in text(report)


def test_a_wallet_lists_what_it_could_not_read() -> None:
    document = signed(plain(index=26, name="Diploma"))
    document["@context"] = [*document["@context"], "https://university.example/v1"]
    report = check(document)
    assert report.verdict is Verdict.UNDETERMINED
    held = Held("0" * 12, Bundle(document, (), (), ()).to_bytes(), NOW, report.verdict)
    assert wallet.line(held, lambda _: "").startswith(
        "000000000000  Master of Science of Ada Invented, Example University; could not be"
    )
