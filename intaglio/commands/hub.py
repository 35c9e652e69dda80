"""`intaglio hub …`: witness, mirror and watch other people's logs, so that none can show two versions."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from hub.home import make_hub, open_mirrors, open_signing_mirrors, open_state, open_witness
from hub.mirrors import Mirrors
from hub.problem import NO_PEERS
from hub.rounds import Rounds
from keys.envelope import require_strong
from ledger.note import SignatureType, VerifierKey, fingerprint
from ledger.witness import Fork, Peer, WitnessedLog, WitnessState
from wire.address import Target
from wire.clock import is_ahead
from wire.health import Health
from wire.problem import Declined

from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import Command, Result, agreed, extra, passphrase, say, verb, wrapped

if TYPE_CHECKING:  # loaded where one watches
    from hub.monitor import Monitor

PORT = 8500
PARTLY = 7
"""The exit code where some logs or peers did not answer as they should."""


@click.group()
def hub() -> None:
    """Witness, mirror and watch other people's logs, so that none can show two versions."""


def _folder(session: Session) -> Path:
    return session.home / "hub"


@verb(hub)
@click.argument("name")
@click.option("--new-key", is_flag=True, help="For a hub whose state is lost: it is another witness then.")
def init(session: Session, name: str, new_key: bool) -> Result:
    """Make a hub, whose witness is called NAME: best its web address without https://."""
    state = make_hub(
        _folder(session),
        name,
        lambda: passphrase("Passphrase for the hub's key (empty: none)", new=require_strong),
        new_key=new_key,
    )
    return _status(session, state)


@verb(hub)
@click.argument("vkey")
@click.argument("url")
@click.option("--origin", metavar="NAME", help="The log's name, where it is not that in VKEY.")
@click.option("--mirror", is_flag=True, help="Keep a copy of it, too, for when its host does not answer.")
def add(session: Session, vkey: str, url: str, origin: str | None, mirror: bool) -> Result:
    """Witness a log from now on: its verifier key, and the address at which it is published.

    Compare the fingerprint with whoever runs the log, by a way that you trust. With the key of a witness, and
    the address of its hub, this is a peer: it is asked at each start what it has seen.
    """
    key = VerifierKey.parse(vkey)
    Target.parse(url)
    state = open_state(_folder(session))
    if key.type is SignatureType.COSIGNATURE:
        return _add_peer(state, key, url)
    name = key.name if origin is None else origin
    state.add(key, url, origin)
    if mirror:
        open_mirrors(_folder(session), state).add(name)
    compared = fingerprint(name, key)
    return Result(
        {"origin": name, "key": str(key), "url": url, "mirror": mirror, "fingerprint": compared},
        f"{name} is witnessed{' and mirrored' if mirror else ''} from now on\nfingerprint: {compared}",
    )


def _add_peer(state: WitnessState, key: VerifierKey, url: str) -> Result:
    # `hub serve` prints the address of the witness.
    peer = Peer(key, url.rstrip("/").removesuffix("/witness"))
    state.add_peer(peer)
    compared = fingerprint(key.name, key)
    return Result(
        {"peer": key.name, "key": str(key), "url": peer.url, "fingerprint": compared},
        f"{key.name} is asked at each start\nfingerprint: {compared}",
    )


@verb(hub)
@click.argument("name")
def remove(session: Session, name: str) -> Result:
    """Witness a log no longer, or ask a peer no longer.

    The hub remembers what it signed of a log: added again, the log goes on from there.
    """
    state = open_state(_folder(session))
    if any(peer.key.name == name for peer in state.peers()):
        state.remove_peer(name)
        return Result({"peer": name}, f"{name} is asked no longer")
    state.remove(name)
    return Result({"origin": name}, f"{name} is witnessed no longer")


@hub.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
@click.option("--alone", is_flag=True, help="Sign without asking any peer what it has seen.")
@click.pass_obj
def serve(session: Session, reach: Reach, alone: bool) -> None:
    """Cosign what logs send, mirror and watch them, until stopped; C2SP tlog-witness and tlog-tiles.

    Of each log nothing is signed before a peer has said what it has seen: the state here may be a copy.
    """
    with extra("serve"):
        from hub.http import create_app

        from ..serving import Endpoint
    state = open_state(_folder(session))
    if not (alone or state.peers()):
        raise NO_PEERS("this hub knows no other one")
    rounds = Rounds(state, session.fetcher(), alone=alone)
    ask = functools.cache(lambda: passphrase("Passphrase for the hub's key"))
    witness = open_witness(_folder(session), ask, session.now, rounds.is_sure)
    mirrors = open_signing_mirrors(_folder(session), witness.state, ask, session.now, rounds.is_sure)
    state.set_alone(alone)
    with Endpoint.open(reach, _folder(session) / "tls", session.now()) as endpoint:
        if endpoint.files:
            say("Whoever asks needs this file, to trust the service by:", str(endpoint.files.authority))
        click.echo(f"{endpoint.url}/witness")
        monitor = _monitor(session, witness.state, mirrors)
        app = create_app(witness, urlsplit(endpoint.url).path, mirrors=mirrors)
        endpoint.run(app, beside=_by_the_clock(rounds, monitor, session.now))


@contextmanager
def _by_the_clock(rounds: Rounds, monitor: Monitor, now: Callable[[], datetime]) -> Iterator[None]:
    """Have peers asked and logs watched, again and again, until the block ends."""
    from hub.monitor import watching

    stopped = threading.Event()
    threading.Thread(target=rounds.repeat, args=(stopped,), daemon=True).start()
    try:
        with watching(monitor, now):
            yield
    finally:
        stopped.set()


def _monitor(session: Session, state: WitnessState, mirrors: Mirrors) -> Monitor:
    from hub.monitor import Monitor

    return Monitor(_folder(session), state, mirrors, session.fetcher())


@verb(hub)
def run(session: Session) -> Result:
    """Do once what `serve` does by the clock: ask the peers, mirror the logs, compare what all show."""
    from .doctor import data_of, told_of

    state = open_state(_folder(session))
    visited = list(Rounds(state, session.fetcher()).go())
    mirrors = open_mirrors(_folder(session), state)
    findings = list(_monitor(session, state, mirrors).watch(session.now()))
    logs = [
        {
            "origin": log.origin,
            "problems": [{"code": problem.code, "detail": problem.detail} for problem in problems],
        }
        for log, problems in visited
    ]
    lines = [
        f"{log.origin}: {'; '.join(problem.detail for problem in problems) or 'as it should be'}"
        for log, problems in visited
    ]
    if unwell := [finding for finding in findings if finding.health is not Health.PASSED]:
        lines.append(str(told_of(unwell).text))
    is_wrong = any(finding.health is Health.FAILED and not finding.is_open for finding in unwell)
    is_partly = bool(unwell) or any(problems for _, problems in visited)
    return Result(
        {"logs": logs, "findings": [data_of(finding) for finding in findings]},
        "\n".join(lines),
        1 if is_wrong else PARTLY if is_partly else 0,
    )


@verb(hub)
def status(session: Session) -> Result:
    """Show the witness's key, and each log: how far it was cosigned, and what was refused."""
    return _status(session, open_state(_folder(session)))


@hub.group()
def clock() -> None:
    """Mend what a wrong clock left behind."""


@verb(clock)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def accept(session: Session, yes: bool) -> Result:
    """Say that the clock here is right, and was ahead before: the next cosignatures have its time."""
    state, now = open_state(_folder(session)), session.now()
    ahead = [log for log in state.logs() if log.time is not None and is_ahead(log.time, now)]
    if ahead:
        signed = max(log.time for log in ahead if log.time is not None)
        if not agreed(f"Is it {now:%Y-%m-%d %H:%M}Z now? Up to {signed:%Y-%m-%d %H:%M}Z was signed.", yes):
            raise Declined("nothing was changed; set the clock right")
        state.accept_clock(ahead, now)
    names = [log.origin for log in ahead]
    text = "\n".join(names) or "No cosignature is dated ahead of the clock here: nothing was changed."
    return Result({"clock": now.isoformat(), "logs": names}, text)


@verb(hub)
def evidence(session: Session) -> Result:
    """Print what proves that a log is forked: two notes of one size, both signed by it, with two roots."""
    forks = open_state(_folder(session)).forks()
    return Result(
        {"forks": [_fork(fork) for fork in forks]},
        "\n".join(_shown(fork) for fork in forks) or "no log was seen in two versions",
    )


def _status(session: Session, state: WitnessState) -> Result:
    logs, mirrors = state.logs(), open_mirrors(_folder(session), state)
    mirrored, vkey = mirrors.sizes(), mirrors.vkey
    compared = fingerprint(state.key.name, state.key)
    data = {
        "name": state.key.name,
        "key": str(state.key),
        "keys": [str(key) for key in (state.key, state.second) if key],
        "fingerprint": compared,
        "mirror": vkey,
        "alone": state.is_alone,
        "peers": [{"name": peer.key.name, "key": str(peer.key), "url": peer.url} for peer in state.peers()],
        "logs": [{**_log(log), "mirrored": mirrored.get(log.hash)} for log in logs],
    }
    lines = [f"witness      {state.key.name}", f"key          {state.key}", f"fingerprint  {compared}"]
    lines += [f"mirror       {vkey}"] if vkey else []
    lines += [f"peer         {peer.key.name}: {peer.url}" for peer in state.peers()]
    if state.is_alone:
        lines.append("alone        it signs without asking a peer: an old copy of it would lie")
    for log in logs:
        seen = (
            "nothing cosigned yet"
            if log.time is None
            else f"{log.size} entries, {log.time:%Y-%m-%d %H:%M:%S}Z"
        )
        refused = "".join(f", {code}: {times}" for code, times in log.refused.items())
        removed = "" if log.key else ", removed"
        forks = f", FORKED: {log.forks} (`intaglio hub evidence`)" if log.forks else ""
        unsure = f", signs nothing: {log.unsure}" if log.unsure else ""
        lines.append(f"log          {log.origin}: {seen}{unsure}{removed}{refused}{forks}")
        if log.hash in mirrored:
            lines.append(f"mirror       /mirror/{log.hash}: {mirrored[log.hash]} entries")
    return Result(data, "\n".join(wrapped(line, 13) for line in lines))


def _log(log: WitnessedLog) -> dict[str, object]:
    return {
        "origin": log.origin,
        "hash": log.hash,
        "key": str(log.key) if log.key else None,
        "fingerprint": fingerprint(log.origin, log.key) if log.key else None,
        "url": log.url,
        "size": log.size,
        "time": log.time.isoformat() if log.time else None,
        "refused": dict(log.refused),
        "forks": log.forks,
        "unsure": log.unsure,
    }


def _fork(fork: Fork) -> dict[str, object]:
    notes = [note.decode() for note in fork.notes]
    return {"origin": fork.origin, "key": str(fork.key), "size": fork.size, "notes": notes}


def _shown(fork: Fork) -> str:
    first, other = (note.decode() for note in fork.notes)
    return f"{fork.origin}: two roots for {fork.size} entries, both signed by {fork.key}\n\n{first}\n{other}"
