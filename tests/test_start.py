"""What a person waits for at each start: the modules that a command loads, counted in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from intaglio.commands import cli
from intaglio.commands.lazy import Lazy
from tests.world import NOW, University, graduate, issuer_in
from wire.datetimestamp import format_datetimestamp

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys
import intaglio.__main__
try:
    intaglio.__main__.main()
except SystemExit as end:
    assert not end.code, end.code
print(*sys.modules, file=sys.stderr)
"""


def loaded(*words: str) -> set[str]:
    """The modules that a command has loaded when it is done."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.slow
def test_help_for_the_wallet_loads_no_role() -> None:
    modules = loaded("wallet", "--help")
    assert len(modules) <= 180
    assert not {"holder", "vc", "ledger", "keys", "cryptography", "sqlite3"} & modules


def verifying(bundle: bytes, trust: bytes, folder: Path) -> set[str]:
    """The modules that verifying a bundle offline loads, by a verifier without a home."""
    file, trusted = folder / "diploma.json", folder / "trust.json"
    file.write_bytes(bundle)
    trusted.write_bytes(trust)
    home = ("--home", str(folder / "home"))
    when = ("--at", format_datetimestamp(NOW))
    return loaded(*home, "verify", str(file), "--offline", "--trust", str(trusted), *when)


@pytest.mark.slow
def test_verifying_a_bundle_loads_no_other_role(tmp_path: Path) -> None:
    university = University()
    modules = verifying(university.issue().to_bytes(), university.trust.to_bytes(), tmp_path)
    assert len(modules) <= 282
    assert not {"issuer", "holder", "exchange", "examples", "socket", "zipfile", "sqlite3"} & modules
    assert not {"cryptography.x509", "keys.certificates"} & modules  # for issuers with certificates alone


@pytest.mark.slow
def test_a_bundle_that_names_a_shipped_kind_loads_no_engine_for_patterns_or_schemas(tmp_path: Path) -> None:
    issuer = issuer_in(tmp_path / "issuer")
    bundle = issuer.bundle(issuer.issue(graduate(1))).to_bytes()
    assert b"urn:intaglio:kind:diploma:2:" in bundle
    modules = verifying(bundle, json.dumps(issuer.trust_file()).encode(), tmp_path)
    assert len(modules) <= 309
    assert "kinds.schema" in modules  # step 7 is passed all the same
    assert not {"re2", "jsonschema_rs", "kinds.check", "issuer", "exchange", "socket", "sqlite3"} & modules


def test_the_wallet_says_of_each_command_what_the_command_says_itself() -> None:
    wallet = cli.get_command(click.Context(cli), "wallet")
    assert isinstance(wallet, Lazy)
    context = click.Context(wallet)
    for name in wallet.list_commands(context):
        command = wallet.get_command(context, name)
        assert command is not None, name
        assert (command.name, command.get_short_help_str(100)) == (name, wallet.places[name][1])
