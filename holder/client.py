"""Receiving a diploma by its claim link: look, ask the holder, prove possession of a key, check, keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from exchange.claim import MAX_MESSAGE, ClaimLink, Invitation, acceptance
from vc.reading import read
from vc.reading.bundle import Bundle
from vc.secured import MAX_BYTES
from wire.fetch import Client
from wire.message import Body
from wire.problem import Conflict, Declined, Malformed, NotFound, Problem, Refused, TryLater, Unavailable
from wire.strict import load_json_object
from wire.text import printable
from wire.work import Work

from .wallet import Held, HolderKey, Verify, Wallet

_PROBLEMS: dict[int, type[Problem]] = {404: NotFound, 409: Conflict, 429: TryLater, 503: TryLater}


def claim(
    link: ClaimLink,
    wallet: Wallet,
    client: Client,
    check: Verify,
    agree: Callable[[Invitation], bool],
    *,
    clock: Callable[[], datetime],
    undetermined: bool = False,
    form: str | None = None,
    key: HolderKey | None = None,
) -> Held:
    """Claim the diploma behind `link` for the wallet's first key, and keep it as `Wallet.accept` does.

    `agree` is asked after the issuer has said who it is and before anything of the holder is sent. Doing it
    again with the same wallet gives the same diploma, or the same in another `form`, by its media type; that
    may be for another `key` of the wallet. Raises `Declined`, and `Refused` when what comes is by another
    issuer, for another key or in another form than agreed.
    """
    url = f"{link}?form={quote(form, safe='')}" if form else str(link)
    invitation = Invitation.parse(_ask(client, "GET", url, None, MAX_MESSAGE), link)
    if not agree(invitation):
        raise Declined(
            "nothing was claimed and nothing was sent", hint="The link stays good until it expires."
        )
    first = wallet.holder_keys()[0]
    key = key or first
    # Dated after the holder agreed, which may take longer than an answer may be old (`MAX_AGE`).
    message = acceptance(
        invitation,
        key.signer,
        verification_method=key.verification_method,
        created=clock(),
        first=None if key == first else (first.signer, first.verification_method),
    )
    data = _ask(client, "POST", url, Body(message), MAX_BYTES)
    bundle = Bundle.parse(data, wallet.forms)
    try:
        secured = read(bundle.secured, wallet.forms, Work())
        # The answer is a stranger's until it is held against what was asked for: form, issuer, key.
        if form not in (None, secured.form):
            raise Refused("the credential is of another form than the one that was asked for")
        claims = secured.claims
        if claims.issuer != invitation.issuer:
            raise Refused("the credential is by another issuer than the one that invited")
        named = [subject.get("id", "") for subject in claims.subjects]
        # A credential bound to another key would be kept, and could never be presented.
        if len(named) != 1 or key.method_of(named[0]) is None:
            raise Refused("the credential is not bound to this wallet's key")
        return wallet.accept(data, check, now=clock(), undetermined=undetermined)
    except Problem as problem:
        if problem.undetermined:  # the diploma is this wallet's by now, and nobody else can have it
            problem.facts = {**problem.facts, "claimed": True}
        raise


def _ask(client: Client, method: Literal["GET", "POST"], url: str, body: Body | None, limit: int) -> bytes:
    """The body of an answer of status 200; any other raises a `Problem` in the issuer's words."""
    answer = client.exchange(method, url, body, limit=limit)
    if answer.status != 200:
        raise _problem(answer.status, answer.body)
    return answer.body


def _problem(status: int, body: bytes) -> Problem:
    """The issuer's problem, in its own words as far as they can be shown."""
    try:
        members = load_json_object(body, limit=MAX_MESSAGE)
    except Malformed:
        members = {}
    detail, hint = (
        printable(text)[:300] if isinstance(text := members.get(name), str) else ""
        for name in ("detail", "hint")
    )
    kind = _PROBLEMS.get(status, Unavailable if status >= 500 else Refused)
    if not detail:
        return kind.saying("the issuer says: status {status}", status=status, hint=hint)
    return kind.saying("the issuer says: {said}", said=detail, hint=hint)
