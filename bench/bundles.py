"""Verifying a diploma's bundle as it is handed out, with evidence and status list, against one bare proof.

From bytes to a verdict, in all nine steps: the first time with a list, and then with a verifier that
remembers it. The peers are those of `proofs.py`, which check a single signature: our own "verify, one proof",
and the plain way with pyld. And a trust list of 10,000 issuers against one that has a single one. CPU time;
the best of many rounds that take turns in one run.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bench import proofs
from did import METHODS, Resolver
from issuer import Description, Issuer
from keys import PrivateKey
from verifier import RecognisedIssuer, RecognisedLog, Trust, Verifier
from verifier.sources.trust_index import IndexedTrust, open_trust
from wire.datetimestamp import format_datetimestamp
from wire.fetch import NoFetcher

ISSUED = datetime(2026, 11, 1, tzinfo=UTC)
NOW = ISSUED + timedelta(minutes=10)
ROUNDS = 800


def bundle(folder: Path, issued: datetime = ISSUED) -> tuple[bytes, Trust]:
    """A diploma of an invented graduate, and the trust list that its invented university is on."""
    university = Issuer.create(
        folder,
        Description("Example University", "https://university.example"),
        lambda: None,
        lambda: issued,
    )
    entry = university.issue(
        {
            "diploma_number": "EX-2026-0001",
            "given_name": "Ada",
            "family_name": "Invented",
            "programme_title": "Master of Science in Applied Mathematics",
            "achievement_type": "MasterDegree",
            "award_date": "2026-10-30",
        }
    )
    listed: dict[str, Any] = university.trust_entry()
    trust = Trust().adding(RecognisedIssuer(**listed["issuer"]), RecognisedLog(**listed["log"]))
    return university.bundle(entry).to_bytes(), trust


def among_many(trust: Trust) -> Trust:
    """With 9,999 others, each with a key of its own, and a log that speaks for all."""
    keys = (PrivateKey.generate().public_key.multikey() for _ in range(9_999))
    crowd = tuple(
        RecognisedIssuer(f"did:web:university{number}.example", f"University {number}", keys=(key,))
        for number, key in enumerate(keys)
    )
    logs = (replace(log, issuers=(*log.issuers, *(issuer.id for issuer in crowd))) for log in trust.logs)
    return Trust((*crowd, *trust.issuers), tuple(logs))


def interleaved(rows: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Microseconds of CPU for one call of each: the best of many that take turns."""
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(rounds):
        for name, work in rows.items():
            work()  # what was before it in the processor's caches is none of its cost
            start = time.process_time_ns()
            work()
            best[name] = min(best[name], (time.process_time_ns() - start) / 1e3)
    return best


def started(diploma: Path, lists: Mapping[str, Path], runs: int = 9) -> dict[str, float]:
    """Microseconds of CPU of whole commands that check a diploma by each of these trust lists, in turns."""
    best = dict.fromkeys(lists, float("inf"))
    for _ in range(1 + runs):  # the first makes the index
        for name, trust in lists.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                (sys.executable, "-m", "intaglio", "verify", diploma, "--offline", "--trust", trust,
                 "--at", format_datetimestamp(NOW)), check=True, capture_output=True, cwd=diploma.parent,
                env={**os.environ, "INTAGLIO_HOME": str(diploma.parent)},
            )  # fmt: skip
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best[name] = min(best[name], taken * 1e6)
        time.sleep(1)  # a file that has just changed has no index yet
    return best


def main() -> None:
    resolver, plain, data = Resolver(METHODS, NoFetcher()), proofs.Plain(), proofs.issue()
    with tempfile.TemporaryDirectory() as folder:
        handed_out, trust = bundle(Path(folder) / "university")
        large = among_many(trust)
        diploma, few, many = (Path(folder) / name for name in ("diploma.json", "one.json", "many.json"))
        for path, data_of in ((diploma, handed_out), (few, trust.to_bytes()), (many, large.to_bytes())):
            path.write_bytes(data_of)
        starts = started(diploma, {"command": few, "command, 10,000 issuers": many})
        indexed = open_trust(many)
        kept, crowded = Verifier(resolver, trust=trust), Verifier(resolver, trust=large)
        by_index = Verifier(resolver, trust=indexed)
    assert isinstance(indexed, IndexedTrust)
    for verifier in (kept, crowded, by_index):
        report = verifier.verify(handed_out, now=NOW)
        assert report, report.deciding
    times = interleaved(
        {
            "one proof": lambda: proofs.checked(data, resolver),
            "pyld": lambda: plain.verify(data),
            "bundle, first time": lambda: Verifier(resolver, trust=trust).verify(handed_out, now=NOW),
            "bundle, again": lambda: kept.verify(handed_out, now=NOW),
            "again, 10,000 issuers": lambda: crowded.verify(handed_out, now=NOW),
            "again, 10,000 by index": lambda: by_index.verify(handed_out, now=NOW),
        }
    )
    times |= starts
    goals = (
        ("bundle, first time", "one proof", 2.8),
        ("bundle, again", "one proof", 2.2),
        ("pyld", "bundle, first time", 8.5),
        ("pyld", "bundle, again", 11.0),
        ("again, 10,000 issuers", "bundle, again", 1.05),
        ("again, 10,000 by index", "bundle, again", 1.05),
        ("command, 10,000 issuers", "command", 1.3),
    )
    print(f"{'nine steps, a bundle':<32}{'µs':>8}")
    for name, taken in times.items():
        print(f"{name:<32}{taken:>8.0f}")
    results = []
    print(f"{'':<32}{'over':<22}{'ratio':>8}{'goal':>9}")
    for name, peer, goal in goals:
        ratio = times[name] / times[peer]
        print(f"{name:<32}{peer:<22}{ratio:>7.2f}×{'≥' if name == 'pyld' else '≤':>4}{goal:>5}×")
        results.append({"name": name, "us": times[name], "peer": peer, "peer_us": times[peer],
                        "ratio": ratio, "goal": goal})  # fmt: skip
    folder_of_results = Path(__file__).parent / "results"
    folder_of_results.mkdir(exist_ok=True)
    (folder_of_results / "bundles.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
