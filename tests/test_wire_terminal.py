from __future__ import annotations

from pathlib import Path

import pytest

from wire import Refused
from wire.problem import PassphraseNeeded
from wire.terminal import agreed, passphrase


def secret(folder: Path, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "passphrase"
    path.write_bytes(text)
    monkeypatch.setenv("INTAGLIO_PASSPHRASE_FILE", str(path))


def test_the_file_is_read_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, b"correct horse\r\n", monkeypatch)
    assert passphrase("Passphrase", new=True) == b"correct horse"


def test_the_same_bytes_however_an_accent_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for typed in ("caf\u00e9 secret", "cafe\u0301 secret"):
        secret(tmp_path, typed.encode(), monkeypatch)
        found.add(passphrase("Passphrase"))
    assert len(found) == 1


def test_a_new_one_that_is_too_short_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, b"abc", monkeypatch)
    with pytest.raises(Refused, match="at least 8"):
        passphrase("Passphrase", new=True)
    assert passphrase("Passphrase") == b"abc", "an old one opens what it sealed"


def test_what_is_not_text_is_not_guessed_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path, b"\xff\xfe", monkeypatch)
    with pytest.raises(PassphraseNeeded):
        passphrase("Passphrase")


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTAGLIO_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert passphrase("Passphrase") is None
    assert agreed("Sure?", yes=False)
