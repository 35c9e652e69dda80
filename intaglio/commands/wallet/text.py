"""Credentials in words for the holder's terminal; text from strangers passes through `printable`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holder.wallet import Held
from vc.report import Report, Verdict
from vc.secured import Choices
from vc.status.kind import entries
from wire.text import cells, claimed, isolated, printable
from wire.work import Work

from ...words import label, tr
from ...words import report as words

if TYPE_CHECKING:
    from verifier.sources.trust import TrustSource


IssuerNames = Callable[[str], str]
"""Returns the name that the trust list has for an issuer, by its DID or URL; empty if it has none."""


def title(held: Held) -> str:
    """The title of a credential, as `verify` has it."""
    claims = held.claims
    return words.titled(claims.title, claims.degree, claims.achievement_type)


def listed_name(trust: TrustSource, did: str) -> str:
    """The name that a trust list has for an issuer; empty if it has none."""
    entry = trust.issuer(did)
    return entry.name if entry else ""


def issuer(held: Held, names: IssuerNames) -> str:
    """Return the issuer as the credential names it, else as the trust list does, else by its DID.

    With certificates, return the subject of the issuer's own: its holder can write anything into `iss`.
    """
    chain, claims = held.secured.certificates, held.claims
    if not chain:
        # An unverified file gets no name from the list: anybody could write a listed DID into a file.
        is_by_issuer = held.verdict is Verdict.VALID and not claims.issuer_name
        listed = names(claims.issuer) if is_by_issuer else ""
        return isolated(claimed(claims.issuer_name or listed or claims.issuer))
    from keys import certificates  # only here: most issuers have a DID

    return isolated(claimed(certificates.read_certificate(chain[0], Work()).subject_text))


def named(held: Held, names: IssuerNames) -> str:
    """The title of a credential, and its issuer."""
    return tr("{what}, {issuer}").format(what=title(held), issuer=issuer(held, names))


def found(report: Report) -> str:
    """The result of a check made now, in the words of `verify`: the verdict and, unless valid, the reason."""
    if not report:
        return words.headline(report.verdict, words.reason(report))
    day = words.as_of(report.statuses[0] if report.statuses else None)
    return tr("{verdict} {as_of}").format(verdict=words.verdict(report.verdict), as_of=day).rstrip()


def checked(held: Held) -> str:
    """The verdict when the credential was added; nothing newer is known."""
    valid, undecided = tr("valid when added on {day}"), tr("could not be decided when added on {day}")
    return (valid if held.verdict is Verdict.VALID else undecided).format(day=f"{held.added:%Y-%m-%d}")


def name(held: Held, names: IssuerNames) -> str:
    """A credential in a few words: its id here, its number, what, whose, from whom."""
    whose, number = isolated(claimed(held.claims.holder_name)), isolated(claimed(held.number))
    text = tr("{id}  {what} of {whose}, {issuer}") if whose else tr("{id}  {what}, {issuer}")
    name = f"{held.id}  {number}" if number else held.id
    return text.format(id=name, what=title(held), whose=whose, issuer=issuer(held, names))


def line(held: Held, names: IssuerNames, *, outdated: bool = False) -> str:
    """A credential in one line, with how it was checked."""
    return f"{name(held, names)}{tr('; ')}{checked(held)}{later() if outdated else ''}"


def later() -> str:
    """The remark that is added where a later edition is held."""
    return tr("; a later edition is here")


def outdated(holdings: Iterable[Held]) -> set[str]:
    """The ids of credentials of which a later edition is held: one issuer, kind and number, signed later.

    Of two forms the one that was claimed later is no later edition.
    """
    editions: dict[tuple[str, ...], list[tuple[datetime, str]]] = {}
    for held in holdings:
        issuer = held.claims.issuer
        if held.number and held.verdict is Verdict.VALID:  # what anybody may have made says nothing of others
            signatures = held.secured.signatures(Work()).known
            by_issuer = (
                signature
                for signature in signatures
                if signature.verification_method.startswith(f"{issuer}#")
            )
            signed = max(
                (signature.created for signature in by_issuer if signature.created), default=held.added
            )
            kind = (held.claims.kind or "").rsplit(":", 2)[0]  # whatever its version and digest
            edition = issuer, kind, held.number, held.secured.form
            editions.setdefault(edition, []).append((signed, held.id))
    return {name for group in editions.values() for signed, name in group if signed < max(group)[0]}


def binding(held: Held) -> str:
    """The keys that may present the credential, or words that say that anyone may."""
    return _keys(held) or tr("no key: anyone who has the file can show it")


def bound(held: Held) -> str:
    """The same as a sentence."""
    keys = _keys(held)
    if not keys:  # a language may have no word that is both a key and none
        return tr("bound to no key: anyone who has the file can show it")
    return tr("bound to {key}").format(key=keys)


def _keys(held: Held) -> str:
    return tr(", ").join(map(printable, sorted(held.bound_to)))


def shown(held: Held, names: IssuerNames, seen: Choices | None, domain: str) -> list[str]:
    """The claims of a credential that a verifier will see, and those that stay with the holder."""
    if seen is None or (choices := held.choices) is None:
        whole = tr("{credential}: all of it will be shown to {domain}")
        return [whole.format(credential=named(held, names), domain=printable(domain))]
    part = tr("{credential}: this will be shown to {domain}: {claims}")
    claims = _listed([*seen.always, *seen.alone])
    lines = [part.format(credential=named(held, names), domain=printable(domain), claims=claims)]
    hidden = [name for name in choices.alone if name not in seen.alone]
    return (
        [*lines, tr("this will not be shown: {claims}").format(claims=_listed(hidden))] if hidden else lines
    )


def without_evidence(chosen: Iterable[Held]) -> str:
    """The consequences of showing credentials without evidence, said before it is signed."""
    statuses = (status for held in chosen for status in entries(held.claims, held.status_kinds))
    hosts = dict.fromkeys(host for each in statuses if (host := urlsplit(each.entry.list_url).netloc))
    if not hosts:  # a URN names none
        return tr("Log proofs and status lists stay out: the verdict is open, and there is no host to ask.")
    left_out = tr("Log proofs and status lists stay out: offline the verdict is open; others ask {hosts}.")
    return left_out.format(hosts=_listed(hosts))


def disclosure(choices: Choices | None) -> list[str]:
    """The claims of a credential that can be shown alone, and those that always are."""
    if choices is None:
        return [tr("It is always shown whole: its form leaves no choice.")]
    return [
        tr("can be shown alone: {claims}").format(claims=_listed(choices.alone)),
        tr("always shown: {claims}").format(claims=_listed(choices.always)),
    ]


def _listed(names: Iterable[str]) -> str:
    return tr(", ").join(isolated(claimed(name)) for name in names) or tr("nothing")


def card(held: Held, trust: TrustSource) -> str:
    """A credential as lines: what, whose, how well, from whom, when, how it was checked, its id here."""
    from verifier.summary import by_kind, summarize  # which a list needs not

    claims = held.claims
    summary = summarize(claims, trust, by_kind(claims, trust, held.kind))
    facts = {
        "by": issuer(held, lambda did: listed_name(trust, did)),
        "did": "" if held.secured.certificates else printable(claims.issuer),
        "since": claims.valid_from and f"{claims.valid_from:%Y-%m-%d}",
        "until": claims.valid_until and f"{claims.valid_until:%Y-%m-%d}",
        "bound": binding(held),
        "checked": checked(held),
        "id": held.id,
    }
    named = words.details(claims, summary, held.number)
    beside = [(label(field), fact) for field, fact in facts.items() if fact]
    named += [line for line in beside if line not in named]  # a kind's own dates may be those of its life
    width = max(12, *(cells(name) + 1 for name, _ in named))
    lines = (f"  {name}{' ' * (width - cells(name))}{fact}" for name, fact in named)
    return "\n".join([title(held), *lines])


def checks(report: Report) -> list[str]:
    """One line for each check."""
    return [words.line(check) for check in report.checks]
