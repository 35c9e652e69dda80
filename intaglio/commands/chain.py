"""`intaglio trust chain`: which blocks of a chain you believe to have a log's checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ledger import Reached, TrustedLedger
from ledger.evm import KIND, SINCE
from verifier import RecognisedLog, Trust, update_trust
from verifier.problem import BlocksMissing
from verifier.sources.blocks import ROW, known_rows, with_blocks
from verifier.sources.trust_entries import BLOCKS
from wire import Declined, NotFound
from wire.datetimestamp import format_datetimestamp
from wire.text import printable, shortened

from ..session import Session
from ..terminal import EXISTING_FILE, Result, agreed, extra, say, verb
from ..words import tr

if TYPE_CHECKING:
    from ledger.evm.chain import Chain
    from ledger.evm.following import AnchoredBlock

_FILES = click.option(
    "--rpc-file",
    "files",
    multiple=True,
    required=True,
    type=EXISTING_FILE,
    help="The file with the addresses of nodes, which only you may read; all nodes have to agree.",
)
_DEPTH = click.option(
    "--depth",
    type=click.IntRange(min=0),
    metavar="BLOCKS",
    help="Where the nodes do not say what is final: after how many blocks it is.",
)


@click.group()
def chain() -> None:
    """Follow a log on a chain: know the blocks that have its checkpoints."""


class _Followed(NamedTuple):
    """The state of a log on a chain, as its nodes reported it."""

    log: RecognisedLog
    contracts: Sequence[str]
    is_new: bool
    """True if the last of the contracts is new."""
    blocks: Sequence[AnchoredBlock]
    """The blocks that were not known before."""
    reached: Reached | None
    """The log's state in the newest block that has an event of the last contract."""


@verb(chain)
@click.argument("name", metavar="CHAIN")
@click.option("--log", "origin", required=True, help="The log's name, as `intaglio trust list` shows it.")
@click.option("--contract", "contracts", metavar="0x…", multiple=True, help="Its contract there.")
@_FILES
@_DEPTH
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def add(
    session: Session,
    name: str,
    origin: str,
    contracts: tuple[str, ...],
    files: tuple[Path, ...],
    depth: int | None,
    yes: bool,
) -> Result:
    """Believe those blocks of CHAIN, as eip155:1, that have checkpoints of a log on your trust list.

    The contract need not be named where the issuer's trust file does so. One that follows another is added
    to it: what the former one had stays believed.
    """
    logs = [log for log in Trust.load(session.trust_file).logs if log.origin == origin]
    if not logs:
        raise NotFound.saying("no log {log} is on your trust list", log=shortened(origin))
    return _follow(session, _chain(name, files, depth), logs, contracts, yes)


@verb(chain)
@click.argument("name", metavar="CHAIN")
@_FILES
@_DEPTH
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def update(session: Session, name: str, files: tuple[Path, ...], depth: int | None, yes: bool) -> Result:
    """Believe the blocks of CHAIN that have come since, for all logs that you follow there."""
    logs = [log for log in Trust.load(session.trust_file).logs if _ledger(log, name).parameters]
    if not logs:
        raise NotFound.saying("no log on your trust list is followed on {chain}", chain=shortened(name))
    return _follow(session, _chain(name, files, depth), logs, (), yes)


def _chain(name: str, files: Sequence[Path], depth: int | None) -> Chain:
    with extra("evm"):
        from ledger.evm.chain import Chain
        from ledger.evm.nodes import nodes_in
    return Chain(name, [node for file in files for node in nodes_in(file)], depth, unanimous=True)


def _follow(
    session: Session, chain: Chain, logs: Sequence[RecognisedLog], contracts: Sequence[str], yes: bool
) -> Result:
    name = chain.name
    news = [_look(session, chain, log, contracts) for log in logs]
    for followed in news:
        say(printable(followed.log.origin), *map(_shown, followed.blocks))
    if any(followed.blocks for followed in news) and not agreed(
        tr("All nodes agree on these blocks. Believe them?"), yes
    ):
        raise Declined("nothing was added")
    update_trust(session.trust_file, lambda trust: _with(trust, name, news, session.trust_file))
    after = {log.key: log for log in Trust.load(session.trust_file).logs}
    data, lines = list[dict[str, Any]](), list[str]()
    for followed in news:
        log = after[followed.log.key]
        count = len(_rows(session.trust_file, log, _ledger(log, name)))
        added = [_named(block) for block in followed.blocks]
        data.append({"log": log.origin, "contracts": followed.contracts, "added": added, "known": count})
        lines.append(
            tr("blocks of {chain} that are known to have checkpoints of {log}: {count}; new: {new}").format(
                chain=name, log=printable(log.origin), count=count, new=len(added)
            )
        )
    return Result({"chain": name, "logs": data}, "\n".join(lines))


def _look(session: Session, chain: Chain, log: RecognisedLog, contracts: Sequence[str]) -> _Followed:
    """Ask the nodes for new blocks. Raises `Malformed` for parameters that no evidence could fit."""
    from ledger.evm.evidence import read
    from ledger.evm.following import anchored_blocks
    from ledger.evm.hexadecimal import parse_address

    ledger = _ledger(log, chain.name)
    parameters = {name: value for name, value in ledger.parameters.items() if name != BLOCKS}
    if parameters:  # a trust file may have anything there
        read(replace(ledger, parameters=parameters))
    before = list(parameters.get("contracts", ()))
    is_there = set(map(parse_address, before))
    new = [contract for contract in contracts if parse_address(contract) not in is_there]
    row = [*before, *dict.fromkeys(new)]
    if not row:
        raise click.UsageError(
            tr("Your list names no contract of {chain} for this log: --contract 0x…").format(chain=chain.name)
        )
    rows = _rows(session.trust_file, log, _ledger(log, chain.name))
    blocks: list[AnchoredBlock] = []
    for contract in row:
        # nobody says from when on a contract is there that was typed
        seen, since = ((), 0) if contract in new else (frozenset(rows), parameters.get(SINCE, 0))
        of_this = anchored_blocks(chain, parse_address(contract), log.origin, seen, since)
        blocks += (block for block in of_this if block.row not in rows)
    return _Followed(log, row, bool(new), blocks, of_this[-1].reached if of_this else None)


def _with(trust: Trust, name: str, news: Sequence[_Followed], file: Path) -> Trust:
    """The trust list with the new blocks, and with all that was added to it in the meantime."""
    by_key = {followed.log.key: followed for followed in news}
    logs = tuple(
        _having(log, name, by_key[log.key], file) if log.key in by_key else log for log in trust.logs
    )
    return Trust(trust.issuers, logs)


def _having(log: RecognisedLog, name: str, followed: _Followed, file: Path) -> RecognisedLog:
    before = _ledger(log, name)
    ledger = replace(before, parameters={**before.parameters, "contracts": list(followed.contracts)})
    rows = dict.fromkeys((*_rows(file, log, before), *(block.row for block in followed.blocks)))
    if rows:
        ledger = with_blocks(file, log, ledger, b"".join(rows))
    ledgers = tuple(ledger if each is before else each for each in log.ledgers)
    return replace(
        log,
        ledgers=ledgers if before in log.ledgers else (*ledgers, ledger),
        reached=_newest_of(log.reached, followed),
    )


def _newest_of(before: Reached | None, followed: _Followed) -> Reached | None:
    """The newest known state of the log. A contract's state is dropped once another contract succeeds it."""
    now = followed.reached
    if followed.is_new or before is None:
        return now
    return now if now is not None and now.time > before.time else before


def _ledger(log: RecognisedLog, name: str) -> TrustedLedger:
    """The entry of a chain, which may be a new one."""
    named = (ledger for ledger in log.ledgers if (ledger.kind, ledger.where) == (KIND, name))
    return next(named, TrustedLedger(KIND, name))


def _rows(file: Path, log: RecognisedLog, ledger: TrustedLedger) -> Sequence[bytes]:
    """The known blocks; none where their file is gone: they are fetched anew."""
    try:
        data = known_rows(file, log, ledger)
    except BlocksMissing:
        return ()
    return [data[at : at + ROW] for at in range(0, len(data), ROW)]


def _shown(block: AnchoredBlock) -> str:
    return tr("    {time}  block 0x{hash}, by which the log had {count} entries").format(
        time=f"{block.reached.time:%Y-%m-%d %H:%M}Z", hash=block.hash.hex(), count=block.reached.size
    )


def _named(block: AnchoredBlock) -> dict[str, Any]:
    time = format_datetimestamp(block.reached.time)
    return {"hash": f"0x{block.hash.hex()}", "time": time, "size": block.reached.size}
