"""What a folder's files name (a host, a bucket, a module, a key file), and whether the user agreed to it.

A folder can come from somebody else: out of a backup, an archive, a shared drive. Consent is therefore kept
outside it, by the folder's path and the SHA-256 of the text that was agreed to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import orjson

from .files import locked, make_private_folder, read_regular, write_durably
from .problem import Damaged, Malformed, Refused
from .strict import load_json_object

MARK = "restored"
"""The file that marks a folder as written from a backup: what its files name is not the user's own choice."""
_LARGEST = 1 << 20  # bytes of the file of agreements
_LONGEST = 2000  # characters of what is shown and agreed to: nobody would read more

Agree = Callable[[str], None]
"""Called with what a folder's file names, before it is used. Raises `NotAgreed` or `Declined`."""


class NotAgreed(Refused):
    """A file from elsewhere names what nobody here has agreed to use."""

    code = "not-agreed"
    title = "Not agreed to"


def not_agreed(folder: Path, named: str) -> NotAgreed:
    """The refusal of what a file in `folder` names; it has the digest, by which a user can agree.

    Raises `Malformed` for what is too long to be shown whole.
    """
    if len(named) > _LONGEST:
        raise Malformed.saying(
            "a file in {folder} names something of more than {most} characters",
            folder=str(folder),
            most=_LONGEST,
        )
    return NotAgreed.saying(
        "a file in {folder} names what is outside it, which is not used: {named}",
        folder=str(folder),
        named=named,
        digest=digest_of(named),
    )


def digest_of(named: str) -> str:
    """The SHA-256, in hexadecimal, of what a file names: whole, so that no other text can share it."""
    return sha256(named.encode()).hexdigest()


def is_marked(folder: Path) -> bool:
    """Whether a folder was written from a backup."""
    return os.path.lexists(folder / MARK)


def require_unmarked(folder: Path, named: str) -> None:
    """Raises `NotAgreed` in a folder that was written from a backup: for callers who ask nobody."""
    if is_marked(folder):
        raise not_agreed(folder, named)


class Agreements:
    """What the user agreed to: one private file, which several processes may write.

    A method raises `Damaged` where the file is not as it was written: then nothing counts as agreed to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def has(self, folder: Path, named: str) -> bool:
        """Whether the user agreed to what a file in `folder` names."""
        return _entry(folder, named) in self._read()

    def add(self, folder: Path, named: str) -> None:
        """Keeps, durably, that the user agreed to it."""
        make_private_folder(self._file.parent)
        with locked(self._file):
            entries = self._read()
            if _entry(folder, named) not in entries:
                content = {"version": 1, "agreed": [*entries, _entry(folder, named)]}
                write_durably(self._file, orjson.dumps(content, option=orjson.OPT_INDENT_2))

    def _read(self) -> list[dict[str, str]]:
        try:
            content = load_json_object(read_regular(self._file, _LARGEST), limit=_LARGEST)
        except FileNotFoundError:
            return []
        except Malformed as error:
            raise Damaged.saying("{file} cannot be read", file=str(self._file)) from error
        entries = content.get("agreed")
        if content.get("version") != 1 or not isinstance(entries, list):
            raise Damaged.saying("{file} cannot be read", file=str(self._file))
        return entries


def _entry(folder: Path, named: str) -> dict[str, str]:
    # The real path: through a symbolic link, consent for one folder would count for another.
    return {"folder": os.path.realpath(folder), "sha256": digest_of(named)}
