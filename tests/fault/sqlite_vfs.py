"""Lets a `Recorder` see what SQLite writes, which never passes by the functions of `os`.

SQLite reaches the disk through a table of functions, its VFS (sqlite.org/vfs.html). While `watched_sqlite`
lasts, new connections use a copy of that table whose functions inform the recorder and then call the
original. Connections may outlive it: then only the original is called.
"""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path

import pytest

from tests.fault.powerloss import Killed, Recorder

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)
_OPEN_FOLDER = CFUNCTYPE(c_int, c_char_p, c_void_p)
_SET_CALL = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GET_CALL = CFUNCTYPE(c_void_p, c_void_p, c_char_p)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = [
        ("version", c_int), ("file_size", c_int), ("longest_path", c_int),
        ("next", c_void_p), ("name", c_char_p), ("data", c_void_p),
        ("open", _OPEN), ("delete", _DELETE), ("between", c_void_p * 11),
        ("set_call", _SET_CALL), ("get_call", _GET_CALL), ("next_call", c_void_p),
    ]  # fmt: skip


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3: what can be done with an open file."""

    _fields_ = [
        ("version", c_int), ("close", c_void_p), ("read", c_void_p),
        ("write", _WRITE), ("truncate", _TRUNCATE), ("sync", _SYNC), ("others", c_void_p * 13),
    ]  # fmt: skip


_kept: list[ctypes.Structure] = []  # for connections that outlive `watched_sqlite`


@contextlib.contextmanager
def watched_sqlite(recorder: Recorder) -> Iterator[None]:
    """Have the recorder, which is entered already, see the SQLite of connections opened in here."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))  # gives what it is linked to, too
    if not hasattr(library, "sqlite3_vfs_find"):
        pytest.skip("no SQLite that can be called from outside: install a Python that links the system's")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    unix = library.sqlite3_vfs_find(None).contents
    assert unix.version == 3
    paths: dict[int, Path] = {}  # of open files
    folders: list[Path] = []
    tables: dict[int, _Methods] = {}

    def open_file(vfs: int, name: int | None, file: int, flags: int, flags_out: int | None) -> int:
        code = opened(vfs, name, file, flags, flags_out)
        if code == 0 and name is not None:  # temporary files have no name
            paths[file] = Path(os.fsdecode(ctypes.string_at(name)))
            methods = c_void_p.from_address(file)
            assert methods.value
            if methods.value not in tables:
                tables[methods.value] = watched_methods(_Methods.from_address(methods.value))
            methods.value = ctypes.addressof(tables[methods.value])
        return code

    def watched_methods(original: _Methods) -> _Methods:
        copy = _Methods.from_buffer_copy(original)
        copy.write = _WRITE(watch(original.write))
        copy.truncate = _TRUNCATE(watch(original.truncate))
        copy.sync = _SYNC(watch(original.sync, synced))
        return copy

    def synced(file: int, flags: int) -> None:
        recorder.sync(paths[file])
        sync_folders()

    def open_folder(path: bytes, descriptor: int) -> int:
        folders.append(Path(os.fsdecode(path)).parent)  # which SQLite does only in order to sync it
        code: int = opened_folder(path, descriptor)
        return code

    def sync_folders(*_: object) -> None:
        while folders:
            recorder.sync(folders.pop())

    def watch(function: Callable[..., int], synced: Callable[..., None] | None = None) -> Callable[..., int]:
        watched = recorder.watch(function, synced)

        def call(*arguments: int | None) -> int:
            try:
                return int(watched(*arguments))
            except Killed:
                return sqlite3.SQLITE_IOERR

        return call

    copy = _Vfs.from_buffer_copy(unix)
    copy.name = b"watched"
    opened, copy.open = watch(unix.open), _OPEN(open_file)
    copy.delete = _DELETE(watch(unix.delete, sync_folders))
    opened_folder = _OPEN_FOLDER(unix.get_call(None, b"openDirectory"))
    call = _OPEN_FOLDER(open_folder)
    unix.set_call(None, b"openDirectory", ctypes.cast(call, c_void_p))
    library.sqlite3_vfs_register(ctypes.byref(copy), True)
    try:
        yield
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(copy))
        unix.set_call(None, b"openDirectory", None)
        copy.open, copy.delete = unix.open, unix.delete
        for address, table in tables.items():
            original = _Methods.from_address(address)
            table.write, table.truncate, table.sync = original.write, original.truncate, original.sync
        _kept.extend((copy, *tables.values()))
