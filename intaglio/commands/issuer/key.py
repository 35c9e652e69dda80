"""`intaglio issuer key`: the keys that sign credentials and status lists, and others in their place."""

from __future__ import annotations

import json
from typing import Any

import click

from issuer.identity.home import KEY_TYPES
from issuer.issuer import Issuer
from issuer.keeping import rotation
from keys import Signer
from vc.forms.integrity import SUITES_BY_KEY
from wire.datetimestamp import format_datetimestamp
from wire.problem import Declined
from wire.text import counted

from ...session import Session
from ...terminal import Result, agreed, say, typed, verb
from . import text
from .place import IN_FILE, Place, key_option, status_did_option
from .terminal import warn_of_refusals

_key_type = click.option("--key-type", type=click.Choice(KEY_TYPES), help="Of the new keys.")
_SIGNS = {
    "assertion": "signs credentials",
    "status-list": "signs status lists",
    "assertion-next": "next for credentials",
    "status-list-next": "next for status lists",
}


@click.group()
def key() -> None:
    """The keys of an issuer with a web site, and how they are changed."""


@verb(key)
def list_(place: Place) -> Result:
    """List the keys that the issuer's document has, and had."""
    issuer = place.open()
    keys, elsewhere = list(rotation.keys_shown(issuer)), issuer.identity.signer_uri
    data: list[dict[str, Any]] = [
        {
            "name": shown.name or None,
            "type": shown.key.type,
            "multikey": shown.key.multikey(),
            "expires": shown.expires and format_datetimestamp(shown.expires),
            "revoked": shown.is_revoked,
        }
        for shown in keys
    ]
    states = {shown.key: _state(shown, issuer.status_key) for shown in keys}
    lines = [f"{states[shown.key]:<27} {shown.key.type:<8} {shown.key.multikey()}" for shown in keys]
    if elsewhere:
        say(f"The key that signs credentials is kept elsewhere: {elsewhere}")
    return Result({"keys": data, "signer": elsewhere or None}, "\n".join(lines))


def _state(shown: rotation.Shown, status_key: str) -> str:
    if shown.is_revoked:
        return "revoked"
    if shown.expires:
        return f"ended on {shown.expires:%Y-%m-%d}"
    if shown.name == status_key == "assertion":
        return "signs credentials and lists"
    return _SIGNS.get(shown.name, "kept elsewhere")


@verb(key)
@_key_type
@key_option
def add(place: Place, key_type: str | None, where: str | None) -> Result:
    """Announce the keys that are to sign next, days before they do, so that others have them by then.

    One on a token is named again when it is to sign.
    """
    issuer, signer = place.open(), place.signer(where)
    before = {shown.key for shown in rotation.keys_shown(issuer)}
    rotation.add(issuer, key_type, signer, in_file=where == IN_FILE)
    place.session.pin(issuer.trust_entry())
    _warn_of_refusals(key_type, signer)
    say(*_to_publish(issuer), f"When others have read it: {typed('issuer', 'key', 'rotate')}")
    announced = [shown for shown in rotation.keys_shown(issuer) if shown.key not in before]
    data = [{"name": shown.name or None, "multikey": shown.key.multikey()} for shown in announced]
    return Result({"added": data}, "\n".join(shown.key.multikey() for shown in announced))


@verb(key)
@_key_type
@key_option
@click.option("--compromised", is_flag=True, help="Somebody else may have the keys that signed until now.")
@click.option("--lost", is_flag=True, help="The key that signed credentials until now is gone.")
@status_did_option
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def rotate(
    place: Place,
    key_type: str | None,
    where: str | None,
    compromised: bool,
    lost: bool,
    status_did: bool,
    yes: bool,
) -> Result:
    """End the keys that sign now, and go on with those that were announced, or with new ones.

    The key that ends signs the document that says so. Credentials by the former keys stay valid, unless these
    are compromised: then programs that know no log no longer accept them. Where a key for lists lies in the
    folder beside a key for credentials on a token, it alone ends without --key.
    """
    issuer, signer = place.open(), place.signer(where)
    # A compromised key signs for a stranger meanwhile: nobody waits for other machines.
    others = [] if compromised else rotation.lacking(issuer)
    if others:
        names = ", ".join(others)
        say(f"These machines lack the next keys, and sign nothing until they join again: {names}")
    if not agreed(f"End the keys with which {issuer.name} signs? They sign nothing afterwards.", yes):
        raise Declined("the keys are as they were")
    before = _fingerprint(issuer, place.session)
    done = rotation.rotate(
        issuer,
        key_type=key_type,
        signer=signer,
        signer_uri=where if signer and where else "",
        in_file=where == IN_FILE,
        compromised=compromised,
        lost=lost,
        has_status_did=status_did,
    )
    place.session.pin(issuer.trust_entry())
    until_now = f"the {counted(done.editions, 'edition')} issued until now"
    if compromised:
        whole = (
            "Who copied the key file as a whole has the log's keys, too: then tell all who trust this issuer."
        )
        say(*_to_publish(issuer), *_revoked(until_now), whole)
    else:
        valid = f"Valid as before: {until_now}, here by the log, elsewhere by the document."
        say(*_to_publish(issuer), valid, _anew())
    _warn_of_refusals(key_type, signer)
    if status_did:
        say(*text.other_lists(issuer.identity))
    if _fingerprint(issuer, place.session) != before:
        say(
            "The former key did not sign the new document, so that your trust file has another fingerprint.",
            f"Hand it out anew: {typed('issuer', 'trust')}",
        )
    elif status_did:
        say(
            "Your trust file names the DID of the lists, and its fingerprint is as before.",
            f"Hand it out anew: {typed('issuer', 'trust')}",
        )
    return _result(done, "The former keys have ended", compromised=compromised)


@verb(key)
@click.argument("name", metavar="KEY")
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def revoke(place: Place, name: str, yes: bool) -> Result:
    """Take a key that ended earlier out of the document, since somebody else may have it.

    KEY is as `list` shows it. Programs that know no log then no longer accept what it signed. The keys that
    sign now are ended by `rotate --compromised`.
    """
    issuer = place.open()
    if not agreed("Revoke this key? What it signed passes nowhere then but where the log is known.", yes):
        raise Declined("the keys are as they were")
    done = rotation.revoke(issuer, name)
    if done.editions:
        editions = f"the {counted(done.editions, 'edition')} issued while it was there to sign credentials"
        say(*_to_publish(issuer), *_revoked(editions))
    else:
        say(
            *_to_publish(issuer),
            "It signed no credentials, and no list that is published now: no verdict changes.",
        )
    return _result(done, "The key is revoked", compromised=True)


def _fingerprint(issuer: Issuer, session: Session) -> str:
    return session.fingerprint(json.dumps(issuer.trust_file()).encode())


def _result(done: rotation.Rotated, what: str, *, compromised: bool) -> Result:
    say("A service that runs goes on once it is started again:", typed("issuer", "serve"))
    data = {
        "ended": list(done.ended),
        "compromised": compromised,
        "documentEntry": done.entry,
        "editionsBefore": done.editions,
        "lists": done.lists,
    }
    return Result(data, f"{what}; {counted(len(done.lists), 'status list')} signed anew.")


def _warn_of_refusals(key_type: str | None, signer: Signer | None) -> None:
    """Say which other programs refuse what the new key signs; its type is the `signer`'s, or was typed."""
    warn_of_refusals(SUITES_BY_KEY.get(signer.public_key.type if signer else key_type or "", ""))


def _to_publish(issuer: Issuer) -> list[str]:
    return [
        f"Publish {issuer.shared.where('did.json')} at {issuer.identity.document_url}",
        *text.to_publish(issuer),
    ]


def _revoked(editions: str) -> list[str]:
    """The lines that say how verdicts on these editions change after their key was revoked, by verifier."""
    return [
        f"For those who have your trust file: {editions} stay valid, since the log had them before.",
        _anew(),
        "What the former keys sign from now on is not valid with evidence, and open without.",
        f"For programs that read the document alone: {editions} are no longer valid.",
    ]


def _anew() -> str:
    return f"Bundles that are exported from now on show it: {typed('issuer', 'export')}"
