"""`intaglio issuer claim`: links by which holders claim their credentials, one by one or for a mail merge."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from issuer.archive.kept import EditionState, Entry
from issuer.archive.listing import Filter
from issuer.problem import CREDENTIAL_SUSPENDED
from wire.problem import Declined, Refused
from wire.text import counted, printable

from ...progress import Counter as Progress
from ...session import Session
from ...terminal import DAY, Result, agreed, say, typed, verb
from .issued import require_kind, select
from .place import Place, of_kind_option

if TYPE_CHECKING:
    from issuer.archive.kept import KindNumber
    from issuer.desk.claims import ClaimLinks
    from issuer.issuer import Issuer

PORT = 8460
_UNCLAIMED = Filter(state=EditionState.VALID, claimed=False)

url_option = click.option("--url", help="The address that links begin with, if it is not the issuer's own.")


@verb()
@click.argument("selectors", metavar="[CREDENTIAL...]", nargs=-1)
@of_kind_option
@url_option
@click.option(
    "--anew", is_flag=True, help="For another wallet than the one that has it: that one's is revoked."
)
@click.option("--all", "everyone", is_flag=True, help="For all that nobody has claimed; needs --out.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --all: the CSV file for the links, for a mail merge.",
)
@click.option(
    "--since", type=DAY, metavar="DATE", help="With --all: for what was issued on this day (UTC) or later."
)
@click.option("--again", is_flag=True, help="With --all: end good links that are not in the file, too.")
@click.option("--yes", is_flag=True, help="With --again: do not ask, even at a terminal.")
def claim(
    place: Place,
    selectors: tuple[str, ...],
    kind: str,
    url: str | None,
    anew: bool,
    everyone: bool,
    out: Path | None,
    since: datetime | None,
    again: bool,
    yes: bool,
) -> Result:
    """Make links by which wallets claim credentials. Each is good for one wallet, and ends earlier ones.

    With --all, links for everybody who has none go into a file: number, name, e-mail, link, expires. The same
    command goes on where it was stopped.
    """
    if everyone == bool(selectors):
        raise click.UsageError("Name the credentials, or all that nobody has claimed: --all --out FILE.")
    if everyone and (out is None or anew):
        raise click.UsageError("--all takes --out FILE, and does not go with --anew.")
    if out and not out.parent.is_dir():  # before links are drawn up, or good ones said to end
        raise click.UsageError(
            f"There is no folder {printable(str(out.parent))} for --out {printable(str(out))}."
        )
    if not everyone and (out or since or again):
        raise click.UsageError("--out, --since and --again go with --all.")
    issuer = place.open()
    issuer.identity.require_open()
    issuer.require_clock()
    claims = claims_of(issuer, url or own_address(issuer), place.session)
    if out is not None:
        require_kind(issuer, kind)
        wanted = Filter(kind=kind, since=since and since.date())
        return _for_all(issuer, claims, out, wanted, again, yes, place.session.now(), url)
    links: dict[str, str] = {}
    chosen = dict.fromkeys(_claimable(issuer, selector, kind) for selector in selectors)
    shared = Counter(which.number for which in chosen)
    for which in chosen:
        number = which.number if shared[which.number] == 1 else f"{which.kind} {which.number}"
        if anew:
            issuer.release(which)
        elif issuer.is_bound(issuer.store.current(which)):
            say(f"{number} is bound to a wallet, and no other can claim it. If that one is lost: --anew.")
        links[number] = str(claims.offer(which, issuer, now=place.session.now()))
    _, many = issuer.kinds.nouns({which.kind for which in chosen})
    ended = "" if anew else ", if nobody has used them,"
    _advise(claims, url, f"Earlier links for the same {many}{ended} are no longer valid.")
    return Result({"links": links}, "\n".join(f"{number}  {link}" for number, link in links.items()))


def _advise(claims: ClaimLinks, url: str | None, *ended: str) -> None:
    """Say what to do with links that were made."""
    from issuer.desk.claims import LINK_LIFETIME

    from ...tls import LOOPBACK

    serving = f"{typed('issuer', 'serve')}{f' --url {shlex.quote(url)}' if url else ''}"
    say(f"Good for {LINK_LIFETIME.days} days and one wallet, as long as this runs:", serving)
    if urlsplit(claims.service).hostname in LOOPBACK:
        port = urlsplit(claims.service).port or PORT
        authority = " --ca FILE" if urlsplit(claims.service).scheme == "https" else ""
        say(
            f"They lead to this machine only; --url https://HOST:{port} names one that others can reach.",
            f"For a wallet on this machine: `intaglio --loopback wallet receive LINK{authority}`",
        )
    say("Anybody who has a link can claim with it: send each to its holder only.")
    for line in ended:
        say(line)
    say("A claim makes an edition for that wallet; a file that was handed out before is revoked then.")
    say("A wallet has to know this issuer. Send the trust file along:", f"{typed('issuer', 'trust')} > FILE")


def _for_all(
    issuer: Issuer,
    claims: ClaimLinks,
    out: Path,
    wanted: Filter,
    again: bool,
    yes: bool,
    now: datetime,
    url: str | None,
) -> Result:
    from issuer.desk.linkfile import LinkFile, LinkState

    file, listing, total = LinkFile(out, claims, issuer), issuer.listing, issuer.store.count()
    name = printable(str(out))
    _, many = issuer.kinds.nouns([wanted.kind] if wanted.kind else None)

    def unclaimed(stage: str) -> Iterator[Entry]:
        with Progress(stage, total) as progress:
            yield from listing.select(progress.counting(issuer.entries()), _UNCLAIMED)

    fits = partial(listing.fits, wanted=wanted)
    if again:
        ending = file.survey(filter(fits, unclaimed("Looking")), now=now)[LinkState.ELSEWHERE]
        question = f"End {counted(ending, 'good link')} that {name} does not have, and make new ones?"
        if ending and not agreed(question, yes):
            raise Declined("no link was made or ended")
        if ending:
            say(f"{counted(ending, 'good link')} that {name} did not have will end.")
    counts = file.write(unclaimed("Making links"), wanted=fits, again=again, now=now)
    ended = counts[LinkState.ELSEWHERE] if again else 0
    made_now, kept = counts[LinkState.FREE] + ended, counts[LinkState.KEPT]
    left = counts[LinkState.ELSEWHERE] - ended
    if left:
        it, new = ("it", "a new one") if left == 1 else ("them", "new ones")
        say(
            f"{counted(left, 'good link')} made by another command: {name} does not have {it}, nor {new}.",
            f"--again ends {it} and makes {new}.",
        )
    if made_now or kept:
        _advise(claims, url)
        say(f"{name} has the only copy of these links: keep it private, and delete it once they are sent.")
    else:
        say(f"None of the {many} needs a link.")
    data = {"file": str(out), "new": made_now, "kept": kept, "ended": ended, "elsewhere": left}
    return Result(data, f"{counted(made_now, 'new link')}, {kept} kept: {name}")


def own_address(issuer: Issuer) -> str:
    """The address that links begin with by default; `serve` with its defaults answers there."""
    return issuer.identity.url or f"https://localhost:{PORT}"


def claims_of(issuer: Issuer, url: str, session: Session) -> ClaimLinks:
    """The issuer's claim links, which begin with `url`. Raises `Refused` for one that none can begin with."""
    from exchange.claim import ClaimLink, InvalidLink
    from issuer.desk.claims import ClaimLinks
    from issuer.desk.opening import open_links

    service = url.rstrip("/")
    try:
        ClaimLink.parse(f"{service}/claim/{'-' * 43}")
    except InvalidLink:
        hint = "It is https:// and a host in small ASCII letters; http:// is for this machine only."
        raise Refused(f"no claim link can begin with {url}", hint=hint) from None
    return ClaimLinks(open_links(issuer.home), service, session.methods)


def _claimable(issuer: Issuer, selector: str, kind: str) -> KindNumber:
    entry = issuer.store.current(select(issuer, selector, kind).which)
    if entry.is_suspended:
        raise CREDENTIAL_SUSPENDED(
            f"{issuer.kinds.nouns({entry.kind})[0]} {entry.number} is suspended: nobody can claim it"
        )
    if entry.reason is not None:
        raise Refused(
            f"{issuer.kinds.nouns({entry.kind})[0]} {entry.number} was revoked: nobody can claim it"
        )
    return entry.which
