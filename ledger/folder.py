"""A log in a folder beside its keys, as the issuer has it: `keys.json` and `log/`.

If another engine keeps the log, `ledger.json` has its address in the place of `log/`. Functions that open it
take `engines`, as `open_store` does. For a folder that may come from elsewhere, callers pass engines that ask
before they use the address. Without them, an address in a folder that was written from a backup is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import orjson

from keys import KeyFile
from wire.consent import require_unmarked
from wire.files import read_regular, sync_folder, write_durably
from wire.problem import Conflict, Damaged, Malformed, Refused
from wire.strict import load_json_object

from .audit import audit
from .cosigned import Cosigned
from .log import LogReader
from .move import move
from .note import Checkpoint
from .outbox import Outbox
from .problem import IS_THE_LOG_ITSELF, NO_LOG, InvalidEvidence
from .shared import database_of
from .tiles.disk import KeptCheckpoint
from .tiles.engines import ENGINES, Engine, address_of, open_store
from .tiles.store import CHECKPOINT, Store, found_in, mark_of

ADDRESS = "ledger.json"
"""The file with the address of a log that is kept elsewhere."""
Engines = Mapping[str, Engine]
KEYS = {"log": "Ed25519", "cosigner": "Ed25519"}
"""The keys that sign for a log: its own, and that of its clock."""
_LONGEST = 1 << 16  # bytes of `ledger.json`, which may come with a stranger's folder (threat F23)
_PATIENCE = 1.0  # seconds, for who reads beside a writer


def kept_beside(folder: Path) -> Path:
    """The file with the newest checkpoint of the log in a folder: beside the folder, not in it (ADR 13)."""
    return folder.with_name(f"{folder.name}.checkpoint")


def kept_of(folder: Path) -> KeptCheckpoint:
    """The newest checkpoint of a folder's log, as it was seen here: in the file beside the folder.

    Where several machines share the log, their database has one, too, and the log is as long as the longer.
    Raises as `store_address` and `shared_database`.
    """
    beside, database = kept_beside(folder), database_of(folder)
    if database is None:
        return KeptCheckpoint(beside)
    from .shared.checkpoint import SharedCheckpoint

    return SharedCheckpoint(beside, database)


def keep_address(folder: Path, address: str, *, engines: Engines | None = None) -> None:
    """Keep the log of a folder at an address, which stays as it is given; only before there is any log.

    Raises `Conflict` where there is one, in the folder or at the address, and what its engine raises.
    """
    if address_in(folder) == address:
        return
    # A second log under the same keys would be a second history (threat A44); `move_log` is the way.
    if is_elsewhere(folder) or (folder / "log").exists():
        raise Conflict(f"the log of {folder} is kept elsewhere")
    usable = ENGINES if engines is None else engines
    store = open_store(address, engines=usable)
    with store.lock():
        size = store.head().base.size
    if size or store.get(CHECKPOINT) is not None:
        raise Conflict("there is a log at the address already")
    store.put({})  # says now whether it may be written to
    _write_address(folder, address)


def _write_address(folder: Path, address: str) -> None:
    write_durably(folder / ADDRESS, orjson.dumps({"version": 1, "address": address}))


def move_log(
    folder: Path,
    source: str,
    target: str,
    copied: Callable[[int], object] = lambda _: None,
    *,
    engines: Engines | None = None,
) -> Checkpoint:
    """Move the log of a folder from one address to another, or resume that; the folder then has the new one.

    The log is audited first. Raises `Refused` where the folder's log is at neither address,
    what `open_to_read`, `audit` and `move` raise, and what the engines raise.
    """
    # Either address: a move that was interrupted may have changed the folder already (ADR 59).
    if address_of(_where(folder)) not in (source, target):
        raise Refused.saying("the log of {folder} is at another address", folder=str(folder))
    usable = ENGINES if engines is None else engines
    old, new = open_store(source, engines=usable), open_store(target, engines=usable)
    mark = mark_of(old)
    if mark is None or not mark.is_closed:  # a resumed move was audited when it began
        audit(open_to_read(folder, engines=engines))
    checkpoint = move(old, new, copied)
    if target == address_of(folder / "log"):
        (folder / ADDRESS).unlink(missing_ok=True)
        sync_folder(folder)
    else:
        _write_address(folder, target)
    return checkpoint


def is_elsewhere(folder: Path) -> bool:
    """True where the log of a folder is kept at an address, by any engine."""
    return (folder / ADDRESS).exists()


def has_log(folder: Path, *, engines: Engines | None = None) -> bool:
    """True where a log was begun, in the folder or at its address. Raises what its engine raises."""
    if is_elsewhere(folder):
        return store_in(folder, read_only=True, engines=engines).get(CHECKPOINT) is not None
    return (folder / "log").exists()


def _where(folder: Path) -> Path | str:
    return folder / "log" if (address := address_in(folder)) is None else address


def address_in(folder: Path) -> str | None:
    """The address at which the log of a folder is kept, if it is kept elsewhere. Raises `Damaged`."""
    if not is_elsewhere(folder):
        return None
    try:
        content = load_json_object(read_regular(folder / ADDRESS, _LONGEST))
    except Malformed as error:
        raise Damaged(f"{folder / ADDRESS} cannot be read") from error
    address = content.get("address")
    # Damaged, not absent: without it the folder would look like one whose log is to be begun.
    if content.get("version") != 1 or not isinstance(address, str):
        raise Damaged(f"{folder / ADDRESS} has no address of a log")
    return address


def store_in(
    folder: Path, *, read_only: bool = False, patience: float | None = None, engines: Engines | None = None
) -> Store:
    """The store of the log in a folder, or of its address; `open_store` says the rest.

    Raises `NotAgreed` for an address in a folder from a backup, unless `engines` are given.
    """
    where = _where(folder)
    # threat F23: a folder from a backup could name a host to give a password to.
    if engines is None and isinstance(where, str):
        require_unmarked(folder, address_of(where))
    return open_store(
        where, read_only=read_only, patience=patience, engines=ENGINES if engines is None else engines
    )


def newest_checkpoint(folder: Path, *, engines: Engines | None = None) -> Checkpoint:
    """The newest checkpoint of the log in a folder; its signatures are not checked.

    Raises `NO_LOG`, `InvalidEvidence` and what its engine raises.
    """
    note = store_in(folder, read_only=True, engines=engines).get(CHECKPOINT)
    if note is None:
        raise NO_LOG(f"there is no log in {folder}")
    return Checkpoint.parse(note)


def log_size(folder: Path, *, engines: Engines | None = None) -> int:
    """The number of entries of the log in a folder, including those that are not signed for yet.

    Raises what its engine raises.
    """
    store = store_in(folder, read_only=True, engines=engines)
    with store.lock():
        size = store.head().base.size
        return max((batch.range.stop for batch in store.pending(size)), default=size)


def batches_in(folder: Path, keys: Iterable[bytes], *, engines: Engines | None = None) -> list[range | None]:
    """The indices of the batches that were appended under these keys, as `LogReader.find` gives them.

    Waits for a writer one second at the most: raises `TryLater` then, and what its engine raises.
    """
    return found_in(store_in(folder, read_only=True, patience=_PATIENCE, engines=engines), keys)


def open_to_read(folder: Path, *, engines: Engines | None = None) -> LogReader:
    """The log in a folder; its keys need no passphrase for that.

    Raises `NotFound`, `Damaged`, and `Refused` while an interrupted writer's entries are unsigned.
    """
    store = store_in(folder, read_only=True, engines=engines)
    note = store.get(CHECKPOINT)
    if note is None and (folder / "log" / "journal").exists():
        raise Damaged("the checkpoint of the log is missing", hint="Take the log from a backup.")
    # ADR 13: a log that is begun anew here would contradict the evidence of the former one.
    if note is None and kept_beside(folder).exists():
        raise Damaged(
            f"the log in {folder} is gone",
            hint="Bring it back from a backup: what was proved with it refers to it.",
        )
    if (folder / CHECKPOINT).exists():
        raise IS_THE_LOG_ITSELF(f"{folder} is the log itself", folder=str(folder.parent))
    if note is None:
        raise NO_LOG(f"there is no log in {folder}")
    public = KeyFile.open(folder / "keys.json", lambda: None).public_keys
    try:
        origin = Checkpoint.parse(note).origin
    except InvalidEvidence as error:
        raise Damaged(
            f"{folder / 'log' / CHECKPOINT}: {error.detail}", hint="Take the log from a backup."
        ) from error
    anchored = Outbox(folder).newest_anchored()
    kept = kept_of(folder)
    log = LogReader(
        origin,
        public["log"],
        public["cosigner"],
        store,
        kept=kept,
        anchored=anchored,
        cosigned=Cosigned(folder),
    )
    with store.lock():
        recorded = [store.head().base.size]
        recorded += [batch.range.stop for batch in store.pending(recorded[0])]
        signed = log.checkpoint().size
    # threat A44: a checkpoint and entries that do not belong together come from a partial restore.
    if signed not in recorded:
        raise Damaged(
            f"the checkpoint is of {signed} entries; the log had {recorded[0]} and has {recorded[-1]}",
            hint="Was the folder, or a part of it, restored from a backup?",
        )
    # Only a writer can sign for them; a reader would give evidence by an older checkpoint meanwhile.
    if signed < recorded[-1]:
        raise Refused(
            "the log has entries that are not signed for yet: its last writer was interrupted",
            hint="Nothing is lost: the same command, typed again, finishes its work.",
        )
    log.require_newest()
    return log
