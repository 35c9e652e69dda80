"""`intaglio issuer revoke`, `suspend`, `correct`, `show`, `export`: what is done with what was issued."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from issuer.archive.finding import MOST_FOUND, ROW
from issuer.archive.kept import EditionState, Entry
from issuer.archive.listing import Filter
from issuer.issuer import Issuer
from issuer.keeping.export import export as write_bundles
from issuer.keeping.export import outdated
from kinds.records import item_cells
from vc.reading.bundle import Bundle
from vc.secured import MAX_BYTES
from vc.status import Reason
from wire.problem import Conflict, Declined, NotFound
from wire.text import counted, printable, shortened

from ...terminal import DAY, EXISTING_FILE, Result, agreed, is_file, say, verb
from ..forms import media_type
from . import text
from .place import Place, of_form_option, of_kind_option
from .revoking import revoke_file
from .terminal import PARTLY, ProgressMeter, bundles_folder, choose, no_evidence_option, out_option, pairs

verbs = click.Group()


def _whole(
    _ctx: click.Context, _argument: click.Parameter, typed: str | tuple[str, ...]
) -> str | tuple[str, ...]:
    """Refuses `row 17` in two words, the first of which many names have in them."""
    if "row" in ([typed] if isinstance(typed, str) else typed):
        raise click.UsageError("A row is named in one word: row:17, or 'row 17' in quotation marks.")
    return typed


_selector = click.argument("selector", metavar="CREDENTIAL", callback=_whole)


_selectors = click.argument("selectors", metavar="CREDENTIAL...", nargs=-1, required=True, callback=_whole)


@verb(verbs)
@click.argument("selectors", metavar="[CREDENTIAL...]", nargs=-1, callback=_whole)
@click.option("--from", "file", type=EXISTING_FILE, help="All whose numbers stand in this CSV or workbook.")
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason]),
    default=Reason.UNSPECIFIED.value,
    show_default=True,
)
@click.option("--date", type=DAY, help="Since when; now if not given.")
@of_kind_option
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def revoke(
    place: Place,
    selectors: tuple[str, ...],
    file: Path | None,
    reason: str,
    date: datetime | None,
    kind: str,
    yes: bool,
) -> Result:
    """Revoke credentials for good. Name them by number, `row 17`, id, file, name or e-mail address.

    A row is one of the file that was issued last, as a spreadsheet shows it: row 1 has the headings. --from
    reads numbers, one in each line or in a column with the usual heading: all of them are revoked, or none.
    """
    if bool(selectors) == bool(file):
        raise click.UsageError("Name credentials, or a file of numbers with --from.")
    issuer, now = place.open(), place.session.now()
    moment = date.replace(tzinfo=UTC) if date else now
    if moment > now:
        raise click.UsageError("Nothing can be revoked from a day in the future.")
    if file:
        judge = partial(_require_in_force, issuer, moment) if date else None
        cause = Reason(reason)
        return revoke_file(issuer, file, kind, cause, date=moment, now=now, yes=yes, judge=judge)
    entries = [_current(issuer, selector, kind) for selector in selectors]
    nouns, line = issuer.kinds.nouns({entry.kind for entry in entries}), text.lines(issuer)
    for entry in entries if date else ():
        _require_in_force(issuer, moment, entry)
    news = [entry for entry in entries if entry.reason is None or entry.is_suspended]
    if before := len(entries) - len(news):
        say(f"{counted(before, *nouns)} had been revoked before: nothing changes there.")
    if news and not agreed(f"Revoke for good: {'; '.join(map(line, news))}?", yes):
        raise Declined("nothing was revoked")
    issuer.lists.revoke([entry.which for entry in entries], Reason(reason), date=moment, now=now)
    return _changed(issuer, entries, news, "revoked", line)


def _changed(
    issuer: Issuer, before: Sequence[Entry], news: Sequence[Entry], what: str, line: Callable[[Entry], str]
) -> Result:
    """The editions as they are now; `news` are those whose status in the lists has changed."""
    entries = [issuer.store.entry(entry.seq) for entry in before]
    if news:
        say("The next check on this machine sees it at once.", *text.not_heard_of(issuer))
    return Result(
        {"diplomas": [text.summary(issuer, entry) for entry in entries]},
        "\n".join(f"{what} {line(entry)}" for entry in entries),
    )


@verb(verbs)
@_selectors
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in Reason if reason is not Reason.SUPERSEDED]),
    default=Reason.UNSPECIFIED.value,
    show_default=True,
    help="For you alone: status lists do not say it.",
)
@of_kind_option
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def suspend(place: Place, selectors: tuple[str, ...], reason: str, kind: str, yes: bool) -> Result:
    """Suspend credentials until they are reinstated. Name them as `revoke` does.

    Only those of a kind whose status_purposes have suspension can be suspended. None is corrected or claimed
    meanwhile.
    """
    issuer, now = place.open(), place.session.now()
    entries = [_current(issuer, selector, kind) for selector in selectors]
    nouns, line = issuer.kinds.nouns({entry.kind for entry in entries}), text.lines(issuer)
    news = [entry for entry in entries if not entry.is_suspended]
    if before := len(entries) - len(news):
        say(f"{counted(before, *nouns)} had been suspended before: nothing changes there.")
    if news and not agreed(f"Suspend: {'; '.join(map(line, news))}?", yes):
        raise Declined("nothing was suspended")
    issuer.suspend([entry.which for entry in entries], Reason(reason), now=now)
    return _changed(issuer, entries, news, "suspended", line)


@verb(verbs)
@_selectors
@of_kind_option
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def reinstate(place: Place, selectors: tuple[str, ...], kind: str, yes: bool) -> Result:
    """End the suspension of credentials. Name them as `revoke` does; one that was revoked stays so."""
    issuer, now = place.open(), place.session.now()
    entries = [_current(issuer, selector, kind) for selector in selectors]
    nouns, line = issuer.kinds.nouns({entry.kind for entry in entries}), text.lines(issuer)
    news = [entry for entry in entries if entry.reason is not None]
    if before := len(entries) - len(news):
        say(f"{counted(before, *nouns)} not suspended: nothing changes there.")
    if news and not agreed(f"Reinstate: {'; '.join(map(line, news))}?", yes):
        raise Declined("nothing was reinstated")
    issuer.reinstate([entry.which for entry in entries], now=now)
    return _changed(issuer, entries, news, "reinstated", text.lines(issuer))


@verb(verbs)
@_selector
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="What to change.")
@of_kind_option
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
@out_option
def correct(
    place: Place, selector: str, changes: tuple[str, ...], kind: str, yes: bool, out: Path | None
) -> Result:
    """Issue a credential anew with changed fields. The edition before is revoked as superseded.

    One that was dated ahead, by a clock that was wrong, needs no change.
    """
    issuer = place.open()
    before, values = _current(issuer, selector, kind), pairs(changes, "--set")
    nouns, shown = issuer.kinds.nouns({before.kind}), text.lines(issuer)
    folder = out or bundles_folder(nouns)
    line = issuer.line(before)
    if not values and not line.is_ahead(place.session.now()):
        raise click.UsageError("What is to be changed? --set FIELD=VALUE")
    of_kind = issuer.kinds.of(line.secured.claims.kind)
    was = {**line.record, **item_cells(of_kind, line.record), "name": of_kind.person.full(line.record)}
    changed = "; ".join(f"{field}: {was.get(field) or '(empty)'} → {values[field]}" for field in values)
    changed = changed or f"dated {line.created:%Y-%m-%d %H:%M}Z → now"
    if issuer.corrected(before, values) is None:
        say(f"The {nouns[0]} says so already: no new edition was issued.")
    elif not agreed(printable(f"{shown(before)}. For good: {changed}?"), yes):
        raise Declined("nothing was corrected")
    entry = issuer.correct(before.which, values)
    issuer.lists.publish(now=place.session.now())
    if entry != before:
        say(f"Edition {before.edition} is revoked as superseded: hand out the new one in its place.")
        say("The next check on this machine sees it at once.", *text.not_heard_of(issuer))
    try:
        missing = list[int]()
        path, *others = write_bundles(issuer, issuer.editions(entry), folder, unwitnessed=missing.append)
    except (OSError, Conflict) as error:
        say(*text.not_written(error))
        return Result({**text.summary(issuer, entry), "file": None}, shown(entry), PARTLY)
    if others:
        say("The same edition in further forms or copies:", *map(str, others))
    if open_bundles := sum(missing):
        say(*text.unwitnessed(open_bundles, nouns))
    data = {**text.summary(issuer, entry), "file": str(path), "unwitnessed": open_bundles}
    return Result(data, f"{shown(entry)}: {path}", PARTLY if open_bundles else 0)


@verb(verbs)
@_selector
@of_kind_option
@of_form_option
def show(place: Place, selector: str, kind: str, secured_as: str | None) -> Result:
    """Show one credential, with what was signed. Of several copies it is the first."""
    issuer = place.open()
    entry = issuer.in_form(select(issuer, selector, kind), media_type(secured_as))
    claim = text.claim(issuer.listing.claim(entry))
    data = {
        **text.summary(issuer, entry),
        "claimed": claim,
        "credential": dict(issuer.line(entry).credential),
    }
    return Result(data, text.card(issuer, entry))


@verb(verbs)
@click.argument("selectors", metavar="[CREDENTIAL...]", nargs=-1, callback=_whole)
@of_kind_option
@of_form_option
@no_evidence_option
@out_option
def export(
    place: Place,
    selectors: tuple[str, ...],
    kind: str,
    secured_as: str | None,
    no_evidence: bool,
    out: Path | None,
) -> Result:
    """Write bundles that verify offline. Without a name, of all that are neither revoked nor suspended."""
    issuer = place.open()
    if no_evidence:
        say(text.without_evidence(issuer.identity.url))
    require_kind(issuer, kind)
    form = media_type(secured_as)
    folder = out or bundles_folder(issuer.kinds.nouns([kind] if kind else None))
    selected = [issuer.in_form(select(issuer, selector, kind), form) for selector in selectors]
    chosen: Iterable[Entry] = [copy for entry in selected for copy in issuer.copies(entry)]
    total = len(list(chosen))
    if not selectors:
        wanted = Filter(kind=kind, state=EditionState.VALID, form=issuer.issued_as.name_of(form))
        chosen = issuer.listing.select(issuer.entries(), wanted)
        total = issuer.store.count() - issuer.store.revocations.count()  # of all kinds and forms
    missing = list[int]()
    with ProgressMeter() as meter:
        bundles = write_bundles(
            issuer, chosen, folder, meter, total, evidence=not no_evidence, unwitnessed=missing.append
        )
        written = sum(1 for _ in bundles)
    if open_bundles := sum(missing):
        say(*text.unwitnessed(open_bundles, issuer.kinds.nouns([kind] if kind else None)))
    old = [path.name for path in outdated(issuer, folder)]
    if old:  # a mail merge by the manifest would send them
        count = counted(len(old), "file")
        are, them, others = ("is", "it", "") if len(old) == 1 else ("are", "them", " and others")
        say(
            f"{count} in {folder} {are} outdated, revoked or replaced by a later edition: {old[0]}{others}",
            f"manifest.csv lists {them}, too: take {them} away before a mail merge.",
        )
    return Result(
        {"written": written, "folder": str(folder), "unwitnessed": open_bundles},
        f"{counted(written, 'bundle')} in {folder}",
        PARTLY if open_bundles else 0,
    )


def select(issuer: Issuer, selector: str, kind: str = "") -> Entry:
    """The one credential that is meant; asks where several fit, and tells of which file a row is.

    It is of the `kind`, if one is given. Raises `NotFound`, and `KIND_NOT_NAMED` where two kinds have the
    number.
    """
    require_kind(issuer, kind)
    if not selector.strip():
        raise click.UsageError("An empty text names nothing.")
    if is_file(selector):
        with Path(selector).open("rb") as file:
            return issuer.finder.find_credential(Bundle.parse(file.read(MAX_BYTES + 1), issuer.forms).secured)
    entries = issuer.find(selector, kind)
    row = f"{selector} of {issuer.store.latest_job().file}" if ROW.fullmatch(selector) else ""
    if len(entries) == 1 and not row:  # as nearly always: the words below cost a database eleven queries
        return entries[0]
    noun, many = issuer.kinds.nouns({entry.kind for entry in entries} or ([kind] if kind else None))
    if not entries:
        if row:
            raise NotFound(
                f"no {noun} was issued from {row}, the file that was issued last",
                hint=f"Name the {noun} by its number; `intaglio issuer list` shows all.",
            )
        raise NotFound(
            f"no {noun} fits {shortened(selector)}, be it a number, row, id, file, name or e-mail address",
            hint="`intaglio issuer list` shows all.",
        )
    if len(entries) > MOST_FOUND:
        raise Conflict(
            f"more than {MOST_FOUND} {many} fit {shortened(selector)}",
            hint="Name the one that is meant by its number, or say more of the name.",
        )
    if row:
        say(f"{row}: {text.lines(issuer)(entries[0])}")
    if len(entries) == 1:
        return entries[0]
    if all(entry.number == selector for entry in entries):
        issuer.finder.which(selector)  # which says of what kinds they are
    return entries[choose(f"{len(entries)} {many} fit.", list(map(text.lines(issuer), entries)))]


def require_kind(issuer: Issuer, kind: str) -> None:
    """Raise `NO_SUCH_KIND` for a kind that was named and is not issued here."""
    if kind:
        issuer.kinds.reference(kind)


def _current(issuer: Issuer, selector: str, kind: str) -> Entry:
    """The edition that counts. Raises `Conflict` for a file or an id that names an earlier one."""
    meant = select(issuer, selector, kind)
    current = issuer.store.current(meant.which)
    if meant.edition < current.edition:
        raise Conflict(
            f"{shortened(selector)} is edition {meant.edition} of {issuer.kinds.nouns({meant.kind})[0]} "
            f"{meant.number}, superseded already",
            hint=f"The one that counts is edition {current.edition}; the number {meant.number} names it.",
        )
    return current


def _require_in_force(issuer: Issuer, moment: datetime, entry: Entry) -> None:
    valid_from = issuer.line(entry).secured.claims.valid_from
    if valid_from is not None and moment < valid_from:
        raise click.UsageError(
            f"The {issuer.kinds.nouns({entry.kind})[0]} {entry.number} is valid from {valid_from:%Y-%m-%d}; "
            "it cannot be revoked from a day before that."
        )
