"""The user's consent to things that a folder's files name: a host, a bucket, a module, a key file.

A folder can come from somebody else: out of a backup, an archive, a shared drive. Consent is therefore kept
outside it, by the folder's path and the SHA-256 of the text that the user agreed to (threat F23).
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
"""The file that marks a folder as written from a backup: names in its files are not the user's choice."""
_LARGEST = 1 << 20  # bytes of the file of agreements
_LONGEST = 2000  # characters of the text that is shown and agreed to: nobody would read more

Agree = Callable[[str], None]
"""Called with the text that a folder's file names, before it is used. Raises `NotAgreed` or `Declined`."""


class NotAgreed(Refused):
    """A file from elsewhere names what nobody here has agreed to use."""

    code = "not-agreed"
    title = "Not agreed to"


def not_agreed(folder: Path, named: str) -> NotAgreed:
    """The refusal of a thing that a file in `folder` names; its fact `digest` lets a user agree to it.

    Raises `Malformed` for a text that is too long to be shown whole.
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
    """The SHA-256, in hexadecimal, of the text that a file names; whole, so that no other text shares it."""
    return sha256(named.encode()).hexdigest()


def is_marked(folder: Path) -> bool:
    """True if a folder was written from a backup."""
    return os.path.lexists(folder / MARK)


def require_unmarked(folder: Path, named: str) -> None:
    """Raises `NotAgreed` in a folder that was written from a backup: for callers without a user to ask."""
    if is_marked(folder):
        raise not_agreed(folder, named)


class Agreements:
    """The record of the user's consent: one private file, which several processes may write.

    Methods raise `Damaged` where the file is not as it was written; then nothing counts as agreed to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def has(self, folder: Path, named: str) -> bool:
        """True if the user agreed to `named`, the text that a file in `folder` names."""
        # Threat F23: folder and text together, so that consent moves to no other folder or text.
        return _entry(folder, named) in self._read()

    def add(self, folder: Path, named: str) -> None:
        """Record durably that the user agreed to it."""
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
