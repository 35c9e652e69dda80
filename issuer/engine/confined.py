"""A process gives up all files but some and all ports but one, by Linux's Landlock.

For the system a process and whoever took it over are the same user, whose keys and databases lie beside it.
So the one that unpickles what a cluster sends keeps only what it needs. By the same rule it cannot trace the
driver, whose memory has the keys, nor send it a signal.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

# The numbers of linux/landlock.h and linux/prctl.h; the three calls have one number on all architectures.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_NO_NEW_PRIVILEGES = 38
_BENEATH, _PORT = 1, 2
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, read a folder
_FILE_ONLY = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_CONNECT_TCP, _BIND_TCP = 1 << 1, 1 << 0
_SIGNALS_AND_ABSTRACT_SOCKETS = 1 << 0 | 1 << 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("access", ctypes.c_uint64), ("port", ctypes.c_uint64))


def confine(readable: Iterable[Path], writable: Iterable[Path], port: int) -> bool:
    """Gives up all files but those beneath these, and all ports but one. False where the system cannot.

    It holds for this thread and those that it starts: so it comes before any other.
    """
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    # Each version of the kernel's knows more rights: what it does not know it refuses to be asked for.
    everything = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = _Ruleset(
        everything,
        (_CONNECT_TCP | _BIND_TCP) if version >= 4 else 0,
        _SIGNALS_AND_ABSTRACT_SOCKETS if version >= 6 else 0,
    )
    size = ctypes.c_size_t(8 if version < 4 else 16 if version < 6 else 24)
    rules = call(_CREATE, ctypes.byref(ruleset), size, 0)
    if rules < 0:
        return False
    try:
        for paths, access in ((readable, _READ), (writable, everything)):
            for path in paths:
                _allow(call, rules, path, access & everything)
        if version >= 4:
            connect = _Port(_CONNECT_TCP, port)
            _require(call(_ADD, rules, _PORT, ctypes.byref(connect), 0))
        _require(ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
        _require(call(_RESTRICT, rules, 0))
    finally:
        os.close(rules)
    return True


def _allow(call: ctypes._NamedFuncPointer, rules: int, path: Path, access: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # a folder of other systems
    try:
        beneath = _Beneath(access if path.is_dir() else access & _FILE_ONLY, opened)
        _require(call(_ADD, rules, _BENEATH, ctypes.byref(beneath), 0))
    finally:
        os.close(opened)


def _require(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
