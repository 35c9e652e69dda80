"""What threads append at once: who goes along with whom."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ledger.queue import MOST, Queue, Queued
from wire.problem import Problem


def test_as_many_go_together_as_make_up_a_batch() -> None:
    """While one appends, three come: two go along with each other, the third is too much."""
    entered, waiting = threading.Event(), threading.Event()
    groups: list[list[int]] = []

    def append(group: Sequence[Queued]) -> list[range | Problem]:
        groups.append([len(each.entries) for each in group])
        if len(groups) == 1:
            entered.set()
            assert waiting.wait(30)
        return [range(len(each.entries)) for each in group]

    queue = Queue(append)
    found: dict[int, range] = {}

    def ask(size: int) -> None:
        found[size] = queue([b""] * size, b"%d" % size)

    threads = [threading.Thread(target=ask, args=(size,)) for size in (1, 2, MOST - 2, 3)]
    for number, thread in enumerate(threads):
        thread.start()
        if number == 0:
            assert entered.wait(30)
        while len(queue._turns._waiting) < number:
            pass
    waiting.set()
    for thread in threads:
        thread.join(30)
    assert groups == [[1], [2, MOST - 2], [3]]
    assert found == {size: range(size) for size in (1, 2, MOST - 2, 3)}
