"""A process gives up all files but some and all connections but to one port, by Linux's Landlock and seccomp.

For the system a process and whoever took it over are the same user, whose keys and databases lie beside it.
So the one that unpickles what a cluster sends keeps only what it needs. By the same rule it cannot trace the
driver, whose memory has the keys, nor send it a signal.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# The numbers of linux/landlock.h and linux/prctl.h; the three calls have one number on all architectures.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_SECCOMP, _FILTER, _NO_NEW_PRIVILEGES = 22, 2, 38
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


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.c_char_p))


# Of each processor: AUDIT_ARCH of linux/audit.h, and the number of the call `socket`.
_PROCESSORS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING = 425  # its call to set up a ring, which makes sockets past any filter
_X32 = 0x40000000  # calls of an older kind on x86_64 have these numbers and more
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # linux/seccomp.h
_NUMBER, _PROCESSOR, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def landlock() -> int:
    """The version of Landlock that the system has; 0 for none. Ports are in 4, signals in 6."""
    if sys.platform != "linux":
        return 0
    version: int = _libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(0, version)


def confine(readable: Iterable[Path], writable: Iterable[Path], port: int) -> None:
    """Gives up what is not beneath these paths, all TCP ports but one, and sockets that are files.

    What the system does not know stays as it is. It holds for this thread and those that it starts: so it
    comes before any other. Raises `OSError`.
    """
    if not (version := landlock()):
        return
    _require(_libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _keep(readable, writable, port, version)
    _refuse_local_sockets()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _refuse_local_sockets() -> None:
    """A database may know this user by its socket, and Landlock lets a process connect to those."""
    if platform.machine() not in _PROCESSORS:
        return
    processor, of_socket = _PROCESSORS[platform.machine()]
    refused = _ERROR | errno.EACCES
    instructions = (
        (_LOAD, 0, 0, _PROCESSOR),
        (_EQUAL, 0, 7, processor),  # else refused: another kind of call
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, _IO_URING),
        (_EQUAL, 0, 2, of_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, socket.AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, refused),
    )
    packed = b"".join(struct.pack("=HBBI", *each) for each in instructions)
    program = _Program(len(instructions), packed)
    _require(_libc().prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0))


def _keep(readable: Iterable[Path], writable: Iterable[Path], port: int, version: int) -> None:
    call = _libc().syscall
    # Each version knows more rights: what it does not know it refuses to be asked for.
    everything = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = _Ruleset(
        everything,
        (_CONNECT_TCP | _BIND_TCP) if version >= 4 else 0,
        _SIGNALS_AND_ABSTRACT_SOCKETS if version >= 6 else 0,
    )
    size = ctypes.c_size_t(8 if version < 4 else 16 if version < 6 else 24)
    rules = call(_CREATE, ctypes.byref(ruleset), size, 0)
    _require(rules)
    try:
        for paths, access in ((readable, _READ), (writable, everything)):
            for path in paths:
                _allow(call, rules, path, access & everything)
        if version >= 4:
            connect = _Port(_CONNECT_TCP, port)
            _require(call(_ADD, rules, _PORT, ctypes.byref(connect), 0))
        _require(call(_RESTRICT, rules, 0))
    finally:
        os.close(rules)


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
