"""Durable files: acknowledged content survives SIGKILL and a power cut at any instant."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .problem import Damaged, TryLater, Unavailable

if TYPE_CHECKING:
    import ctypes

FILES = "files"
"""The name by which `remove_leftovers` knows the folders of `temporary_folder`."""
_FULL_SYNC = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone leaves data in the drive's cache


def sync_file(descriptor: int) -> None:
    """Return when the content written to an open file is on the disk itself."""
    if _FULL_SYNC is None:
        os.fsync(descriptor)
    else:
        fcntl.fcntl(descriptor, _FULL_SYNC)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder (created, renamed, removed files) are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    import ctypes  # imported lazily: readers sync nothing

    return ctypes.CDLL(None, use_errno=True)


def sync_files(folder: Path, paths: Iterable[str]) -> None:
    """Return when all files below a folder are on the disk; at least those of the given paths."""
    libc = _libc()
    if not hasattr(libc, "syncfs"):  # Linux has it; it is ten times as fast as a file at a time
        return _sync_each(folder, paths)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if libc.syncfs(descriptor):
            import ctypes

            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _sync_each(folder: Path, paths: Iterable[str]) -> None:
    folders = {folder}
    for path in paths:
        with (folder / path).open("rb+") as file:
            sync_file(file.fileno())
        folders.update(parent for parent in (folder / path).parents if parent.is_relative_to(folder))
    for each in folders:
        sync_folder(each)


def write_durably(path: Path, data: bytes | bytearray, mode: int = 0o600) -> None:
    """Create or replace a file as a whole: the new content is on the disk when this returns.

    Temporaries that killed writers of the same file left beside it are removed first.
    """
    remove_leftovers(path.parent, path.name)
    replace_file(path, data, mode)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes | bytearray, mode: int = 0o600, *, synced: bool = True) -> None:
    """Create or replace a file as a whole: at any instant a reader finds the old content or the new one.

    This holds after a power cut, too; until the folder is synced, the old content may come back. Without
    `synced` a power cut may leave half a file: only for content that can be made again. It does not look for
    leftovers: a caller that writes many files into a folder calls `remove_leftovers` once.
    """
    with open_temporary(path, mode) as (temporary, file):
        file.write(data)
        file.flush()
        if synced:
            sync_file(file.fileno())
        temporary.replace(path)


def replace_for_good(path: Path, data: bytes, mode: int) -> None:
    """As `replace_file`, and the file's name is durable from the first write on. Removes leftovers first."""
    is_new = not path.exists()
    remove_leftovers(path.parent, path.name)
    replace_file(path, data, mode)
    if is_new:
        sync_folder(path.parent)


@contextlib.contextmanager
def open_temporary(path: Path, mode: int = 0o600) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside `path`, open for writing. The block renames it to `path`; an error removes it.

    It is locked until it is closed. The system drops the locks of a killed process. So an unlocked temporary
    has no writer, and `remove_leftovers` may remove it.
    """
    import secrets

    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        # 0600 whatever `mode` is: nobody else can open it before it is locked, and then hold it against us.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb", io.DEFAULT_BUFFER_SIZE) as file:
            with contextlib.suppress(OSError):  # some network file systems have no locks: nothing is swept
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if not status.st_nlink:
                continue  # a sweeper was faster than the lock
            try:
                if stat.S_IMODE(status.st_mode) != mode:  # whatever the umask
                    os.fchmod(descriptor, mode)
                yield temporary, file
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            return


@contextlib.contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder below `parent` for files to be renamed out of it; removed in the end, with the rest in it.

    It is locked as the file of `open_temporary` is: one lock for many files.
    """
    import secrets

    while True:
        temporary = parent / f".{FILES}.{secrets.token_hex(8)}.tmp"
        temporary.mkdir(mode=0o700)
        try:
            descriptor = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # a sweeper was faster
            continue
        try:
            with contextlib.suppress(OSError):  # some network file systems have no locks: nothing is swept
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not temporary.exists():  # a sweeper was faster than the lock
                continue
            try:
                yield temporary
            finally:
                _remove(temporary)
            return
        finally:
            os.close(descriptor)


def write_new(path: str, data: bytes) -> None:
    """Create a private file (0600) without making it durable, for callers that write thousands.

    Raises `FileExistsError`.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data` to an open file; a single system call may write only a part."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, data[written:])


def leftovers(folder: Path, name: str = "") -> list[Path]:
    """The temporaries of dead writers in a folder, for the file of a `name` or for any."""
    return [path for path in _temporaries(folder, name) if _is_left(path)]


def remove_leftovers(folder: Path, name: str = "") -> None:
    """Remove the temporaries that killed writers left in a folder: they may hold secrets or personal data.

    With a `name`, only those for the file of that name, as in a folder that other programs use. It is safe to
    call at any time, since files of live writers are locked. Files that cannot be removed stay; see
    `leftovers`.
    """
    for path in _temporaries(folder, name):
        _is_left(path, remove=True)


def _temporaries(folder: Path, name: str) -> list[Path]:
    pattern = re.compile(rf"\.{re.escape(name) if name else '.+'}\.[0-9a-f]{{16}}\.tmp", re.DOTALL)
    try:
        with os.scandir(folder) as entries:
            return [Path(entry) for entry in entries if pattern.fullmatch(entry.name)]
    except OSError:  # gone, or not to be listed
        return []


def _is_left(path: Path, *, remove: bool = False) -> bool:
    """True if a temporary has no writer. It is removed under its lock, so that nobody begins meanwhile."""
    try:  # neither to follow a link nor to wait at a pipe of that name
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # renamed meanwhile, or not ours to look at
        return os.path.lexists(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if remove:
            _remove(path)
    except OSError as error:  # locked by its writer; else no locks here, or not ours to remove
        return not isinstance(error, BlockingIOError)
    finally:
        os.close(descriptor)
    return os.path.lexists(path)


def _remove(path: Path) -> None:
    """Remove a temporary: a file, or a folder that has nothing but files."""
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def open_regular(path: Path) -> io.FileIO:
    """A file to read from; raises `Damaged` for a pipe or a device of that name.

    Reading a pipe may never return, and a device has no end; a folder from elsewhere may have either.
    """
    file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise Damaged.saying("{file} is no regular file", file=str(path))
    return file


def read_regular(path: Path, limit: int) -> bytes:
    """All of a file. Raises `Damaged` as `open_regular`, and for one of more than `limit` bytes."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > limit:
            raise Damaged.saying("{file} is longer than {most} bytes", file=str(path), most=limit)
        return file.read()


@contextlib.contextmanager
def file_problems(path: Path) -> Iterator[None]:
    """Raises `Unavailable` for the `OSError` of a file that cannot be read, since its content is unknown.

    Errors for a missing file, or a folder in its place, are left to the caller: these are certain.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise
    except OSError as error:
        raise Unavailable.saying(
            "{file} cannot be read: {system}", file=str(path), system=error.strerror
        ) from error


def make_private_folder(path: Path) -> None:
    """Create a folder, and those above it that are missing, for the owner only (0700), durably."""
    missing = not path.exists()
    if missing:
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    # An existing folder is synced, too: its maker may have been killed before. Its parent may be unreadable.
    if missing or os.access(path.parent, os.R_OK):
        sync_folder(path.parent)


@contextlib.contextmanager
def locked(
    path: Path, *, to_read: bool = False, shared: bool = False, patience: float | None = None
) -> Iterator[None]:
    """Wait for, then hold, the one exclusive lock that belongs to `path` (a file `.lock` beside it).

    With `shared`, several callers can hold it together. `to_read` is shared, too, and writes nothing: the
    lock file has to exist. With `patience`, in seconds, raises `TryLater` if it is held for longer, such as
    by a job of hours or a process that waits for a person's answer.
    """
    flags = os.O_RDONLY if to_read else os.O_RDWR | os.O_CREAT
    kind = fcntl.LOCK_SH if to_read or shared else fcntl.LOCK_EX
    # not to wait at a pipe that stands there
    descriptor = os.open(path.with_name(f"{path.name}.lock"), flags | os.O_NONBLOCK, 0o600)
    try:
        if patience is None:
            fcntl.flock(descriptor, kind)
        else:
            _take(descriptor, kind, time.monotonic() + patience, path)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked_folder(folder: Path, *, shared: bool = False, if_possible: bool = False) -> Iterator[None]:
    """Wait for, and hold, a lock of the folder itself, which cannot be removed as a lock file can.

    With `if_possible`, go on without a lock where there are none, as on some network file systems.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError) if if_possible else contextlib.nullcontext():
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int, deadline: float, path: Path) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TryLater.saying("another process is at work on {file}", file=str(path)) from None
            time.sleep(0.02)  # flock itself waits for ever or not at all
