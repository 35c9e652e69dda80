"""A log in a folder beside its keys, as the issuer has it: `keys.json` and `log/`."""

from __future__ import annotations

from pathlib import Path

from keys import KeyFile
from wire.problem import Damaged, Refused

from .log import LogReader
from .note import Checkpoint
from .problem import InvalidEvidence, IsTheLogItself, NoLog
from .tiles.engines import open_store
from .tiles.store import CHECKPOINT, Store

KEYS = {"log": "Ed25519", "cosigner": "Ed25519"}
"""What signs for a log: its own key, and that of its clock."""


def kept_beside(folder: Path) -> Path:
    """Where the newest checkpoint of the log in a folder is kept: beside the folder, not in it."""
    return folder.with_name(f"{folder.name}.checkpoint")


def store_in(folder: Path, *, read_only: bool = False, patience: float | None = None) -> Store:
    """The store of the log in a folder; `open_store` says the rest."""
    return open_store(folder / "log", read_only=read_only, kept=kept_beside(folder), patience=patience)


def open_to_read(folder: Path) -> LogReader:
    """The log in a folder; its keys need no passphrase for that.

    Raises `NotFound`, `Damaged`, and `Refused` while it holds what an interrupted writer left.
    """
    store = store_in(folder, read_only=True)
    note = store.get(CHECKPOINT)
    if note is None and (folder / "log" / "journal").exists():
        raise Damaged("the checkpoint of the log is missing", hint="Take the log from a backup.")
    if note is None and kept_beside(folder).exists():
        raise Damaged(
            f"the log in {folder} is gone",
            hint="Bring it back from a backup: what was proved with it refers to it.",
        )
    if (folder / CHECKPOINT).exists():
        raise IsTheLogItself(f"{folder} is the log itself", folder=str(folder.parent))
    if note is None:
        raise NoLog(f"there is no log in {folder}")
    public = KeyFile.open(folder / "keys.json", lambda: None).public_keys
    try:
        origin = Checkpoint.parse(note).origin
    except InvalidEvidence as error:
        raise Damaged(
            f"{folder / 'log' / CHECKPOINT}: {error.detail}", hint="Take the log from a backup."
        ) from error
    log = LogReader(origin, public["log"], public["cosigner"], store)
    with store.lock():
        recorded = [store.base().size]
        recorded += [batch.range.stop for batch in store.pending(recorded[0])]
        signed = log.checkpoint().size
    if signed not in recorded:
        raise Damaged(
            f"the checkpoint is of {signed} entries; the log had {recorded[0]} and has {recorded[-1]}",
            hint="Was the folder, or a part of it, restored from a backup?",
        )
    if signed < recorded[-1]:
        raise Refused(
            "the log has entries that are not signed for yet: its last writer was interrupted",
            hint="Nothing is lost: the same command, typed again, finishes its work.",
        )
    log.require_newest()
    return log
