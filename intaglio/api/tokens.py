"""Bearer tokens of one issuer (RFC 6750): who may have it issue, and who may revoke.

A token has 256 random bits: nobody finds it by its digest, which needs no salt. The file has digests alone,
so that a copy of it lets nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from issuer.shared import shared_in
from wire.datetimestamp import format_datetimestamp
from wire.problem import Code, Conflict, Damaged, Malformed, NotFound, TooLarge
from wire.strict import load_json_object

FILE = "tokens.json"
_LARGEST = 1 << 20
_NAME = "[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"

TOKEN_TAKEN = Code("token-taken", Conflict, "There is a token of this name")
"""A token of the issuer has this name."""
NO_SUCH_TOKEN = Code("no-such-token", NotFound, "There is no such token")
"""No token of the issuer has this name."""
DAMAGED_TOKENS = Code("damaged-tokens", Damaged, "The file of tokens is damaged")
"""The file of an issuer's tokens is not as it was written."""


class Right(StrEnum):
    """An operation that a token allows."""

    ISSUE = "issue"
    STATUS = "status"


class Token(NamedTuple):
    """A token as it is stored: its name for people, its digest, its rights, and when it was made."""

    name: str
    digest: str
    rights: frozenset[Right]
    since: str

    def to_dict(self) -> dict[str, Any]:
        """The members of the file."""
        return {"name": self.name, "digest": self.digest, "rights": sorted(self.rights), "since": self.since}


class Tokens:
    """The tokens of the issuer that lives in a folder, of all its machines where it has several.

    Methods raise `DAMAGED_TOKENS`, and the errors of the database where that has them.
    """

    def __init__(self, folder: Path) -> None:
        self._shared = shared_in(folder)

    def add(self, name: str, rights: Iterable[Right], now: datetime) -> str:
        """Adds a token, and returns its text, which is stored nowhere.

        Raises `TOKEN_TAKEN`, `DAMAGED_TOKENS`, and `Malformed` for a name that is not 1 to 64 letters, digits
        and `._@-`, or for a token that makes the file too long: nobody could read it then, nor end a token.
        """
        if re.fullmatch(_NAME, name) is None:
            raise Malformed("the name of a token is 1 to 64 letters, digits, dots, dashes and such")
        text = secrets.token_urlsafe(32)
        with self._shared.held(FILE):
            tokens = self.all()
            if any(token.name == name for token in tokens):
                raise TOKEN_TAKEN("a token has this name: end it, or give another name")
            self._write([*tokens, Token(name, _digest(text), frozenset(rights), format_datetimestamp(now))])
        return text

    def end(self, name: str) -> None:
        """Ends a token: the next request with it is refused. Raises `NO_SUCH_TOKEN`, `DAMAGED_TOKENS`."""
        with self._shared.held(FILE):
            tokens = self.all()
            left = [token for token in tokens if token.name != name]
            if left == tokens:
                raise NO_SUCH_TOKEN("no token has this name")
            self._write(left)

    def all(self) -> list[Token]:
        """All tokens, in the order in which they were added. Raises `DAMAGED_TOKENS`."""
        content = self._shared.read(FILE)
        if content is None:
            return []
        try:
            members = load_json_object(content, limit=_LARGEST)
        except Malformed as problem:
            raise DAMAGED_TOKENS(f"{FILE}: {problem.detail}", because=problem) from problem
        try:
            return [_token(entry) for entry in members["tokens"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DAMAGED_TOKENS(f"{FILE} is not as it was written") from error

    def rights(self, text: str) -> frozenset[Right] | None:
        """The rights of a token; `None` for one that does not exist, or no longer exists.

        Read at each request: so a token that was ended is refused at once, on every machine. Raises
        `DAMAGED_TOKENS`.
        """
        digest, rights = _digest(text), None
        for token in self.all():  # all of them, each in the same time
            if hmac.compare_digest(token.digest, digest):
                rights = token.rights
        return rights

    def _write(self, tokens: Iterable[Token]) -> None:
        content = {"version": 1, "tokens": [token.to_dict() for token in tokens]}
        data = orjson.dumps(content, option=orjson.OPT_INDENT_2)
        if len(data) > _LARGEST:
            raise TooLarge("there are too many tokens: end those that nobody uses")
        self._shared.write(FILE, data)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(entry: Mapping[str, Any]) -> Token:
    name, digest, since = entry["name"], entry["digest"], entry["since"]
    if not (isinstance(name, str) and isinstance(since, str) and re.fullmatch("[0-9a-f]{64}", digest)):
        raise ValueError
    return Token(name, digest, frozenset(map(Right, entry["rights"])), since)
