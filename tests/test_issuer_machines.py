"""Machines of one issuer, each with a folder of its own, over one database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intaglio.api.tokens import NO_SUCH_TOKEN, TOKEN_TAKEN, Right, Tokens
from issuer.archive.kept import KindNumber
from issuer.desk.links import token_digest
from issuer.desk.linkstore import SQLiteLinks
from issuer.desk.opening import open_links, require_links
from issuer.problem import CLAIMS_LOST, DAMAGED_CLAIMS
from issuer.shared import keep_store_address
from tests import postgres_server
from tests.problems import raises

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = 1_900_000_000
Machine = Callable[[str], Path]
"""The folder of the machine of a name."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    def made(name: str) -> Path:
        server, home = postgres_server.server(), tmp_path / name
        if not home.exists():
            home.mkdir()
            keep_store_address(home, server.uri(server.of(tmp_path), "issuer"))
        return home

    return made


def test_a_folder_by_itself_has_its_links(tmp_path: Path) -> None:
    assert isinstance(open_links(tmp_path), SQLiteLinks)
    require_links(tmp_path, 0)
    with raises(CLAIMS_LOST):
        require_links(tmp_path, 1)


def test_links_in_a_database_make_no_file(tmp_path: Path) -> None:
    keep_store_address(tmp_path, "postgresql://issuer@127.0.0.1:1/none")
    open_links(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == ["store.json"]


@postgres_server.needed
@pytest.mark.slow
class TestTogether:
    """What one machine does counts on the others at once."""

    def test_a_token(self, machine: Machine) -> None:
        one, two = Tokens(machine("one")), Tokens(machine("two"))
        text = one.add("registry", [Right.ISSUE], NOW)
        assert two.rights(text) == frozenset([Right.ISSUE])
        with raises(TOKEN_TAKEN):
            two.add("registry", [Right.STATUS], NOW)
        two.end("registry")
        assert one.rights(text) is None
        with raises(NO_SUCH_TOKEN):
            one.end("registry")
        assert not list(machine("one").glob("tokens*"))

    def test_a_claim_link(self, machine: Machine) -> None:
        one, two = open_links(machine("one")), open_links(machine("two"))
        token = token_digest("token")
        with one.making():
            one.make_good(one.draw_up([(token, KindNumber("diploma", "A"), 0)], 0), LATER)
        require_links(machine("two"), 1)
        assert two.bind(token, "did:key:one", 1)[1]
        assert not one.bind(token, "did:key:two", 1)[1]
        assert not list(machine("one").glob("claims*"))

    def test_an_older_copy_of_the_links_is_found_out(self, machine: Machine) -> None:
        with raises(CLAIMS_LOST):
            require_links(machine("one"), 1)
        links = open_links(machine("one"))
        with links.making():
            links.draw_up([(token_digest("token"), KindNumber("diploma", "A"), 0)], 0)
        with raises(DAMAGED_CLAIMS):
            require_links(machine("two"), 2)
