"""A disk that does not answer leaves open what it holds: that is never damage, and every command ends with 3.

Reading `/proc/self/mem` from its beginning gives EIO, as a failing disk does.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from intaglio.archive import Bounds, archived
from intaglio.tls import server_files
from issuer.archive.kept import ShardName
from issuer.archive.shard_store import ShardFolder
from issuer.archive.shards import Shard, shard_of
from issuer.job.spool import Spool
from issuer.table.source import Span
from ledger.evm.nodes import nodes_in
from ledger.tiles.posix import PosixStore
from tests.commandline import Program
from tests.world import NOW
from vc.vcdm import jsonld
from wire.problem import Damaged, Unavailable

MEMORY = Path("/proc/self/mem")
SHARD = ShardName(1, 0, None)

pytestmark = pytest.mark.skipif(not MEMORY.exists(), reason="no /proc/self/mem: run it on Linux")


def failing(path: Path) -> Path:
    """A file there that opens, and whose reading fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(MEMORY)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        path.read_bytes()
    return path


def tile(folder: Path) -> object:
    failing(folder / "tile/0/000")
    return PosixStore(folder, read_only=True).get("tile/0/000")


def frame_of_a_shard(folder: Path) -> object:
    store = ShardFolder(folder)
    store.write(SHARD, shard_of([b"line"]))
    shard = Shard(store, SHARD)
    failing(folder / str(SHARD))
    return shard.line(0)


def shard(folder: Path) -> object:
    path = folder / str(SHARD)
    path.parent.mkdir()
    path.symlink_to(path)  # ELOOP: it cannot be opened, and is not missing
    return Shard(ShardFolder(folder), SHARD)


def spooled_rows(folder: Path) -> object:
    span = Span(0, 0, 1, 0, 1, b"")
    failing(folder / "000000")
    return list(Spool(folder, bytes(32)).rows(span))


def nodes(folder: Path) -> object:
    return nodes_in(failing(folder / "nodes"))


def context(folder: Path) -> object:
    failing(folder / "index.json")
    return jsonld.load(folder)


class Failing(io.BytesIO):
    """An archive on a disk that fails after its directory was read."""

    fails = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().read(size)


def file_in_an_archive(_: Path) -> object:
    file = Failing()
    with ZipFile(file, "w") as archive:
        archive.writestr("a.json", "{}")
    for entry in archived(file, Bounds(9, 1000, 1000, 1000)):
        file.fails = True
        entry.read()
    return None


@pytest.mark.parametrize(
    "read", [tile, frame_of_a_shard, shard, spooled_rows, nodes, context, file_in_an_archive]
)
def test_what_cannot_be_read_is_not_called_damaged(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        read(tmp_path)


def test_a_certificate_that_cannot_be_read_is_not_to_be_removed(tmp_path: Path) -> None:
    files = server_files(tmp_path / "tls", [], now=NOW)
    failing(files.chain)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        server_files(tmp_path / "tls", [], now=NOW)
    files.chain.unlink()
    files.chain.write_bytes(b"")
    with pytest.raises(Damaged):
        server_files(tmp_path / "tls", [], now=NOW)


@pytest.mark.parametrize("name", ["log/checkpoint", "did.json", "keys.json", "kinds/diploma-2/kind.json"])
def test_commands_end_with_3(name: str, program: Program) -> None:
    assert program("issuer", "init", "--name", "Example").code == 0
    failing(program.home / "issuer" / name)
    if name.startswith("log"):
        assert program("ledger", "audit").code == 3
    answer = program("doctor")
    assert (answer.code, os.strerror(errno.EIO) in answer.out) == (3, True)
    assert "amaged" not in answer.out


def test_a_file_that_cannot_be_read_is_no_wrong_use(program: Program, tmp_path: Path) -> None:
    answer = program("verify", failing(tmp_path / "diploma.json"))
    assert (answer.code, os.strerror(errno.EIO) in answer.err) == (3, True)
