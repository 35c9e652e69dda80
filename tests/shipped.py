"""`python -m tests.shipped`: compiles the kinds that come along, and prints the digests to be pinned.

For a new version of one before its release only: what was released never changes.
"""

from __future__ import annotations

from pathlib import Path

import kinds
from kinds.compiling import compiled_files
from kinds.parsing import parse_kind
from kinds.shipped import SHIPPED, shipped


def main() -> None:
    """Writes `schema.json` and `vct.json` beside each."""
    for name in SHIPPED:
        sources = shipped(name).sources
        compiled = compiled_files(parse_kind(sources))
        for path, data in compiled.items():
            (Path(kinds.__file__).parent / name / path).write_bytes(data)
        kind = parse_kind({**sources, **compiled})
        print(f'    "{name}": "{kind.version}:{kind.digest}",')


if __name__ == "__main__":
    main()
