"""The versions of the issuer's DID document that its log holds, each under its index there.

documents/     INDEX.json, as `did.json` was when it went into the log; published with the log
"""

from __future__ import annotations

from pathlib import Path

import orjson

from wire.files import make_private_folder, write_durably

FOLDER = "documents"


def keep(home: Path, index: int, document: bytes) -> None:
    """Keeps a version, durably; one that is kept already stays as it is."""
    path = home / FOLDER / f"{index}.json"
    if not path.exists():
        make_private_folder(path.parent)
        write_durably(path, document)


def published(home: Path) -> bytes:
    """All versions in order, as JSON: `documents`, of which each has an `index` and the `document`."""
    found = (home / FOLDER).glob("*.json")
    kept = [path for path in found if path.stem.isascii() and path.stem.isdigit()]  # others are none of ours
    paths = sorted(kept, key=lambda path: int(path.stem))
    versions = [{"index": int(path.stem), "document": orjson.Fragment(path.read_bytes())} for path in paths]
    return orjson.dumps({"documents": versions})
