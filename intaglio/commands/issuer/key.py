"""`intaglio issuer key`: the keys that sign diplomas and status lists, and others in their place."""

from __future__ import annotations

from typing import Any

import click

from issuer import rotation
from issuer.home import KEY_TYPES
from issuer.issuer import Issuer
from wire.datetimestamp import format_datetimestamp
from wire.problem import Declined
from wire.text import counted

from ...terminal import Result, agreed, say, typed, verb
from . import text
from .place import Place

_key_type = click.option("--key-type", type=click.Choice(KEY_TYPES), help="Of the new keys.")
_SIGNS = {
    "assertion": "signs diplomas",
    "status-list": "signs status lists",
    "assertion-next": "next for diplomas",
    "status-list-next": "next for status lists",
}


@click.group()
def key() -> None:
    """The keys of an issuer with a web site, and how they are changed."""


@verb(key)
def list_(place: Place) -> Result:
    """List the keys that the issuer's document has, and had."""
    found = list(rotation.keys_shown(place.open()))
    data: list[dict[str, Any]] = [
        {
            "name": shown.name or None,
            "type": shown.key.type,
            "multikey": shown.key.multikey(),
            "expires": shown.expires and format_datetimestamp(shown.expires),
            "revoked": shown.is_revoked,
        }
        for shown in found
    ]
    lines = [f"{_state(shown):<22} {shown.key.type:<8} {shown.key.multikey()}" for shown in found]
    return Result({"keys": data}, "\n".join(lines))


def _state(shown: rotation.Shown) -> str:
    if shown.is_revoked:
        return "revoked"
    if shown.expires:
        return f"ended on {shown.expires:%Y-%m-%d}"
    return _SIGNS.get(shown.name, "kept elsewhere")


@verb(key)
@_key_type
def add(place: Place, key_type: str | None) -> Result:
    """Announce the keys that are to sign next, days before they do, so that others have them by then."""
    made = place.open()
    rotation.add(made, key_type)
    say(*_to_publish(made), f"When others have read it: {typed('issuer', 'key', 'rotate')}")
    announced = [shown for shown in rotation.keys_shown(made) if shown.name.endswith("-next")]
    data = [{"name": shown.name, "multikey": shown.key.multikey()} for shown in announced]
    return Result({"added": data}, "\n".join(shown.key.multikey() for shown in announced))


@verb(key)
@_key_type
@click.option("--compromised", is_flag=True, help="Somebody else may have the keys that signed until now.")
@click.option("--yes", is_flag=True, help="Do not ask, even at a terminal.")
def rotate(place: Place, key_type: str | None, compromised: bool, yes: bool) -> Result:
    """End the keys that sign now, and go on with those that were announced, or with new ones.

    What the former keys signed stays valid, unless they are compromised: then programs that know no log no
    longer accept it.
    """
    made = place.open()
    if not agreed(f"End the keys with which {made.name} signs? They sign nothing afterwards.", yes):
        raise Declined("the keys are as they were")
    done = rotation.rotate(made, key_type=key_type, compromised=compromised)
    say(*_to_publish(made), *_verdicts(done, compromised=compromised))
    say("A service that runs goes on once it is started again:", typed("issuer", "serve"))
    data = {
        "ended": list(done.ended),
        "compromised": compromised,
        "documentEntry": done.entry,
        "editionsBefore": done.editions,
        "lists": done.lists,
    }
    lists = counted(len(done.lists), "status list")
    return Result(data, f"The former keys have ended; {lists} signed anew.")


def _to_publish(made: Issuer) -> list[str]:
    return [
        f"Publish {made.home / 'did.json'} at {made.identity.document_url}",
        *text.to_publish(made),
    ]


def _verdicts(done: rotation.Rotated, *, compromised: bool) -> list[str]:
    """Whose verdict changes, and where."""
    until_now = f"the {counted(done.editions, 'edition')} issued until now"
    anew = f"Bundles that are exported from now on show it: {typed('issuer', 'export')}"
    if not compromised:
        return [f"Valid as before: {until_now}, here by the log, elsewhere by the document.", anew]
    return [
        f"For those who have your trust file: {until_now} stay valid, since the log had them before.",
        anew,
        "What the former keys sign from now on is not valid with evidence, and open without.",
        f"For programs that read the document alone: {until_now} are no longer valid.",
        "Who copied the key file as a whole has the log's keys, too: then tell all who trust this issuer.",
    ]
