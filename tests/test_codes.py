"""Codes: each problem and each finding has one, all are listed, and they come out with `--json` and HTTP."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import httpx
import pytest

from intaglio.words.health import SAID
from tests import codes
from tests.commandline import Program
from tests.serving import listening, serving
from tests.world import NOW, Holder, University, verifier
from vc import Bundle, Report
from verifier import Trust
from verifier.http import create_app
from verifier.judge import Verifiers
from wire.problem import Code

UNIVERSITY, HOLDER = University(), Holder()


def report(source: Bundle | bytes, trust: Trust = UNIVERSITY.trust, **options: Any) -> Report:
    return verifier(trust).verify(source, now=NOW, **options)


def shown(**options: Any) -> Bundle:
    document = UNIVERSITY.diploma()
    document["credentialSubject"]["id"] = HOLDER.did
    bundle = UNIVERSITY.issue(document)
    return replace(bundle, secured=HOLDER.present(bundle.secured, **options))


def test_each_problem_has_a_code_of_its_own_and_so_has_each_finding_about_a_set_up() -> None:
    for name, kind in codes.kinds().items():
        code = kind.code if isinstance(kind, Code) else kind.__dict__["code"]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code), code
        assert not isinstance(kind, Code) or name == code.upper().replace("-", "_")
    assert Counter([*(kind.code for kind in codes.kinds().values()), *SAID]).most_common(1)[0][1] == 1


def test_a_specification_s_type_has_one_meaning() -> None:
    """But for NOT_FOUND, which DID Resolution has for a DID and for a DID URL."""
    named = {
        (kind.type, kind.title)
        for kind in codes.kinds().values()
        if (kind.type is not None if isinstance(kind, Code) else "type" in kind.__dict__)
    }
    own = Counter(type_ for type_, _ in named)
    shared = {name for name, count in own.items() if count > 1}
    assert shared == {"about:blank", "https://www.w3.org/ns/did#NOT_FOUND"} & own.keys()


def test_the_page_lists_them() -> None:
    """`python -m tests.codes` writes it; a code that is gone or means something else breaks scripts."""
    assert codes.PAGE.read_text() == codes.page()


@pytest.mark.parametrize(
    ("options", "code", "kind"),
    [
        ({"challenge": "another"}, "holder-wrong-challenge", "INVALID_CHALLENGE_ERROR"),
        ({"domain": "elsewhere.example"}, "holder-wrong-domain", "INVALID_DOMAIN_ERROR"),
    ],
)
def test_what_was_shown_to_another_has_the_specification_s_type(
    options: dict[str, str], code: str, kind: str
) -> None:
    asked: dict[str, Any] = {"challenge": "challenge", "domain": "employer.example"}
    deciding = report(shown(**options), **asked).deciding
    assert deciding is not None
    assert deciding.problem is not None
    assert (deciding.code, deciding.problem.type) == (code, f"https://w3id.org/security#{kind}")


def test_a_report_in_json_has_codes_and_facts() -> None:
    told = report(UNIVERSITY.issue()).to_dict()
    assert told["version"] == 2
    by_code = {check["code"]: check for check in told["checks"]}
    assert by_code["status-not-revoked"]["facts"] == {"date": "2026-07-01 10:00Z"}
    assert by_code["trust-accepted"]["facts"] == {"reason": "known in these tests"}
    assert by_code["evidence-in-log"]["facts"]["log"] == UNIVERSITY.log.origin


def test_of_a_revocation_the_facts_are_date_and_reason() -> None:
    university = University("revoking.example")
    university.revoke(3, "issued-in-error")
    check = report(university.issue(index=3), university.trust).to_dict()["checks"][5]
    assert check["code"] == "status-revoked"
    assert check["problem"]["code"] == "revoked"
    assert check["problem"]["facts"] == {"date": "2026-07-01", "reason": "issued-in-error"}


def test_an_error_of_the_command_line_has_its_code(program: Program) -> None:
    told = json.loads(program("trust", "remove", "did:example:a", "--json").out)
    assert (told["version"], told["error"]["code"]) == (2, "not-found")


def test_the_service_answers_with_codes() -> None:
    judges = Verifiers(verifier(UNIVERSITY.trust), verifier(UNIVERSITY.trust))
    app = create_app(lambda: judges, clock=lambda: NOW)
    with listening() as listener, serving(app, listener):
        url = f"http://localhost:{listener.getsockname()[1]}"
        found = httpx.post(f"{url}/verify", content=UNIVERSITY.issue().to_bytes())
        refused = httpx.post(f"{url}/verify?shoe=7", content=b"{}")
    assert found.json()["checks"][3]["code"] == "signature-unchanged"
    assert refused.json()["code"] == "malformed"
