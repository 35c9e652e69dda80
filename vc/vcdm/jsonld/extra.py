"""Contexts that a deployment vouches for, beside the vendored ones: a folder of files with their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wire.problem import Malformed, Problem, Unavailable
from wire.strict import load_json, load_json_object

from .context import IRI, Contexts, Meter
from .documents import Documents
from .naming import names_of

_LARGEST = 1 << 20  # bytes of a file; the largest vendored context has 15,000
_ROW = frozenset({"url", "file", "sha256"})


def vouched(extra: Mapping[str, Any]) -> Contexts:
    """The vendored contexts and these, parsed and by URL, for documents that are signed.

    Raises `Refused` for the URL of a vendored one, and what a context raises that cannot be processed.
    """
    documents = Documents(extra)
    contexts = Contexts(documents, names_of(documents))
    for url in extra:
        contexts.process(contexts.root, url, Meter())
    return contexts


def load(folder: Path) -> Contexts:
    """The vendored contexts and those of a folder, which its `index.json` lists by `url`, `file`, `sha256`.

    Raises `Malformed`, naming the file, for one that is not as listed, or cannot be used; `Unavailable` for
    one that cannot be read.
    """
    index = folder / "index.json"
    contexts: dict[str, Any] = {}
    place = index
    try:
        for row in _rows(index):
            place, url = index, row["url"]
            if url in contexts or not IRI(url):
                raise Malformed.saying("{url} is no URL, or listed twice", url=url)
            # An index must lead to no file outside its folder.
            if Path(row["file"]).name != row["file"]:
                raise Malformed.saying("{file} is no file in this folder", file=row["file"])
            place = folder / row["file"]
            data = _read(place)
            # Threat 31: the deployment vouches for these bytes.
            if hashlib.sha256(data).hexdigest() != row["sha256"]:
                raise Malformed.saying("its SHA-256 is not the one that {file} has", file=str(index))
            contexts[url] = load_json_object(data)
            place = index
        return vouched(contexts)
    except Problem as problem:
        raise Malformed.saying("the context {file}: {why}", file=str(place), why=problem) from None
    except OSError as error:
        is_absent = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
        kind = Malformed if is_absent else Unavailable
        raise kind.saying("the context {file}: {system}", file=str(place), system=error.strerror) from None


def _rows(index: Path) -> list[dict[str, str]]:
    rows = load_json(_read(index))
    if not isinstance(rows, list):
        raise Malformed("it is no list")
    for row in rows:
        if (
            not isinstance(row, dict)
            or row.keys() != _ROW
            or not all(isinstance(v, str) for v in row.values())
        ):
            raise Malformed("an entry has other members than url, file and sha256, each a text")
    return rows


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)
