"""Bundles written into a folder by one process, with their manifest: CPU of each.

The peer is the minimum of any export: read each credential from its shard as JSON, write a file of the
bundle's size, hash it and name it. The two take turns; the figure is the median of their ratios. The first
argument is the number of bundles; the second is a folder to write to, on another disk than the temporary
files.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from bench.issue import issuer_in, write_csv
from issuer.archive.shards import lines_of, read_shard
from issuer.issuer import Issuer
from issuer.job.order import Order
from issuer.keeping.export import export
from issuer.table.source import open_source

ROUNDS = 5
GOAL = 2.0


def issued(folder: Path, rows: int) -> Issuer:
    """An issuer that has issued so many credentials from a file."""
    write_csv(folder / "g.csv", rows)
    issuer = issuer_in(folder / "home")
    issuer.issue_file(Order(open_source(folder / "g.csv"), folder / "errors.csv", workers=0))
    return issuer


def credentials(issuer: Issuer) -> Iterator[Any]:
    """All credentials, as they are stored in the shards."""
    archive = issuer.archive
    for _, shard in archive.store.chunks():
        for line in lines_of(read_shard(archive.shards, shard), archive.where(shard)):
            yield orjson.loads(line)["credential"]


def bare(issuer: Issuer, out: Path, rest: bytes) -> None:
    """Writes files of credentials, each padded to the size of its bundle."""
    out.mkdir()
    for number, credential in enumerate(credentials(issuer)):
        data = orjson.dumps(credential, option=orjson.OPT_INDENT_2) + rest
        hashlib.sha256(data).hexdigest()
        (temporary := out / "temporary").write_bytes(data)
        temporary.rename(out / f"{number}.json")


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main(rows: int, place: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="intaglio-bench-", dir=place) as scratch:
        folder, numbers = Path(scratch), count()
        issuer = issued(folder, rows)
        first = next(export(issuer, issuer.entries(), folder / "first"))
        credential = orjson.dumps(next(credentials(issuer)), option=orjson.OPT_INDENT_2)
        rest = bytes(first.stat().st_size - len(credential))
        ratios = []
        for _ in range(ROUNDS):
            ours = cpu(lambda: list(export(issuer, issuer.entries(), folder / f"{next(numbers)}")))
            peer = cpu(lambda: bare(issuer, folder / f"{next(numbers)}", rest))
            ratios.append(ours / peer)
            print(f"  {ours / rows * 1e6:.0f} µs a bundle, {peer / rows * 1e6:.0f} a bare file")
    ratio = statistics.median(ratios)
    print(f"export, a bundle against a bare file {ratio:15.2f}  <= {GOAL}")
    target = Path(__file__).parent / "results"
    target.mkdir(exist_ok=True)
    result = {"name": "export, a bundle against a bare file", "ratio": ratio, "goal": f"<= {GOAL}"}
    (target / "export.json").write_text(json.dumps({"rows": rows, "results": [result]}, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_480, sys.argv[2] if len(sys.argv) > 2 else None)
