"""A38: what a thief of a wallet's file has to pay for each guess, with nothing made cheap for tests."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from holder import Wallet
from holder.wallet import FILE
from tests.world import NOW


def cost(path: Path) -> tuple[str, int, int]:
    """The function, KiB of memory and passes that the file says a guess takes."""
    with closing(sqlite3.connect(path)) as connection:
        ((envelope,),) = connection.execute("SELECT envelope FROM vault")
    header = json.loads(envelope)
    return header["kdf"], header["memory"], header["iterations"]


@pytest.mark.slow
@pytest.mark.usefixtures("costly_passphrases")
def test_a_guess_costs_64_mib_wherever_the_key_is_wrapped(tmp_path: Path) -> None:
    home, backup, elsewhere = tmp_path / "wallet", tmp_path / "backup", tmp_path / "elsewhere"
    Wallet.create(home, b"correct horse battery", now=NOW)
    assert cost(home / FILE) == ("Argon2id", 65_536, 3)
    with Wallet(home, b"correct horse battery") as wallet:
        wallet.change_passphrase(b"another passphrase")
        wallet.backup(backup, b"passphrase of the backup")
    Wallet.restore(elsewhere, backup, b"passphrase of the backup", b"passphrase over there")
    for path in (home / FILE, backup, elsewhere / FILE):
        assert cost(path) == ("Argon2id", 65_536, 3)
