"""Blocks of chains that a verifier knows, in files beside its trust file: one for each log and chain.

A row has 40 bytes: the hash of a block's header, and its time in seconds. Rows are added and never changed,
and the trust file says how many of them count, and their digest: so both are written one after the other,
and whoever reads in between reads what was there before.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from ledger import TrustedLedger
from wire import base64url_encode
from wire.files import write_durably

from ..problem import BlocksMissing
from .trust_entries import BLOCKS, KnownRows, RecognisedLog, pinned

ROW = 40


def file_of(trust_file: Path, log: RecognisedLog, ledger: TrustedLedger) -> Path:
    """The path of the file with the blocks of a chain that may have this log's checkpoints."""
    name = hashlib.sha256(f"{log.key} {ledger.kind} {ledger.where}".encode()).hexdigest()
    return trust_file.with_name(f"{trust_file.name}.{name[:16]}.blocks")


def known_rows(trust_file: Path, log: RecognisedLog, ledger: TrustedLedger) -> bytes:
    """The rows that are known; none where the trust file names none. Raises `BlocksMissing`."""
    stated = pinned(ledger)
    if stated is None:
        return b""
    file = file_of(trust_file, log, ledger)
    try:
        with file.open("rb") as opened:
            rows = opened.read(stated.rows * ROW)
    except OSError:
        rows = b""
    # Threat F20: the trust file says how many rows count, and their digest.
    if _said_of(rows) != stated:
        raise BlocksMissing.saying(
            "the blocks of {ledger} that are trusted are not in {file}", ledger=ledger.where, file=str(file)
        )
    return rows


def filled(log: RecognisedLog, trust_file: Path) -> tuple[TrustedLedger, ...]:
    """The ledgers of a log, with the blocks themselves where its entry names them. Raises `BlocksMissing`."""
    return tuple(
        replace(ledger, parameters={**ledger.parameters, BLOCKS: base64url_encode(rows)})
        if (rows := known_rows(trust_file, log, ledger))
        else ledger
        for ledger in log.ledgers
    )


def with_blocks(trust_file: Path, log: RecognisedLog, ledger: TrustedLedger, rows: bytes) -> TrustedLedger:
    """Writes the rows, those that were known among them, and gives the entry that names them."""
    write_durably(file_of(trust_file, log, ledger), rows)
    return replace(ledger, parameters={**ledger.parameters, BLOCKS: _said_of(rows)._asdict()})


def _said_of(rows: bytes) -> KnownRows:
    return KnownRows(len(rows) // ROW, base64url_encode(hashlib.sha256(rows).digest()))
