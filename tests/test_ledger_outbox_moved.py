"""The rows of an outbox go to another place whole, and leave the folder afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.outbox import Outbox, OutboxRows, copy_outbox, empty_outbox, outbox_rows
from tests.ledger_samples import open_log
from wire.problem import Damaged

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    folder = tmp_path / "old"
    folder.mkdir()
    log = open_log_with_an_entry()
    outbox = Outbox(folder)
    outbox.add("gazette:one", timedelta(days=1), {"of": "x"}, NOW)
    [destination] = outbox.destinations()
    assert outbox.take(destination, log.checkpoint(), NOW)
    return outbox


def open_log_with_an_entry() -> Any:
    from ledger.tiles.memory import MemoryStore

    log = open_log(MemoryStore())
    log.append([b"entry"], b"key")
    return log


def test_rows_are_copied_once_and_leave_the_folder(outbox: Outbox, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for _ in range(2):  # as an interrupted move does when it is made again
        copy_outbox(outbox_rows(outbox.folder, ""), outbox_rows(new, ""))
    assert Outbox(new).destinations() == outbox.destinations()
    [destination] = outbox.destinations()
    assert Outbox(new).waiting(destination) == outbox.waiting(destination)
    for _ in range(2):
        empty_outbox(outbox.folder)
    assert outbox.destinations() == []


def test_a_place_that_loses_rows_is_found_out(outbox: Outbox, tmp_path: Path) -> None:
    class Forgetful:
        """A place that acknowledges what it does not keep."""

        def __init__(self, inner: OutboxRows) -> None:
            self._inner = inner

        def read(self, query: str, *values: object) -> list[Any]:
            return self._inner.read(query, *values)

        def change(self, *statements: tuple[str, *tuple[object, ...]]) -> int:
            return len(statements)

        def turn(self, patience: float) -> Any:
            return self._inner.turn(patience)

    new = tmp_path / "new"
    new.mkdir()
    with pytest.raises(Damaged, match="does not read back"):
        copy_outbox(outbox_rows(outbox.folder, ""), Forgetful(outbox_rows(new, "")))
