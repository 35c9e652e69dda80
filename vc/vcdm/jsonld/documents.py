"""Context documents: kept beside this file, each with the SHA-256 it must have. Never fetched.

Publishers changed the text at a URL without a version now and then, and a signature made under one text fits
no other. So each text that was published there is kept, an *edition* of the context.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from wire.problem import Refused

from .problem import DAMAGED_CONTEXT, UnknownContext, quoted

FOLDER = Path(__file__).parent / "contexts"


class Documents:
    """Context documents by URL: the vendored ones, and `extra` ones that a deployment vouches for."""

    def __init__(
        self,
        extra: Mapping[str, Any] = MappingProxyType({}),
        editions: Mapping[str, int] = MappingProxyType({}),
        folder: Path = FOLDER,
    ) -> None:
        """`editions` says which is used of a URL that has several, if not the first in the index of `folder`.

        Raises `Refused` for an extra context that is vendored.
        """
        self._index: dict[str, list[Mapping[str, str]]] = {}
        for row in json.loads((folder / "index.json").read_bytes()):
            self._index.setdefault(row["url"], []).append(row)
        # Threat 30: another text for a vendored context would change what terms mean.
        for url in self._index.keys() & extra.keys():
            raise Refused.saying("the context {url} is vendored and cannot be replaced", url=quoted(url))
        self.extra, self._editions, self._folder = extra, editions, folder
        self._loaded = dict(extra)
        self.unversioned: Mapping[str, int] = MappingProxyType(
            {url: len(rows) for url, rows in self._index.items() if len(rows) > 1}
        )
        """The URLs without a version, and how many editions each has."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Documents, (dict(self.extra), dict(self._editions), self._folder)

    @property
    def urls(self) -> list[str]:
        """The URLs of the vendored documents."""
        return list(self._index)

    def unversioned_in(self, document: Mapping[str, Any]) -> Mapping[str, int]:
        """Those that a JSON document may name, or that a deployment's own contexts do."""
        try:
            text = orjson.dumps([dict(document), dict(self.extra)])
        except orjson.JSONEncodeError:
            return {}  # no JSON: whoever canonicalises it says what is wrong
        return {url: count for url, count in self.unversioned.items() if url.encode() in text}

    def edition(self, editions: Mapping[str, int]) -> Documents:
        """The same documents with these editions of those that have several."""
        return Documents(self.extra, editions, self._folder)

    def load(self, url: str) -> Any:
        """The document at `url`.

        Raises UnknownContext, or DAMAGED_CONTEXT when the file is not the one indexed.
        """
        if url not in self._loaded:
            rows = self._index.get(url)
            # Threat 31: whoever serves a context could change what a signed document says.
            if rows is None:
                raise UnknownContext.saying(
                    "the context {url} is not known here, and contexts are never fetched", url=quoted(url)
                )
            self._loaded[url] = json.loads(self._text(rows[self._editions.get(url, 0)]))
        return self._loaded[url]

    def texts(self, url: str) -> list[bytes]:
        """The bytes of the vendored document at `url`, in each edition; none for another URL.

        Raises as `load`.
        """
        return [self._text(row) for row in self._index.get(url, ())]

    def _text(self, row: Mapping[str, str]) -> bytes:
        data = (self._folder / row["file"]).read_bytes()
        # Threat 31: a changed file would change the meaning of all that is read by it.
        if hashlib.sha256(data).hexdigest() != row["sha256"]:
            raise DAMAGED_CONTEXT.saying(
                "the context file {file} does not have its indexed SHA-256", file=row["file"]
            )
        return data
