"""The whole issuer in one encrypted file, and back.

A tar archive, sealed under a random key that the passphrase opens (`keys.envelope`), in portions of 1 MiB of
AES-256-GCM; each portion's nonce is its number and whether it is the last, so that none can be left out,
moved or cut off. The index is copied first and the log last: a backup refers to nothing that it lacks. If the
log or the shards are kept elsewhere, it has only their address.

A backup may come from somebody else than the person who restores it. Only the files that an issuer has are
taken out of it. Addresses that they name, of a log or of a key, are used only once somebody has agreed.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import secrets
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.envelope import open_envelope, seal
from ledger import Checkpoint
from ledger.folder import (
    Engines,
    address_in,
    is_elsewhere,
    kept_beside,
    log_size,
    newest_checkpoint,
    store_in,
)
from ledger.tiles.engines import ENGINES
from ledger.tiles.layout import is_tile
from ledger.tiles.store import CHECKPOINT
from wire.consent import MARK, Agree, not_agreed
from wire.files import locked, locked_folder, make_private_folder, sync_file, sync_folder, write_durably
from wire.problem import Conflict, Damaged, Malformed, NotFound, Refused
from wire.sqlite import copy, require_plain
from wire.strict import load_json_object
from wire.text import shortened

from ..archive.archive import Archive
from ..archive.consistency import require_not_older
from ..archive.engines import open_index
from ..archive.kept import SHARD_NAME
from ..archive.shard_stores import ShardStores, shards_in
from ..archive.store import SQLiteIndex
from ..identity import documents
from ..identity.home import ISSUER_MOVED, LIST_NAME, Identity
from ..press.permutation import LIST_ENTRIES
from ..problem import HOME_TAKEN, UNSOUND_DATABASE
from .named import named_in

_MAGIC = b"intaglio issuer backup 1\n"
_PORTION = 1 << 20
_TAG = 16
_COPIES = ".backup-"
_LONGEST_ENVELOPE = 1 << 14
_LONGEST_HEADER = 1 << 14  # bytes of what tar says of a file beside its first block
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,11}")
_FILES = re.compile(
    r"(issuer|keys|did|template|rotation|clock|ledger|fees|contract-[0-9]{1,20})\.json"
    r"|template\.[0-9a-f]{64}\.json"
    r"|kinds/[a-z][a-z0-9_]{0,99}-[0-9]{1,6}/([A-Za-z0-9_-]{1,100}\.json|tables/[A-Za-z0-9_-]{1,100}\.csv)"
    r"|(issuer|claims|anchors)\.sqlite"
    r"|tls/(server\.pem|server\.key|authority\.pem)"
    rf"|status/({LIST_NAME.pattern}|did\.json|jwt-vc-issuer\.json)"
    r"|attached/[0-9a-f]{64}\.json"
    rf"|{documents.FOLDER}/[0-9]{{1,20}}\.json"
    rf"|shards/{SHARD_NAME}"
    rf"|log/({CHECKPOINT}|journal|mark\.json|keys/[0-9]{{1,20}}-[0-9]{{1,20}})",
    re.ASCII,
)
"""The files of an issuer that go into a backup, beside the tiles of its log."""
_MOST_LEFT_OUT = 100  # names that are remembered, of files that were left in the backup
_ALWAYS_THERE = ("issuer.json", "keys.json", "did.json", "issuer.sqlite", f"log/{CHECKPOINT}")


class _Sealing(io.RawIOBase):
    """A file to write to, which is sealed portion by portion."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file, self._cipher = file, AESGCM(key)
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        while len(self._waiting) > _PORTION:
            self._seal(bytes(self._waiting[:_PORTION]), last=False)
            del self._waiting[:_PORTION]
        return len(data)

    def finish(self) -> None:
        """Seals the rest, as the last portion."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, portion: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last), portion, _MAGIC))
        self._number += 1


class _Unsealing(io.RawIOBase):
    """A file to read from. Raises `Damaged` where a portion is not as written, or the last one is missing."""

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._portions = _unseal(file, AESGCM(key))
        self._waiting = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._waiting) < size:
            portion = next(self._portions, None)
            if portion is None:
                break
            self._waiting += portion
        size = len(self._waiting) if size < 0 else size
        data, self._waiting = self._waiting[:size], self._waiting[size:]
        return data


def _nonce(number: int, last: bool) -> bytes:
    return struct.pack(">QI", number, last)


def _unseal(file: BinaryIO, cipher: AESGCM) -> Iterator[bytes]:
    number = 0
    sealed = file.read(_PORTION + _TAG)
    while True:
        following = file.read(_PORTION + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, not following), sealed, _MAGIC)
        except InvalidTag:
            raise Damaged("the backup is cut short, or was changed") from None
        if not following:
            return
        number, sealed = number + 1, following


def backup(
    home: Path,
    path: Path,
    passphrase: bytes,
    *,
    engines: Engines | None = None,
    shard_stores: ShardStores | None = None,
) -> list[str]:
    """Writes all that the issuer has to `path`; it may go on serving, but not issue, meanwhile.

    `engines` are as in `ledger.folder`, `shard_stores` as in `shards_in`. Returns the addresses of a log or
    of shards that are kept elsewhere, and not in the file. Raises `Conflict` if the file exists, `NotFound`
    if there is no issuer, `Damaged` if credentials are gone.
    """
    identity = Identity.read(home)
    store = open_index(home)
    require_not_older(store, home, identity.closing, engines=engines)
    shards = shards_in(home, identity.shards, identity.did, stores=shard_stores)
    missing = Archive(store, shards).missing()
    store.close()
    if missing:
        raise Damaged(
            f"{missing[0]} is gone, with the credentials in it",
            hint="Take it from an older backup, or from another copy of the bucket.",
        )
    key = secrets.token_bytes(32)
    envelope = json.dumps(seal(key, passphrase)).encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(f"{path} exists already", hint="It is left as it is; name another file.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_MAGIC + struct.pack(">I", len(envelope)) + envelope)
            sealing = _Sealing(file, key)
            with tarfile.open(fileobj=sealing, mode="w|") as archive:
                _archive(home, archive, engines)
            sealing.finish()
            file.flush()
            sync_file(descriptor)
    except BaseException:
        path.unlink()
        raise
    sync_folder(path.parent)
    return [address for address in (address_in(home), identity.shards) if address]


def restore(path: Path, home: Path, passphrase: bytes, agree: Agree | None = None) -> list[str]:
    """Puts an issuer from a backup into a folder that must not exist yet, whole or not at all.

    `agree` is called with each thing outside the folder that its files name, before any is used. The folder
    is marked as written from a backup. Returns the names of files that were left out, because no issuer has
    such; of many, the first.

    Raises `NotAgreed` if something is named and there is no `agree`, and the errors of that; `NotFound` where
    there is no file, `Conflict` where the folder exists, `WrongPassphrase`, `Damaged` where the file is not
    as written, `Refused` where the log that was in the folder is known to have been longer than the backup's.
    """
    if home.exists():
        raise HOME_TAKEN(f"{home} exists already")
    with unpacking(home) as unpacked, _archive_problems(path):
        with (
            path.open("rb") as file,
            tarfile.open(
                fileobj=_Unsealing(file, _key(file, passphrase)), mode="r|", tarinfo=_Member
            ) as archive,
        ):
            left_out = list[str]()
            for member in archive:
                if not _extract(archive, member, unpacked) and len(left_out) < _MOST_LEFT_OUT:
                    left_out.append(member.name)
        _require_sound(unpacked)
        for named in dict.fromkeys(named_in(unpacked)):
            if agree is None:
                raise not_agreed(home, named)
            agree(named)
        _require_newest(unpacked, home)
        store = SQLiteIndex(unpacked / "issuer.sqlite")
        store.reserve(LIST_ENTRIES)  # what was issued after the backup keeps its status positions to itself
        # The index was copied first, and may know of less; what the files name was agreed to.
        store.logged.adopt(log_size(unpacked, engines=ENGINES))
        store.close()
        write_durably(unpacked / MARK, b"")
        for folder, _, _ in os.walk(unpacked):
            sync_folder(Path(folder))
        unpacked.rename(home)
    sync_folder(home.parent)
    return left_out


@contextmanager
def _archive_problems(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}") from error
    except tarfile.TarError as error:
        raise Damaged("the backup is not an archive") from error


@contextmanager
def unpacking(home: Path) -> Iterator[Path]:
    """A folder beside an issuer's, for files that become the issuer's folder when it is renamed.

    Otherwise it is removed; `unfinished` finds one that a killed process left.
    """
    make_private_folder(home.parent)
    clear_away(home)
    unpacked = Path(tempfile.mkdtemp(prefix=_restoring(home), dir=home.parent))
    held = os.open(unpacked, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    try:
        yield unpacked
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        os.close(held)


def _restoring(home: Path) -> str:
    """The prefix of the folders, beside an issuer's, in which a restore unpacks a backup."""
    return f".{home.name}.restoring-"


def unfinished(home: Path) -> Iterator[Path]:
    """The folders that killed backups and restores left of an issuer. One that is in use is locked.

    Folders of restores hold keys, which may be unencrypted.
    """
    for folder, prefix in ((home, _COPIES), (home.parent, _restoring(home))):
        paths = list(folder.iterdir()) if folder.is_dir() else []
        for left in (path for path in paths if path.name.startswith(prefix) and path.is_dir()):
            descriptor = os.open(left, os.O_RDONLY)
            try:
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield left
            finally:
                os.close(descriptor)


def clear_away(home: Path) -> None:
    """Remove the folders that `unfinished` finds."""
    for left in unfinished(home):
        shutil.rmtree(left, ignore_errors=True)


class _Member(tarfile.TarInfo):
    """A file of the archive. Its header is limited, since tar reads headers of any length into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if not member.isfile() and member.size > _LONGEST_HEADER:
            raise Damaged("the backup holds a name that is longer than any file of an issuer has")
        return member


def _require_sound(unpacked: Path) -> None:
    """Raises `Damaged` if a file is missing, or a database brings a program: anybody may have made it."""
    always_there = _ALWAYS_THERE[: -1 if is_elsewhere(unpacked) else None]
    if missing := [name for name in always_there if not (unpacked / name).is_file()]:
        raise Damaged(f"the backup has no {missing[0]}", hint="Restore another backup.")
    for database in unpacked.glob("*.sqlite"):
        require_plain(database, database.name)


def _require_newest(unpacked: Path, home: Path) -> None:
    # An old backup of a folder that has moved would issue a second time what was issued elsewhere since.
    if left := moved_to(home):
        raise ISSUER_MOVED(f"the issuer that was in {home} has moved to {left}")
    kept = kept_beside(home)
    if not kept.exists():
        return
    last, restored = Checkpoint.parse(kept.read_bytes()), newest_checkpoint(unpacked, engines=ENGINES)
    # A shorter log under the same origin would fork: evidence given since would contradict it.
    if last.origin == restored.origin and last.size > restored.size:
        raise Refused(
            f"the backup's log has {restored.size} entries, while the one that was in {home} had {last.size}",
            hint=f"Restore a newer backup. If there is none, remove {kept}; evidence given after the backup "
            "will then contradict the log.",
        )


def beside(home: Path) -> Path:
    """The file beside a home that says where the issuer has moved: an old backup is not restored there."""
    return home.with_name(f"{home.name}.moved")


def moved_to(home: Path) -> str | None:
    """The address to which the issuer of a home has moved, if it has."""
    path = beside(home)
    return str(load_json_object(path.read_bytes()).get("address")) if path.exists() else None


def _archive(home: Path, archive: tarfile.TarFile, engines: Engines | None) -> None:
    with locked(home / "issue", patience=5.0):
        clear_away(home)
        with locked(home / "status"), _copies(home) as copies:
            for database in sorted(home.glob("*.sqlite"), key=lambda path: path.name != "issuer.sqlite"):
                copied = copies / database.name
                copy(database, copied, database.name, UNSOUND_DATABASE)
                archive.add(copied, database.name)
            folders = (home / "status", home / "tls", home / "attached", home / documents.FOLDER)
            _add(
                archive, home, [*home.glob("*.json"), *(path for each in folders for path in each.glob("*"))]
            )
            _add(archive, home, (home / "kinds").rglob("*"))
        _add(archive, home, (home / "shards").rglob("*"))
    if not is_elsewhere(home):
        with store_in(home, engines=engines).lock():
            _add(archive, home, (home / "log").rglob("*"))


@contextmanager
def _copies(home: Path) -> Iterator[Path]:
    """A folder for copies of databases, locked as `unfinished` expects."""
    with (
        tempfile.TemporaryDirectory(prefix=_COPIES, dir=home) as folder,
        locked_folder(Path(folder), shared=True),
    ):
        yield Path(folder)


def _add(archive: tarfile.TarFile, home: Path, paths: Iterable[Path]) -> None:
    for path in sorted(paths):
        if path.is_file() and _is_issuers(name := str(path.relative_to(home))):
            archive.add(path, name)


def _key(file: BinaryIO, passphrase: bytes) -> bytes:
    start = file.read(len(_MAGIC) + 4)
    length = int.from_bytes(start[len(_MAGIC) :])
    # The length is not authenticated yet: the limit bounds the memory that it can take.
    if start[: len(_MAGIC)] != _MAGIC or not 0 < length <= _LONGEST_ENVELOPE:
        raise Malformed("the file is not an issuer's backup")
    return open_envelope(load_json_object(file.read(length)), passphrase)


def _is_issuers(name: str) -> bool:
    is_log = name.startswith("log/") and is_tile(name.removeprefix("log/"))
    return is_log or _FILES.fullmatch(name) is not None


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> bool:
    """Extract a file, and return true if it was taken. A file that no issuer has stays in the backup.

    Raises `Damaged` for an entry that is no file, and for a name that leads out of the folder.
    """
    is_plain = member.isfile() and not member.issparse()  # which may say any size
    content = archive.extractfile(member) if is_plain else None
    # Threat F23: links, devices and names with `..` could write outside the folder.
    if content is None or not _NAME.fullmatch(member.name):
        raise Damaged(f"the backup holds {shortened(member.name)}, which is no file of an issuer")
    # Threat F23: a module or a configuration brought along could run or be trusted later.
    if not _is_issuers(member.name):
        return False
    target = folder / member.name
    make_private_folder(target.parent)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        sync_file(file.fileno())
    return True
