"""The health of a hub's folder, examined without its passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from wire.health import Finding

from .home import open_state


def examine_hub(folder: Path) -> Iterator[Finding]:
    """Findings about a hub: whether its state is whole and its newest, and which logs forked.

    Raises as `open_state`.
    """
    state = open_state(folder)
    logs = state.logs()
    witnessed = sum(log.key is not None for log in logs)
    yield Finding.passed("hub-found", home=str(folder), witness=state.key.name, logs=witnessed)
    for log in logs:
        if log.forks:
            yield Finding.warned("hub-fork", log=log.origin, forks=log.forks)
