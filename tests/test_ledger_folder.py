"""The log that belongs to a folder: in it, or at the address that it keeps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ledger.folder import (
    ADDRESS,
    address_in,
    batches_in,
    has_log,
    is_elsewhere,
    keep_address,
    kept_beside,
    newest_checkpoint,
    store_in,
)
from ledger.problem import NO_LOG
from ledger.tiles.engines import ENGINES
from ledger.tiles.posix import PosixStore
from tests.ledger_samples import open_log, samples
from tests.problems import raises
from wire.consent import MARK, NotAgreed
from wire.problem import Conflict, Damaged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "issuer"
    folder.mkdir()
    return folder


def test_a_log_is_kept_in_the_folder(folder: Path) -> None:
    assert not has_log(folder)
    with raises(NO_LOG):
        newest_checkpoint(folder)
    open_log(store_in(folder), kept=kept_beside(folder)).append(samples(0, 3), b"first")
    assert (has_log(folder), is_elsewhere(folder)) == (True, False)
    assert newest_checkpoint(folder).size == 3
    assert kept_beside(folder).read_bytes() == (folder / "log" / "checkpoint").read_bytes()


def test_a_log_is_kept_at_an_address(folder: Path, tmp_path: Path) -> None:
    address = (tmp_path / "elsewhere").as_uri()
    keep_address(folder, address)
    keep_address(folder, address)  # is kept already
    assert (is_elsewhere(folder), has_log(folder)) == (True, False)
    open_log(store_in(folder), kept=kept_beside(folder)).append(samples(0, 3), b"first")
    assert has_log(folder)
    assert (newest_checkpoint(folder).size, (folder / "log").exists()) == (3, False)
    assert (tmp_path / "elsewhere" / "checkpoint").read_bytes() == kept_beside(folder).read_bytes()


def test_an_address_does_not_take_the_place_of_a_log(folder: Path, tmp_path: Path) -> None:
    address = (tmp_path / "elsewhere").as_uri()
    open_log(PosixStore(tmp_path / "elsewhere")).append(samples(0, 3), b"first")
    with pytest.raises(Conflict, match="a log at the address already"):
        keep_address(folder, address)
    keep_address(folder, (tmp_path / "new").as_uri())
    with pytest.raises(Conflict, match="is kept elsewhere"):
        keep_address(folder, address)
    other = tmp_path / "other"
    open_log(PosixStore(other / "log"))
    with pytest.raises(Conflict, match="is kept elsewhere"):
        keep_address(other, (tmp_path / "newer").as_uri())
    assert not is_elsewhere(other)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"version": 1}', b'{"version": 2, "address": "file:///x"}', b'{"version":1,"address":1}'],
)
def test_an_address_that_cannot_be_read_is_damage(folder: Path, content: bytes) -> None:
    (folder / ADDRESS).write_bytes(content)
    with pytest.raises(Damaged):
        store_in(folder)


def test_batches_are_found_by_their_keys_without_writing(folder: Path) -> None:
    log = open_log(store_in(folder))
    log.append(samples(0, 3), b"first")
    log.append(samples(3, 5), b"second")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert batches_in(folder, [b"second", b"none", b"first"]) == [range(3, 5), None, range(3)]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("what", ["pipe", "long"])
def test_an_address_is_read_from_a_small_file_only(folder: Path, what: str) -> None:
    """A folder may come from elsewhere: a pipe would be waited for, and a long file fill the memory."""
    if what == "pipe":
        os.mkfifo(folder / ADDRESS)
    else:
        (folder / ADDRESS).write_bytes(b" " * (1 << 17))
    with pytest.raises(Damaged):
        address_in(folder)


def test_an_address_in_a_folder_from_a_backup_is_refused_to_who_asks_nobody(
    folder: Path, tmp_path: Path
) -> None:
    """And opened by engines that are given: they ask."""
    keep_address(folder, (tmp_path / "elsewhere").as_uri())
    open_log(store_in(folder), kept=kept_beside(folder)).append(samples(0, 3), b"first")
    (folder / MARK).touch()
    for look in (has_log, newest_checkpoint, store_in):
        with pytest.raises(NotAgreed):
            look(folder)
    with pytest.raises(NotAgreed):
        batches_in(folder, [b"first"])
    assert newest_checkpoint(folder, engines=ENGINES).size == 3
    assert batches_in(folder, [b"first"], engines=ENGINES) == [range(3)]
