"""What is said in other languages: nothing is missing or said otherwise, and columns stay columns."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from did.methods import key as did_key
from intaglio.words import remedy, report, said_by, sentence, speak
from intaglio.words.findings import FINDINGS
from intaglio.words.language import DOMAIN, LANGUAGES, language_of
from keys import PrivateKey
from tests import catalogues
from tests.commandline import Program
from tests.test_words import KINDS, raised
from tests.world import NOW, Holder, University, verifier
from vc import Report, sign
from vc.model.schema import Schemas
from verifier import RecognisedIssuer, Trust
from verifier.policy import ControlsDID
from verifier.problem import NotKnown, StatusUnknown
from wire.problem import Conflict, Malformed
from wire.text import cells

OTHERS = LANGUAGES[1:]
COMMAND = re.compile(r"(?<!\.)intaglio [a-z][a-z ]*[a-z]|--[a-z][a-z-]*|[a-z_.]+\.(?:json|sqlite)")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    speak(language)
    try:
        yield
    finally:
        speak("en")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


@pytest.mark.parametrize("language", OTHERS)
class TestCatalogue:
    def test_it_has_what_the_program_says_and_is_compiled(self, language: str) -> None:
        """`python -m tests.catalogues` renews it."""
        known = catalogues.read(language)
        asked = {(found.context, found.id) for found in catalogues.template() if found.id}
        assert {(found.context, found.id) for found in known if found.id} == asked
        assert not known.obsolete
        assert (catalogues.folder(language) / f"{DOMAIN}.mo").read_bytes() == catalogues.compiled(known)

    def test_nothing_is_left_in_english(self, language: str) -> None:
        missing = {(found.context, found.id) for found in catalogues.read(language) if not found.string}
        sentences = {str(code) for context, code in missing if context == "sentence"}
        assert {(context, text) for context, text in missing if context != "sentence" and text} == set()
        assert not sentences & FINDINGS.keys()
        open_ones = {code for code, kind in KINDS.items() if issubclass(kind, NotKnown | StatusUnknown)}
        assert sentences & open_ones == {"not-known", "status-unknown"}  # of which each is another

    def test_it_says_the_same(self, language: str) -> None:
        """The facts of each text, and the commands, options and files in it."""
        for found in catalogues.read(language):
            if found.context == "sentence" or not found.id:
                continue
            one, other = (
                text if isinstance(text, str) else (text or [""])[0] for text in (found.id, found.string)
            )
            assert found.context == "hint" or fields(one) == fields(other), one  # which is no template
            assert COMMAND.findall(one) == COMMAND.findall(other), one

    @pytest.mark.slow
    def test_a_sentence_finds_its_facts_wherever_its_problem_is_raised(self, language: str) -> None:
        said = {
            str(found.id): str(found.string)
            for found in catalogues.read(language)
            if found.context == "sentence"
        }
        for file, code, given in raised():
            assert fields(said[code]) <= given, f"{file}: {code}"
        for code, english in FINDINGS.items():
            assert fields(said[code]) <= fields(english), code


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
    yield judge.verify(holder.present(), now=NOW, policy=ControlsDID(), **asked)
    proofs = [*bundle.secured["proof"], {"type": "DataIntegrityProof", "cryptosuite": "falcon-2027"}]
    yield judge.verify(replace(bundle, secured={**bundle.secured, "proof": proofs}), now=NOW)
    until = "2027-01-01T00:00:00Z"
    schemas = Schemas({"urn:example:schema": {"type": "object"}})
    named: Any = {"credentialSchema": {"id": "urn:example:schema", "type": "JsonSchema"}}
    document = university.diploma(validUntil=until, **named)
    yield verifier(university.trust, schemas=schemas).verify(university.issue(document), now=NOW)
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
    pinned = Trust().adding(RecognisedIssuer(university.did, keys=(university.key.public_key.multikey(),)))
    yield verifier(pinned).verify(university.issue(without(university.diploma(), "termsOfUse")), now=NOW)
    unreachable = verifier(university.trust, lists=[lambda _url: b"none"])
    yield unreachable.verify(bundle, now=NOW)


def test_the_tables_say_in_english_what_the_library_says() -> None:
    """Else a translator would translate something else. `ignored` is a code there, and a sentence here."""
    seen = set()
    for found in reports():
        for check in found.checks:
            if check.problem is None and "ignored" not in check.facts:
                template = FINDINGS.get(check.code) or FINDINGS[check.finding]
                seen.add(check.code if check.code in FINDINGS else check.finding)
                clauses = {"reason", "newer", "unbound", "uncounted"} & check.facts.keys()
                told = template.format_map(check.facts)
                assert check.text == told if not clauses else check.text.startswith(told), check
    unseen = {"issuer-key-published", "issuer-document-pinned", "evidence-in-log-undated"}
    assert FINDINGS.keys() - seen == {*unseen, "evidence-in-log-witnessed"}


def test_what_a_language_has_no_sentence_for_is_its_kind_and_the_technical_sentence() -> None:
    assert sentence(Malformed("member 7 is no text")) == "member 7 is no text"
    with speaking("zh"):
        assert sentence(Malformed("member 7 is no text")) == "数据格式有误：member 7 is no text"
        assert sentence(Conflict("it is there")) == "存在冲突：it is there"


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


SAMPLES = {
    "valid.json": (
        r"有效：由 Example University \(invented\) 颁发：“Doctor of Medicine”，授予“Seán O'Brien-Müller”，"
        r"2026-01-31"
    ),
    "altered.json": r"无效：签名不符：内容在签名之后被改动，或由另一把密钥签名",
    "revoked.json": r"无效：已被颁发机构于 [0-9-]{10} 撤销，原因：颁发有误",
    "no-evidence.json": r"无法判定：该凭证应当收录于日志，但缺少存证",
    "unknown-issuer.json": (
        r"无法判定：该凭证由 did:key:\w+ 颁发，而该机构不在您的信任名单中；"
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


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_DE.UTF-8"}, "en"),
        ({"LANG": "de_DE", "LC_MESSAGES": "zh_SG"}, "zh"),
        ({"LC_ALL": "C", "LC_MESSAGES": "zh_CN"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh"}, "zh"),
        ({"LANG": "zh_TW.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8@pinyin"}, "zh"),
    ],
)
def test_the_environment_says_in_which_language(environment: Mapping[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_the_wallet_speaks_it_too(program: Program, tmp_path: Path) -> None:
    answer = program("--lang", "zh", "wallet", "list")
    assert answer.code == 4
    assert answer.err == "未找到：此处没有钱包\n  用 `intaglio --home … wallet init` 可以建立。\n".replace(
        "--home …", "--lang zh"
    )


def test_remedies_are_said_with_their_facts() -> None:
    university = University("stranger.example")
    deciding = (
        verifier(Trust())
        .verify(university.issue(without(university.diploma(), "termsOfUse")), now=NOW)
        .deciding
    )
    assert deciding is not None
    assert deciding.problem is not None
    with speaking("zh"):
        assert "intaglio trust add" in remedy(deciding.problem)
        assert said_by(deciding) != deciding.text
    assert said_by(deciding) == deciding.text
