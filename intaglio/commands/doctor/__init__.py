"""`intaglio doctor`: what is wrong with this set-up."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from wire import Problem
from wire.text import printable

from ...session import Session
from ...terminal import Finding, Result, as_typed, verb, wrapped
from ...words import headed, remedy, tr, tr_count, tr_in


@verb()
def doctor(session: Session) -> Result:
    """Explain what is wrong with this set-up."""
    found = [item._replace(remedy=as_typed(item.remedy)) for item in _findings(session)]
    wrong = sum(item.mark == "✗" for item in found)
    lines = [
        wrapped(f"{mark} {printable(what)}", 2)
        + (f"\n{wrapped(f'    {printable(then)}', 4)}" if then else "")
        for mark, what, then in found
    ]
    lines.append(tr("Something is wrong; see above.") if wrong else tr("Nothing is wrong."))
    return Result(
        {"wrong": wrong, "findings": [item._asdict() for item in found]},
        "\n".join(lines),
        1 if wrong else 0,
    )


def _findings(session: Session) -> Iterator[Finding]:
    if importlib.util.find_spec("nacl") is None:
        what = tr("Ed25519 goes by OpenSSL, at half the speed: PyNaCl is not installed.")
        yield Finding("!", what, tr("In the folder with the program's source: pip install '.[fast]'"))
    if not session.home.exists():
        what = tr("{home} does not exist yet: nothing was done here so far.").format(home=session.home)
        yield Finding("✓", what, tr("Try: intaglio demo"))
        return
    if session.home.stat().st_mode & 0o077:
        yield Finding(
            "!", tr("Others can look into {home}.").format(home=session.home), f"chmod 700 {session.home}"
        )
    for check in (_trust_findings, _issuer_findings, _wallet_findings):
        try:
            yield from check(session)
        except Problem as problem:
            yield Finding(
                "✗",
                headed(problem),
                remedy(problem),
            )
        except OSError as error:
            yield Finding(
                "✗",
                tr("{file} cannot be read: {system}").format(
                    file=error.filename, system=tr_in("fact", str(error.strerror))
                ),
            )


def _trust_findings(session: Session) -> Iterator[Finding]:
    from verifier import Trust

    count = len(Trust.load(session.trust_file).issuers)
    issuers = tr_count("{count} issuer", "{count} issuers", count)
    told = tr("The trust list {file} has {issuers}.").format(file=session.trust_file, issuers=issuers)
    yield Finding("✓", told)
    session.schemas(), session.contexts()  # where they cannot be used, nothing is verified


def _issuer_findings(session: Session) -> Iterator[Finding]:
    home = session.home / "issuer"
    if (home / "issuer.json").exists() or (home / "issuer.sqlite").exists():
        from .issuer import findings

        yield from findings(home, session.now())


def _wallet_findings(session: Session) -> Iterator[Finding]:
    if (session.home / "wallet").exists():
        from .wallet import findings

        yield from findings(session.home / "wallet")
