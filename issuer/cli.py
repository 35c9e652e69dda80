"""`intaglio issuer …`: results on stdout, talk on stderr, secrets by prompt or file, never as arguments."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol

import click
from click.core import ParameterSource

from keys import PassphraseNeeded
from vc.bundle import MAX_BYTES, Bundle
from vc.status import Reason
from wire.problem import Declined, NotFound
from wire.terminal import Result, agreed, passphrase, say, verb

from . import text
from .bulk import Result as Issued
from .bulk import dry_run as check_file
from .checking import read_catalogue
from .export import export as write_bundles
from .home import Identity
from .issue import SUITE, Issuer
from .serve_cli import claim, serve
from .source import open_source
from .store import Entry, Store
from .terminal import Meter, choose

PARTLY = 7
"""The exit code when some rows could not be issued."""

SUITES = (SUITE, "eddsa-jcs-2022")

BACKUP = "INTAGLIO_BACKUP_PASSPHRASE_FILE"
"""Names the file with the passphrase of a backup, which is another than that of the keys."""

MOST_FILES = 1000
"""Of larger files no bundles are written unasked."""


class Session(Protocol):
    """What this command line needs of the program around it."""

    @property
    def home(self) -> Path:
        """The place of everything; the issuer lies in `issuer/` there."""

    def now(self) -> datetime:
        """The time."""

    def pin(self, entry: Mapping[str, Any]) -> None:
        """Puts an issuer of this machine on the local trust list."""


class Place(NamedTuple):
    """The issuer's folder, and the program around it."""

    folder: Path
    session: Session

    def open(self) -> Issuer:
        """The issuer that lives here. Raises `NotFound`."""
        return Issuer(self.folder, functools.cache(lambda: passphrase("Issuer passphrase")), self.session.now)

    def create(self, name: str | None, url: str | None, method: str | None) -> Issuer:
        """Makes the issuer, or opens it, and puts it on the local trust list."""
        exists = (self.folder / "issuer.json").exists()
        if name is None:
            name = Identity.read(self.folder).name if exists else _nobody()
        prompt = "Issuer passphrase" if exists else "Passphrase for the issuer's keys (empty: none)"
        issuer = Issuer.create(
            self.folder,
            name=name,
            url=url,
            method=method,
            passphrase=functools.cache(lambda: passphrase(prompt, new=not exists)),
            clock=self.session.now,
        )
        if not exists:
            say(*text.introduction(issuer))
        self.session.pin(issuer.trust_entry())
        return issuer


@click.group()
@click.option("--home", type=click.Path(path_type=Path), help="The issuer's folder.")
@click.pass_context
def issuer(ctx: click.Context, home: Path | None) -> None:
    """Issue diplomas from a CSV, revoke and correct them."""
    session: Session = ctx.obj
    ctx.obj = Place((home or session.home / "issuer").expanduser().absolute(), session)


_name = click.option("--name", help="The institution's name, as it stands on the diplomas.")
_url = click.option("--url", help="The https address under which status lists will be found.")
_method = click.option(
    "--did", "method", type=click.Choice(["key", "web"]), help="Kind of DID; web if there is a URL."
)
_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("diplomas"),
    show_default=True,
    help="Folder for the bundles.",
)
_selectors = click.argument("selectors", metavar="DIPLOMA...", nargs=-1, required=True)


@verb(issuer)
@_name
@_url
@_method
def init(place: Place, name: str | None, url: str | None, method: str | None) -> Result:
    """Make an issuer: its keys, its log and its DID."""
    made = place.create(name, url, method)
    data = {"did": made.did, "name": made.name, "folder": str(place.folder), "log": made.identity.log}
    return Result(data, made.did)


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
@_name
@_url
@_method
@click.option("--suite", type=click.Choice(SUITES), default=SUITE, show_default=True, help="Of the proofs.")
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="Which column a field is in.")
@click.option(
    "--programmes", type=click.Path(path_type=Path), help="Catalogue of programmes to check against."
)
@click.option("--errors", type=click.Path(path_type=Path), help="Where bad rows go.")
@click.option("--dry-run", is_flag=True, help="Check everything, issue nothing.")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes; one a core if not given.")
@_out
def issue(
    place: Place,
    file: Path,
    name: str | None,
    url: str | None,
    method: str | None,
    suite: str,
    mapping: tuple[str, ...],
    programmes: Path | None,
    errors: Path | None,
    dry_run: bool,
    workers: int | None,
    out: Path,
) -> Result:
    """Issue a diploma for each row of a CSV file. The same file again issues nothing twice."""
    source = open_source(file, _pairs(mapping, "--map"))
    say(*text.mapping(source))
    catalogue = read_catalogue(programmes) if programmes else None
    error_file = errors or _free(file.with_name(f"{file.stem}.errors.csv"))
    if error_file.resolve() == file.resolve():
        raise click.UsageError("--errors names the file that is to be issued; name another.")
    files: list[Path] = []
    with Meter() as meter:
        if dry_run:
            with _index(place) as store:
                done = check_file(
                    source, store, error_file, catalogue=catalogue, workers=workers, progress=meter
                )
        else:
            made = place.create(name, url, method)
            done = made.issue_file(
                source, error_file, suite=suite, catalogue=catalogue, workers=workers, progress=meter
            )
            if done.issued + len(done.survey.known) <= MOST_FILES or _given("out"):
                files = _write(made, done, out)
    return _issued(done, error_file, files, dry_run=dry_run)


@verb(issuer)
@_selectors
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason]),
    default=Reason.UNSPECIFIED.value,
    show_default=True,
)
@click.option("--date", type=click.DateTime(["%Y-%m-%d"]), help="Since when; now if not given.")
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def revoke(place: Place, selectors: tuple[str, ...], reason: str, date: datetime | None, yes: bool) -> Result:
    """Revoke diplomas for good: by number, `row 17`, id, file, name or e-mail address."""
    made, now = place.open(), place.session.now()
    moment = date.replace(tzinfo=UTC) if date else now
    if moment > now:
        raise click.UsageError("A diploma cannot be revoked from a day in the future.")
    entries = [made.store.current(_select(made, selector).number) for selector in selectors]
    if not agreed(f"Revoke for good: {'; '.join(map(text.line, entries))}?", yes):
        raise Declined("nothing was revoked")
    if before := sum(entry.reason is not None for entry in entries):
        say(f"{before} had been revoked before and stay as they were.")
    made.lists.revoke([entry.number for entry in entries], Reason(reason), date=moment, now=now)
    entries = [made.store.entry(entry.seq) for entry in entries]
    say("The next check on this machine sees it at once.")
    if made.identity.url:
        say(
            f"Others see it when they fetch the lists; copy {place.folder / 'status'} to {made.identity.url}/"
        )
    else:
        say(
            "Others do not: there is no web address to fetch lists from, and bundles handed out before bring",
            "an older list along, good for a year. Tell them, or hand out the bundles anew.",
        )
    return Result(
        {"diplomas": [text.summary(made, entry) for entry in entries]},
        "\n".join(f"revoked {text.line(entry)}" for entry in entries),
    )


@verb(issuer)
@click.argument("selector", metavar="DIPLOMA")
@click.option("--set", "changes", multiple=True, required=True, metavar="FIELD=VALUE", help="What to change.")
@_out
def correct(place: Place, selector: str, changes: tuple[str, ...], out: Path) -> Result:
    """Issue a diploma anew with changed fields; the edition before is revoked as superseded."""
    made = place.open()
    entry = made.correct(_select(made, selector).number, _pairs(changes, "--set"))
    (path,) = write_bundles(made, [entry], out)
    return Result({**text.summary(made, entry), "file": str(path)}, f"{text.line(entry)}: {path}")


@verb(issuer)
@click.argument("selector", metavar="[TEXT]", default="")
def list_(place: Place, selector: str) -> Result:
    """List the diplomas, all of them or those that fit a number, a name or an e-mail address."""
    made = place.open()
    entries = made.find(selector) if selector else list(made.entries())
    if not entries:
        say("No diploma fits." if selector else "Nothing was issued here yet.")
    return Result({"diplomas": [text.brief(entry) for entry in entries]}, "\n".join(map(text.line, entries)))


@verb(issuer)
@click.argument("selector", metavar="DIPLOMA")
def show(place: Place, selector: str) -> Result:
    """Show one diploma, with what was signed."""
    made = place.open()
    entry = _select(made, selector)
    data = {**text.summary(made, entry), "credential": made.line(entry).credential}
    return Result(data, text.card(made, entry))


@verb(issuer)
@click.argument("selectors", metavar="[DIPLOMA...]", nargs=-1)
@_out
def export(place: Place, selectors: tuple[str, ...], out: Path) -> Result:
    """Write bundles that verify offline: of the diplomas named, or of all that are not revoked."""
    made = place.open()
    if selectors:
        chosen = [_select(made, selector) for selector in selectors]
    else:
        chosen = [entry for entry in made.entries() if entry.reason is None]
    written = sum(1 for _ in write_bundles(made, chosen, out))
    return Result({"written": written, "folder": str(out)}, f"{written} bundles in {out}")


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
def backup(place: Place, file: Path) -> Result:
    """Write the whole issuer into one encrypted file."""
    from .backup import backup as write

    write(place.folder, file, _secret("Passphrase for the backup", BACKUP, new=True))
    say("Keep the file elsewhere, and its passphrase apart from it.")
    return Result({"file": str(file)}, str(file))


@verb(issuer)
@click.argument("file", type=click.Path(path_type=Path))
def restore(place: Place, file: Path) -> Result:
    """Bring an issuer back from a backup; an existing one is never overwritten."""
    from .backup import restore as read

    read(file, place.folder, _secret("Passphrase of the backup", BACKUP))
    say(
        "The issuer is restored as it was at the backup.",
        "If anything was issued after it, do not go on with this copy: its log would contradict the other.",
    )
    return Result({"folder": str(place.folder)}, str(place.folder))


@verb(issuer)
def password(place: Place) -> Result:
    """Seal the issuer's keys under a passphrase, or change it."""
    variable = "INTAGLIO_NEW_PASSPHRASE_FILE"
    place.open().keys.change_passphrase(lambda: _secret("New passphrase", variable, new=True))
    say("Changed. Backups and other copies made before still open as they did.")
    return Result({"changed": True}, "")


@issuer.group()
def status() -> None:
    """The published status lists."""


@verb(status)
def publish(place: Place) -> Result:
    """Sign and write the lists that are new, changed or soon to expire."""
    made = place.open()
    numbers = made.lists.publish(now=place.session.now())
    folder = place.folder / "status"
    if made.identity.url:
        say(f"Copy {folder} to {made.identity.url}/status/")
    return Result(
        {"published": numbers, "folder": str(folder)}, f"{len(numbers)} lists published in {folder}"
    )


issuer.add_command(claim)
issuer.add_command(serve)


def _issued(done: Issued, error_file: Path, files: list[Path], *, dry_run: bool) -> Result:
    failed, known = len(done.survey.findings), len(done.survey.known)
    for found in text.findings(done):
        say(found)
    if known:
        say("What was issued before stays as it is; `intaglio issuer correct` changes a diploma.")
    if failed:
        say(f"The bad rows are in {error_file}: correct them there, and issue that file.")
    if files:
        say(f"Bundles are in {files[0].parent}. To check one: intaglio verify {files[0]}")
    elif done.issued:
        say("`intaglio issuer export` writes the bundles.")
    count = f"{done.survey.good} would be issued" if dry_run else f"{done.issued} issued"
    words = f"{count}, {known} issued before, {failed} with errors"
    return Result(
        {
            **text.outcome(done),
            "errorFile": str(error_file) if failed else None,
            "bundles": str(files[0].parent) if files else None,
            "dryRun": dry_run,
        },
        words,
        PARTLY if failed else 0,
    )


def _given(name: str) -> bool:
    """Whether a parameter was typed rather than left at its default."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _free(path: Path) -> Path:
    """The path, or the first of its kind with a number that is not taken: corrections may be in the other."""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], names) if not name.exists())


def _write(made: Issuer, done: Issued, out: Path) -> list[Path]:
    job = done.job
    entries = made.entries(job.first_seq, job.first_seq + job.length) if job else []
    before = [made.store.current(made.store.entry(seq).number) for seq in done.survey.known.values()]
    return list(write_bundles(made, [*entries, *before], out))


@contextmanager
def _index(place: Place) -> Iterator[Store]:
    """The issuer's index, or an empty one where there is no issuer yet."""
    with tempfile.TemporaryDirectory() as empty:
        path = place.folder / "issuer.sqlite"
        store = Store(path if path.exists() else Path(empty) / path.name)
        yield store
        store.close()


def _select(made: Issuer, selector: str) -> Entry:
    """The one diploma that is meant; asks where several fit. Raises `NotFound`."""
    path = Path(selector)
    if path.is_file():
        with path.open("rb") as file:
            return made.find_credential(Bundle.parse(file.read(MAX_BYTES + 1)).secured)
    found = made.find(selector)
    if not found:
        raise NotFound(
            "no diploma fits: neither a number, a row, an id, a file, a name nor an e-mail address",
            hint="`intaglio issuer list` shows all.",
        )
    if len(found) == 1:
        return found[0]
    return found[choose(f"{len(found)} diplomas fit.", [text.line(entry) for entry in found])]


def _nobody() -> NoReturn:
    raise click.UsageError(
        "Who issues? There is no issuer here yet: name the institution as it shall stand on its diplomas, "
        '--name "…".'
    )


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in texts]
    for field, equals, _ in pairs:
        if not field or not equals:
            raise click.UsageError(f"{option} takes FIELD=VALUE.")
    return {field.strip(): value for field, _, value in pairs}


def _secret(prompt: str, variable: str, *, new: bool = False) -> bytes:
    secret = passphrase(prompt, variable, new=new)
    if secret is None:
        raise PassphraseNeeded(
            "a passphrase is needed, and none was typed or could be asked for",
            hint=f"Set {variable} to the path of a file that holds it.",
        )
    return secret
