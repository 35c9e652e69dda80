"""An issuer whose keys are of type P-256: diplomas, lists and editions by ECDSA, in a log as any other's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from intaglio.commands.issuer.text import REFUSED_BY
from issuer.identity.home import ISSUER_METHODS, KEY_TYPES, KEYS
from keys import KeyFile, PublicKey
from tests.commandline import Program, verdict
from tests.conftest import ROOT
from tests.world import graduate, issuer_in, reopened, table
from vc import SUITES
from vc.forms import DataIntegrity
from wire.problem import Refused


def suite_of(document: dict[str, Any]) -> object:
    (proof,) = document["proof"]
    return proof["cryptosuite"]


@pytest.mark.slow
@pytest.mark.parametrize("url", [(), ("--url", "https://u.example")], ids=["did:key", "did:web"])
def test_a_diploma_from_its_row_to_its_revocation(program: Program, file: Path, url: tuple[str, ...]) -> None:
    answer = program("issuer", "init", "--name", "U", "--key-type", "P-256", *url)
    assert answer.code == 0, answer.err
    keys = json.loads((program.home / "issuer" / "keys.json").read_bytes())["keys"]
    types = {name: PublicKey.from_multikey(text).type for name, text in keys.items()}
    assert types == {"assertion": "P-256", "status-list": "P-256", "log": "Ed25519", "cosigner": "Ed25519"}
    assert program("issuer", "issue", file).out == "6 issued, 0 issued before, 0 with errors\n"
    assert program("issuer", "issue", file).out == "0 issued, 6 issued before, 0 with errors\n"
    first = Path("diplomas/UNI-000001.json")
    bundle = json.loads(first.read_bytes())
    assert verdict(program, first).startswith("VALID")
    lists = [suite_of(entry["document"]) for entry in bundle["statusLists"]]
    assert {suite_of(bundle["credential"]), *lists} == {"ecdsa-rdfc-2019"}
    assert program("issuer", "revoke", "UNI-000001", "--yes").code == 0
    assert verdict(program, first).startswith("NOT VALID: revoked")
    assert verdict(program, "diplomas/UNI-000002.json").startswith("VALID")


@pytest.mark.slow
def test_the_other_suite_of_the_key_may_be_chosen(program: Program, file: Path) -> None:
    suite = "ecdsa-jcs-2019"
    program("issuer", "init", "--name", "U", "--key-type", "P-256")
    assert program("issuer", "issue", file, "--suite", suite).code == 0
    bundle = json.loads(Path("diplomas/UNI-000003.json").read_bytes())
    assert suite_of(bundle["credential"]) == suite
    assert verdict(program, "diplomas/UNI-000003.json").startswith("VALID")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key_type", "suite"), [("P-256", "eddsa-jcs-2022"), ("Ed25519", "ecdsa-rdfc-2019")], ids=str
)
def test_no_other_suite_is_taken(program: Program, file: Path, key_type: str, suite: str) -> None:
    program("issuer", "init", "--name", "U", "--key-type", key_type)
    answer = program("issuer", "issue", file, "--suite", suite)
    assert answer.code == 1
    assert f"{suite} does not work with keys of type {key_type}" in answer.err
    assert "0 issued" not in answer.out
    assert "6 issued" in program("issuer", "issue", file).out


def test_the_type_is_said_once(program: Program) -> None:
    assert program("issuer", "init", "--name", "U", "--key-type", "P-256").code == 0
    assert program("issuer", "init", "--name", "U").code == 0
    answer = program("issuer", "init", "--name", "U", "--key-type", "Ed25519")
    assert (answer.code, "signs with keys of type P-256" in answer.err) == (1, True)
    assert program("issuer", "init", "--key-type", "P-384", "--name", "U").code == 2


REFUSE = "@digitalcredentials/verifier-core and openbadgeslib refuse proofs by {}"


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (("--key-type", "P-256"), "ecdsa-rdfc-2019"),
        pytest.param(
            ("--key-type", "P-256", "--url", "https://u.example"), "ecdsa-rdfc-2019", marks=pytest.mark.slow
        ),
        pytest.param((), None, marks=pytest.mark.slow),
    ],
    ids=["did:key", "did:web", "Ed25519"],
)
def test_init_names_the_verifiers_that_refuse_such_keys(
    program: Program, options: tuple[str, ...], refused: str | None
) -> None:
    said = program("issuer", "init", "--name", "U", *options).err
    assert (REFUSE.format(refused) in said) is (refused is not None)
    assert ("refuse proofs" in said) is (refused is not None)


def test_a_dry_run_names_the_verifiers_that_refuse_the_suite(program: Program, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)]))
    suite = "eddsa-jcs-2022"
    answer = program("issuer", "issue", "g.csv", "--name", "U", "--dry-run", "--suite", suite)
    assert answer.code == 0, answer.err
    assert REFUSE.format(suite) in answer.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key_type", "options", "refused"),
    [
        ("Ed25519", ("--suite", "eddsa-jcs-2022"), "eddsa-jcs-2022"),
        ("Ed25519", ("--suite", "eddsa-rdfc-2022"), None),
        ("P-256", (), "ecdsa-rdfc-2019"),
        ("P-256", ("--suite", "ecdsa-jcs-2019"), "ecdsa-jcs-2019"),
    ],
    ids=str,
)
def test_issue_names_the_verifiers_that_refuse_the_suite(
    program: Program, tmp_path: Path, key_type: str, options: tuple[str, ...], refused: str | None
) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)]))
    program("issuer", "init", "--name", "U", "--key-type", key_type)
    answer = program("issuer", "issue", "g.csv", *options)
    assert answer.code == 0, answer.err
    assert (REFUSE.format(refused) in answer.err) is (refused is not None)
    assert ("refuse proofs" in answer.err) is (refused is not None)


@pytest.mark.slow
def test_a_change_to_such_keys_names_them_too(program: Program) -> None:
    program("issuer", "init", "--name", "U", "--url", "https://u.example")
    for command in (("add",), ("rotate", "--yes")):
        answer = program("issuer", "key", *command, "--key-type", "P-256")
        assert answer.code == 0, answer.err
        assert REFUSE.format("ecdsa-rdfc-2019") in answer.err


def test_the_page_of_other_programs_refuses_what_the_commands_say() -> None:
    """The table that `tests/interop/test_elsewhere.py` measures, against what `init` and `issue` warn of."""
    section = (ROOT / "docs/interoperability.md").read_text().partition("## Keys and suites")[2]
    section = section.partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    combinations = set()
    for combination, *cells in table[2:]:
        method, key_type, suite = combination.replace("`", "").split(", ")
        combinations.add((method, key_type, suite))
        said = dict(zip(table[0][1:], cells, strict=True))
        refusing = {name for name, cell in said.items() if "signature true" not in cell}
        assert refusing == {*REFUSED_BY.get(suite, ())}, combination
    assert combinations == {
        (f"did:{method}", key_type, suite.name)
        for method in ISSUER_METHODS
        for key_type in KEY_TYPES
        for suite in SUITES.values()
        if suite.signs and key_type in suite.key_types
    }


def test_keys_that_were_made_before_the_rest_keep_their_type(program: Program) -> None:
    """Killed after the keys: nothing ever replaces them."""
    folder = program.home / "issuer"
    types = {**KEYS, "assertion": "P-256", "status-list": "P-256"}
    KeyFile.create(folder / "keys.json", types, None)
    assert program("issuer", "init", "--name", "U", "--key-type", "Ed25519").code == 1
    assert program("issuer", "init", "--name", "U").code == 0
    assert reopened(folder).keys.public_keys["assertion"].type == "P-256"


def test_the_same_record_gives_the_same_bytes(tmp_path: Path) -> None:
    """So that a job that was killed does its chunk again, and issues nothing twice."""
    made = issuer_in(tmp_path / "issuer", key_type="P-256")
    entry = made.issue(graduate(1))
    line = made.line(entry)
    press = made.press()
    assert line.created
    again = {press.print(line.record, line.seq, line.created).line for _ in range(3)}
    assert len(again) == 1
    assert json.loads(again.pop())["credential"] == line.credential


def test_what_signs_nothing_is_no_choice(program: Program, tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(table([graduate(1)]))
    answer = program("issuer", "issue", "g.csv", "--name", "U", "--suite", "Ed25519Signature2020")
    assert answer.code == 2
    with pytest.raises(Refused, match="does not work"):
        issuer_in(tmp_path / "issuer", form=DataIntegrity(suite="ecdsa-jcs-2019")).press()
