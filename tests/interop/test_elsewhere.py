"""Diplomas as they are handed out: what other programs say of them, and what is said here of what those show.

The tables that are printed here stand in docs/interoperability.md.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from intaglio.commands.issuer.text import REFUSED_BY
from keys.kinds import KINDS
from tests import softhsm
from tests.commandline import Program, served
from tests.conftest import ROOT
from tests.interop.ours import changed
from tests.interop.peers import (
    FORGED,
    GREEN,
    REVOKED,
    Answer,
    Unsupported,
    javascript,
    peers,
    wallets,
)
from tests.serving import listening

PAGE = (ROOT / "docs/interoperability.md").read_text("utf-8")
NUMBER = "UNI-2026-00000"
ASKED = {"challenge": "k7Qw2", "domain": "employer.example"}
HERE, ELSEWHERE = "Intaglio, the issuer's machine", "Intaglio elsewhere, by a bundle exported then"
SAYS = {"passed": True, "failed": False, "undetermined": None, "skipped": None}

pytestmark = pytest.mark.slow


def issue(program: Program, *options: object, row: int = 1) -> dict[str, Any]:
    """The bundle of one of the demo's graduates, by default the first, whose degree has a name."""
    folder = program.home.parent
    rows = (ROOT / "examples/diploma/graduates.csv").read_text("utf-8").splitlines()
    named = f"{rows[0]},degree_name\n{rows[row]},医学博士\n"
    (folder / "graduates.csv").write_text(named, "utf-8")
    made = program("issuer", "issue", folder / "graduates.csv", "--out", folder / "out", *options)
    assert made.code == 0, made.err
    return read(folder / "out" / f"{NUMBER[:-1]}{row - 1}.json")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def stranger(program: Program) -> Path:
    """The home of somebody who got the issuer's trust file."""
    folder = program.home.parent
    (folder / "trust.json").write_text(program("issuer", "trust").out)
    added = program("--home", folder / "stranger", "trust", "add", folder / "trust.json", "--yes")
    assert added.code == 0, added.err
    return folder / "stranger"


class Intaglio:
    """This program, typed with `options` for the whole of it."""

    def __init__(self, program: Program, *options: object) -> None:
        self._type = partial(program, *options)

    def __call__(self, bundle: Mapping[str, Any]) -> Answer:
        found = {check["name"]: SAYS[check["outcome"]] for check in self._report(bundle)["checks"]}
        return Answer(found["signature"] is True, found["dates"], found["status"])

    def judges(self, shown: Mapping[str, Any]) -> dict[str, Any]:
        """The report on a presentation."""
        return self._report(shown, "--challenge", ASKED["challenge"], "--domain", ASKED["domain"])

    def _report(self, document: Mapping[str, Any], *options: object) -> dict[str, Any]:
        answer = self._type("verify", "-", *options, "--json", stdin=json.dumps(document).encode())
        report: dict[str, Any] = json.loads(answer.out)
        return report


def verdict(report: Mapping[str, Any]) -> str:
    """With the names of what stands against it."""
    names = ", ".join(against(report))
    return f"{report['verdict']}: {names}" if names else str(report["verdict"])


def against(report: Mapping[str, Any]) -> dict[str, str]:
    """What failed or could not be found out, and what is said of it."""
    outcomes = ("failed", "undetermined")
    return {check["name"]: check["text"] for check in report["checks"] if check["outcome"] in outcomes}


def table(case: str, said: Mapping[str, Mapping[str, object]]) -> str:
    """What each program said at each time."""
    lines = [[case, *said], ["---"] * (len(said) + 1)]
    for name in next(iter(said.values())):
        lines.append([name, *(str(answers[name]) for answers in said.values())])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def each(programs: Mapping[str, Callable[..., Any]], document: Any, **asked: str) -> dict[str, Any]:
    return {name: program(document, **asked) for name, program in programs.items()}


def test_a_diploma_with_an_address(program: Program) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    program("issuer", "init", "--name", "Example University", "--url", f"https://localhost:{port}")
    diploma = issue(program)["credential"]
    authority = program.home / "issuer/tls/authority.pem"
    with served(program.home, "--port", port, "--tls"), javascript(authority) as ask:
        asked, shown = peers(ask, authority), each(wallets(ask), diploma, **ASKED)
        judge = Intaglio(program, "--home", stranger(program), "--loopback", "--ca", authority)
        said = {"before `revoke`": each(asked, diploma), "changed": each(asked, changed(diploma))}
        verdicts = {"before `revoke`": {name: verdict(judge.judges(one)) for name, one in shown.items()}}
        assert program("issuer", "revoke", NUMBER).code == 0
        said["after `revoke`"] = each(asked, diploma)
        verdicts["after `revoke`"] = {name: verdict(judge.judges(one)) for name, one in shown.items()}
    printed = table("With an address", said), table("Shown by", verdicts)
    print(*printed, sep="\n")
    for when, answer in zip(said, (GREEN, FORGED, REVOKED), strict=True):
        assert said[when] == dict.fromkeys(asked, answer), printed
    for when, found in zip(verdicts, ("valid", "invalid: status"), strict=True):
        assert verdicts[when] == dict.fromkeys(shown, found), printed
    assert all(one in PAGE for one in printed)


SUITES = {"Ed25519": ("eddsa-rdfc-2022", "eddsa-jcs-2022"), "P-256": ("ecdsa-rdfc-2019", "ecdsa-jcs-2019")}


@pytest.mark.sampled(every=3)  # each method and each type
@pytest.mark.parametrize("key_type", SUITES)
@pytest.mark.parametrize("method", ["key", "web"])
def test_which_programs_take_which_keys_and_suites(program: Program, method: str, key_type: str) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    url = ("--url", f"https://localhost:{port}") if method == "web" else ()
    program("issuer", "init", "--name", "Example University", *url, "--key-type", key_type)
    diplomas = {
        suite: issue(program, "--suite", suite, row=row)["credential"]
        for row, suite in enumerate(SUITES[key_type], 1)
    }
    authority = program.home / "issuer/tls/authority.pem" if url else None
    service = served(program.home, "--port", port, "--tls") if url else contextlib.nullcontext()
    good = GREEN if url else Answer(signature=True, expiry=True)  # there is no status for them without
    with service, javascript(authority) as ask:
        asked = peers(ask, authority)
        for suite, diploma in diplomas.items():
            said = {name: answer_of(asked[name], diploma) for name in asked}
            printed = f"| did:{method}, {key_type}, `{suite}` | {' | '.join(map(str, said.values()))} |\n"
            print(printed)
            assert printed in PAGE
            taken = {name for name, answer in said.items() if answer == good}
            assert asked.keys() - taken == {*REFUSED_BY.get(suite, ())}, said
            assert all(asked[name](changed(diploma)) == FORGED for name in taken)


def answer_of(ask: Callable[[Mapping[str, Any]], Answer], diploma: Mapping[str, Any]) -> Answer | str:
    """What a program says of a diploma that may have a proof that it does not know."""
    try:
        return ask(diploma)
    except Unsupported:
        return "suite not known"


@softhsm.needed
def test_a_diploma_by_a_key_on_a_token(
    program: Program, token: softhsm.Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which signs the lists, too: before a revocation, after it, and after a change of keys."""
    pin = tmp_path / "pin"
    pin.touch(0o600)
    pin.write_text(softhsm.PIN)
    monkeypatch.setenv("INTAGLIO_PIN_FILE", str(pin))
    first, second = (token.make(name, *KINDS["Ed25519"].parameters[:1], edwards=True) for name in "ab")
    with listening() as free:
        url = f"https://localhost:{free.getsockname()[1]}"
    program("issuer", "init", "--name", "Example University", "--url", url, "--key", first)
    diplomas = [issue(program, row=row)["credential"] for row in (1, 2)]
    authority = program.home / "issuer/tls/authority.pem"
    for words, answers in (
        ((), (GREEN, GREEN)),
        (("revoke", NUMBER), (REVOKED, GREEN)),
        (("key", "rotate", "--yes", "--key", second), (REVOKED, GREEN)),
    ):
        assert not words or program("issuer", *words).code == 0
        with served(program.home, "--port", url.rpartition(":")[2], "--tls"), javascript(authority) as ask:
            for diploma, answer in zip(diplomas, answers, strict=True):
                asked = peers(ask, authority)
                assert each(asked, diploma) == dict.fromkeys(asked, answer)
                assert each(asked, changed(diploma)) == dict.fromkeys(asked, FORGED)


def test_lists_under_a_did_of_their_own(program: Program) -> None:
    """Verifiers of others that compare the list's issuer with the diploma's take it once they are told."""
    with listening() as free:
        port = free.getsockname()[1]
    address = ("--url", f"https://localhost:{port}")
    made = program("issuer", "init", "--name", "Example University", *address, "--status-did")
    assert "verifyMatchingIssuers: false" in made.err
    diploma = issue(program)["credential"]
    authority = program.home / "issuer/tls/authority.pem"
    judge = Intaglio(program, "--home", stranger(program), "--loopback", "--ca", authority)
    with served(program.home, "--port", port, "--tls"), javascript(authority) as ask:

        def digitalbazaar(**told: bool) -> str:
            outcome = ask("verify", diploma, **told)
            status = outcome["statusResult"]
            if not status["verified"]:
                return "list refused"
            return str(Answer(True, True, not any(result["status"] for result in status["results"])))

        def answers() -> dict[str, object]:
            asked = peers(ask, authority)
            del asked["@digitalbazaar/vc"]
            return {
                **each(asked, diploma),
                "@digitalbazaar/vc": digitalbazaar(),
                "@digitalbazaar/vc, `verifyMatchingIssuers: false`": digitalbazaar(
                    verifyMatchingIssuers=False
                ),
                "Intaglio, with the trust file": judge(diploma),
            }

        said = {"before `revoke`": answers()}
        assert program("issuer", "revoke", NUMBER).code == 0
        said["after `revoke`"] = answers()
    printed = table("Lists under another DID", said)
    print(printed)
    assert printed in PAGE


def test_a_diploma_after_its_issuer_changed_its_keys(program: Program) -> None:
    """By the document alone, in which an ended key stays and a compromised one does not."""
    with listening() as free:
        port = free.getsockname()[1]
    program("issuer", "init", "--name", "Example University", "--url", f"https://localhost:{port}")
    first, rotate = issue(program)["credential"], ("issuer", "key", "rotate", "--yes")
    authority = program.home / "issuer/tls/authority.pem"
    here = Intaglio(program, "--home", stranger(program), "--loopback", "--ca", authority)
    assert program(*rotate).code == 0
    second = issue(program, row=2)["credential"]
    with served(program.home, "--port", port, "--tls"):
        for options, good in (((), (first, second)), (("--compromised",), (first,))):
            if options:
                assert program(*rotate, *options).code == 0
            with javascript(authority) as ask:  # anew: what it has read it remembers
                for diploma in (first, second):
                    said = each(peers(ask, authority), diploma)
                    assert all((answer == GREEN) is (diploma in good) for answer in said.values()), said
                    assert here(diploma) == GREEN, "by the log, which had it before"


def test_a_diploma_without_an_address(program: Program) -> None:
    bundle = issue(program, "--name", "Example University")
    diploma, folder = bundle["credential"], program.home.parent / "later"
    here, elsewhere = Intaglio(program), Intaglio(program, "--home", stranger(program))
    with javascript() as ask:
        asked, shown = peers(ask), each(wallets(ask), diploma, **ASKED)
        said = {
            "before `revoke`": {**each(asked, diploma), HERE: here(bundle), ELSEWHERE: elsewhere(bundle)},
        }
        assert program("issuer", "revoke", NUMBER).code == 0
        assert program("issuer", "export", NUMBER, "--out", folder).code == 0
        later = read(folder / f"{NUMBER}.json")
        said["after `revoke`"] = {**each(asked, diploma), HERE: here(bundle), ELSEWHERE: elsewhere(later)}
    reports = {name: elsewhere.judges(one) for name, one in shown.items()}
    verdicts = {"verdict": {name: verdict(report) for name, report in reports.items()}}
    printed = table("Without an address", said), table("Shown by", verdicts)
    print(*printed, sep="\n")
    silent = dict.fromkeys(asked, Answer(True, True))  # there is no status for them
    for when, answer in zip(said, (GREEN, REVOKED), strict=True):
        assert said[when] == {**silent, HERE: answer, ELSEWHERE: answer}, printed
    log, _, statement = (term["id"] for term in diploma["termsOfUse"])  # the second names the kind
    for report in reports.values():
        assert verdict(report) == "undetermined: status, evidence"
        assert statement.partition("#")[0] in against(report)["status"]
        assert log.removeprefix("urn:intaglio:log:") in against(report)["evidence"]
    assert all(one in PAGE for one in printed)
