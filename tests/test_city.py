"""The city of the examples: machines over a database and a bucket, and a cluster; one of each is killed."""

from __future__ import annotations

import pytest

from examples.city import cluster, story
from tests import clusters, postgres_server, s3_server

ROWS = 200
"""Those of each file."""


@pytest.mark.slow
@postgres_server.needed
@s3_server.needed
def test_a_city_loses_nothing_with_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    story.main(ROWS)
    *before, last = capsys.readouterr().out.splitlines()
    assert last == f"Both indexes have the same {2 * ROWS} credentials: none is lost, and none issued twice."
    assert sum(": VALID as of" in line for line in before) == 4, before


@pytest.mark.slow
@clusters.needed
def test_a_cluster_leaves_the_same_though_a_worker_dies(capsys: pytest.CaptureFixture[str]) -> None:
    cluster.main(ROWS)
    out = capsys.readouterr().out
    assert "killed a worker after" in out
    assert out.splitlines()[-1] == "Rows, log root and shards are the same."
