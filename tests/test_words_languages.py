"""What is said in other languages: nothing is missing or said otherwise, and columns stay columns."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from did.methods import key as did_key
from intaglio.words import entry_reason, fact, headed, label, remedy, report, sentence, speaking, title, tr
from intaglio.words.labels import LABELS
from intaglio.words.language import DOMAIN, LANGUAGES, language_of
from keys import PrivateKey
from kinds.cells import sri
from ledger import (
    Checkpoint,
    Evidence,
    OfCheckpoints,
    Requirement,
    TrustedLedger,
    TrustedLog,
    TrustPolicy,
    UnknownLedger,
)
from ledger.evidence import parse_proof, verify_anchoring
from tests import catalogues, sd_jwts
from tests import test_status_purposes as status_purposes
from tests.authorities import Certified, recognised
from tests.commandline import Program
from tests.gazette import Gazette
from tests.phrases import FINDINGS, PHRASES
from tests.test_verifier_anchors import KNOWN, anchored, believing
from tests.test_words import programs
from tests.world import NOW, Holder, University, verifier
from vc import Report, Verdict, sign
from vc.forms import INTEGRITY, DataIntegrity
from vc.problem import KNOWN_BY_SIGHT
from vc.secured import Secured
from vc.status import Reason
from vc.vcdm.schema import Schemas
from verifier import GivenFile, RecognisedIssuer, Trust
from verifier.policy import ControlsDID
from verifier.summary import Summary
from wire.problem import Conflict, Malformed, NotFound
from wire.text import cells

UNIVERSITY = University()
OTHERS = LANGUAGES[1:]
LEFT_OUT = {"said", "read", "kind"}
"""Facts that others word in English, such as a parser."""
LEFT_IN_ENGLISH = {
    "another-issuer": "the issuer's own",
    "another-kind": "the issuer's own",
    "bad-cell": "of the registrar's table",
    "clock-behind": "of who runs a log",
    "columns-missing": "of the registrar's table",
    "damaged-issuer": "the issuer's own",
    "damaged-issuer-file": "the issuer's own",
    "error-file-refused": "of the registrar's table",
    "export-folder-taken": "the issuer's own",
    "headings-missing": "of the registrar's table",
    "invalid-record": "of the registrar's table",
    "invalid-kind": "the issuer's own",
    "invalid-template": "the issuer's own",
    "kind-not-named": "the issuer's own",
    "link-file-taken": "the issuer's own",
    "no-such-kind": "the issuer's own",
    "older-index": "the issuer's own",
    "record-refused": "of the registrar's table",
    "status-file-damaged": "the issuer's own",
    "status-file-gone": "the issuer's own",
    "too-many-findings": "of the registrar's table",
    "type-taken": "the issuer's own",
    "unreadable-file": "of the registrar's table",
    "problem": "of no kind that is known",
    "wrong-use": "what the parser of the command line says",
}
"""Whose detail is said in English behind their kind, and why: nobody meets them who verifies or keeps."""
FOREIGN = {
    "zh": r"[a-z]{2,} [a-z]{2,}|[\u3400-\u9fff][,;:?!()]|[,;:?!()][\u3400-\u9fff]",
    "de": r"\b(the|of|is|are|and|or|not|by|to|with|that|this|has|for|no)\b",
}
"""What only English would have, words or punctuation, by the language in whose texts it is looked for."""
COMMAND = re.compile(r"(?<!\.)intaglio [a-z][a-z ]*[a-z]|--[a-z][a-z-]*|[a-z_.]+\.(?:json|sqlite)")


def fields(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)[^{}]*\}", text))


def strings(language: str, context: str) -> dict[str, str]:
    """Of a context, what each text is in a language."""
    known = catalogues.read(language)
    return {str(found.id): str(found.string) for found in known if found.context == context}


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.parametrize("language", OTHERS)
class TestCatalogue:
    @pytest.mark.slow  # reads all sources
    def test_it_has_what_the_program_says_and_is_compiled(self, language: str) -> None:
        """`python -m tests.catalogues` renews it."""
        known = catalogues.read(language)
        asked = {(found.context, found.id) for found in catalogues.template(language) if found.id}
        assert {(found.context, found.id) for found in known if found.id} == asked
        assert not known.obsolete
        assert (catalogues.folder(language) / f"{DOMAIN}.mo").read_bytes() == catalogues.compiled(known)

    def test_nothing_is_left_in_english(self, language: str) -> None:
        missing = {
            (str(found.context), found.id)
            for found in catalogues.read(language)
            if not found.string or found.fuzzy  # which no `.mo` has
        }
        assert {(context, text) for context, text in missing if context != "sentence" and text} == set()
        assert not {code for _, code in missing} & FINDINGS.keys()

    def test_each_problem_that_comes_before_a_person_has_a_sentence(self, language: str) -> None:
        """Of its code, or of its own where one code stands for several things."""
        of_codes, own = strings(language, "sentence"), strings(language, "detail")
        places = catalogues.for_people()
        said = {place: bool(place.texts) and all(own.get(text) for text in place.texts) for place in places}
        open_ones = {place.code for place in places if not (said[place] or of_codes[place.code])}
        others = {code for code in programs().keys() - {place.code for place in places} if not of_codes[code]}
        assert open_ones | others == LEFT_IN_ENGLISH.keys()

    def test_no_english_stands_in_it(self, language: str) -> None:
        """But names, which have a capital letter, members of documents, and what is typed."""
        for found in catalogues.read(language):
            text = found.string if isinstance(found.string, str) else (found.string or [""])[0]
            told = re.sub(r"`[^`]*`|(intaglio|pip) .*|--[a-z].*|\{[^}]*\}", "", text)
            assert not re.search(FOREIGN[language], told), text

    def test_it_says_the_same(self, language: str) -> None:
        """The facts of each text, and the commands, options and files in it."""
        for found in catalogues.read(language):
            if found.context == "sentence" or not found.id:
                continue
            one, other = (
                text if isinstance(text, str) else (text or [""])[0] for text in (found.id, found.string)
            )
            if found.context != "hint":  # which is no template
                assert fields(other) <= fields(one), one
                assert fields(one) - fields(other) <= LEFT_OUT, one
            assert COMMAND.findall(one) == COMMAND.findall(other), one

    def test_each_text_is_said_as_it_is_translated(self, language: str) -> None:
        for text, other in strings(language, "detail").items():
            if not (asked := fields(text)):
                assert sentence(Malformed(text), language) == other
                continue
            facts: Any = dict.fromkeys(asked - {"why", "because"}, "7")
            inner: Any = {name: NotFound("there is none") for name in asked & {"why", "because"}}
            problem = Malformed.saying(text, **facts, **inner)
            assert sentence(problem, "en") == problem.detail
            told = other.format_map({**facts, **{name: title(inner[name], language) for name in inner}})
            assert sentence(problem, language).startswith(told), text

    @pytest.mark.slow
    def test_a_sentence_finds_its_facts_wherever_its_problem_is_raised(self, language: str) -> None:
        said, own = strings(language, "sentence"), strings(language, "detail")
        for place in catalogues.made():
            if not (place.texts and all(own.get(text) for text in place.texts)):  # else it has its own
                assert fields(said[place.code]) <= place.facts, f"{place.file}: {place.code}"
        for code, english in FINDINGS.items():
            assert fields(said[code]) <= fields(english), code


class Derived(DataIntegrity):
    """As if each proof were one of many that can be derived from the issuer's."""

    def read(self, *args: Any) -> Secured:
        found = super().read(*args)
        vars(found)["leaves"] = lambda *_: ()
        return found


def reports() -> Iterator[Report]:
    """All kinds of findings that are no problem."""
    university, holder = University(), Holder()
    asked: Any = {"challenge": "challenge", "domain": "employer.example"}
    bundle = university.issue()
    judge = verifier(university.trust)
    yield judge.verify(bundle, now=NOW)
    yield judge.verify(replace(bundle, secured={**bundle.secured, "name": "Altered"}), now=NOW)
    shown = replace(bundle, secured=holder.present(bundle.secured))
    yield judge.verify(shown, now=NOW, **asked)
    yield judge.verify(shown, now=NOW, challenge="challenge")
    yield judge.verify(shown, now=NOW, unasked=True)
    yield judge.verify(holder.present(), now=NOW, policy=ControlsDID(), **asked)
    proofs = [*bundle.secured["proof"], {"type": "DataIntegrityProof", "cryptosuite": "falcon-2027"}]
    yield judge.verify(replace(bundle, secured={**bundle.secured, "proof": proofs}), now=NOW)
    until = "2027-01-01T00:00:00Z"
    schemas = Schemas({"urn:example:schema": {"type": "object"}})
    named: Any = {"credentialSchema": {"id": "urn:example:schema", "type": "JsonSchema"}}
    resource = {"id": "https://example.org/photo.png", "digestSRI": "sha256-AA=="}
    document = university.diploma(validUntil=until, relatedResource=resource, **named)
    yield verifier(university.trust, schemas=schemas).verify(university.issue(document), now=NOW)
    empty = {"id": "https://example.org/photo.png", "digestSRI": sri(hashlib.sha256().digest())}
    given = [GivenFile.read(BytesIO())]
    yield judge.verify(university.issue(university.diploma(relatedResource=empty)), now=NOW, files=given)
    changes: list[dict[str, Any]] = [{"validUntil": until}, {}]
    for change in changes:
        key = PrivateKey.generate()
        did = did_key.create(key.public_key)
        plain = without(
            university.diploma(issuer=did, **change), "credentialStatus", "termsOfUse", "validFrom"
        )
        method = f"{did}#{key.public_key.multikey()}"
        made = sign(plain, key, verification_method=method, created=NOW - timedelta(days=1))
        yield verifier(Trust().adding(RecognisedIssuer(did))).verify(made, now=NOW)
    plain["termsOfUse"] = university.diploma()["termsOfUse"]
    anchored_elsewhere = sign(plain, key, verification_method=method, created=NOW - timedelta(days=1))
    yield verifier(Trust().adding(RecognisedIssuer(did))).verify(anchored_elsewhere, now=NOW)
    former = (
        sd_jwts.jwt(
            {"alg": "EdDSA", "typ": "vc+sd-jwt"}, {"iss": did, "vct": "urn:example:a", "_sd": ["decoy"]}, key
        )
        + b"~"
    )
    yield verifier(Trust().adding(RecognisedIssuer(did))).verify(former, now=NOW)
    leaf = Certified("Registrar")
    header = {"alg": "ES256", "typ": "dc+sd-jwt", "x5c": [leaf.text]}
    by_certificate = sd_jwts.jwt(header, {"vct": "urn:example:a"}, leaf.signer) + b"~"
    yield verifier(Trust().adding(recognised(leaf))).verify(by_certificate, now=NOW)
    derived = verifier(Trust().adding(RecognisedIssuer(did)), forms={INTEGRITY: Derived()})
    yield derived.verify(anchored_elsewhere, now=NOW)
    pinned = Trust().adding(RecognisedIssuer(university.did, keys=(university.key.public_key.multikey(),)))
    yield verifier(pinned).verify(university.issue(without(university.diploma(), "termsOfUse")), now=NOW)
    yield from status_purposes.reports()
    unreachable = verifier(university.trust, lists=[lambda _url: b"none"])
    yield unreachable.verify(bundle, now=NOW)
    gazette = Gazette()
    shown_there = anchored(bundle, gazette)
    (log,) = believing(university.trust, gazette).logs
    required = Trust(university.trust.issuers, (replace(log, requires=Requirement(1, (gazette.name,))),))
    yield verifier(required, evidence_kinds=KNOWN).verify(shown_there, now=NOW)


def test_the_tables_say_in_english_what_the_library_says() -> None:
    """Else a translator would translate something else. `ignored` is a code there, and a sentence here."""
    seen = set()
    for found in reports():
        for check in found.checks:
            if check.problem is None and "ignored" not in check.facts:
                template = FINDINGS.get(check.code) or FINDINGS[check.finding]
                seen.add(check.code if check.code in FINDINGS else check.finding)
                clauses = {
                    "reason",
                    "newer",
                    "unbound",
                    "uncounted",
                    "stated",
                    "ledgers",
                } & check.facts.keys()
                told = template.format_map(check.facts)
                assert check.text == told if not clauses else check.text.startswith(told), check
    unseen = {"issuer-key-published", "issuer-document-pinned", "evidence-in-log-undated"}
    unseen.add("schema-no-engine")  # tests/test_verifier_schema.py has it
    witnessed = {"evidence-in-log-witnessed", "evidence-in-log-by-witnesses"}
    assert FINDINGS.keys() - seen == unseen | witnessed


def test_what_a_language_has_no_sentence_for_is_its_kind_and_the_technical_sentence() -> None:
    assert sentence(Malformed("member 7 is no text")) == "member 7 is no text"
    with speaking("zh"):
        assert sentence(Malformed("member 7 is no text")) == "数据格式有误。member 7 is no text"
        assert sentence(Conflict("it is there")) == "存在冲突。it is there"


def test_german_leaves_to_english_what_is_for_who_runs_a_service() -> None:
    """Whole: what a verifier, a holder or a reader of the page meets is German, the rest English."""
    contexts = {each.context for each in catalogues.read("de") if each.id}
    of_all = {each.context for each in catalogues.read("zh") if each.id}
    assert of_all - contexts == catalogues.NOT_IN_GERMAN
    with speaking("de"):
        assert tr("Nothing is wrong.") == "Nothing is wrong."  # of `intaglio doctor`
        assert tr("What to do: {remedy}") == "Was zu tun ist: {remedy}"
        assert [report.verdict(each) for each in Verdict] == ["GÜLTIG", "NICHT GÜLTIG", "NICHT ENTSCHEIDBAR"]
        assert headed(NotFound.saying("there is no file {file}", file="a")) == (
            "Nicht gefunden: es gibt keine Datei a"
        )


def test_a_report_in_german_has_no_english_in_it() -> None:
    """Quoted names aside, and the "by" before a ledger's time, which is a part of that fact."""
    with speaking("de"):
        for judged in reports():
            for check in judged.checks:
                told = re.sub(r"'[^']*'|„[^“]*“|by 20\d\d", "", report.shown(check))
                assert not re.search(FOREIGN["de"], told), told


def test_the_kind_of_a_problem_is_said_once() -> None:
    with speaking("zh"):
        assert headed(Conflict("it is there")) == "存在冲突。it is there"
        assert headed(NotFound.saying("there is no file {file}", file="a")) == "未找到：没有文件 a"
    assert headed(Conflict("it is there")) == "Conflict: it is there"


def test_strangers_words_stay_in_their_quotation_marks_in_every_language() -> None:
    university = University("stranger.example")
    evil = university.issue(
        issuer={"id": university.did, "type": ["Profile"], "name": "北京大学”，已核实{issuer}\u202e“\x1b[2J"}
    )
    found = verifier(Trust()).verify(evil, now=NOW)
    with speaking("zh"):
        assert found.deciding is not None
        told = report.shown(found.deciding)
    assert told.endswith("；该机构自称“北京大学'，已核实{issuer}⟨202E⟩'⟨001B⟩[2J”")


def test_what_a_document_says_is_quoted_as_it_is_in_every_language() -> None:
    """Also where it says what is a phrase of ours, such as what a file is."""
    bundle = UNIVERSITY.issue()
    proofs = [{**proof, "verificationMethod": "a PDF"} for proof in bundle.secured["proof"]]
    found = verifier(UNIVERSITY.trust).verify(
        replace(bundle, secured={**bundle.secured, "proof": proofs}), now=NOW
    )
    said = [check for check in found.checks if "a PDF" in check.text]
    assert said
    for check in said:
        assert "a PDF" in sentence(check, "zh")
    known = KNOWN_BY_SIGHT.saying("this is {form}", form="a PDF")
    assert "a PDF" not in sentence(known, "zh")


def test_the_reasons_of_revocations_are_words_of_ours() -> None:
    assert {reason.value for reason in Reason} <= {*PHRASES["reason"]}


def test_facts_that_are_words_of_ours_are_said_in_the_language() -> None:
    """Of no other fact is a word translated: there it is what a document says."""
    with speaking("zh"):
        for name, phrases in PHRASES.items():
            assert all(fact(name, phrase) != phrase for phrase in phrases if phrase.isascii()), name
            assert fact("issuer", phrases[0]) == phrases[0]


def test_chinese_says_why_a_ledger_or_a_log_does_not_count() -> None:
    """Each by its own sentence: once a ledger that could not be read was said not to be listed."""
    bundle = UNIVERSITY.issue()
    checkpoint = Checkpoint.parse(parse_proof(bundle.evidence[0].body)[2])

    def unread(_: TrustedLedger) -> None:
        raise Malformed("it lacks addresses")

    told, kinds = [], {"k@v1": OfCheckpoints(unread, lambda *_: pytest.fail("asked"))}
    evidence = Evidence("k@v1", checkpoint.digest, b"x")
    for ledgers in ((TrustedLedger("k@v1", "chain:1"),), ()):
        log = TrustedLog.of(UNIVERSITY.recognised_log.key, ledgers=ledgers)
        with pytest.raises(UnknownLedger) as left:
            verify_anchoring(checkpoint, evidence, TrustPolicy((log,)), kinds=kinds)
        told.append(sentence(left.value, "zh"))
    assert "chain:1" in told[0]
    assert told[0].endswith("it lacks addresses")
    assert "您的信任名单" in told[1]
    assert "日志 'university.example/log' 所信任" not in told[1]
    listed = Trust(
        (RecognisedIssuer(UNIVERSITY.did, keys=(UNIVERSITY.key.public_key.multikey(),)),),
        (replace(UNIVERSITY.recognised_log, issuers=("did:web:x.example",)),),
    )
    report = verifier(listed).verify(bundle, now=NOW)
    assert any("该颁发机构的日志" in sentence(found, "zh") for found in report.checks)


SAMPLES = {
    "valid.json": (
        r"有效：由 Example University \(invented\) 颁发：“Doctor of Medicine（专业博士学位）”，"
        r"授予“Seán O'Brien-Müller”，2026-01-31"
    ),
    "altered.json": r"无效：签名不符：内容在签名之后被改动，或由另一把密钥签名",
    "revoked.json": r"无效：已被颁发机构于 [0-9-]{10} 撤销，原因：颁发有误",
    "no-evidence.json": r"无法判定：该凭证应当收录于日志 'urn:intaglio:\w+:log:1'，但缺少存证",
    "unknown-issuer.json": (
        r"无法判定：该凭证自称由 did:key:\w+ 颁发，而该机构不在您的信任名单中；"
        r"该机构自称“Example Univers1ty \(invented\)”"
    ),
}


@pytest.mark.slow
def test_each_sample_in_chinese(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "samples"
    english = program("samples", folder)
    assert english.code == 0
    asked = ("--trust", folder / "trust.json", "--offline")
    for name, verdict in SAMPLES.items():
        answer = program("--lang", "zh", "verify", folder / name, *asked)
        first, *lines = answer.out.splitlines()
        assert re.fullmatch(verdict, first), first
        assert answer.code == program("verify", folder / name, *asked).code
        begins = {cells(line[: re.match(r"  \d \S+ +\S+ \S+ +", line).end()]) for line in lines[:9]}  # type: ignore[union-attr]
        assert begins == {25}
        assert (len(lines) == 10) == (lines[-1].startswith("处理办法：")) == (name != "valid.json")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    table = program("verify", folder, *asked).out.splitlines()
    assert table[-1].startswith("6 个文件：有效 1 个，无效 2 个，无法判定 3 个；")
    assert {cells(line.partition(".json")[0].rpartition(" ")[0]) for line in table[1:-1]} == {11}
    assert program("--lang", "en", "verify", folder / "valid.json", *asked).out.startswith("VALID: by ")


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "context": lambda one: one.update({"@context": one["@context"][1:]}),
    "date": lambda one: one.update(validFrom="gestern"),
    "proof": lambda one: one.pop("proof"),
    "term": lambda one: one.update(undefined="?"),
    "cryptosuite": lambda one: one["proof"].update(cryptosuite="falcon-2027"),
    "value": lambda one: one["proof"].update(proofValue="u7"),
    "purpose": lambda one: one["proof"].update(proofPurpose="authentication"),
    "expired": lambda one: one["proof"].update(expires="2025-01-01T00:00:00Z"),
    "chain": lambda one: one["proof"].update(previousProof="urn:none"),
    "method": lambda one: one["proof"].update(verificationMethod="did:web:nobody.example#key"),
    "key": lambda one: one["proof"].update(verificationMethod="did:key:z6Mk#z6Mk"),
    "issuer": lambda one: one.update(issuer="did:web:1.2.3.4"),
    "subject": lambda one: one.update(credentialSubject=[]),
    "status": lambda one: one.update(credentialStatus={"type": "BitstringStatusListEntry"}),
}


@pytest.mark.slow
def test_a_broken_file_is_explained_without_english(program: Program, tmp_path: Path) -> None:
    """To the end: a position or a name from the file may stand there, and no second sentence."""
    folder, broken = tmp_path / "samples", tmp_path / "broken"
    assert program("samples", folder).code == 0
    valid = json.loads((folder / "valid.json").read_bytes())["credential"]
    broken.mkdir()
    for name, change in BROKEN.items():
        one = copy.deepcopy(valid)
        one["proof"] = one["proof"] if isinstance(one["proof"], dict) else one["proof"][0]
        change(one)
        (broken / f"{name}.json").write_text(json.dumps(one))
    texts = {"cut": '{"a":1', "twice": '{"a":1,"a":2}', "list": "[1]", "pdf": "%PDF-1.4", "empty": ""}
    for name, text in texts.items():
        (broken / f"{name}.json").write_text(text)
    for file in sorted(broken.iterdir()):
        answer = program("--lang", "zh", "verify", file, "--trust", folder / "trust.json", "--offline")
        assert answer.code in (1, 3)
        told = re.sub(r"`[^`]*`|intaglio .*|'[^']*'", "", answer.out)
        assert not re.search(r"[a-z]{2,} [a-z]{2,}", told), answer.out


def test_the_trust_list_speaks_it_too(program: Program, tmp_path: Path) -> None:
    university = University("trusted.example")
    file = tmp_path / "trust.json"
    file.write_bytes(university.trust.to_bytes())
    added = program("--lang", "zh", "trust", "add", file)
    assert added.code == 0
    assert added.err.splitlines()[-1] == "已加入信任名单。"
    (tmp_path / "other.json").write_text('{"version": 1, "issuers": [{}]}')
    refused = program("--lang", "zh", "trust", "add", tmp_path / "other.json")
    assert refused.err.startswith(
        f"数据格式有误：{tmp_path / 'other.json'} 不是信任文件：issuers 中有一项缺少 id\n"
    )
    listed = program("--lang", "zh", "trust", "list")
    assert "认可所有类型" in listed.out
    assert program("trust", "remove", university.did).code == 0
    assert program("trust", "add", file).code == 0
    listed = program("--lang", "zh", "trust", "list")  # of what was added in English
    assert f"来自文件 {file.name}" in listed.out
    assert entry_reason("added by hand") == "added by hand"
    with speaking("zh"):
        assert (entry_reason("added by hand"), entry_reason("hearsay")) == ("手动添加", "hearsay")
    assert program("--lang", "zh", "trust", "remove", "did:web:x").err == "未找到：did:web:x 不在信任名单中\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("verify", "--lang", "de", "a.json"), "--lang goes before the command: intaglio --lang …\n"),
        (("wallet", "list", "--home", "x"), "--home goes before the command: intaglio --home …\n"),
        (("--json", "verify", "a.json"), "--json goes after the command: intaglio verify --json FILE\n"),
        (("wallet", "--json", "list"), "--json goes after the command: intaglio verify --json FILE\n"),
        (("verifier", "serve", "--json"), "No such option '--json'.\n"),
        (
            ("--lang", "de", "wallet", "--json", "list"),
            "--json steht nach dem Befehl: intaglio verify --json FILE\n",
        ),
        (("--lang", "zh", "verify", "--lang", "de"), "--lang 写在命令之前：intaglio --lang …\n"),
    ],
)
def test_an_option_on_the_wrong_side_of_a_command_is_told_where_it_goes(
    words: tuple[str, ...], says: str, program: Program
) -> None:
    answer = program(*words)
    assert answer.code == 2
    assert answer.err.endswith(says)
    if "--json" in words:
        assert json.loads(answer.out)["error"]["detail"] == says.rstrip()


def test_trust_list_wallet_and_verdicts_are_german(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    university = University("trusted.example")
    for name, content in {
        "trust.json": university.trust.to_bytes(),
        "shown.json": university.issue().to_bytes(),
        "notes.txt": b"hello",
        "passphrase": b"correct horse battery",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "passphrase").chmod(0o600)
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    program.now = lambda: NOW
    answers = [
        program("--lang", "de", *command)
        for command in (
            ("trust", "list"),
            ("trust", "add", tmp_path / "trust.json"),
            ("trust", "list"),
            ("verify", tmp_path / "notes.txt", "--offline"),
            ("wallet", "init"),
            ("wallet", "list"),
            ("wallet", "import", tmp_path / "shown.json"),
            ("wallet", "list"),
        )
    ]
    assert [answer.code for answer in answers] == [0, 0, 0, 3, 0, 0, 0, 0]
    text = "".join(answer.out + answer.err for answer in answers)
    words = re.sub(r"`[^`]*`|intaglio .*|Master of Science", "", text)
    assert not re.search(FOREIGN["de"] + r"|unexpected|fingerprint|when added", words, re.IGNORECASE), words
    for sentence_in_german in (
        "Auf der Vertrauensliste steht noch niemand.",
        f"Fingerabdruck: {university.trust.fingerprint(university.did)}",
        "NICHT ENTSCHEIDBAR: Zeile 1, Spalte 1: kein JSON\n",
        "Die Wallet ist leer",
        "Master of Science für Ada Invented, Example University; gültig bei der Aufnahme am ",
    ):
        assert sentence_in_german in text


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_SG"}, "zh"),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh"}, "zh"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8@pinyin"}, "zh"),
        ({"LANG": "de_AT.UTF-8@euro"}, "de"),
        ({"LC_ALL": "de"}, "de"),
        ({"LANG": "den_CA"}, "en"),
    ],
)
def test_the_environment_says_in_which_language(environment: Mapping[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_the_wallet_speaks_it_too(program: Program, tmp_path: Path) -> None:
    answer = program("--lang", "zh", "wallet", "list")
    assert answer.code == 4
    assert answer.err.splitlines() == [
        f"未找到：{program.home}/wallet/wallet.sqlite3 处没有钱包",
        "  用 `intaglio --lang zh wallet init` 可以建立。",
    ]


def test_remedies_are_said_with_their_facts() -> None:
    university = University("stranger.example")
    deciding = (
        verifier(Trust())
        .verify(university.issue(without(university.diploma(), "termsOfUse")), now=NOW)
        .deciding
    )
    assert deciding is not None
    assert deciding.problem is not None
    assert sentence(deciding) == sentence(deciding.problem) == deciding.text
    assert remedy(deciding) == remedy(deciding.problem)
    assert "intaglio trust add" in remedy(deciding, "zh")
    assert sentence(deciding, "zh") == sentence(deciding.problem, "zh") != deciding.text


def test_a_language_is_spoken_as_long_as_it_is_asked_for() -> None:
    """A page answers one request in one language and the next in another."""
    problem = NotFound("there is none")
    with speaking("zh"):
        assert title(problem) == "未找到"
        assert title(problem, "en") == "Not found"
        assert title(problem) == "未找到"
    assert title(problem) == "Not found"


def test_a_field_is_called_the_same_wherever_it_is_shown() -> None:
    assert {*Summary._fields} - {"by_kind", "facts"} <= LABELS.keys()
    for language in LANGUAGES:
        names = [label(field, language) for field in LABELS]
        assert len({*names}) == len(names)
        assert max(map(cells, names)) < 12  # the wallet's column
