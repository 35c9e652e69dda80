"""A country's file through everything, on a folder and on PostgreSQL with a bucket, by `bench.country`.

`make soak` has ten million rows, or as many as `INTAGLIO_SOAK_ROWS` says; what each step took is then in
`bench/results/country-*.json`. A small file shows in `make test` that the program does what it says.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.country import MEMORY, Place, served, through
from tests import postgres_server, s3_server

pytestmark = pytest.mark.slow

ROWS = int(os.environ.get("INTAGLIO_SOAK_ROWS", "10000000"))
FEW = 1_000
SERVED = pytest.param("served", marks=[postgres_server.needed, s3_server.needed])
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("store", ["folder", SERVED])
def test_a_town_goes_through_everything(store: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    if store == "served":
        place = served(tmp_path, postgres_server.server(), s3_server.server())
    steps = {step.name: step for step in through(FEW, place)}
    assert max(step.megabytes for step in steps.values() if step.is_command) <= MEMORY
    assert steps["issued"].processes > 0
    assert (steps["issued"].servers > 0) == (store == "served")


@pytest.mark.soak
@pytest.mark.parametrize("store", ["folder", SERVED])
def test_a_country_goes_through_everything(store: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.country", str(ROWS), store], cwd=ROOT, capture_output=True, text=True
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr
