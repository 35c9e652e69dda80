"""Costs that must not grow: a claim after 50,000 others, and publishing as more lists change.

CPU time in one process, each row against its first. The 50,000 former claims are in the index, the log, the
list and its details as claims leave them; their diplomas themselves are not printed. Publishing one
revocation in each of a hundred lists is compared with publishing one in a single list. The folder is backed
by memory; the operations that would wait for a disk are counted, once for each side.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from bench.issue import FAMILY, GIVEN, HEADER, PROGRAMMES
from did.methods import key as did_key
from issuer import Description
from issuer.archive.kept import KindNumber
from issuer.archive.store import SQLiteIndex
from issuer.issuer import Issuer
from issuer.press.permutation import LIST_ENTRIES
from keys import PrivateKey
from ledger import EntryKind, entry

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DATE = "2026-11-01T00:00:00Z"
CLAIMED = 50_000
CLAIMS = 21  # measured, before and after
LISTS = 100
ROUNDS = 5
RESULTS = Path(__file__).parent / "results"


def graduate(row: int) -> dict[str, str]:
    cells = [
        f"S{row:08}",
        GIVEN[row % 11],
        FAMILY[row // 11 % 10],
        "1990-01-15",
        f"graduate{row}@example.org",
        "en",
    ]
    return dict(zip(HEADER, [*cells, *PROGRAMMES[0], "3.50", "", "2026-06-30", f"UNI-{row:08}"], strict=True))


def issuer_in(home: Path) -> Issuer:
    return Issuer.create(home, Description("Invented University"), lambda: None, lambda: NOW)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def claims(issuer: Issuer, first: int) -> float:
    """The median of some claims, each by another holder."""
    taken = []
    for row in range(first, first + CLAIMS):
        number = issuer.issue(graduate(row)).number
        holder = did_key.create(PrivateKey.generate().public_key)
        taken.append(seconds(partial(issuer.claim, number, holder)))
    return statistics.median(taken)


def superseded(issuer: Issuer, count: int) -> None:
    """As if so many had been claimed: both editions in index and log, the former in the list."""
    store, log = issuer.store, issuer.log
    assert isinstance(store, SQLiteIndex)
    first = store.reserve(2 * count)
    key = b"former claims"
    store.logged.intend(key)
    leaves = log.append([entry(EntryKind.CREDENTIAL, os.urandom(32)) for _ in range(2 * count)], key)
    rows = [(first + at, f"F-{at // 2:08}", 1 + at % 2, leaves[at]) for at in range(2 * count)]
    with store._database.writing() as connection:
        connection.executemany(
            "INSERT INTO credential (seq, kind, number, edition, form, copy, leaf) "
            "VALUES (?, 'diploma', ?, ?, '', 1, ?)",
            rows,
        )
        former = [(seq,) for seq, _, edition, _ in rows if edition == 1]
        connection.executemany(f"INSERT INTO revocation VALUES (?, 'superseded', '{DATE}')", former)
        connection.executemany("INSERT INTO unpublished VALUES (?)", former)
        connection.execute("DELETE FROM appending")
        connection.execute("UPDATE counter SET next = ? WHERE name = 'log'", (leaves.stop,))
    issuer.lists.publish(now=NOW)


def in_lists(issuer: Issuer) -> list[list[str]]:
    """For each of many lists, some diplomas that stand in it."""
    numbers = []
    for number in range(LISTS):
        rows = range(10**6 + 100 * number, 10**6 + 100 * number + 2 * ROUNDS)
        issuing = Issuer(issuer.home, lambda: None, lambda: NOW)  # which takes no number more than it needs
        numbers.append([entry.number for entry in issuing.issue_many(map(graduate, rows))])
        issuer.store.reserve(LIST_ENTRIES - 2 * ROUNDS)
    return numbers


def publish(issuer: Issuer, numbers: list[str]) -> float:
    issuer.store.revocations.revoke([KindNumber("diploma", number) for number in numbers], "withdrawn", DATE)
    return seconds(lambda: issuer.lists.publish(now=NOW))


def appends(issuer: Issuer, work: Callable[[], object]) -> int:
    with mock.patch.object(
        type(issuer.log), "append", autospec=True, side_effect=type(issuer.log).append
    ) as calls:
        work()
    return calls.call_count


def main() -> None:
    memory = Path("/dev/shm")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        issuer = issuer_in(Path(folder) / "claims")
        claims(issuer, 0)  # warm
        first = claims(issuer, 1000)
        superseded(issuer, CLAIMED)
        after = claims(issuer, 2000)
        rows.append(
            {"name": f"a claim after {CLAIMED:,}", "ms": after * 1e3, "first_ms": first * 1e3, "goal": 1.5}
        )
        issuer = issuer_in(Path(folder) / "lists")
        numbers = in_lists(issuer)
        issuer.lists.publish(now=NOW)
        single, many = [], []
        for at in range(0, 2 * ROUNDS, 2):
            single.append(publish(issuer, [numbers[0][at]]))
            many.append(publish(issuer, [issued[at + 1] for issued in numbers]))
        assert appends(issuer, lambda: publish(issuer, [issued[0] for issued in numbers[1:]])) == 1
        rows.append(
            {
                "name": f"{LISTS} lists that changed, published",
                "ms": statistics.median(many) * 1e3,
                "first_ms": statistics.median(single) * 1e3,
                "goal": 12,
            }
        )
    print(f"{'':40}{'ms':>10}{'first ms':>10}{'ratio':>8}  goal")
    for each in rows:
        each["ratio"] = each["ms"] / each["first_ms"]
        figures = f"{each['ms']:10.1f}{each['first_ms']:10.1f}{each['ratio']:8.2f}"
        print(f"{each['name']:40}{figures}  <= {each['goal']}")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "growth.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
