"""`intaglio ledger …`: make a log, look into it, prove an entry, check a proof; audit, move or publish it.

A log's folder holds `keys.json` and `log/`; that of an issuer is one. Looking needs no passphrase.
"""

from __future__ import annotations

import base64
import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from keys import KeyFile, PrivateKey
from keys.envelope import require_strong
from ledger.audit import audit as audit_log
from ledger.entries import EntryKind, entry, parse_entry
from ledger.evidence import LARGEST_PROOF, TLOG_PROOF, Evidence, TrustPolicy, verify_evidence
from ledger.folder import KEYS, keep_address, kept_beside, move_log, newest_checkpoint, store_in
from ledger.log import Log, LogReader
from ledger.note import Checkpoint, SignatureType, VerifierKey, fingerprint
from ledger.tiles.engines import PREPARED, address_of, prepare_tables, prune_tables
from ledger.tiles.layout import prefix
from wire import Conflict, Damaged, Malformed, NotFound
from wire.files import make_private_folder
from wire.text import cells

from ..progress import Counter
from ..reach import Reach, reach_options
from ..session import Session
from ..terminal import EXISTING_FILE, Command, Folder, Result, extra, passphrase, say, verb, wrapped
from ..words import tr, tr_count
from .anchor import anchor
from .log_folder import LogFolder
from .witness import SECONDS, witness

_INDEX = re.compile(r"[0-9]{1,18}")
_KINDS = {kind.name.lower().replace("_", "-"): kind for kind in EntryKind}


@click.group()
@click.option(
    "--in", "folder", type=Folder(), help="The folder with keys.json and log/; to look, else the issuer's."
)
@click.pass_context
def ledger(ctx: click.Context, folder: Path | None) -> None:
    """Look into a log, prove an entry, audit the whole."""
    session: Session = ctx.obj
    consent = session.consent(folder or session.home / "issuer")
    consent.require_database()  # threat F23: it has the list of other ledgers
    anchors = consent.anchors(session.anchors)
    ctx.obj = LogFolder(consent.folder, session.now, folder is not None, anchors, consent, session.ca_file)


ledger.add_command(anchor)
ledger.add_command(witness)


@verb(ledger)
@click.argument("name", metavar="NAME|URI")
@click.option("--ledger", metavar="URI", help="Where the log is kept, if not in the folder.")
def init(place: LogFolder, name: str, ledger: str | None) -> Result:
    """Make an empty log; NAME is best a web address without https://.

    With the URI of a database, make or bring up to date its tables and the roles for a log. Only the
    database's owner can do that; if the roles are missing, the owner has to be allowed to make roles.
    """
    if name.partition("://")[0] in PREPARED:
        steps = prepare_tables(name)
        return Result(
            {"steps": steps},
            tr_count(
                "the database is ready: {count} step done", "the database is ready: {count} steps done", steps
            ),
        )
    if not place.named:
        raise click.UsageError(tr("Where? --in FOLDER, before init. An issuer makes its log itself."))
    if (place.folder / "keys.json").exists():
        raise Conflict.saying(
            "{folder} has keys already", folder=str(place.folder), hint="Give another folder: --in FOLDER"
        )
    VerifierKey(name, SignatureType.ED25519, PrivateKey.generate().public_key)  # refuses it before keys exist
    secret = passphrase(tr("Passphrase for the log's keys (empty: none)"), new=require_strong)
    if ledger is not None:
        make_private_folder(place.folder)
        place.consent.keep(address_of(ledger))
        keep_address(place.folder, ledger, engines=place.consent.engines())
    keys = KeyFile.create(place.folder / "keys.json", KEYS, secret)
    log = Log(
        name,
        keys.signer("log"),
        keys.signer("cosigner"),
        store_in(place.folder, engines=place.consent.engines()),
        clock=place.now,
        kept=kept_beside(place.folder),
    )
    return _status(log)


@verb(ledger)
@click.argument("uri")
def prune(_: LogFolder, uri: str) -> Result:
    """Remove from the database at URI, as its owner, tiles that the log no longer needs or did not write.

    The log no longer needs partial tiles that a full one has replaced; others may have written tiles ahead of
    the log. A log in a folder does this by itself.
    """
    removed = prune_tables(uri)
    return Result({"removed": removed}, tr_count("{count} tile removed", "{count} tiles removed", removed))


@verb(ledger)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def migrate(place: LogFolder, source: str, target: str) -> Result:
    """Move the log from one address to another; what was proved with it stays proved.

    An address is a folder or a URI. Nothing is signed until all is there. Typed again, it goes on where it
    was interrupted. The old log is neither removed nor appended to.
    """
    address, engines = address_of(target), place.consent.engines()
    for typed_address in (address_of(source), address):
        place.consent.keep(typed_address)
    with Counter("Moving", newest_checkpoint(place.folder, engines=engines).size) as counter:
        checkpoint = move_log(place.folder, address_of(source), address, counter.count, engines=engines)
    entries = tr_count("{count} entry", "{count} entries", checkpoint.size)
    sentence = tr("{log}: the log goes on at {address}, with its {entries}")
    return Result(
        {"origin": checkpoint.origin, "size": checkpoint.size, "address": address},
        sentence.format(log=checkpoint.origin, address=address, entries=entries),
    )


PORT = 8480


@ledger.command(cls=Command)
@reach_options(PORT, click.option("--url", help="The address at which others reach this."), plain_here=True)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="That answer at once."
)
@click.pass_obj
def serve(place: LogFolder, reach: Reach, processes: int) -> None:
    """Publish the log until stopped: its checkpoint, tiles and entries, as C2SP tlog-tiles has them.

    It lies under the path that the log's name has. Any number of these may run, on any machine. Where the log
    grows, its witnesses are asked.
    """
    with extra("serve"):
        from ..publishing import asking, create_app
        from ..serving import Endpoint, siblings
    with (
        Endpoint.open(reach, place.folder / "tls", place.now()) as endpoint,
        siblings(processes - 1) as is_first,
    ):
        log = place.open()
        if is_first and endpoint.files:
            say("Whoever asks needs this file, to trust the service by:", str(endpoint.files.authority))
        if is_first:
            click.echo(f"{endpoint.url}{prefix(log.origin)}/checkpoint")
        with asking(place.witnesses(SECONDS), log) if is_first else nullcontext():
            # They share one port, and one address's allowance.
            replace(endpoint, limits=endpoint.limits.among(processes)).run(create_app(log))


@verb(ledger)
def status(place: LogFolder) -> Result:
    """Show how long the log is, its newest checkpoint and its keys."""
    return _status(place.open())


@verb(ledger)
@click.argument("which", metavar="INDEX|DIGEST")
def prove(place: LogFolder, which: str) -> Result:
    """Print the proof that an entry is in the log. DIGEST is a SHA-256 in hexadecimal."""
    log = place.open()
    index = int(which) if _INDEX.fullmatch(which) else _index_of(log, which)
    evidence = log.evidence(index)
    proved = parse_entry(next(log.entries(index, index + 1)))
    (kind,) = (name for name, value in _KINDS.items() if value == proved.kind)
    say(tr("entry {index}: {kind} {digest}").format(index=index, kind=kind, digest=proved.digest.hex()))
    text = evidence.body.decode()
    data = {"index": index, "kind": kind, "digest": proved.digest.hex(), "proof": text}
    return Result(data, text.removesuffix("\n"))


@verb(ledger)
@click.argument("proof", type=EXISTING_FILE)
@click.argument("digest")
@click.option("--kind", type=click.Choice([*_KINDS]), default="credential", show_default=True)
@click.option("--key", help="The log's verifier key; else that of the log here.")
@click.option("--clock", help="The verifier key of the log's clock.")
def verify(
    place: LogFolder, proof: Path, digest: str, kind: str, key: str | None, clock: str | None
) -> Result:
    """Check a proof for a digest (SHA-256 in hexadecimal), offline."""
    if clock is not None and key is None:
        raise click.UsageError(tr("--clock goes with --key: it is the clock of the log of that key."))
    if key is None:
        log = place.open()
        key, clock = str(log.verifier_key), str(log.clock_key) if log.clock_key else None
    raw = _digest(digest)
    evidence = Evidence(TLOG_PROOF, raw, _read(proof))
    fact = verify_evidence(entry(_KINDS[kind], raw), evidence, TrustPolicy.of([(key, clock, (), 0)]))
    seen = tr(", seen by {time} by its own clock")
    moment = seen.format(time=f"{fact.time:%Y-%m-%d %H:%M:%S}Z") if fact.time else ""
    data = {"origin": fact.where, "index": fact.index, "time": fact.time and fact.time.isoformat()}
    return Result(data, tr("entry {index} of {log}").format(index=fact.index, log=fact.where) + moment)


@verb(ledger)
@click.option("--since", type=EXISTING_FILE, help="A checkpoint that was kept: the log has to continue it.")
def audit(place: LogFolder, since: Path | None) -> Result:
    """Derive all again from the entries, and name the first difference."""
    log = place.open()
    kept = None if since is None else _kept(log, since)
    checkpoint = audit_log(log)
    count = tr_count("{count} entry", "{count} entries", checkpoint.size)
    sentence = tr("{log}: every tile and the checkpoint follow from the log's {entries}")
    text = sentence.format(log=checkpoint.origin, entries=count)
    if kept is not None:
        log.require_continues(kept)
        text += tr(", of which the first {count} are those of the checkpoint that was kept").format(
            count=kept.size
        )
    return Result({"origin": checkpoint.origin, "size": checkpoint.size, "sound": True}, text)


def _kept(log: LogReader, file: Path) -> Checkpoint:
    try:
        return log.own_checkpoint(_read(file))
    except (Damaged, Conflict) as problem:
        raise Malformed.saying(
            "{file} is no checkpoint of this log: {why}", file=str(file), why=problem
        ) from problem


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST_PROOF + 1)


def _status(log: LogReader) -> Result:
    checkpoint = log.checkpoint()
    data = {
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": base64.b64encode(checkpoint.root).decode(),
        "key": str(log.verifier_key),
        "fingerprint": fingerprint(log.origin, log.verifier_key),
        "clock": str(log.clock_key) if log.clock_key else None,
        "time": time.isoformat() if (time := log.time()) else None,
    }
    words = {
        "origin": tr("log"),
        "size": tr("entries"),
        "root": tr("root"),
        "key": tr("verifier key"),
        "fingerprint": tr("fingerprint"),
        "clock": tr("key of its clock"),
        "time": tr("as of"),
    }
    lines = (
        f"{words[name]}{' ' * (17 - cells(words[name]))}{value}"
        for name, value in data.items()
        if value is not None
    )
    return Result(data, "\n".join(wrapped(line, 17) for line in lines))


def _index_of(log: LogReader, digest: str) -> int:
    raw = _digest(digest)
    for index, encoded in enumerate(log.entries(0, log.checkpoint().size)):
        if encoded[2:] == raw:
            return index
    raise NotFound("the log has no entry with this digest")


def _digest(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Malformed(
            "a digest is 64 hexadecimal digits",
            hint="Entries have numbers, too: `intaglio issuer show` says that of a credential.",
        )
    return raw
