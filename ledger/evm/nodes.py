"""The addresses of a chain's nodes, which hold keys that others must not see.

They come from a file that only its owner may read, or from a variable of the environment: addresses separated
by blanks, or JSON where a node needs more:

    {"nodes": [{"url": "https://node.example:8545", "ca": "/etc/ca.pem", "headers": {"authorization": "…"}}]}

A message never has more of an address than its host.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wire.files import file_problems, open_regular
from wire.problem import Damaged, Malformed, Refused
from wire.strict import load_json_object

from .node import RpcNode
from .problem import NODES_UNREADABLE

_LARGEST = 1 << 16  # bytes
_MOST = 16  # nodes


def nodes_in(file: Path) -> tuple[RpcNode, ...]:
    """The nodes that a file names.

    Raises `NODES_UNREADABLE`, also where others than its owner may read it.
    """
    try:
        with file_problems(file), open_regular(file) as opened:
            # The addresses hold keys. Of the open file: its name may lead elsewhere by now.
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise NODES_UNREADABLE.saying(
                    "the file of the nodes {file} may be read by others than its owner", file=str(file)
                )
            text = opened.read(_LARGEST + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, Damaged):
        raise NODES_UNREADABLE.saying("the file of the nodes {file} cannot be read", file=str(file)) from None
    return nodes_of(text, str(file))


def nodes_of(text: bytes, place: str) -> tuple[RpcNode, ...]:
    """The nodes named in a text, which comes from `place`. Raises `NODES_UNREADABLE`."""
    unreadable = NODES_UNREADABLE.saying(
        "what names the nodes, {place}, is not a list of their addresses, of {most} at the most",
        place=place,
        most=_MOST,
    )
    try:
        named: Sequence[Any] = (
            load_json_object(text, limit=_LARGEST).get("nodes") or ()
            if text.lstrip().startswith(b"{")
            else [{"url": url} for url in text[: _LARGEST + 1].decode().split()]
        )
        if not isinstance(named, list) or not 0 < len(named) <= _MOST or len(text) > _LARGEST:
            raise unreadable
        return tuple(map(_node, named))
    except (Malformed, Refused, UnicodeDecodeError):
        raise unreadable from None  # not the text itself, which holds keys


def _node(entry: Any) -> RpcNode:
    # A misspelt member would be left out silently, and the node asked without its key.
    if not isinstance(entry, dict) or not entry.keys() <= {"url", "ca", "headers"}:
        raise Malformed("a node is an object with url, ca and headers")
    url, ca, headers = entry.get("url"), entry.get("ca"), entry.get("headers", {})
    values = headers.values() if isinstance(headers, dict) else [None]
    if not isinstance(url, str) or not all(isinstance(value, str) for value in values):
        raise Malformed("url and headers of a node are texts")
    if not isinstance(ca, str | None):
        raise Malformed("ca of a node is the path of a file")
    return RpcNode(url, ca_file=Path(ca) if ca else None, headers=headers)
