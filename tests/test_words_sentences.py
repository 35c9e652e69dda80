"""A sentence is of one language, whatever is said beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from intaglio.words import sentence
from ledger import Requirement, TrustedLedger
from tests.commandline import Program
from tests.world import NOW, University, graduate, table, verifier
from verifier import Trust

UNIVERSITY = University()


def mixed(text: str) -> list[str]:
    """Sentences in which English stands beside Chinese: two words that are not typed as they stand."""
    plain = re.sub(r"`[^`]*`|--[a-z-]+|intaglio .*", "", text)
    sentences = re.split("[。\n]", plain)
    return [one for one in sentences if re.search("[\u3400-\u9fff]", one) and re.search("[a-z]+ [a-z]", one)]


@pytest.mark.slow
def test_no_sentence_mixes_english_with_chinese(program: Program, tmp_path: Path) -> None:
    """What is said in English alone, such as how the command line is used, is a sentence of its own."""
    file = tmp_path / "g.csv"
    file.write_text(table([graduate(1)]))
    requirement = Requirement(1, ("gazette:a", "gazette:b"))
    ledgers = tuple(TrustedLedger("k@v1", name) for name in ("gazette:a", "gazette:b"))
    (log,) = UNIVERSITY.trust.logs
    (issuer,) = UNIVERSITY.trust.issuers
    strict = Trust((replace(issuer, reason=""),), (replace(log, ledgers=ledgers, requires=requirement),))
    program.home.mkdir()
    (program.home / "trust.json").write_bytes(strict.to_bytes())
    assert program("--lang", "zh", "issuer", "init", "--name", "U").code == 0
    for code, *words in (
        (1, "ledger", "anchor", "add", "foo:1"),
        (1, "issuer", "issue", file, "--map", "x=y"),
        (4, "issuer", "claim", "nobody"),
        (2, "trust", "add", file, "--key", "z"),
        (0, "trust", "list"),
    ):
        answer = program("--lang", "zh", *words)
        assert answer.code == code, answer
        assert re.search("[\u3400-\u9fff]", answer.err + answer.out)
        assert mixed(answer.err + answer.out) == []
    unmet = verifier(strict).verify(UNIVERSITY.issue(), now=NOW)
    told = [sentence(check, "zh") for check in unmet.checks]
    assert [one for one in told if "（gazette:a，gazette:b）中的 1 个" in one]
    assert mixed("\n".join(told)) == []
