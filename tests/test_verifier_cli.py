"""`intaglio verify` and `intaglio trust` as a recruiter meets them."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from intaglio.session import Session
from ledger import Reached, Requirement
from tests.commandline import Answer, Program, typed
from tests.gazette import NAME, NOTICE, Gazette
from tests.loopback import Site, response
from tests.world import NOW, Holder, University, csv_file, graduate
from vc import Bundle
from verifier import RecognisedIssuer, Trust

UNIVERSITY = University()
AT = ("--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}")


@pytest.fixture
def program(program: Program) -> Program:
    program.home.mkdir(mode=0o700)
    (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
    return program


def save(folder: Path, bundle: Bundle, name: str = "diploma.json") -> Path:
    path = folder / name
    path.write_bytes(bundle.to_bytes())
    return path


def test_the_first_line_is_the_verdict_and_then_come_nine_checks(program: Program, tmp_path: Path) -> None:
    answer = program("verify", save(tmp_path, UNIVERSITY.issue()), *AT, "--offline")
    first, *checks = answer.out.splitlines()
    assert answer.code == 0
    assert first == 'VALID: by Example University: "Master of Science", to "Ada Invented", 2026-06-30'
    assert [line.split()[0] for line in checks] == [str(number) for number in range(1, 10)]
    assert answer.err == ""


def test_claims_of_a_refused_credential_are_never_shown(program: Program, tmp_path: Path) -> None:
    bundle = UNIVERSITY.issue(index=1)
    forged = copy.deepcopy(dict(bundle.secured))
    forged["credentialSubject"]["achievement"]["name"] = "PhD in Everything"
    path = save(tmp_path, Bundle(forged, bundle.evidence, bundle.issuer_documents, bundle.status_lists))
    for options in ((), ("--json",)):
        answer = program("verify", path, *AT, *options)
        assert answer.code == 1
        assert "PhD" not in answer.out + answer.err
        assert "Ada" not in answer.out + answer.err
    assert program("verify", path, *AT).out.startswith("NOT VALID: the signature does not fit: ")


BAD_INPUTS = {
    "empty": (b"", 3, "the file is empty"),
    "not JSON": (b"hello\n", 3, "line 1, column 1"),
    "wrong context": (None, 1, "@context does not begin with"),
    "tampered": (None, 1, "the content was changed after signing"),
    "expired": (None, 1, "expired on 2026-07-01"),
    "unknown issuer": (None, 3, 'says that it is by "Example University" (did:web:stranger.example)'),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_the_six_bad_inputs_name_place_reason_and_next_step(
    name: str, program: Program, tmp_path: Path
) -> None:
    data, code, text = BAD_INPUTS[name]
    if data is None:
        bundle = {
            "wrong context": lambda: Bundle(
                {**UNIVERSITY.issue().secured, "@context": ["https://a.example/"]}
            ),
            "tampered": lambda: Bundle(
                {**UNIVERSITY.issue().secured, "name": "x"}, (), tuple(UNIVERSITY.documents)
            ),
            "expired": lambda: UNIVERSITY.issue(index=2, validUntil="2026-07-01T00:00:00Z"),
            "unknown issuer": lambda: University("stranger.example").issue(),
        }[name]()
        data = bundle.to_bytes()
    answer = program("verify", "-", *AT, "--offline", stdin=data)
    assert answer.code == code
    assert text in answer.out
    assert "What to do:" in answer.out
    assert ("JSON text was expected" in answer.out) == (name in ("empty", "not JSON"))
    assert "Traceback" not in answer.out + answer.err


def test_json_is_one_object_of_a_versioned_form(program: Program, tmp_path: Path) -> None:
    path = save(tmp_path, UNIVERSITY.issue(index=3))
    good = json.loads(program("verify", path, *AT, "--json").out)
    assert (good["version"], good["verdict"], len(good["checks"])) == (2, "valid", 9)
    assert good["credentials"][0]["issuer"]["id"] == UNIVERSITY.did
    bad = json.loads(program("verify", "-", "--json", stdin=b"{}").out)
    assert (bad["version"], bad["verdict"]) == (2, "undetermined")
    assert bad["checks"][0]["problem"]["title"]
    assert "credentials" not in bad


def test_a_presentation_is_checked_against_what_was_asked(program: Program, tmp_path: Path) -> None:
    bundle = UNIVERSITY.issue(index=4)
    shown = Holder().present(bundle.secured)
    path = save(tmp_path, Bundle(shown, bundle.evidence, bundle.issuer_documents, bundle.status_lists))
    asked = ("--challenge", "challenge", "--domain", "employer.example")
    whole = program("verify", path, *AT, *asked)
    assert whole.code == 0
    assert "for this challenge and domain; what is shown is bound to no key: anyone" in whole.out
    assert program("verify", path, *AT).code == 3
    for other in (("--challenge", "other", *asked[2:]), (*asked[:2], "--domain", "elsewhere.example")):
        assert program("verify", path, *AT, *other).code == 1
    for half in (asked[:2], asked[2:]):
        answer = program("verify", path, *AT, *half)
        assert answer.code == 2
        assert "go together" in answer.err


def test_a_presentation_may_be_a_day_old_or_as_old_as_one_says(program: Program, tmp_path: Path) -> None:
    path, policy = tmp_path / "shown.json", tmp_path / "policy.json"
    policy.write_text('"controlsDid"')
    asked = ("--challenge", "challenge", "--domain", "employer.example", "--offline", "--policy", policy)

    def verified(age: timedelta, *within: str) -> Answer:
        path.write_text(json.dumps(Holder().present(created=NOW - age)))
        return program("verify", path, *AT, *asked, *within)

    day, second = timedelta(days=1), timedelta(seconds=1)
    assert verified(day).code == 0
    late = verified(day + second)
    assert late.code == 1
    assert "it was made on 2026-06-30 11:59Z" in late.out
    assert "--shown-within" in late.out
    assert verified(day + second, "--shown-within", "2d").code == 0
    assert verified(timedelta(hours=2), "--shown-within", "1h").code == 1
    answer = program("verify", path, *AT, "--shown-within", "1h")
    assert (answer.code, "goes with --challenge" in answer.err) == (2, True)


def test_a_policy_may_ask_for_a_did_and_no_credential(program: Program, tmp_path: Path) -> None:
    holder, policy, path = Holder(), tmp_path / "policy.json", tmp_path / "shown.json"
    path.write_text(json.dumps(holder.present()))
    policy.write_text('"controlsDid"')
    asked = ("--challenge", "challenge", "--domain", "employer.example", "--offline")
    assert program("verify", path, *AT, *asked).code == 3
    answer = program("verify", path, *AT, *asked, "--policy", policy)
    assert answer.code == 0
    assert answer.out.startswith(f"VALID: the presenter has the DID {holder.did}; nothing else was shown\n")
    answer = program("verify", path, *AT, *asked, "--policy", policy, "--json")
    assert json.loads(answer.out)["holder"] == holder.did
    assert "credentials" not in json.loads(answer.out)


def test_a_policy_asks_for_more(program: Program, tmp_path: Path) -> None:
    path, policy = save(tmp_path, UNIVERSITY.issue(index=5)), tmp_path / "policy.json"
    policy.write_text('{"allOf": ["recognised", {"witnesses": 1}]}')
    answer = program("verify", path, *AT, "--policy", policy)
    assert answer.code == 3
    assert "attested by 1 witness\n" in answer.out
    policy.write_text('{"allOf": []}')
    answer = program("verify", path, "--policy", policy)
    assert (answer.code, answer.out) == (2, "")
    assert "the policy allOf is empty" in answer.err


def test_a_url_is_fetched_and_only_then(program: Program) -> None:
    with Site(lambda path: response(200, UNIVERSITY.issue(index=6).to_bytes())).running() as site:
        assert program("--loopback", "verify", site.url("/diploma.json"), *AT).code == 0
        assert program("verify", site.url("/diploma.json"), *AT).code == 1
        answer = program("--loopback", "verify", site.url("/diploma.json"), *AT, "--offline")
    assert answer.code == 3
    assert "offline" in answer.err


@pytest.mark.parametrize(
    ("source", "code", "text"),
    [("missing.json", 4, "there is no file missing.json"), ("/dev/null/x", 2, "cannot be read")],
)
def test_what_cannot_be_opened_is_said(source: str, code: int, text: str, program: Program) -> None:
    answer = program("verify", source)
    assert (answer.code, answer.out) == (code, "")
    assert text in answer.err


def test_a_date_that_is_none_is_a_usage_error(program: Program, tmp_path: Path) -> None:
    path = save(tmp_path, UNIVERSITY.issue(index=7))
    assert program("verify", path, "--at", "yesterday").code == 2
    assert program("verify", path, "--at", f"{NOW:%Y-%m-%d}").code == 0


def test_of_a_moment_before_it_was_signed_nothing_can_be_told(program: Program, tmp_path: Path) -> None:
    answer = program("verify", save(tmp_path, UNIVERSITY.issue(index=10)), "--at", "2026-06-30", "--offline")
    assert answer.code == 3
    assert "is dated 2026-07-01 10:00Z, later than the moment asked about" in answer.out
    assert "What to do: Is the clock here right?" in answer.out
    assert "--at, give a later moment" in answer.out


def test_offline_nothing_is_said_of_lists_that_nobody_asked_for(program: Program, tmp_path: Path) -> None:
    answer = program("verify", save(tmp_path, UNIVERSITY.issue(index=11)), *AT, "--offline")
    assert answer.code == 0
    assert "not revoked as of" in answer.out
    assert "newer list" not in answer.out


def test_what_only_the_issuer_can_mend_is_not_asked_of_the_reader(program: Program, tmp_path: Path) -> None:
    issued = UNIVERSITY.issue(index=12).secured
    path = save(tmp_path, Bundle({**issued, "surprise": 1}, (), tuple(UNIVERSITY.documents)))
    answer = program("verify", path, *AT, "--offline")
    assert answer.code == 3
    assert "What to do: Ask for the file as its issuer made it" in answer.out
    told = json.loads(program("verify", path, *AT, "--offline", "--json").out)
    hints = [check["problem"]["hint"] for check in told["checks"] if "problem" in check]
    assert hints == ["Correct its spelling, or add a context that defines it."], "for programmers"


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 100])
def test_on_a_terminal_each_finding_stands_below_itself(width: int, program: Program, tmp_path: Path) -> None:
    path = save(tmp_path, UNIVERSITY.issue(index=13))
    words = [sys.executable, "-m", "intaglio", "verify", str(path), *AT, "--offline"]
    plain = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    here, there = os.openpty()
    environment = {**os.environ, "COLUMNS": str(width)}
    with subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=there):
        os.close(there)
        shown = b""
        with contextlib.suppress(OSError):  # Linux: the end of the child is an error
            while chunk := os.read(here, 4096):
                shown += chunk
    os.close(here)
    strong = b"\x1b[32m\x1b[1mVALID\x1b[0m"
    assert shown.startswith(strong)
    shown = shown.replace(strong, b"VALID")
    lines = shown.decode().splitlines()
    lines = lines[[line[2:4] for line in lines].index("1 ") :]
    assert 9 < len(lines) < 30
    for line in lines:
        assert len(line) <= width or " " not in line[25:], "only a word that is too long sticks out"
    assert " ".join(shown.decode().split()) == " ".join(plain.split())
    assert all(line[:25].strip() == "" or line[2].isdigit() for line in lines)


def test_text_in_a_credential_cannot_steer_the_terminal(program: Program, tmp_path: Path) -> None:
    """A40."""
    document = UNIVERSITY.diploma(index=8)
    document["credentialSubject"]["achievement"]["name"] = "A\u202eB\x1b[2J"
    path = save(tmp_path, UNIVERSITY.issue(document))
    out = program("verify", path, *AT).out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "⟨202E⟩" in out


CLAIMS = {
    "a whole sentence": 'Doctor" by Another University: "Doctor',
    "quotation marks of another kind": "Doctor”, to “Somebody Else”, 2019-01-01",
    "two apostrophes": "Doctor'', to ''Somebody Else'', 2019-01-01",
    "a verdict": "Doctor\nVALID: by Another University: Doctor",
    "many blanks": "Doctor" + " " * 500 + "by Another University",
    "blanks of other kinds": "Doctor" + "\u00a0\u2003\u3000\u2028" * 50 + "by Another University",
    "letters that show nothing": "Doctor" + "\u3164\u2800\u115f" * 100 + "by Another University",
    "marks on marks": "Doctor" + "\u0336" * 200,
    "from right to left": "مريم",
    "turned around": "\u202eytisrevinU rehtonA yb",
    "without an end": "Doctor of " * 1000,
    "nothing": " ",
}


@pytest.mark.quick(every=4)
@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_no_claim_writes_the_first_sentence(claim: str, program: Program, tmp_path: Path) -> None:
    """Title and name are the issuer's words: who that is, is said before them, and where they end."""
    document = UNIVERSITY.diploma(index=15)
    document["credentialSubject"]["achievement"]["name"] = claim
    document["credentialSubject"]["identifier"][0]["identityHash"] = claim
    path = save(tmp_path, UNIVERSITY.issue(document))
    answer = program("verify", path, *AT, "--offline")
    assert answer.code == 0
    first, second, *_ = answer.out.splitlines()
    assert second.startswith("  1 readable")
    said = re.fullmatch(r'VALID: by Example University: "([^"]*)"(?:, to "([^"]*)")?, 2026-06-30', first)
    assert said
    for shown in said.groups(""):
        assert len(shown) <= 103
        assert not re.search("  |[“”\u3164\u2800\u115f\u202e\xa0\u2003\u3000]|\u0336{5}|''", shown)
        assert ("\u2068" in shown, shown[-1:] == "\u2069") == ("مريم" in shown,) * 2


@pytest.mark.quick(every=4)
@pytest.mark.parametrize(
    ("awarded", "shown"),
    [("2026-06-30T00:00:00Z", ", 2026-06-30"), ("2026-06-30T23:30:00-05:00", ", 2026-06-30"),
     ("by Harvard", ""), ("2026-02-30T00:00:00Z", ""), ('"2026-06-', ""), ("2026-06-31", ""),
     ("2026-06-30", ", 2026-06-30")],
)  # fmt: skip
def test_what_is_no_date_is_not_shown_as_one(
    awarded: str, shown: str, program: Program, tmp_path: Path
) -> None:
    document = UNIVERSITY.sign(UNIVERSITY.diploma(index=16, awardedDate=awarded), suite="eddsa-jcs-2022")
    path = save(tmp_path, UNIVERSITY.bundle(document))
    first = program("verify", path, *AT, "--offline").out.splitlines()[0]
    assert first == f'VALID: by Example University: "Master of Science", to "Ada Invented"{shown}'


def test_the_name_on_the_list_is_shown_as_safely(program: Program, tmp_path: Path) -> None:
    """Somebody's trust file may have brought it."""
    entry = RecognisedIssuer(UNIVERSITY.did, 'X: "Doctor",\n to "مريم" \u202e' + "\u3164" * 100)
    (program.home / "trust.json").write_bytes(Trust().adding(entry, UNIVERSITY.recognised_log).to_bytes())
    out = program("verify", save(tmp_path, UNIVERSITY.issue(index=17)), *AT, "--offline").out
    assert re.fullmatch(
        """VALID: by \u2068X: 'Doctor', to 'مريم' ⟨202E⟩[⟨⟩0-9]+…\u2069: "Master of Science", """
        """to "Ada Invented", 2026-06-30""",
        out.splitlines()[0],
    )


class TestTrust:
    def test_the_list_says_who_is_on_it(self, program: Program) -> None:
        out = program("trust", "list").out
        assert out.startswith(f"Example University  {UNIVERSITY.did}  for everything  known in these tests")
        assert UNIVERSITY.log.origin in out
        assert json.loads(program("trust", "list", "--json").out)["version"] == 1, "the file itself"

    def test_an_issuer_is_added_and_removed(self, program: Program) -> None:
        stranger = University("stranger.example")
        key = stranger.key.public_key.multikey()
        log, clock = str(stranger.log.verifier_key), str(stranger.log.clock_key)
        data = stranger.issue().to_bytes()
        assert program("verify", "-", *AT, "--offline", stdin=data).code == 3
        added = ("--name", "Stranger", "--type", "OpenBadgeCredential", "--key", key)
        assert program("trust", "add", stranger.did, *added, "--log", log, "--clock", clock).code == 0
        assert program("verify", "-", *AT, "--offline", stdin=data).code == 0
        assert program("trust", "remove", stranger.did).code == 0
        assert program("verify", "-", *AT, "--offline", stdin=data).code == 3
        assert program("trust", "remove", stranger.did).code == 4

    def test_who_else_signs_its_status_lists_is_said_with_it(self, program: Program) -> None:
        service = ("--status-issuer", "did:web:status.example", "--status-issuer", "https://status.example/")
        assert program("trust", "add", "did:web:stranger.example", *service).code == 0
        assert "    has status lists by https://status.example/\n" in program("trust", "list").out
        listed = json.loads(program("trust", "list", "--json").out)
        assert (listed["version"], listed["issuers"][1]["statusIssuers"]) == (2, [*service[1::2]])
        wrong = program("trust", "add", "did:web:other.example", "--status-issuer", "http://status.example/")
        assert (wrong.code, "neither a DID nor an https URL" in wrong.err) == (1, True)

    def test_who_signs_status_lists_gets_no_keys_from_a_file(self, program: Program, tmp_path: Path) -> None:
        """Also with --yes; who types its key is told whose lists depend on it."""
        owner, service = "did:web:stranger.example", University("status.example")
        added = program("trust", "add", owner, "--status-issuer", service.did, "--yes")
        assert f"has status lists by {service.did}" in added.err
        handed, before = tmp_path / "trust.json", (program.home / "trust.json").read_bytes()
        handed.write_bytes(Trust((RecognisedIssuer(service.did, "Status"),), service.trust.logs).to_bytes())
        refused = program("trust", "add", handed, "--yes")
        assert (refused.code, "take those off your list" in " ".join(refused.err.split())) == (1, True)
        assert (program.home / "trust.json").read_bytes() == before
        words = (service.did, "--log", str(service.log.verifier_key))
        assert f"keeps the status lists of {owner}, by your list" in program("trust", "add", *words).err
        assert program("trust", "remove", service.did).code == program("trust", "remove", owner).code == 0
        assert program("trust", "add", handed).code == 0
        assert program("trust", "add", owner, "--status-issuer", service.did).code == 0

    def test_a_did_that_nobody_can_look_up_needs_a_key(self, program: Program) -> None:
        assert "--key" in program("trust", "add", "did:example:a").err
        key = UNIVERSITY.key.public_key.multikey()
        assert program("trust", "add", "did:example:a", "--key", key).code == 0
        assert program("trust", "add", "did:web:later.example").code == 0, "its host may be asked another day"

    def test_an_issuer_may_have_a_url_and_no_did(self, program: Program) -> None:
        assert program("trust", "add", "https://university.example/issuers/14").code == 0
        for url in ("http://university.example/", "urn:example:university"):
            refused = program("trust", "add", url)
            assert (refused.code, "--key" in refused.err) == (1, True)
            assert program("trust", "add", url, "--key", UNIVERSITY.key.public_key.multikey()).code == 0

    def test_a_trust_file_that_was_handed_over_is_added(self, program: Program, tmp_path: Path) -> None:
        stranger = University("stranger.example")
        data = stranger.issue().to_bytes()
        before = program("verify", "-", *AT, "--offline", stdin=data)
        assert before.code == 3
        assert "intaglio trust add FILE" in before.out
        handed = tmp_path / "trust.json"
        handed.write_bytes(stranger.trust.to_bytes())
        answer = program("trust", "add", handed, "--name", "Stranger", "--json")
        assert json.loads(answer.out) == {"version": 2, "added": [stranger.did]}
        assert program("verify", "-", *AT, "--offline", stdin=data).code == 0
        assert program("trust", "remove", stranger.did, "--json").code == 0

    def test_other_ledgers_of_its_log_are_shown_and_compared(self, program: Program, tmp_path: Path) -> None:
        stranger, gazette = University("stranger.example"), Gazette()
        gazette.print(NOW)
        (log,) = stranger.trust.logs
        named = RecognisedIssuer(stranger.did, "Stranger")
        trust = Trust((named,), (replace(log, ledgers=(gazette.trusted,)),))
        handed = tmp_path / "trust.json"
        handed.write_bytes(trust.to_bytes())
        said = f"has that log's checkpoints on {NAME}, by evidence of the kind {NOTICE}\n"
        added = program("trust", "add", handed)
        assert (added.code, said in added.err) == (0, True)
        assert f"fingerprint: {trust.fingerprint(stranger.did)}" in added.err
        assert f"    {said}" in program("trust", "list").out
        listed = json.loads(program("trust", "list", "--json").out)
        assert listed["logs"][1]["ledgers"][0] == json.loads(trust.to_bytes())["logs"][0]["ledgers"][0]
        assert program("trust", "add", handed).code == 0, "it is the one that is there"
        handed.write_bytes(Trust((named,), (log,)).to_bytes())
        refused = program("trust", "add", handed)
        assert (refused.code, "other witnesses, clock or ledgers" in refused.err) == (1, True)
        assert "intaglio trust remove" in refused.err

    def test_mirrors_of_a_log_are_named_and_shown(self, program: Program, tmp_path: Path) -> None:
        (log,) = UNIVERSITY.trust.logs
        (program.home / "trust.json").write_bytes(UNIVERSITY.trust.to_bytes())
        url, other = "https://hub.example/mirror/5c4a", "https://other.example/mirror/5c4a"
        added = program("trust", "mirror", "add", log.origin, url)
        assert (added.code, url in added.out) == (0, True)
        assert Trust.load(program.home / "trust.json").logs == (replace(log, mirrors=(url,)),)
        assert f"    has a mirror at {url}\n" in program("trust", "list").out
        for wrong, code in ((url, 1), ("http://hub.example/mirror/5c4a", 1)):
            assert program("trust", "mirror", "add", log.origin, wrong).code == code
        assert program("trust", "mirror", "add", "strange.example/log", other).code == 4
        # A file that somebody hands over changes nothing of a log that is here.
        handed = tmp_path / "trust.json"
        with_other = Trust(UNIVERSITY.trust.issuers, (replace(log, mirrors=(other,)),))
        handed.write_bytes(with_other.to_bytes())
        assert program("trust", "add", handed).code == 0
        assert Trust.load(program.home / "trust.json").logs[0].mirrors == (url,)
        assert program("trust", "mirror", "remove", log.origin, other).code == 4
        assert program("trust", "mirror", "remove", log.origin, url).code == 0
        # Of a new one they are shown, and taken over.
        (program.home / "trust.json").unlink()
        added = program("trust", "add", handed)
        assert (added.code, f"has a mirror at {other}\n" in added.err) == (0, True)
        assert Trust.load(program.home / "trust.json").logs[0].mirrors == (other,)
        assert f"fingerprint: {UNIVERSITY.trust.fingerprint(UNIVERSITY.did)}" in added.err

    def test_an_issuer_hands_out_the_mirrors_that_it_is_told(self, program: Program) -> None:
        assert program("issuer", "init", "--name", "Example University").code == 0
        plain = json.loads(program("issuer", "trust").out)
        told = program("issuer", "trust", "--mirror", "https://hub.example/mirror/5c4a")
        assert json.loads(told.out)["logs"] == [
            {**plain["logs"][0], "mirrors": ["https://hub.example/mirror/5c4a"]}
        ]
        assert json.loads(told.out)["version"] == 8
        assert program("issuer", "trust", "--mirror", "http://hub.example/mirror/5c4a").code == 1

    def test_what_is_required_of_a_log_is_shown(self, program: Program) -> None:
        (log,) = UNIVERSITY.trust.logs
        required = Requirement(1, (NAME,))
        named = replace(Gazette().trusted, parameters={"blocks": {"rows": 365, "sha256": "A" * 43}})
        strict = replace(log, ledgers=(named,), requires=required, reached=Reached(1200, bytes(32), NOW))
        (program.home / "trust.json").write_bytes(Trust(UNIVERSITY.trust.issuers, (strict,)).to_bytes())
        shown = program("trust", "list").out
        assert "    knows 365 of its blocks\n" in shown
        assert f"    has to have it on {NAME}\n" in shown
        assert "    had 1200 entries by 2026-07-01 12:00Z\n" in shown

    def test_what_the_list_has_of_a_log_stays_when_its_issuer_here_closes(self, program: Program) -> None:
        (log,) = UNIVERSITY.trust.logs
        gazette = Gazette()
        ours = Trust(UNIVERSITY.trust.issuers, (replace(log, ledgers=(gazette.trusted,)),))
        (program.home / "trust.json").write_bytes(ours.to_bytes())
        entry = {"issuer": {"id": UNIVERSITY.did, "closed": date(2026, 7, 1)}, "log": {"key": log.key}}
        Session(program.home).pin(entry)
        kept = Trust.load(program.home / "trust.json")
        assert kept.logs == ours.logs
        assert kept.issuers == (replace(ours.issuers[0], closed=date(2026, 7, 1)),)

    def test_whoever_is_called_like_another_is_stopped(self, program: Program, tmp_path: Path) -> None:
        before = (program.home / "trust.json").read_bytes()
        handed = tmp_path / "trust.json"
        for name in ("Example University", "EXAMPLE-university\u3164", "Ｅｘａｍｐｌｅ Univérsity."):
            entry = RecognisedIssuer("did:web:un1versity.example", name)
            handed.write_bytes(Trust((entry,)).to_bytes())
            by_hand = ("did:web:un1versity.example", "--name", name)
            for words in ((handed,), (handed, "--yes"), by_hand):
                answer = program("trust", "add", *words)
                assert (answer.code, answer.out) == (1, "")
                assert f"like '{UNIVERSITY.did}'" in answer.err
                assert "fingerprint" not in answer.err, "before anything is asked"
                assert "--name" in answer.err
            assert (program.home / "trust.json").read_bytes() == before
        two = Trust((RecognisedIssuer("did:example:a", "One"), RecognisedIssuer("did:example:b", "one")))
        handed.write_bytes(two.to_bytes())
        assert program("trust", "add", handed).code == 1
        assert program("trust", "add", handed, "--name", "Two").code == 2
        handed.write_bytes(UNIVERSITY.trust.to_bytes())
        assert program("trust", "add", handed).code == 0, "it is the one that is there"

    def test_who_is_there_already_keeps_the_name_that_it_has_here(
        self, program: Program, tmp_path: Path
    ) -> None:
        """Whatever a file calls it, be it like another."""
        assert program("trust", "add", "did:web:x.example", "--name", "Somebody").code == 0
        handed = tmp_path / "trust.json"
        renamed = replace(UNIVERSITY.trust.issuers[0], name="Somebody")
        handed.write_bytes(Trust((renamed,), UNIVERSITY.trust.logs).to_bytes())
        assert program("trust", "add", handed).code == 0
        assert f"Example University  {UNIVERSITY.did}" in program("trust", "list").out

    def test_what_is_added_and_taken_off_is_said(self, program: Program) -> None:
        key = UNIVERSITY.key.public_key.multikey()
        words = ("trust", "add", "did:web:x.example", "--name", "Somebody", "--key", key)
        added = program(*words)
        assert (added.code, added.out) == (0, "")
        assert added.err.endswith("On the trust list now.\n")
        again = program(*words)
        assert again.code == 1
        assert "did:web:x.example is on your list already" in again.err
        taken = program("trust", "remove", "did:web:x.example")
        assert (taken.code, taken.out, taken.err) == (0, "", "did:web:x.example is off the trust list\n")
        program(*words)
        answer = program("trust", "remove", "did:web:x.example", "--json")
        assert json.loads(answer.out) == {"version": 2, "removed": ["did:web:x.example"]}

    def test_a_file_that_is_called_like_a_did_is_none(
        self, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("did:web:x.example").write_bytes(University("y.example").trust.to_bytes())
        assert program("trust", "add", "did:web:x.example").code == 0
        assert Trust.load(program.home / "trust.json").issuer("did:web:x.example")

    def test_both_ends_see_one_fingerprint(self, program: Program, tmp_path: Path) -> None:
        """Over all that the file says, so that no part of it can be exchanged under way."""
        home = tmp_path / "registrar"
        file = tmp_path / "graduates.csv"
        csv_file(file, [graduate(1)])
        said = program(
            "--home", home, "issuer", "issue", file, "--name", "Another University", "--out", tmp_path / "d"
        )
        assert said.code == 0
        told = program("--home", home, "issuer", "trust")
        (theirs,) = re.findall(r"(?:\d{5} ){6}\d{5}\b", told.err)
        handed = tmp_path / "another.json"
        handed.write_text(told.out)
        seen = program("trust", "add", handed, "--yes")
        assert seen.code == 0
        assert re.findall(r"(?:\d{5} ){6}\d{5}\b", seen.err) == [theirs]
        renamed = program("--home", tmp_path / "renamed", "trust", "add", handed, "--name", "Mine", "--yes")
        assert re.findall(r"(?:\d{5} ){6}\d{5}\b", renamed.err) == [theirs], "whatever it is called here"
        assert '"Another University"  did:key:z' in seen.err
        given = json.loads(told.out)
        fingerprints = {theirs}
        other = University("other.example").recognised_log
        for change in (
            {"name": "Another  University"}, {"types": ["X"]}, {"documents": ["x"]},
            {"keys": [UNIVERSITY.key.public_key.multikey()]}, {"id": "did:web:x.example"},
            {"statusIssuers": ["did:web:x.example"]}, {"closed": "2026-06-30"}, {"until": "2026-06-30"},
        ):  # fmt: skip
            issuer = {**given["issuers"][0], **change}
            logs = [{**log, "issuers": [issuer["id"]]} for log in given["logs"]]
            value = {"version": 2, "issuers": [issuer], "logs": logs}
            fingerprints.add(Trust.parse(json.dumps(value).encode()).fingerprint(issuer["id"]))
        for change in ({"key": other.key, "clock": other.clock}, {"clock": ""}, {"witnesses": [other.clock]}):
            value = {**given, "logs": [{**given["logs"][0], **change}]}
            fingerprints.add(Trust.parse(json.dumps(value).encode()).fingerprint(given["issuers"][0]["id"]))
        fingerprints.add(
            Trust.parse(json.dumps({**given, "logs": []}).encode()).fingerprint(given["issuers"][0]["id"])
        )
        assert len(fingerprints) == 13

    @pytest.mark.slow
    def test_at_a_terminal_it_is_asked_for(self, program: Program, tmp_path: Path) -> None:
        before = (program.home / "trust.json").read_bytes()
        handed = tmp_path / "trust.json"
        handed.write_bytes(Trust((RecognisedIssuer("did:web:x.example", "Somebody"),)).to_bytes())
        question = b"is the fingerprint the one that they have? [y/N]: "
        for words in ([str(handed)], ["did:web:x.example", "--name", "Somebody"]):
            _, told = typed(program.home, ["trust", "add", *words], [(question, b"n")], code=5)
            assert "nothing was added" in told
            assert (program.home / "trust.json").read_bytes() == before
            typed(program.home, ["trust", "add", *words], [(question, b"y")])
            assert Trust.load(program.home / "trust.json").issuer("did:web:x.example")
            typed(program.home, ["trust", "remove", "did:web:x.example"], [])

    def test_a_file_says_itself_what_is_in_it(self, program: Program, tmp_path: Path) -> None:
        handed = tmp_path / "trust.json"
        handed.write_bytes(Trust((RecognisedIssuer("did:web:x.example"),)).to_bytes())
        for option in ("--type", "--key", "--log", "--clock", "--status-issuer"):
            assert program("trust", "add", handed, option, "x").code == 2
        handed.write_bytes(Trust().to_bytes())
        assert "names no issuer" in program("trust", "add", handed).err

    def test_another_file_is_no_trust_list(self, program: Program, tmp_path: Path) -> None:
        path, half = save(tmp_path, UNIVERSITY.issue()), tmp_path / "half.json"
        half.write_bytes(b'{"version": 1, "issuers": [')
        for wrong in (path, half):
            answer = program("verify", path, "--trust", wrong, *AT)
            assert (answer.code, answer.out) == (2, "")
            assert f"{wrong} is not a trust file: " in answer.err
            assert program("trust", "add", wrong).code == 1
        (program.home / "trust.json").write_text("[]")
        for words in (("trust", "list"), ("trust", "remove", "did:example:a")):
            assert f"{program.home / 'trust.json'} is not a trust file" in program(*words).err

    @pytest.mark.slow
    def test_a_list_that_never_ends_is_not_read_for_ever(self, program: Program, tmp_path: Path) -> None:
        path = save(tmp_path, UNIVERSITY.issue(index=14))
        for option in ("--trust", "--policy"):
            answer = program("verify", path, option, "/dev/zero")
            assert (answer.code, answer.out) == (2, "")
            assert "longer than" in answer.err

    def test_a_list_from_a_pipe_is_read_once(self, program: Program, tmp_path: Path) -> None:
        reading, writing = os.pipe()
        os.write(writing, UNIVERSITY.trust.to_bytes())
        os.close(writing)
        path = save(tmp_path, UNIVERSITY.issue(index=9))
        assert program("verify", path, *AT, "--trust", f"/dev/fd/{reading}").code == 0
        os.close(reading)

    def test_names_of_strangers_cannot_steer_the_terminal(self, program: Program, tmp_path: Path) -> None:
        handed = tmp_path / "trust.json"
        evil = RecognisedIssuer("did:example:a", "A\x1b[2J", reason="B\u202e")
        handed.write_bytes(Trust((evil,)).to_bytes())
        shown = program("trust", "add", handed).err + program("trust", "list").out
        assert "A⟨001B⟩[2J" in shown
        assert not set(shown) & {"\x1b", "\u202e"}

    def test_an_empty_list_says_how_to_begin(self, program: Program) -> None:
        (program.home / "trust.json").unlink()
        assert "intaglio trust add DID" in program("trust", "list").err

    @pytest.mark.parametrize(
        "words",
        [
            ("did:example:a", "--key", "zWrong"),
            ("did:example:a", "--log", "x"),
            ("did:example:a",),
            ("did:key:zWrong",),
            ("did:web:127.0.0.1",),
        ],
    )
    def test_what_is_wrong_is_not_added(self, words: tuple[str, ...], program: Program) -> None:
        before = (program.home / "trust.json").read_bytes()
        assert program("trust", "add", *words).code == 1
        assert (program.home / "trust.json").read_bytes() == before

    def test_a_file_that_is_not_there_is_no_did(self, program: Program) -> None:
        answer = program("trust", "add", "nosuch.json")
        assert (answer.code, "there is no file 'nosuch.json'" in answer.err) == (4, True)

    def test_a_trust_file_is_no_diploma_and_says_so(self, program: Program, tmp_path: Path) -> None:
        (tmp_path / "t.json").write_bytes(UNIVERSITY.trust.to_bytes())
        answer = program("verify", tmp_path / "t.json", "--offline")
        assert "this is a trust file, not a credential" in answer.out
        assert "intaglio trust add FILE" in answer.out


class TestSchemas:
    """JSON Schemas lie in a folder beside the trust list; a policy names one, or the credential does."""

    URL = "https://ministry.example/diploma.json"

    def checked(self, program: Program, tmp_path: Path, *options: str) -> Answer:
        policy = tmp_path / "policy.json"
        policy.write_text(json.dumps({"schema": self.URL}))
        return program(
            "verify", save(tmp_path, UNIVERSITY.issue()), *AT, "--offline", "--policy", policy, *options
        )

    def keep(self, program: Program, text: str) -> None:
        folder = program.home / "schemas"
        folder.mkdir(exist_ok=True)
        (folder / "diploma.json").write_text(text)

    def test_a_policy_may_ask_for_one(self, program: Program, tmp_path: Path) -> None:
        answer = self.checked(program, tmp_path)
        assert answer.code == 3
        assert "the folder `schemas` of your home" in answer.out
        self.keep(program, json.dumps({"$id": self.URL, "required": ["credentialSubject"]}))
        assert self.checked(program, tmp_path).code == 0
        self.keep(program, json.dumps({"$id": self.URL, "required": ["name", "signedByTheKing"]}))
        answer = self.checked(program, tmp_path)
        assert answer.code == 1
        assert "breaks the rule 'required' of the schema https://ministry.example/diploma.json" in answer.out

    @pytest.mark.parametrize("text", ["{", "[]", "{}", '{"$id": 3}', '{"$id": "urn:a:b", "type": "thing"}'])
    def test_a_broken_one_is_a_broken_set_up(self, text: str, program: Program, tmp_path: Path) -> None:
        self.keep(program, text)
        answer = self.checked(program, tmp_path)
        assert answer.code == 2
        assert "the schema " in answer.err

    def test_without_the_extra_nothing_is_verified(
        self, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A missing package is a broken set-up: no diploma is valid or invalid by it."""
        self.keep(program, json.dumps({"$id": self.URL}))
        monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
        answer = self.checked(program, tmp_path, "--json")
        error = json.loads(answer.out)["error"]
        assert (answer.code, error["code"]) == (2, "extra-missing")
        assert error["facts"] == {"package": "jsonschema_rs", "extra": "schema"}
        assert "type: pip install '.[schema]'" in error["hint"]
        assert "pip install '.[schema]'" in program("doctor").out

    def test_two_of_one_name_are_one_too_many(self, program: Program, tmp_path: Path) -> None:
        self.keep(program, json.dumps({"$id": self.URL}))
        (program.home / "schemas" / "other.json").write_text(json.dumps({"$id": self.URL}))
        assert self.checked(program, tmp_path).code == 2


def test_help_names_every_command(program: Program) -> None:
    out = program("--help").out
    for name in ("issuer", "wallet", "verify", "verifier", "trust", "ledger", "demo", "samples", "doctor"):
        assert f"  {name} " in out
    assert program("nonsense").code == 2


def test_evidence_of_another_diploma_sends_the_reader_to_the_holder(program: Program, tmp_path: Path) -> None:
    mine, other = UNIVERSITY.issue(index=41), UNIVERSITY.issue(index=42)
    swapped = Bundle(mine.secured, other.evidence, mine.issuer_documents, mine.status_lists)
    answer = program("verify", save(tmp_path, swapped), *AT, "--offline")
    assert answer.code == 1
    assert answer.out.startswith("NOT VALID: the evidence belongs to another credential\n")
    assert "What to do: Ask the holder for the bundle as the issuer handed it out." in answer.out


def test_what_to_do_is_said_once(program: Program, tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text("hello")
    assert program("verify", tmp_path / "note.json").out.count("Was another file meant?") == 1
