"""One record in three forms, from the command line to the page; docs/forms.md tells it shorter."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Window
from tests.commandline import Program, served
from tests.pages import Running
from tests.serving import listening

pytestmark = pytest.mark.slow

FORMS = ("application/vc", "vc+jwt", "dc+sd-jwt")
NUMBER, DOMAIN = "UNI-2026-000001", "https://employer.example"
ASKED = ("--challenge", "n-0S6_WzA2Mj", "--domain", DOMAIN)
ROW = {
    "student_id": "S-7",
    "given_name": "Ada",
    "family_name": "Invented",
    "birth_date": "1990-02-28",
    "email": "ada@example.org",
    "programme_code": "MSC-1",
    "programme_title": "Master of Science",
    "achievement_type": "MasterDegree",
    "gpa": "3.75",
    "award_date": "2026-06-30",
    "diploma_number": NUMBER,
}
HIDDEN = (NUMBER, "3.75", "S-7")
"""Of what is shown with name and degree only."""


def test_one_record_in_three_forms_from_its_row_to_its_revocation(
    program: Program, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("passphrase").touch(0o600)
    Path("passphrase").write_text("correct horse battery")
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    Path("graduates.csv").write_text(f"{','.join(ROW)}\n{','.join(ROW.values())}\n")
    with listening() as free:
        port = free.getsockname()[1]
    address = f"https://localhost:{port}"
    in_forms = [word for form in FORMS for word in ("--form", form)]
    assert program("issuer", "init", "--name", "Example University", "--url", address, *in_forms).code == 0
    assert program("issuer", "issue", "graduates.csv").code == 0
    link = re.search(r"https://\S+", program("issuer", "claim", NUMBER).out)[0]  # type: ignore[index]
    Path("trust.json").write_text(program("issuer", "trust").out)
    authority = program.home / "issuer/tls/authority.pem"
    graduate, employer = (
        partial(program, "--home", tmp_path / name, "--loopback") for name in ("graduate", "employer")
    )
    for person in (graduate, employer):
        assert person("trust", "add", "trust.json", "--yes").code == 0
    assert graduate("wallet", "init").code == 0
    (tmp_path / "employer/tmp").mkdir()
    with served(program.home, "--port", port, "--tls"):
        shown: dict[str, Path] = {}
        bare: dict[str, Path] = {}
        for form in FORMS:
            kept = graduate("wallet", "receive", link, "--form", form, "--ca", authority, "--yes", "--json")
            assert kept.code == 0, kept.err
            name = json.loads(kept.out)["id"]
            only = ("--only", "name", "--only", "programme_title") if form == FORMS[2] else ()
            answer = graduate("wallet", "present", name, *ASKED, *only, "--yes")
            assert answer.code == 0, answer.err
            if only:
                seen, hidden, *_ = answer.err.splitlines()
                assert f"this will be shown to {DOMAIN}: iss, " in seen
                assert seen.endswith(", name, programme_title")
                assert re.match(r" *this will not be shown: .*\bgpa\b", hidden)
            else:
                assert f"all of it will be shown to {DOMAIN}" in answer.err
            shown[form], bare[form] = (tmp_path / f"{how}-{len(shown)}.json" for how in ("shown", "bare"))
            shown[form].write_text(answer.out)
            bare[form].write_text(
                graduate("wallet", "present", name, *ASKED, *only, "--yes", "--format", "json").out
            )
            assert not only or not any(value in answer.out for value in HIDDEN)
        for revoked, word in ((False, "Valid"), (True, "Not valid: revoked")):
            if revoked:
                assert program("issuer", "revoke", NUMBER, "--yes").code == 0
            for form, path in shown.items():
                check = employer("--ca", authority, "verify", path, *ASKED, "--json")
                assert (form, check.code) == (form, int(revoked)), check.out
            # A list that came along in the last hour serves the page; a bare answer has it look for one.
            read = read_on_the_page(browser, tmp_path / "employer", authority, bare if revoked else shown)
            for form, text in read.items():
                assert text.startswith(word), form
                if not revoked:
                    assert "Master of Science" in text
                    assert "Ada Invented" in text
                    hides = re.search(r"up to [1-9]\d* more values may be hidden", text)
                    assert (hides is not None) is (form == FORMS[2])
                    assert (NUMBER in text) is (form != FORMS[2])


def read_on_the_page(
    browser: Browser, home: Path, authority: Path, shown: Mapping[str, Path]
) -> dict[str, str]:
    """The page of a verifier for each, a new one each time, which remembers no status list."""
    words = ("--loopback", "--ca", authority, "verifier", "serve", "--plain", "--port", 0)
    page, texts = Running(home, *words), {}
    try:
        window = Window(browser, page.line)
        for form, path in shown.items():
            texts[form] = window.check(path).locator("article.answer").inner_text()
        window.context.close()
        assert (window.elsewhere, window.errors) == ([], [])
    finally:
        page.end()
    return texts
