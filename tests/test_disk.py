"""On a disk that may only be read everything can be looked at; on a full one it is said that it is full."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holder.store import EncryptedStore, StoredRecord
from issuer.issuer import Issuer
from ledger.outbox import Outbox
from tests.conftest import ROOT
from tests.copying import copy_folder

PASSPHRASE = b"correct horse battery"
NUMBER = "UNI-2026-00000"
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
SMALL = 'mount -t tmpfs -o size=128k none "$0" && exec "$@"'


def typed(home: Path, *words: object, mount: str = 'exec "$@"') -> subprocess.CompletedProcess[str]:
    """`intaglio …` in a process of its own, for which alone something is mounted over `home`."""
    program = [sys.executable, "-m", "intaglio", "--home", str(home), *map(str, words)]
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, str(home), *program],
        env={**os.environ, "INTAGLIO_PASSPHRASE_FILE": str(home.parent / "passphrase")},
        cwd=home.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an issuer, a wallet and a trust list."""
    home = tmp_path_factory.mktemp("disk") / "home"
    home.mkdir(mode=0o700)
    secret = home.parent / "passphrase"
    secret.touch(mode=0o600)
    secret.write_bytes(PASSPHRASE)
    try:
        probe = typed(home, "--version", mount=READ_ONLY)
    except FileNotFoundError:
        pytest.skip("no `unshare`: apt-get install util-linux; only on Linux")
    if probe.returncode:
        pytest.skip(f"no right to mount: run as root, or allow user namespaces ({probe.stderr.strip()})")
    file = ROOT / "examples" / "diploma" / "graduates-with-errors.csv"
    assert typed(home, "issuer", "issue", file, "--name", "Example", "--errors", "errors.csv").returncode == 7
    assert typed(home, "wallet", "init").returncode == 0
    assert typed(home, "wallet", "import", f"diplomas/{NUMBER}.json").returncode == 0
    return home


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("verify diplomas/UNI-2026-00000.json", "VALID: "),
        ("trust list", "Example"),
        ("wallet list", "Doctor of Medicine"),
        ("issuer list", NUMBER),
        (f"issuer show {NUMBER}", "Doctor of Medicine"),
        ("ledger status", "entries "),
        ("ledger audit", "every tile and the checkpoint follow"),
    ],
)
def test_what_only_looks_needs_no_right_to_write(words: str, told: str, home: Path) -> None:
    done = typed(home, *words.split(), mount=READ_ONLY)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


@pytest.mark.slow
def test_nothing_can_be_issued_there_and_that_is_said(home: Path) -> None:
    done = typed(home, "doctor", mount=READ_ONLY)
    assert done.returncode == 1, done.stdout
    assert f"✗ {home / 'issuer'} may not be written to: nothing can be issued or revoked here." in " ".join(
        done.stdout.split()
    )
    assert "Its log of 6 entries was derived again" in done.stdout, "and all is looked at"
    for name in ("log", "status"):
        mount = READ_ONLY.replace('"$0" "$0"', f'"$0/issuer/{name}" "$0/issuer/{name}"')
        mount = mount.replace('bind "$0" &&', f'bind "$0/issuer/{name}" &&')
        done = typed(home, "doctor", mount=mount)
        assert (done.returncode, "may not be written to" in done.stdout) == (1, True), done.stdout


@pytest.mark.slow
def test_none_whose_evidence_is_dated_ahead_is_exported_from_there(home: Path, tmp_path: Path) -> None:
    copy_folder(home, tmp_path / "home")
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    ahead = Issuer(
        tmp_path / "home" / "issuer", lambda: PASSPHRASE, lambda: datetime.now(UTC) + timedelta(days=1)
    )
    ahead.correct(NUMBER, {"gpa": "3.0"})
    ahead.store.close()
    refused = typed(tmp_path / "home", "issuer", "export", NUMBER, mount=READ_ONLY)
    assert refused.returncode == 1, refused.stdout
    assert "The clock here has gone back" in refused.stderr


@pytest.mark.slow
def test_bundles_are_exported_from_where_nothing_can_be_written(home: Path) -> None:
    """And nobody is asked for the passphrase: nothing is signed."""
    (home.parent / "passphrase").rename(home.parent / "away")
    try:
        done = typed(home, "issuer", "export", NUMBER, "--out", "from read-only", mount=READ_ONLY)
    finally:
        (home.parent / "away").rename(home.parent / "passphrase")
    assert done.returncode == 0, done.stderr
    assert typed(home, "verify", f"from read-only/{NUMBER}.json", "--offline").stdout.startswith("VALID: ")


@pytest.mark.slow
def test_what_other_ledgers_have_is_shown(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    copy_folder(home, copy)
    Outbox(copy / "issuer").add("gazette:example", timedelta(days=1), {}, datetime.now(UTC))
    done = typed(copy, "ledger", "anchor", "status", mount=READ_ONLY)
    assert done.returncode == 0, done.stderr
    assert "gazette:example: has nothing yet" in done.stdout
    refused = typed(copy, "ledger", "anchor", "run", mount=READ_ONLY)
    assert refused.returncode == 3
    assert "Read-only file system" in refused.stderr


@pytest.mark.slow
def test_one_diploma_is_shown_and_none_is_added(home: Path) -> None:
    name = typed(home, "wallet", "list", mount=READ_ONLY).stdout[:12]
    card = typed(home, "wallet", "show", name, mount=READ_ONLY).stdout
    assert card.startswith("Doctor of Medicine (Professional doctorate)\n")
    refused = typed(home, "wallet", "import", f"diplomas/{NUMBER}.json", mount=READ_ONLY)
    assert refused.returncode == 3
    assert "the wallet may not be written to" in refused.stderr


@pytest.mark.slow
def test_what_a_writer_left_behind_is_seen_or_said(home: Path, tmp_path: Path) -> None:
    """SQLite's log has the newest records: a reader that left it out would show an old wallet."""
    copy = tmp_path / "home"
    shutil.copy(home.parent / "passphrase", tmp_path)
    with EncryptedStore.open(home / "wallet" / "wallet.sqlite3", PASSPHRASE) as store:
        (diploma,) = (record for record in store.records() if record.kind == "credential")
        store.put(StoredRecord("credential", "0" * 12, diploma.body))
        copy_folder(home, copy)
        store.delete("credential", "0" * 12)
    listed = typed(copy, "wallet", "list", mount=READ_ONLY)
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == 2
    (copy / "wallet" / "wallet.sqlite3-shm").unlink()
    refused = typed(copy, "wallet", "list", mount=READ_ONLY)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "its folder not written to" in refused.stderr


@pytest.mark.slow
def test_what_another_process_issues_meanwhile_is_listed_or_said(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "home"
    shutil.copy(home.parent / "passphrase", tmp_path)
    copy_folder(home, copy)
    with closing(sqlite3.connect(copy / "issuer" / "issuer.sqlite")) as writer:
        writer.execute("UPDATE person SET name = 'Newest'")
        writer.commit()
        listed = typed(copy, "issuer", "list", mount=READ_ONLY)
        assert "Newest" in listed.stdout, listed.stderr
        copy_folder(copy, tmp_path / "left")
    (tmp_path / "left" / "issuer" / "issuer.sqlite-shm").unlink()
    refused = typed(tmp_path / "left", "issuer", "list", mount=READ_ONLY)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "its folder not written to" in refused.stderr


@pytest.mark.slow
def test_a_full_disk_is_called_so(home: Path, tmp_path: Path) -> None:
    shutil.copy(home.parent / "passphrase", tmp_path)
    small = tmp_path / "home"
    small.mkdir()
    file = ROOT / "examples" / "diploma" / "graduates.csv"
    done = typed(small, "issuer", "issue", file, "--name", "Example", "--json", mount=SMALL)
    assert done.returncode == 3
    assert "The disk is full: " in done.stderr
    assert "Make room, then do the same again." in done.stderr
    assert json.loads(done.stdout)["error"]["title"] == "The disk is full"


@pytest.mark.slow
def test_a_wallet_on_a_full_disk_says_so(home: Path, tmp_path: Path) -> None:
    shutil.copy(home.parent / "passphrase", tmp_path)
    small = tmp_path / "home"
    small.mkdir()
    filled = SMALL.replace("128k", "56k").replace("&& exec", f'&& cp -r {home / "wallet"} "$0" && exec')
    done = typed(small, "wallet", "import", home.parent / "diplomas" / f"{NUMBER}.json", mount=filled)
    assert done.returncode == 3
    assert "The disk is full: " in done.stderr
