"""A country's file through everything, on a folder and on PostgreSQL with a bucket: for `make soak` alone.

`INTAGLIO_SOAK_ROWS` says how many rows, by default ten million. What each step took is printed.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest

from did.methods import key as did_key
from issuer.job.order import Order
from issuer.table.source import open_source
from keys import PrivateKey
from ledger.audit import audit
from tests import postgres_server, s3_server
from tests.world import NOW, graduate, issuer_in, of_diploma, reopened, verifier_for
from vc import Verdict
from vc.status import Reason

pytestmark = [pytest.mark.soak, pytest.mark.slow, pytest.mark.unmeasured]

ROWS = int(os.environ.get("INTAGLIO_SOAK_ROWS", "10000000"))
MEMORY = 250.0
"""The most that one process may take, in MB, however many rows there are."""
EACH = 100
"""One row of so many is revoked."""
SERVED = pytest.param("postgres", marks=[postgres_server.needed, s3_server.needed])


def number(row: int) -> str:
    return f"UNI-2026-{row:09}"


def write_table(path: Path) -> None:
    """Invented graduates, no two with the same number."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*graduate(1)])
        writer.writeheader()
        for row in range(ROWS):
            cells = {"diploma_number": number(row), "email": f"graduate{row}@example.org"}
            writer.writerow({**graduate(row % 1000 + 1), **cells})


def issue(home: Path, table: Path) -> int:
    return reopened(home).issue_file(Order(open_source(table))).issued


def revoke(home: Path, _: Path) -> int:
    which = [of_diploma(number(row)) for row in range(0, ROWS, EACH)]
    reopened(home).revoke(which, Reason.WITHDRAWN, date=NOW, now=NOW)
    return len(which)


def by_itself(step: Callable[[Path, Path], int], home: Path, table: Path, told: Path) -> None:
    """A step in this process, which ends with it; then what it took."""
    begun = time.perf_counter()
    done = step(home, table)
    status = Path("/proc/self/status").read_text()
    own = int(status.partition("VmHWM:")[2].split()[0]) / 1024  # ru_maxrss is inherited from who started this
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "done": done,
        "seconds": time.perf_counter() - begun,
        "parent": used.ru_utime + used.ru_stime,
        "workers": children.ru_utime + children.ru_stime,
        "MB": max(own, children.ru_maxrss / 1024),
    }
    told.write_text(json.dumps(figures))


def stepped(step: Callable[[Path, Path], int], home: Path, table: Path) -> int:
    """The result of a step that had a process of its own, and not more memory than one may have."""
    told = table.with_name(f"{step.__name__}.json")
    process = get_context("spawn").Process(target=by_itself, args=(step, home, table, told))
    process.start()
    process.join()
    assert process.exitcode == 0
    figures = json.loads(told.read_text())
    print(f"{step.__name__}: " + ", ".join(f"{value:,.1f} {name}" for name, value in figures.items()))
    assert figures["MB"] <= MEMORY
    return int(figures["done"])


@pytest.fixture(params=["folder", SERVED])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The folder of an issuer, which has everything itself, or a database and a bucket."""
    home = tmp_path / "home"
    if request.param == "folder":
        issuer_in(home)
        yield home
        return
    own, store = (
        postgres_server.Server("autovacuum=on", "max_wal_size=4GB", where=Path(tempfile.gettempdir())),
        s3_server.server(),
    )
    own.create("country")
    address = own.uri("country", "machine")
    issuer_in(home, database=address, ledger=address, shards=store.of(tmp_path))
    yield home
    own.stop()


def test_a_country(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "country.csv"
    write_table(table)
    assert stepped(issue, home, table) == ROWS
    assert issue(home, table) == 0, "each row once"
    assert stepped(revoke, home, table) == -(-ROWS // EACH)

    issuer = reopened(home)
    holder = did_key.create(PrivateKey.generate().public_key)
    last = ROWS - 1
    issuer.claim(number(last), holder)
    issuer.correct(number(last - 1), {"gpa": "4.0"})
    assert [each.number for each in issuer.find(f"graduate{last - 2}@example.org")] == [number(last - 2)]
    issuer.lists.publish(now=NOW)
    assert issuer.store.count() == ROWS + 2
    assert issuer.archive.missing() == []
    assert audit(issuer.reader).size >= ROWS + 2

    verifier = verifier_for(issuer)
    rows = [*range(0, ROWS, max(1, ROWS // 500)), last - 1, last]
    current = [issuer.current(number(row)) for row in rows]
    for row, bundle in zip(rows, issuer.bundles(current), strict=True):
        expected = Verdict.VALID if row % EACH else Verdict.INVALID
        assert verifier.verify(bundle.to_bytes(), now=NOW).verdict is expected, row
