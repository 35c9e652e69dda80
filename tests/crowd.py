"""Writers of one log at the same time, each with its own store, while a test breaks something."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from ledger.audit import audit
from ledger.tiles.engines import open_store
from tests.ledger_samples import naive_root, open_log
from wire.problem import Problem, Unavailable


class Crowd:
    """Threads that append to one log, each with a store of its own, and record the acknowledgements."""

    def __init__(self, uri: str, kept: Path, *, writers: int = 3) -> None:
        self.acknowledged: dict[bytes, range] = {}
        self.signed: dict[int, bytes] = {}
        """The root that was signed for each size that one of them saw."""
        self.problems: list[Problem] = []
        self._uri, self._kept, self._over = uri, kept, threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(name,)) for name in range(writers)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _work(self, name: int) -> None:
        number, log = 0, None
        while not self._over.is_set():
            key = b"%d/%d" % (name, number)
            try:
                log = log or open_log(open_store(self._uri), kept=self._kept.with_name(f"kept{name}"))
                indexes = log.append([key] * 3, key)
                checkpoint = log.checkpoint()
            except Unavailable as problem:  # the same once more, until it is done
                self.problems.append(problem)
                time.sleep(0.02)
            else:
                self.acknowledged[key] = indexes
                assert self.signed.setdefault(checkpoint.size, checkpoint.root) == checkpoint.root
                number += 1

    def require_all(self) -> None:
        """Everything that was acknowledged is where it was said to be, once, and no size had two roots."""
        log = open_log(open_store(self._uri), kept=self._kept)
        entries = list(log.entries(0, audit(log).size))
        for key, at in self.acknowledged.items():
            assert entries[at.start : at.stop] == [key] * 3
            assert entries.count(key) == 3
        for size, root in self.signed.items():
            assert naive_root(entries[:size]) == root
        print(f"{len(self.acknowledged)} appended, {len(self.problems)} times tried again; nothing was lost")
