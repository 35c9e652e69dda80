"""The city of the examples: three machines over a database and a bucket, one of which is killed half-way."""

from __future__ import annotations

import pytest

from examples.city import story
from tests import postgres_server, s3_server

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
