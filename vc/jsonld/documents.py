"""Context documents: kept beside this file, each with the SHA-256 it must have. Never fetched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wire.problem import Refused

from .problem import DamagedContext, UnknownContext, quoted

FOLDER = Path(__file__).parent / "contexts"


class Documents:
    """Context documents by URL: the vendored ones, and `extra` ones that a deployment vouches for."""

    def __init__(self, extra: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._index = {row["url"]: row for row in json.loads((FOLDER / "index.json").read_bytes())}
        for url in self._index.keys() & extra.keys():
            raise Refused(f"the context {quoted(url)} is vendored and cannot be replaced")
        self._loaded = dict(extra)

    @property
    def urls(self) -> list[str]:
        """The URLs of the vendored documents."""
        return list(self._index)

    def load(self, url: str) -> Any:
        """The document at `url`.

        Raises UnknownContext, or DamagedContext when the file is not the one indexed.
        """
        if url not in self._loaded:
            row = self._index.get(url)
            if row is None:
                raise UnknownContext(
                    f"the context {quoted(url)} is not known here, and contexts are never fetched",
                    hint="Ask the issuer for a credential with published contexts, such as those of W3C.",
                )
            data = (FOLDER / row["file"]).read_bytes()
            if hashlib.sha256(data).hexdigest() != row["sha256"]:
                raise DamagedContext(f"the context file {row['file']} does not have its indexed SHA-256")
            self._loaded[url] = json.loads(data)
        return self._loaded[url]
