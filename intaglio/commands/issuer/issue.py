"""`intaglio issuer init` and `issue`: an issuer, and credentials for the rows of a file."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple

import click

from issuer import Description
from issuer.archive.archive import Archive
from issuer.archive.engines import make_index, open_index
from issuer.archive.shard_stores import shards_in
from issuer.identity.forms import IssuerForms, require_allowed
from issuer.identity.home import ISSUER_METHODS, KEY_TYPES, Identity, has_issuer
from issuer.identity.kind import Kinds
from issuer.issuer import Issuer
from issuer.job.attached import require_folder
from issuer.job.bulk import Issued, checked_table, unissued
from issuer.job.bulk import dry_run as check_file
from issuer.job.checked import CheckedTable
from issuer.job.order import Order
from issuer.keeping.export import export
from issuer.press.document import NOBODY, Composer, Profile, trial
from issuer.press.update import has_template, lacks_degree, template_in
from issuer.problem import ANOTHER_ISSUER
from issuer.table.encoding import ENCODINGS
from issuer.table.errorfile import WORKBOOK, require_writer
from issuer.table.sheet import HIDDEN
from issuer.table.source import Source
from kinds import Kind, Record, shipped
from kinds.days import DATE_ORDERS
from kinds.kind import Noun
from kinds.names import NAMES
from kinds.shipped import diploma_1
from kinds.template import compiled
from vc import SUITES
from vc.forms import INTEGRITY, SD_JWT_VC, VC_JWT, DataIntegrity
from vc.secured import Form
from wire.problem import Conflict, Declined
from wire.text import counted, printable

from ...terminal import Result, agreed, say, typed, verb
from ..forms import FORM, media_types
from ..kind import chosen, proved
from . import text
from .elsewhere import cluster_at, cluster_options, signed_by
from .place import Place, key_option, kind_option, status_did_option
from .preview import is_asked, require_agreed
from .reading import ReadOptions
from .terminal import PARTLY, ProgressMeter, bundles_folder, no_evidence_option, out_option, warn_of_refusals

SIGNING = [name for name, suite in SUITES.items() if suite.signs]

MOST_FILES = 1000
"""Credentials of one file; beyond that, bundles are written only on request."""

verbs = click.Group()
_name = click.option("--name", default="", help="The institution's name, as it stands on what it issues.")
_url = click.option("--url", help="The https address under which status lists will be found.")
_method = click.option(
    "--did", "method", type=click.Choice(ISSUER_METHODS), help="Kind of DID; web if there is a URL."
)
_forms = click.option(
    "--form",
    "forms",
    multiple=True,
    type=FORM,
    help="How credentials are secured; may be given several times. The first of a new issuer is its own.",
)


@verb(verbs)
@_name
@_url
@_method
@_forms
@click.option(
    "--iss", type=click.Choice(["did", "https"]), help="Whether SD-JWT VCs name it by its DID, or its URL."
)
@click.option("--key-type", type=click.Choice(KEY_TYPES), help="Of the keys that sign credentials and lists.")
@click.option(
    "--ledger",
    metavar="URI",
    help="Where its log is kept, if not in its folder: file:…, postgresql:// or s3://…",
)
@click.option(
    "--store",
    metavar="URI",
    default="",
    help="The database that its machines share, postgresql://…; without --ledger it has the log, too.",
)
@click.option(
    "--shards",
    metavar="URI",
    default="",
    help="Where credentials of files are kept, if not in its folder: s3://…, in a private bucket.",
)
@key_option
@status_did_option
@kind_option
def init(
    place: Place,
    name: str,
    url: str | None,
    method: str | None,
    forms: tuple[str, ...],
    iss: str | None,
    key_type: str | None,
    where: str | None,
    ledger: str | None,
    store: str,
    shards: str,
    status_did: bool,
    kind: str | None,
) -> Result:
    """Make an issuer: its keys, its log and its DID.

    With --kind, an issuer that is here already takes another kind, for good.
    """
    asked = None if kind is None else _proved(place, chosen(kind, lambda: _kept(place)))
    described = Description(
        name,
        url,
        method,
        key_type,
        ledger=ledger or store or None,
        database=store,
        shards=shards,
        has_status_did=status_did,
        has_address=iss == "https",
        kind=asked,
    )
    wanted = media_types(forms)
    if iss == "https" and not place.exists and SD_JWT_VC not in wanted:
        raise click.UsageError("--iss https is for SD-JWT VCs: add --form dc+sd-jwt.")
    issuer = place.create(described, where, _form_of(place, forms))
    if iss == "did" and issuer.identity.address:
        raise ANOTHER_ISSUER("credentials of the issuer that lives here name it by its https address")
    _warn(issuer, wanted)
    issuer.issued_as.remember(issuer.issued_as.names(wanted))
    data = {"did": issuer.did, "name": issuer.name, "folder": str(place.folder), "log": issuer.log.origin}
    return Result(data, issuer.did)


@verb(verbs)
@click.argument("file", type=click.Path(path_type=Path))
@_name
@_url
@_method
@_forms
@status_did_option
@kind_option
@click.option(
    "--suite", type=click.Choice(SIGNING), help="Of the proofs; by the type of the keys if not given."
)
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="Which column a field is in.")
@click.option("--set", "constants", multiple=True, metavar="FIELD=VALUE", help="What all rows share.")
@click.option(
    "--values",
    type=click.Path(path_type=Path),
    help="Your words and their values, a line 学士=BachelorDegree each.",
)
@click.option("--dates", type=click.Choice(DATE_ORDERS), help="How to read 03/04/2026.")
@click.option("--names", type=click.Choice(NAMES), help="How to take names such as SMITH, Anna.")
@click.option(
    "--encoding",
    type=click.Choice(list(ENCODINGS), case_sensitive=False),
    help="Of the file; found out if not given.",
)
@click.option("--sheet", default="", help="Of a workbook, by name; if not given, the one that fits.")
@click.option("--hidden", type=click.Choice(HIDDEN), help="Hidden rows and sheets of a workbook.")
@click.option(
    "--number",
    default="",
    metavar="PATTERN",
    help="Give numbers to a file that has none, such as '{year}-{seq:06}'.",
)
@click.option(
    "--programmes", type=click.Path(path_type=Path), help="Catalogue of programmes to check against."
)
@click.option("--files", type=click.Path(path_type=Path), help="Folder of the files that a column names.")
@click.option("--errors", type=click.Path(path_type=Path), help="Where bad rows go: a .csv or .xlsx file.")
@click.option("--dry-run", is_flag=True, help="Check everything, issue nothing.")
@click.option("--yes", is_flag=True, help="Show nothing before it is signed, and ask nothing.")
@click.option("--workers", type=click.IntRange(0, 256), help="Processes; one a core if not given.")
@cluster_options
@no_evidence_option
@out_option
def issue(
    place: Place,
    file: Path,
    name: str,
    url: str | None,
    method: str | None,
    forms: tuple[str, ...],
    status_did: bool,
    kind: str | None,
    suite: str | None,
    mapping: tuple[str, ...],
    constants: tuple[str, ...],
    values: Path | None,
    dates: str | None,
    names: str | None,
    encoding: str | None,
    sheet: str,
    hidden: str | None,
    number: str,
    programmes: Path | None,
    files: Path | None,
    errors: Path | None,
    dry_run: bool,
    yes: bool,
    workers: int | None,
    cluster: str | None,
    cluster_tls: Path | None,
    no_evidence: bool,
    out: Path | None,
) -> Result:
    """Issue a credential for each row of a CSV file or spreadsheet. No row is issued twice."""
    reading = ReadOptions(
        mapping,
        dates,
        names,
        programmes,
        encoding or "",
        sheet,
        hidden or "",
        files,
        constants,
        values,
        number,
    )
    signers = cluster_at(cluster, cluster_tls)
    of_kind = _asked(place, kind)
    numbers = reading.numbers(of_kind)
    profile = _profile(place.folder, name, url)
    composer = trial(of_kind, place.session.contexts(), profile)
    nouns = of_kind.nouns["en"]
    folder = out or bundles_folder(nouns)
    source = reading.open(file, of_kind, asks=not yes)
    reading = reading._replace(dates=source.date_order)  # as it was answered, to be typed again
    if no_evidence:
        say(text.without_evidence(profile.url))
    say(*text.mapping(source))
    for remark in text.of_sheet(source.sheet) if source.sheet else ():
        say(remark)
    require_folder(source, of_kind, files)  # before there is an issuer
    if "degree_name" in source.recorded and lacks_degree(composer.template):
        say(*text.no_place_for_degree())
    if errors and errors.resolve() == file.resolve():
        raise click.UsageError("--errors names the file that is to be issued; name another.")
    written: list[Path] = []
    missing: list[int] = []
    refused: OSError | Conflict | None = None
    preview: list[str] = []
    if not dry_run:
        errors = errors or _errors_of(source)
    if errors:
        require_writer(errors)
    catalogue = reading.catalogue(of_kind)  # as above
    asked = media_types(forms) or ([INTEGRITY] if suite else [])
    for each in asked:
        require_allowed(of_kind, each)  # before there is an issuer, too
    order = Order(source, errors, catalogue, files, workers, forms=asked, numbers=numbers)
    asks = is_asked(yes) and not dry_run
    if dry_run:
        composer.check()
        warn_of_refusals(suite or "")

        def says(record: Record) -> str:
            return place.session.sentence(composer.compose(record, 0), composer.profile.name, of_kind)

        secret = _number_secret(place) if numbers else b""  # asked for before anything is drawn
        with ProgressMeter() as meter, _archive(place) as archive:
            today = place.session.now().date()
            wanted = _wanted_forms(place, archive, asked)
            order = replace(order, progress=meter)
            done = check_file(order, archive, composer, today, says, lambda: secret, wanted)
        preview = list(map(says, done.first))
    else:
        secured_as = _form_of(place, forms, suite)
        _require_agreed(place, of_kind, yes)
        described = place.named(Description(name, url, method, has_status_did=status_did, kind=of_kind))
        with ProgressMeter() as meter:

            def approve(table: CheckedTable) -> None:
                if asks:
                    meter.clear()
                    made_first = "" if place.exists else described.name
                    require_agreed(table, place.session, composer, _named(place, of_kind), made_first)

            order = replace(order, progress=meter, approve=approve)
            with _checked(place, order, composer, described) as table:
                if table and not table.survey.good:
                    # An issuer is for good, and nobody agreed to one: without a good row nothing is asked.
                    issuer, done = None, unissued(order, table)
                else:
                    issuer = place.create(described, form=secured_as)
                    _warn(issuer, asked)
                    with _counting(issuer, nouns, meter), signed_by(issuer, signers) as elsewhere:
                        done = issuer.issue_file(order, table, elsewhere)
            if issuer and (done.issued + len(done.survey.known) <= MOST_FILES or out):
                try:
                    written = _write(issuer, done, order, folder, meter, missing, evidence=not no_evidence)
                except (OSError, Conflict) as error:
                    refused = error
        if issuer and done.issued and not issuer.identity.url:
            say(text.without_address(issuer.identity, nouns))
    again = [*reading.words(), *(("--out", str(out)) if out else ())]
    again += ["--no-evidence"] if no_evidence else []
    again += ["--cluster", cluster] if cluster else []
    again += ["--cluster-tls", str(cluster_tls)] if cluster_tls else []
    again += ["--kind", named] if (named := _named(place, of_kind)) else []
    again += [word for each in forms for word in ("--form", each)] + (["--suite", suite] if suite else [])
    is_seen = asks and (done.survey.good > 0 or bool(done.lacking))
    outcome = FileOutcome(
        source, done, nouns, named, errors, written, sum(missing), refused, dry_run, preview, is_seen
    )
    return outcome.result(again)


class FileOutcome(NamedTuple):
    """The outcome of a file, and of the bundles of its credentials."""

    source: Source
    done: Issued
    nouns: Noun
    """The words for one credential and for many."""
    kind: str
    """The kind's name, where the issuer has several kinds and the words must name one."""
    errors: Path | None
    """The path for the bad rows; a dry run writes none unless asked to."""
    files: list[Path]
    """The bundles that were written."""
    unwitnessed: int
    """The number of these that too few witnesses of the log have seen."""
    refused: OSError | Conflict | None
    """The reason why the bundles could not be written."""
    dry_run: bool
    preview: list[str]
    """The sentences of the first credentials, in a dry run."""
    is_seen: bool
    """True if the remarks were shown before anything was signed."""

    def result(self, options: Sequence[str]) -> Result:
        """The result for stdout, after the talk on stderr; `options` are those to type again."""
        survey = self.done.survey
        failed, before, changed = len(survey.findings), len(survey.known), len(survey.changed)
        if not self.is_seen:
            for lines in text.remarks(self.source, self.done, self.nouns, self.kind):
                say(*lines)
        if error_file := self.done.error_file:
            if self.errors not in (error_file, self.source.path):
                say(f"{self.errors} is not as it was written for this file: it stays as it is.")
            again = f"{typed('issuer', 'issue')} {shlex.join([str(error_file), *options])}"
            say(f"The bad rows are in {error_file}: correct them there, then", again)
        elif failed:
            say(
                f"Correct these rows in {self.source.path}. Or issue the others: the bad rows then go into a "
                "file of their own."
            )
        if self.done.next_number:
            say(f"New rows would get numbers from {printable(self.done.next_number)} on.")
        if self.preview:
            say("What `verify` will say of the first:", *self.preview)
        if self.refused:
            say(*text.not_written(self.refused))
        elif self.files:
            check = f"{typed('verify')} {shlex.quote(str(self.files[0]))}"
            say(f"Bundles are in {self.files[0].parent}. To check one:", check)
            if self.unwitnessed:
                say(*text.unwitnessed(self.unwitnessed, self.nouns))
        elif self.done.issued or self.done.added:
            say(f"`{typed('issuer', 'export')}` writes the bundles.")
        count = f"{survey.good} would be issued" if self.dry_run else f"{self.done.issued} issued"
        differ = f" ({changed} {'differs' if changed == 1 else 'differ'})" if changed else ""
        added = f", {counted(self.done.added, 'credential')} added in another form" if self.done.added else ""
        lacking = len(self.done.lacking) if self.dry_run else 0
        if lacking:
            added = f", {counted(lacking, *self.nouns)} would be issued in another form as well"
        data = {
            **text.outcome(self.done, self.nouns),
            "errorFile": str(error_file) if error_file else None,
            "bundles": str(self.files[0].parent) if self.files else None,
            "unwitnessed": self.unwitnessed,
            "dryRun": self.dry_run,
            **({"lacking": lacking} if lacking else {}),
        }
        empty = f", {counted(survey.empty, 'empty row')} left out" if survey.empty else ""
        words = f"{count}, {before} issued before{differ}, {failed} with errors{added}{empty}"
        return Result(data, words, PARTLY if failed or self.refused or self.unwitnessed else 0)


def _form_of(place: Place, names: Sequence[str], suite: str | None = None) -> Form | None:
    """The form that a new issuer has from now on; with a suite it is JSON, signed by that.

    One that exists keeps its own, and issues in others beside it.
    """
    asked = media_types(names)
    if suite and asked not in ([], [INTEGRITY]):
        raise click.UsageError(
            "--suite is for application/vc: other forms sign by the type of the key alone."
        )
    forms = place.session.forms()
    integrity = forms.get(INTEGRITY)
    if suite and isinstance(integrity, DataIntegrity):
        return replace(integrity, suite=suite)
    return None if place.exists or not asked or asked[0] == INTEGRITY else forms[asked[0]]


def _wanted_forms(place: Place, archive: Archive, asked: Sequence[str]) -> Sequence[str]:
    """The names of the forms that rows issued before may lack; none where all are of the only form."""
    if not place.exists:
        return ()
    forms = IssuerForms(place.folder, archive.store, None)
    names = forms.names(asked)
    return () if names == forms.issued else names


def _warn(issuer: Issuer, asked: Sequence[str]) -> None:
    """Warns of suites and algorithms that some programs refuse. Raises `SUITE_NOT_FOR_KEY`."""
    elsewhere = issuer.own_signer  # no secret is opened for this
    key = elsewhere.public_key if elsewhere else issuer.keys.public_keys["assertion"]
    for media_type in asked or [issuer.form.media_type]:
        name = issuer.forms[media_type].algorithm(key)
        warn_of_refusals("" if media_type == VC_JWT else name)  # who reads one knows each algorithm of ours


def _errors_of(source: Source) -> Path:
    """The path for the bad rows of a file; those of an error file go to the next one of the same file."""
    suffix, stem = WORKBOOK if source.sheet else ".csv", source.path.stem
    if source.is_error_file and (again := re.fullmatch(r"(.+\.errors)(-[0-9]+)?", stem)):
        return source.path.with_name(f"{again[1]}{suffix}")
    return source.path.with_name(f"{stem}.errors{suffix}")


def _named(place: Place, kind: Kind) -> str:
    """The name of a kind, where several are issued and it has to be said."""
    return kind.name if place.exists and len(Kinds(place.folder).names) > 1 else ""


@contextmanager
def _checked(
    place: Place, order: Order, composer: Composer, described: Description
) -> Iterator[CheckedTable | None]:
    """The file, checked and approved before there is an issuer; `None` where one is here, which checks it."""
    if place.exists:
        yield None
        return
    described.require_sound()
    today = place.session.now().date()
    with _archive(place) as archive, checked_table(order, archive, composer, today) as table:
        if table.survey.good:
            order.approve(table)
        yield table


def _number_secret(place: Place) -> bytes:
    """The secret that identifies rows that were numbered before; a random one where none exists yet."""
    if not place.exists:
        return token_bytes()
    return place.secret("number-identity")


def _write(
    issuer: Issuer,
    done: Issued,
    order: Order,
    out: Path,
    meter: ProgressMeter,
    unwitnessed: list[int],
    *,
    evidence: bool,
) -> list[Path]:
    job, forms = done.job, issuer.issued_as.names(order.forms)
    entries = issuer.entries(job.seqs.start, job.seqs.stop) if job else []
    before = [issuer.store.current(issuer.store.entry(seq).which) for seq in done.survey.known.values()]
    standing = (each for entry in before for each in issuer.editions(entry) if each.form in forms)
    chosen = [*entries, *standing]
    return list(
        export(
            issuer,
            chosen,
            out,
            meter,
            len(chosen),
            evidence=evidence,
            unwitnessed=unwitnessed.append,
        )
    )


@contextmanager
def _counting(issuer: Issuer, nouns: Noun, meter: ProgressMeter) -> Iterator[None]:
    """Report how many were issued if the user interrupts the work inside."""
    before = issuer.store.count()
    try:
        yield
    except KeyboardInterrupt:
        meter.clear()
        say(
            f"Stopped: {counted(issuer.store.count() - before, *nouns)} issued.",
            "The same command goes on from here; nothing is issued twice.",
        )
        raise


def _asked(place: Place, kind: str | None) -> Kind:
    """The kind that is to be issued: one of the issuer's by its name, by default the only one, or another.

    Raises `KIND_NOT_NAMED` where it has several, and as `_proved`.
    """
    kinds, exists = Kinds(place.folder), place.exists
    if exists and (kind is None or kind in kinds.names):
        return kinds.newest(kind or "")
    return _diploma(place.folder) if kind is None else _proved(place, chosen(kind, lambda: _kept(place)))


def _kept(place: Place) -> Kinds | None:
    """The kinds of the issuer that lives here, if there is one."""
    return Kinds(place.folder) if place.exists else None


def _proved(place: Place, kind: Kind) -> Kind:
    """A kind that an issuer may issue from now on. Raises `INVALID_KIND`, and as `require_addable`."""
    if place.exists:
        kinds = Kinds(place.folder)
        kind = kinds.as_kept(kind)
        kinds.require_addable(kind)
    if kind.is_named:
        proved(kind, place.session)
    return kind


def _require_agreed(place: Place, kind: Kind, yes: bool) -> None:
    """Asks before an issuer of other kinds issues this one as well: the log has it for good."""
    kinds = Kinds(place.folder)
    if not place.exists or kinds.has(kind):
        return
    asked = f"{Identity.read(place.folder).name} issues {', '.join(kinds.names)} so far."
    if not agreed(printable(f"{asked} {kind.name} {kind.version} as well, for good?"), yes):
        raise Declined("nothing was issued, and the kind was not added")


def _diploma(home: Path) -> Kind:
    """The kind for a new issuer here: a template may lie in the folder before the issuer exists."""
    return diploma_1().with_template(compiled(template_in(home))) if has_template(home) else shipped()


def _profile(home: Path, name: str, url: str | None) -> Profile:
    """The profile of the issuer, or of one that could be made here."""
    if has_issuer(home):
        return Identity.read(home).profile
    return replace(NOBODY, name=name or NOBODY.name, url=url)


@contextmanager
def _archive(place: Place) -> Iterator[Archive]:
    """The archive of issued credentials; empty where there is no issuer yet."""
    with tempfile.TemporaryDirectory() as empty:
        exists = place.exists
        store = open_index(place.folder) if exists else make_index(Path(empty))
        who = Identity.read(place.folder) if exists else None
        stores = place.consent.shard_stores()
        shards = shards_in(place.folder, who.shards if who else "", who.did if who else "", stores=stores)
        yield Archive(store, shards)
        store.close()
