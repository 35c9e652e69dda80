"""What is not known here is not called false: forms, faults and documents of a later release, in one table.

Definitely not valid is only what a check contradicts, or what calls itself a credential and breaks its rules.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from did.methods import web as did_web
from keys import PrivateKey
from tests.baking import itxt, png
from tests.commandline import Program
from tests.test_verifier_pins import Web, published
from tests.world import CONTEXT, NOW, Holder, University, verifier
from vc import Bundle, Outcome, Report, Verdict, sign
from vc.vcdm.presentation import presentation
from verifier import RecognisedIssuer, Trust, Verifier
from wire import base64url_encode

RELEASE = Path(__file__).parent / "fixtures" / "f31e11f"
UNIVERSITY = University()
ISSUED = UNIVERSITY.issue()
ISSUED_BYTES = ISSUED.to_bytes()
LIMIT = 1 << 23

Change = Callable[[dict[str, Any]], object]


def check(source: Any, trust: Trust | None = None) -> Report:
    return verifier(trust or UNIVERSITY.trust).verify(source, now=NOW)


def said(report: Report) -> str:
    return report.deciding.text if report.deciding else ""


def changed(*changes: Change) -> bytes:
    """A valid bundle after these changes, as a file."""
    whole = json.loads(ISSUED_BYTES)
    for change in changes:
        change(whole)
    return json.dumps(whole).encode()


def test_the_bundle_itself_is_valid() -> None:
    assert check(changed())


# What is no JSON of ours: named, and open

JWT = ".".join(
    base64url_encode(part)
    for part in (
        b'{"alg":"ES256","typ":"JWT"}',
        b'{"type":["VerifiableCredential"],"issuer":"did:web:x.example"}',
        bytes(64),
    )
)
JSON_WEB_SIGNATURE = {"protected": "eyJhbGciOiJFUzI1NiJ9", "signature": "AA"}
CBOR_MDOC = b"\xa2jnameSpaces\xa0jissuerAuth\x84C\xa1\x01&\xa0Cabcx"

FORMS: dict[str, tuple[bytes, str]] = {
    "a JWT": (JWT.encode(), "a JWT"),
    "a JWT with a line end": (f"{JWT}\r\n".encode(), "a JWT"),
    "a JWT in quotation marks": (f'"{JWT}"'.encode(), "a JWT"),
    "an SD-JWT": (f"{JWT}~WyJzYWx0IiwibmFtZSIsIuW8oOaVjyJd~".encode(), "an SD-JWT"),
    "a JWE": (
        b"eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSJ9..AA.AA.AA",
        "an encrypted JWT",
    ),
    "JAdES": (json.dumps({"payload": "e30", "signatures": [JSON_WEB_SIGNATURE]}).encode(), "JAdES"),
    "JAdES with one signature": (json.dumps({"payload": "e30", **JSON_WEB_SIGNATURE}).encode(), "JAdES"),
    "an mdoc": (CBOR_MDOC, "an mdoc"),
    "an mdoc in base64url": (base64url_encode(CBOR_MDOC).encode() + b"\n", "an mdoc"),
    "COSE": (b"\xd2\x84C\xa1\x01&\xa0Cabc", "COSE"),
    "a baked PNG": (png(itxt(b"{}", b"openbadges")), "(PNG), into which a badge is baked"),
    "a baked PNG, cut off": (png(itxt(b"{}"))[:90], "the file is cut off"),
    "a baked SVG": (
        b'<?xml version="1.0"?>\n<svg xmlns:openbadges="https://purl.imsglobal.org/ob/v3p0">',
        "(SVG), into which a badge is baked",
    ),
    "a PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture (PNG)"),
    "a JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF"),
    "a signed PDF in CMS": (b"0\x82\x10\x00\x06\x09*\x86H\x86\xf7\r\x01\x07\x02", "CMS"),
    "a ZIP": (b"PK\x03\x04\x14\0\0\0", "a ZIP archive"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0", "gzip"),
    "an e-mail": (
        b"Subject: Your diploma\r\nFrom: registrar@university.example\r\n\r\nDear O'Brien-M\xc3\xbcller\r\n",
        "an e-mail",
    ),
    "an mbox": (b"From registrar@university.example Mon Jul  1 12:00:00 2024\n", "an e-mail"),
    "a web page": (b"<!DOCTYPE html>\n<html lang=en>", "a web page"),
    "UTF-16": (ISSUED_BYTES.decode().encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (ISSUED_BYTES.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16, the other way": (ISSUED_BYTES.decode().encode("utf-16-be"), "UTF-16"),
    "an issuer's backup": ((RELEASE / "university.backup").read_bytes(), "the backup of an issuer"),
    "a wallet's backup": ((RELEASE / "wallet.backup").read_bytes(), "a wallet"),
    "a trust file": ((RELEASE / "trust.json").read_bytes(), "a trust file"),
    "nothing": (b"", "empty"),
    "a blank": (b" \n", "empty"),
    "words": ("Nguyễn Thị Ánh, magna cum laude".encode(), "not JSON"),
    "random bytes": (bytes(range(128, 256)), "not UTF-8"),
    "Latin-1": ('{"name": "Müller"}'.encode("latin-1"), "not UTF-8"),
    "JSON cut off": (ISSUED_BYTES[: len(ISSUED_BYTES) // 2], "not JSON"),
    "NaN": (b'{"type": "VerifiableCredential", "x": NaN}', "not JSON"),
    "a list": (b"[%b]" % ISSUED_BYTES, "begins with '{'"),
    "a number": (b"7", "begins with '{'"),
    "JSON of somebody else": (b'{"name": "x"}', "no credential"),
    "a DID document": (json.dumps(ISSUED.issuer_documents[0].document).encode(), "no credential"),
    "somebody else's JSON with a member twice": (b'{"name": 1, "name": 2}', "member twice"),
    "too large": (ISSUED_BYTES + b" " * LIMIT, "longer than"),
    "too deep": (b'{"type": "IntaglioBundle", "x": %b}' % (b"[" * 99 + b"]" * 99), "deeper than"),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_is_not_read_is_named_and_left_open(name: str) -> None:
    data, words = FORMS[name]
    report = check(data)
    assert [found.name for found in report.checks] == ["readable"]
    assert (report.verdict, words in said(report)) == (Verdict.UNDETERMINED, True), said(report)


@pytest.mark.parametrize(
    "name", ["a JWT", "a baked PNG", "JSON cut off", "a list", "a trust file", "nothing"]
)
def test_the_command_says_so_with_exit_code_3(name: str, program: Program, tmp_path: Path) -> None:
    data, words = FORMS[name]
    file = tmp_path / "given"
    file.write_bytes(data)
    answer = program("verify", file, "--offline")
    assert (answer.code, answer.err) == (3, "")
    first, *_ = answer.out.splitlines()
    assert first.startswith("COULD NOT BE DECIDED: ")
    assert words in first
    assert "What to do: " in answer.out


@pytest.mark.parametrize("source", [None, [], "x", "", b"", 7, object(), bytearray(ISSUED_BYTES), {}, {1: 2}])
def test_whatever_a_program_hands_in_is_answered_with_a_report(source: Any) -> None:
    assert check(source).verdict is Verdict.UNDETERMINED


def test_a_byte_order_mark_is_read(program: Program, tmp_path: Path) -> None:
    assert check(b"\xef\xbb\xbf" + ISSUED_BYTES)
    file = tmp_path / "bundle.json"
    file.write_bytes(b"\xef\xbb\xbf" + (RELEASE / "bundles/valid.json").read_bytes())
    answer = program("verify", file, "--trust", RELEASE / "trust.json", "--at", "2024-07-02", "--offline")
    assert answer.code == 0


# What a later release may write

OTHER_KIND = {"type": "example.org/chain@v1", "digest": base64url_encode(bytes(32)), "proof": "…"}


def set_in(part: str, **members: Any) -> Change:
    return lambda whole: whole[part].update(members)


def set_in_first(part: str, **members: Any) -> Change:
    return lambda whole: whole[part][0].update(members)


def set_proof(**members: Any) -> Change:
    return lambda whole: whole["credential"]["proof"][0].update(members)


def add_context(context: Any) -> Change:
    return lambda whole: whole["credential"]["@context"].append(context)


FUTURE: dict[str, tuple[Change, Verdict, str]] = {
    "evidence of another kind beside": (
        lambda whole: whole["evidence"].append(OTHER_KIND),
        Verdict.VALID,
        "example.org/chain@v1",
    ),
    "evidence of another kind in front": (
        lambda whole: whole["evidence"].insert(0, OTHER_KIND),
        Verdict.VALID,
        "example.org/chain@v1",
    ),
    "evidence of another kind alone": (
        lambda whole: whole.update(evidence=[OTHER_KIND]),
        Verdict.UNDETERMINED,
        "example.org/chain@v1",
    ),
    "evidence of another kind beside that of a document": (
        lambda whole: whole["issuerDocuments"][0]["evidence"].append(OTHER_KIND),
        Verdict.VALID,
        "",
    ),
    "evidence of another kind beside that of a list": (
        lambda whole: whole["statusLists"][0]["evidence"].append(OTHER_KIND),
        Verdict.VALID,
        "",
    ),
    "a bundle of version 5": (lambda whole: whole.update(version=5), Verdict.UNDETERMINED, "version '5'"),
    "one more member": (lambda whole: whole.update(kind={}), Verdict.UNDETERMINED, "'kind'"),
    "more of evidence": (set_in_first("evidence", chain="x"), Verdict.UNDETERMINED, "'chain'"),
    "more of a document": (set_in_first("issuerDocuments", history=[]), Verdict.UNDETERMINED, "'history'"),
    "more of a list": (set_in_first("statusLists", aggregated=1), Verdict.UNDETERMINED, "'aggregated'"),
    "a JWT in the envelope": (lambda whole: whole.update(credential=JWT), Verdict.UNDETERMINED, "a JWT"),
    "an enveloped credential": (
        lambda whole: whole.update(
            credential={
                "@context": CONTEXT[0],
                "type": "EnvelopedVerifiableCredential",
                "id": f"data:application/vc+cose,{JWT}",
            }
        ),
        Verdict.UNDETERMINED,
        "enveloped",
    ),
    "another data model": (
        set_in("credential", **{"@context": ["https://www.w3.org/ns/credentials/v3"]}),
        Verdict.UNDETERMINED,
        "credentials/v3",
    ),
    "another type of proof": (
        set_proof(type="Ed25519Signature2030"),
        Verdict.UNDETERMINED,
        "Ed25519Signature2030",
    ),
    "another suite": (set_proof(cryptosuite="mldsa44-rdfc-2030"), Verdict.UNDETERMINED, "mldsa44-rdfc-2030"),
    "another DID method": (
        set_proof(verificationMethod="did:webplus:x.example#1"),
        Verdict.UNDETERMINED,
        "webplus",
    ),
    "a key of another type": (
        set_proof(
            verificationMethod="did:key:zUC7K4ndUaGZgV7Cp2yJy6JtMoUHY6u7tkcSYUvPrEidqBmLCTLmi6d5WvwnUqejscAkERJ3"
            "bfjEiSYtdPkRSE8kSa11hFBr4sTgnbZ95SJj19PN2jdvJjyzpSZgxkyyxNnBNnY#x"
        ),
        Verdict.UNDETERMINED,
        "no known type",
    ),
    "a key whose name is a web address": (
        set_proof(verificationMethod="https://x.example/key"),
        Verdict.UNDETERMINED,
        "https://x.example/key",
    ),
    "a member without a meaning": (set_in("credential", surprise="x"), Verdict.UNDETERMINED, "surprise"),
    "a keyword that is not read": (
        set_in("credential", **{"@graph": {"name": "x"}}),
        Verdict.UNDETERMINED,
        "@graph",
    ),
    "another spelling": (
        lambda whole: whole["credential"].update(
            {"https://www.w3.org/2018/credentials#validUntil": whole["credential"]["validFrom"]}
        ),
        Verdict.UNDETERMINED,
        "validUntil",
    ),
    "an unknown context": (add_context("https://x.example/context"), Verdict.UNDETERMINED, "x.example"),
    "a context that is not valid": (add_context({"@version": 9}), Verdict.UNDETERMINED, "@version"),
    "a number that JCS does not write": (set_in("credential", name=10**30), Verdict.UNDETERMINED, "2^53-1"),
    "more keys than are read": (
        lambda whole: whole["issuerDocuments"][0]["document"].update(authentication=["#x"] * 300),
        Verdict.UNDETERMINED,
        "more than 256",
    ),
    "more proofs than are read": (
        lambda whole: whole["credential"].update(proof=whole["credential"]["proof"] * 9),
        Verdict.UNDETERMINED,
        "at most 8",
    ),
    "more entries than are read": (
        lambda whole: whole.update(statusLists=whole["statusLists"] * 40),
        Verdict.UNDETERMINED,
        "more than 64",
    ),
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("name", FUTURE)
def test_what_a_later_release_may_write_is_named_and_no_forgery(name: str) -> None:
    change, verdict, words = FUTURE[name]
    report = check(changed(change))
    assert report.verdict is verdict, said(report)
    assert words in " ".join(found.text for found in report.checks)
    assert "not what the issuer signed" not in str(report.to_dict())


def test_it_is_told_by_step_8_what_was_left_aside() -> None:
    (step,) = [
        found
        for found in check(changed(FUTURE["evidence of another kind beside"][0])).checks
        if found.step == 8
    ]
    assert step.outcome is Outcome.PASSED
    assert step.text.endswith("left aside: evidence of the kind 'example.org/chain@v1' is not read here")


# What a check contradicts, and what calls itself a credential and breaks the rules of one


def signed(**change: Any) -> bytes:
    """The bundle of a diploma that was signed with these members."""
    return UNIVERSITY.issue(**change).to_bytes()


def by_somebody_else() -> bytes:
    method = ISSUED.secured["proof"][0]["verificationMethod"]
    forged = sign(
        UNIVERSITY.diploma(), PrivateKey.generate(), verification_method=method, created=UNIVERSITY.now
    )
    return UNIVERSITY.bundle(forged).to_bytes()


def unsigned(**change: Any) -> bytes:
    """The bundle with members of its credential set to these, or left out where they are `None`."""
    whole = json.loads(ISSUED_BYTES)
    credential = {**whole["credential"], **change}
    whole["credential"] = {name: value for name, value in credential.items() if value is not None}
    return json.dumps(whole).encode()


def revoked() -> bytes:
    whole, other = json.loads(ISSUED_BYTES), University()
    other.key, other.log, other.documents = UNIVERSITY.key, UNIVERSITY.log, UNIVERSITY.documents
    other.revoke(7)
    taken_back = Bundle(ISSUED.secured, (), (), other.status_lists()).to_bytes()
    return json.dumps({**whole, "statusLists": json.loads(taken_back)["statusLists"]}).encode()


def evidence_of_another() -> bytes:
    other = json.loads(UNIVERSITY.issue(index=8).to_bytes())
    return changed(lambda whole: whole.update(evidence=other["evidence"]))


def altered_evidence(whole: dict[str, Any]) -> None:
    evidence = whole["evidence"][0]
    evidence["proof"] = evidence["proof"].replace("index ", "index 1")


FALSE: dict[str, tuple[bytes, str]] = {
    "a grade of one's own": (unsigned(name="Doctor of Everything"), "the signature does not fit"),
    "altered evidence": (changed(altered_evidence), "outside of the tree"),
    "evidence of another diploma": (evidence_of_another(), "belongs to another credential"),
    "expired": (signed(validUntil="2026-07-01T00:00:00Z"), "expired on 2026-07-01"),
    "not valid yet": (signed(validFrom="2027-07-01T00:00:00Z"), "valid only from 2027-07-01"),
    "revoked": (revoked(), "revoked by the issuer"),
    "by somebody else under the issuer's name": (by_somebody_else(), "another key signed it"),
    "by a did:key that is another key": (
        changed(set_proof(verificationMethod=f"{Holder().did}#{Holder().did.removeprefix('did:key:')}")),
        "",
    ),
    "nobody's": (unsigned(proof=None), "nobody signed this"),
    "for another purpose": (changed(set_proof(proofPurpose="authentication")), "authentication"),
    "a proof without a purpose": (changed(set_proof(proofPurpose=None)), "proofPurpose"),
    "a proof that is over": (changed(set_proof(expires="2026-06-30T00:00:00Z")), "expired"),
    "a member twice in a credential": (
        json.dumps(ISSUED.secured).encode().replace(b'"validFrom"', b'"type": 1, "validFrom"'),
        "second member",
    ),
    "a member twice in a bundle": (
        ISSUED_BYTES.replace(b'"validFrom"', b'"name": 1, "name": 2, "validFrom"'),
        "second member",
    ),
    "no context": (unsigned(**{"@context": None}), "@context"),
    "no issuer": (unsigned(issuer=None), "issuer"),
    "no subject": (unsigned(credentialSubject=None), "credentialSubject"),
    "an end before the beginning": (unsigned(validUntil="1999-12-31T00:00:00Z"), "before validFrom"),
    "an id that is no URL": (unsigned(id="FIX-0001"), "id"),
    "a status without a purpose": (
        signed(credentialStatus={"type": "BitstringStatusListEntry", "statusListIndex": "7"}),
        "statusPurpose",
    ),
    "neither a credential nor a presentation in it": (
        changed(lambda whole: whole.pop("credential")),
        "neither one credential",
    ),
    "evidence that is no list": (changed(lambda whole: whole.update(evidence={})), "not a list"),
}


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("name", FALSE)
def test_what_a_check_contradicts_is_not_valid(name: str) -> None:
    data, words = FALSE[name]
    report = check(data)
    assert (report.verdict, words in said(report)) == (Verdict.INVALID, True), said(report)


@pytest.mark.parametrize("name", ["a grade of one's own", "revoked", "a member twice in a credential"])
def test_the_command_says_so_with_exit_code_1(name: str, program: Program, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    trust.write_bytes(UNIVERSITY.trust.to_bytes())
    at = ("--trust", trust, "--at", NOW.isoformat().replace("+00:00", "Z"), "--offline")
    answer = program("verify", "-", *at, stdin=FALSE[name][0])
    assert (answer.code, answer.out.startswith("NOT VALID: ")) == (1, True)
    assert program("verify", "-", *at, stdin=ISSUED_BYTES).code == 0


# No part that is taken away, and none that becomes one of a later release, makes anything valid


def without(part: str) -> Change:
    return lambda whole: whole.pop(part)


_NEEDED = ("type", "version", "credential")
REMOVED = {
    **{f"without {part}": without(part) for part in ("evidence", "issuerDocuments", "statusLists")},
    "without the last list": lambda whole: whole["statusLists"].pop(),
    "the credential alone": lambda whole: [whole.pop(part) for part in [*whole] if part not in _NEEDED],
    "evidence of another kind instead": lambda whole: whole["evidence"][0].update(type="x"),
    "documents whose evidence is of another kind": lambda whole: _other_kind(whole["issuerDocuments"]),
    "lists whose evidence is of another kind": lambda whole: _other_kind(whole["statusLists"]),
}


def _other_kind(anchored: list[dict[str, Any]]) -> None:
    for item in anchored:
        for evidence in item["evidence"]:
            evidence["type"] = "example.org/chain@v1"


@pytest.mark.slow
@pytest.mark.parametrize("name", FALSE)
def test_nothing_that_is_removed_or_made_unknown_turns_not_valid_into_valid(name: str) -> None:
    whole = json.loads(FALSE[name][0])
    if whole["type"] != "IntaglioBundle":
        whole = {**json.loads(ISSUED_BYTES), "credential": whole}
    for change in [*REMOVED.values(), *(change for change, _, _ in FUTURE.values())]:
        less = copy.deepcopy(whole)
        try:
            change(less)
        except (KeyError, IndexError, AttributeError, TypeError):  # nothing of that kind is in it
            continue
        assert not check(json.dumps(less).encode())


def test_without_what_is_needed_the_question_is_open() -> None:
    for name, change in REMOVED.items():
        assert check(changed(change)).verdict is not Verdict.INVALID, name


# Keys that the document of today does not have, or whose time is over


OBJECT = {"id": "https://x.example/1", "type": "X"}
SAID = ("type", "issuer", "validFrom", "credentialSubject", "credentialStatus", "termsOfUse", "proof")
MEMBERS = {
    **{name: ISSUED.secured[name] for name in SAID},
    **dict.fromkeys(("credentialSchema", "evidence", "refreshService"), OBJECT),
    "validUntil": "2090-01-01T00:00:00Z",
    "relatedResource": {"id": "https://x.example/1", "digestSRI": "sha256-AAAA"},
}


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("wrapper", ["@set", "@list"])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_that_is_wrapped_in_an_object_is_named_and_left_open(member: str, wrapper: str) -> None:
    """JSON-LD knows such a spelling; what it means under these contexts is not read here."""
    report = check(changed(set_in("credential", **{member: {wrapper: MEMBERS[member]}})))
    assert report.verdict is Verdict.UNDETERMINED, said(report)
    assert member in said(report)


@pytest.mark.parametrize("wrapper", ["@set", "@list"])
@pytest.mark.parametrize("member", ["holder", "verifiableCredential"])
def test_so_is_one_of_a_presentation(member: str, wrapper: str) -> None:
    shown = Holder().present(ISSUED.secured)
    report = check({**shown, member: {wrapper: shown[member]}})
    assert report.verdict is Verdict.UNDETERMINED, said(report)
    assert member in said(report)


WITHOUT_LOG = UNIVERSITY.sign(
    {name: it for name, it in UNIVERSITY.diploma().items() if name not in ("termsOfUse", "credentialStatus")}
)
KNOWN_BY_NAME = Trust().adding(RecognisedIssuer(UNIVERSITY.did))


def on_the_web(*keys: PrivateKey, method: Mapping[str, Any] | None = None, **change: Any) -> Verdict:
    """What is said of the diploma while the university's web site has a document with these keys."""
    document = published(UNIVERSITY.did, *keys, **change)
    document["verificationMethod"] = [{**entry, **(method or {})} for entry in document["verificationMethod"]]
    return Verifier(Web(document), trust=KNOWN_BY_NAME).verify(WITHOUT_LOG, now=NOW).verdict


def test_what_a_fetched_document_lacks_today_it_may_have_had() -> None:
    over = "2026-06-30T23:00:00Z"
    assert on_the_web(UNIVERSITY.key) is Verdict.VALID
    assert on_the_web(PrivateKey.generate()) is Verdict.UNDETERMINED
    assert on_the_web(UNIVERSITY.key, assertionMethod=[]) is Verdict.UNDETERMINED
    assert on_the_web(UNIVERSITY.key, method={"expires": over}) is Verdict.UNDETERMINED
    assert on_the_web(UNIVERSITY.key, method={"revoked": over}) is Verdict.UNDETERMINED
    assert on_the_web(UNIVERSITY.key, method={"type": "Multikey2030"}) is Verdict.UNDETERMINED
    assert on_the_web(UNIVERSITY.key, method={"expires": "2026-07-02T00:00:00Z"}) is Verdict.VALID


def test_a_presentation_by_a_key_that_is_over_is_made_now_and_not_valid() -> None:
    """It answers a challenge that was just given, so that when it signed is known."""
    holder, key = "did:web:holder.example", PrivateKey.generate()
    document = did_web.document(holder, {"authentication": [key.public_key]})
    document["verificationMethod"][0]["expires"] = "2026-06-30T23:00:00Z"
    shown = sign(
        presentation(holder, [WITHOUT_LOG]),
        key,
        verification_method=f"{holder}#{key.public_key.multikey()}",
        created=NOW - timedelta(days=1),
        purpose="authentication",
        challenge="challenge",
        domain="employer.example",
    )
    web = Web(published(UNIVERSITY.did, UNIVERSITY.key), document)
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    report = Verifier(web, trust=KNOWN_BY_NAME).verify(shown, now=NOW, **asked)
    assert (report.verdict, "ended on 2026-06-30" in said(report)) == (Verdict.INVALID, True), said(report)
