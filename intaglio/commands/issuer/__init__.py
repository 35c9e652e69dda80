"""`intaglio issuer …`: results on stdout, talk on stderr, secrets by prompt or file, never as arguments."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from issuer.archive.kept import EditionState, ShardName
from issuer.issuer import Issuer
from issuer.keeping import leftovers
from issuer.keeping.closing import close as close_issuer
from issuer.keeping.sweeping import sweep as swept
from issuer.press.update import TEMPLATE
from issuer.shared import shared_in
from keys import KeyFile
from keys.envelope import require_strong
from kinds import shipped
from ledger.tiles.engines import address_of
from wire.problem import Declined
from wire.text import counted, printable

from ...progress import Counter
from ...session import Session
from ...terminal import Folder, Result, agreed, required_passphrase, say, typed, verb
from ...words import tr, tr_count
from . import elsewhere, issued, listing, text
from . import issue as issue_cli
from .claim import claim
from .clock import clock
from .job import job
from .key import key
from .place import Place
from .serve import serve
from .status import status

BACKUP = "INTAGLIO_BACKUP_PASSPHRASE_FILE"
"""Names the file with the passphrase of a backup, which is another than that of the keys."""


@click.group()
@click.option("--home", type=Folder(), help="The issuer's folder.")
@click.pass_context
def issuer(ctx: click.Context, home: Path | None) -> None:
    """Issue credentials from a CSV, revoke and correct them."""
    session: Session = ctx.obj
    ctx.obj = Place(home or session.home / "issuer", session)
    ctx.obj.consent.require_database()  # threat F23: before any command reads there who the issuer is


@issuer.result_callback()
@click.pass_obj
def _renew(place: Place, /, code: int, **_: object) -> int:
    """Renew the status lists that are due after any command that opened the keys."""
    place.renew()
    return code


@verb(issuer)
@click.argument("uri")
def prepare(_: Place, uri: str) -> Result:
    """Make or bring up to date, as its owner, the tables and roles in the database at URI.

    Both those of an issuer that several machines share, and those of its log.
    """
    from issuer.shared.database import prepare_index
    from ledger.tiles.engines import prepare_tables

    steps = prepare_index(uri) + prepare_tables(uri)
    return Result({"steps": steps}, f"the database is ready: {counted(steps, 'step')} done")


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--keys", is_flag=True, help="Only the keys, for another machine over the same database: join.")
@click.option("--worker", is_flag=True, help="Only what a worker of a cluster needs, as a folder: its home.")
def backup(place: Place, file: Path, keys: bool, worker: bool) -> Result:
    """Write the whole issuer into one encrypted file."""
    from issuer.keeping.backup import backup as write

    if keys and worker:
        raise click.UsageError("--keys and --worker are two things.")
    if keys:
        return _backup_keys(place, file)
    if worker:
        return _backup_worker(place, file)

    sealed_under = required_passphrase("Passphrase for the backup", BACKUP, new=require_strong)
    consent = place.consent
    apart = write(
        place.folder, file, sealed_under, engines=consent.engines(), shard_stores=consent.shard_stores()
    )
    say("Keep the file elsewhere, and its passphrase apart from it.")
    if apart:
        say(tr("Not in it, and to be copied by themselves:"), *apart)
    return Result({"file": str(file)}, str(file))


def _backup_keys(place: Place, file: Path) -> Result:
    from issuer.keeping.joining import write_keys

    if write_keys(place.folder, file):
        say(tr("The keys in it are sealed under the passphrase of the issuer."))
    else:
        say(tr("The keys in it are not sealed: whoever reads the file can sign as the issuer."))
    say(tr("On the other machine:"), typed("issuer", "join", "ADDRESS", "--keys", str(file)))
    return Result({"file": str(file)}, str(file))


def _backup_worker(place: Place, folder: Path) -> Result:
    from issuer.engine.worker_home import write_worker

    keys = KeyFile.open(place.folder / "keys.json", place.ask_passphrase)
    write_worker(place.folder, keys, folder, place.contexts)
    if keys.protected:
        say(tr("The keys in it are sealed under the passphrase of the issuer."))
    else:
        say(tr("The keys in it are not sealed: whoever reads the file can sign as the issuer."))
    return Result({"folder": str(folder)}, str(folder))


@verb(issuer)
@click.argument("address")
@click.option(
    "--keys",
    type=click.Path(path_type=Path),
    required=True,
    help="The file of `intaglio issuer backup --keys`.",
)
def join(place: Place, address: str, keys: Path) -> Result:
    """Make this machine one of those that issue over the database at ADDRESS, or bring it a new key.

    The keys are compared with those of the issuer in the database. The address of the log in the file is
    shown and asked about.
    """
    from issuer.keeping.joining import join as joined

    place.consent.keep(address)
    consent = place.session.consent(place.folder, restoring=True)
    identity = joined(place.folder, address, keys, place.ask_passphrase, consent.require)
    place.recognise(place.open(), made_here=True)
    say(tr("This machine issues for {name}, {did}.").format(name=identity.name, did=identity.did))
    return Result({"folder": str(place.folder), "did": identity.did}, str(place.folder))


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
def restore(place: Place, file: Path) -> Result:
    """Bring an issuer back from a backup. An existing one is never overwritten.

    Its files may name things outside its folder, such as a database or the module of a token. Each is shown,
    and used only if you agree. You are also asked whether you recognise the issuer.
    """
    from issuer.keeping.backup import restore as read
    from ledger.folder import kept_beside

    sealed_under = required_passphrase("Passphrase of the backup", BACKUP)
    consent = place.session.consent(place.folder, restoring=True)
    # Only where it was does something know of what came after the backup.
    can_ask = kept_beside(place.folder).exists()
    left_out = read(file, place.folder, sealed_under, consent.require)
    if left_out:
        names = ", ".join(map(printable, left_out))
        say(f"Left in the backup, since no issuer has such files: {names}")
    place.recognise(place.open())
    say(
        "The issuer is restored as it was at the backup.",
        "If anything was issued after it, do not go on with this copy: its log would contradict the other.",
        *(() if can_ask else ("This machine cannot tell whether it was, or whether the issuer has moved.",)),
    )
    return Result({"folder": str(place.folder), "leftOut": left_out}, str(place.folder))


@verb(issuer)
@click.option("--store", metavar="URI", help="The database for index and log: postgresql://…")
@click.option("--shards", metavar="URI", help="Where credentials of files go: s3://…")
@click.option("--ledger", metavar="URI", help="Where the log goes, if not into that database.")
@click.option("--here", is_flag=True, help="Bring all back into the folder.")
def move(place: Place, store: str | None, shards: str | None, ledger: str | None, here: bool) -> Result:
    """Move index, credentials and log to a database and a bucket, or back; nothing is issued again.

    Meanwhile nothing is issued. Typed again, it goes on where it was interrupted. All is compared before
    anything in the folder is let go.
    """
    from issuer.keeping.moving import Stores, move_issuer, stores_of

    if here == any((store, shards, ledger)):
        raise click.UsageError("Where to? --store, --shards or --ledger; or --here, and none of these.")
    local_issuer, consent = place.open(), place.consent
    at = stores_of(local_issuer.home)
    wanted = (
        Stores() if here else Stores(store or at.store, shards or at.shards, ledger or store or at.ledger)
    )
    for address in filter(None, (wanted.store, wanted.shards)):
        consent.keep(address)
    if wanted.ledger:
        consent.keep(address_of(wanted.ledger))
    with Counter("Moving", local_issuer.store.count()) as counter:
        move_issuer(
            local_issuer,
            wanted,
            counter.count,
            engines=consent.engines(),
            shard_stores=consent.shard_stores(),
        )
    local_issuer = place.open()
    goes_on = wanted.store or str(local_issuer.home)
    return Result(
        {"store": wanted.store, "shards": wanted.shards, "ledger": wanted.ledger},
        f"{local_issuer.name} goes on at {goes_on}, "
        f"with its {counted(local_issuer.store.count(), *local_issuer.nouns)}",
    )


@verb(issuer)
@click.option(
    "--mirror", "mirrors", multiple=True, metavar="URL", help="Where a hub has a copy of the issuer's log."
)
def trust(place: Place, mirrors: tuple[str, ...]) -> Result:
    """Print the trust file by which others recognise this issuer. They read it: intaglio trust add FILE."""
    return _trust_file(place.open(), place.session, mirrors)


def _trust_file(local_issuer: Issuer, session: Session, mirrors: tuple[str, ...] = ()) -> Result:
    data = local_issuer.trust_file(mirrors)
    printed = json.dumps(data, indent=2)
    say(f"Its fingerprint, for those who add it to compare: {session.fingerprint(printed.encode())}")
    return Result(data, printed)


@verb(issuer)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def close(place: Place, yes: bool) -> Result:
    """Close the issuer for good: sign all status lists a last time, and print the trust file that says so.

    Afterwards nothing is issued, corrected, claimed or revoked here. With that trust file, the lists of the
    closing have no end.
    """
    local_issuer = place.open()
    if suspended := local_issuer.store.states().get(EditionState.SUSPENDED):
        say(f"{counted(suspended, 'edition')} suspended: nobody can reinstate them afterwards.")
    if local_issuer.identity.closing is None and not agreed(
        f"Close {local_issuer.name} for good? It can issue, correct and revoke nothing afterwards.", yes
    ):
        raise Declined("nothing was closed")
    day = close_issuer(local_issuer)
    place.recognise(local_issuer)
    say(
        f"{local_issuer.name} closed on {day:%Y-%m-%d}; "
        f"its last status lists are in {local_issuer.shared.where('status')}."
    )
    if local_issuer.identity.url:
        say(*text.to_publish(local_issuer), "and leave them there for as long as anybody may ask.")
    say("Hand out all bundles anew, with these lists in them:", typed("issuer", "export"))
    say("Hand out the trust file that is printed here: by it, the lists have no end; else they have a year.")
    if not place.consent.is_own:  # nothing in a folder from elsewhere changes your list unasked
        say(
            f"Your own trust list needs it, too: {typed('trust', 'remove')} {local_issuer.did}, "
            "then trust add FILE"
        )
    return _trust_file(local_issuer, place.session)


@verb(issuer)
def password(place: Place) -> Result:
    """Seal the issuer's keys under a passphrase, or change it."""
    variable = "INTAGLIO_NEW_PASSPHRASE_FILE"
    place.open().keys.change_passphrase(
        lambda: required_passphrase("New passphrase", variable, new=require_strong)
    )
    leftovers.require_none(place.folder)
    say("Changed. Backups and other copies made before still open as they did.")
    return Result({"changed": True}, "")


@verb(issuer)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def sweep(place: Place, yes: bool) -> Result:
    """Delete what killed jobs left of credentials that were never issued.

    In a bucket that takes a key with the right to delete, which no other command needs.
    """

    def agree(names: Sequence[ShardName]) -> None:
        question = tr("Delete {files} that nothing names?")
        if not agreed(question.format(files=tr_count("{count} file", "{count} files", len(names))), yes):
            raise Declined("nothing was deleted")

    removed, left = swept(place.open(), agree)
    words = tr_count("{count} file deleted", "{count} files deleted", len(removed))
    if left:
        say(tr("Of jobs that may go on, and left there: {count}").format(count=left))
    return Result({"deleted": [str(each) for each in removed], "left": left}, words)


@issuer.group()
def template() -> None:
    """Update or leave template.json, by which an issuer of before makes new credentials."""


@verb(template)
def update(place: Place) -> Result:
    """Give template.json a place for the name of the degree, beside its type.

    The rest of a file that was begun before keeps the former template, as do later editions of a credential.
    """
    updated = place.open().update_template()
    path = shared_in(place.folder).where(TEMPLATE)
    words = "new credentials state the degree by name" if updated else "nothing to update"
    return Result({"file": path, "updated": updated}, f"{path}: {words}")


@verb(template)
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def leave(place: Place, yes: bool) -> Result:
    """Issue by the newest version of the kind that comes along, whose credentials name it.

    The rest of a file that was begun by template.json keeps it, as do later editions of a credential.
    """
    local_issuer = place.open()
    if (
        None in local_issuer.kinds.references
        and not local_issuer.kinds.has(shipped())
        and not agreed(
            "New credentials are made without template.json, and without what you edited there. Go on?", yes
        )
    ):
        raise Declined("the template stays in force")
    left = local_issuer.leave_template()
    reference = shipped().reference
    words = f"new credentials name {reference}" if left else "new credentials name their kind already"
    return Result({"kind": reference, "changed": left}, words)


for verbs in (issue_cli.verbs, elsewhere.verbs, issued.verbs, listing.verbs):
    issuer.commands.update(verbs.commands)
issuer.add_command(claim)
issuer.add_command(clock)
issuer.add_command(job)
issuer.add_command(key)
issuer.add_command(serve)
issuer.add_command(status)
