"""`intaglio api`: tokens of an issuer, and what `serve` refuses before it listens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intaglio.api.tokens import Right, Tokens
from intaglio.commands.issuer.place import Place
from intaglio.session import Session
from keys import PassphraseNeeded
from kinds import shipped
from tests.commandline import Program
from tests.world import issuer_in


@pytest.fixture
def tokens(program: Program) -> Tokens:
    return Tokens(issuer_in(program.home / "issuer", kind=shipped("certificate")).home)


class TestTokens:
    def test_one_is_shown_once_and_ends(self, program: Program, tokens: Tokens) -> None:
        added = program("api", "token", "add", "registry", "--may", "issue", "--may", "status")
        text = added.out.strip()
        assert tokens.rights(text) == frozenset(Right)
        assert program("api", "token", "list").out.startswith("registry: issue, status, since 20")
        listed = program("api", "token", "list", "--json").out
        assert text not in listed
        assert json.loads(listed)["tokens"][0]["may"] == ["issue", "status"]
        assert program("api", "token", "end", "registry").code == 0
        assert tokens.rights(text) is None
        assert program("api", "token", "list").out.strip() == ""

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("add", "registry", "--may", "issue"), 1, "end it, or give another name"),
            (("end", "clerk"), 4, "no token has this name"),
            (("add", "a b", "--may", "issue"), 1, "1 to 64 letters"),
            (("add", "clerk"), 2, "--may"),
            (("add", "clerk", "--may", "sign"), 2, "--may"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
    )
    def test_what_is_refused(
        self, program: Program, tokens: Tokens, words: tuple[str, ...], code: int, said: str
    ) -> None:
        program("api", "token", "add", "registry", "--may", "issue")
        answer = program("api", "token", *words)
        assert answer.code == code, answer
        assert said in answer.err
        assert [token.name for token in tokens.all()] == ["registry"]

    def test_where_no_issuer_lives_there_are_none(self, program: Program) -> None:
        for words in (("add", "a", "--may", "issue"), ("end", "a"), ("list",)):
            assert program("api", "token", *words).code == 4
        assert not program.home.exists()


class TestServe:
    @pytest.mark.parametrize(
        "issuer", ["uni", "uni=", "=folder", "Uni=folder", "a/b=folder", "..=folder", "a" * 64 + "=folder"]
    )
    def test_an_issuer_has_a_name_that_fits_into_a_path(self, program: Program, issuer: str) -> None:
        answer = program("api", "serve", "--issuer", issuer)
        assert answer.code == 2
        assert "is not NAME=FOLDER" in answer.err

    def test_a_name_is_one_issuer_s(self, program: Program) -> None:
        answer = program("api", "serve", "--issuer", "a=b", "--issuer", "a=c")
        assert answer.code == 2
        assert "a is named twice" in answer.err

    @pytest.mark.slow
    def test_a_home_without_an_issuer_is_not_served(self, program: Program) -> None:
        assert program("api", "serve", "--issuer", f"a={program.home}", "--port", "0").code == 4

    @pytest.mark.usefixtures("tokens")
    @pytest.mark.parametrize(
        "reach",
        [("--plain",), ("--url", "http://localhost:8490"), ("--url", "http://a.example")],
        ids=" ".join,
    )
    def test_tokens_never_travel_in_the_clear(self, program: Program, reach: tuple[str, ...]) -> None:
        """Also where the URL is one of loopback, while every address of this machine is listened on."""
        issuer = ("--issuer", f"a={program.home}", "--port", "0")
        answer = program("api", "serve", *issuer, "--host", "0.0.0.0", *reach)
        assert answer.code in (1, 2)
        assert "in the clear" in answer.err

    def test_what_opens_the_keys_is_asked_for_once_for_all_processes(
        self, program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Each process opens them for itself, and one alone could ask a person."""
        file = tmp_path / "passphrase"
        file.write_text("correct horse battery")
        file.chmod(0o600)
        monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(file))
        issuer_in(program.home / "issuer", passphrase=file.read_bytes)
        of_home = Place(program.home / "issuer", Session(program.home))
        of_home.ask()
        file.unlink()
        for _ in "ab":
            of_home.open().require_signer()
        with pytest.raises(PassphraseNeeded):
            Place(program.home / "issuer", Session(program.home)).open().require_signer()

    def test_the_folder_of_an_issuer_is_told_from_its_home(self, program: Program, tokens: Tokens) -> None:
        answer = program("api", "serve", "--issuer", f"school={program.home / 'issuer'}")
        assert (answer.code, f"lies: {program.home}" in answer.err) == (2, True)
