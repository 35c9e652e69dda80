"""`intaglio trust add --revocations`: the status digest of an issuer, taken or brought up to date."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

from vc import Bundle
from vc.reading.status_digest import LARGEST, WholeDigest
from verifier import Trust
from verifier.sources.lists import is_web_address
from wire import NotFound, Problem
from wire.datetimestamp import format_datetimestamp
from wire.files import file_problems, read_regular
from wire.text import printable, shortened

from ..session import Session
from ..terminal import Result, say
from ..words import tr, tr_count

_MOST_CHANGES = 400
"""Files of changes that are taken one after the other: a year of days."""


def take(session: Session, did: str, source: str) -> Result:
    """Takes a digest that `did` signed, or one who signs its lists: from a file, or where it is published.

    Of one that was taken before, only the changes are fetched, as long as they are there. Raises `NotFound`
    for an issuer that is not on the trust list, and as `DigestFolder.take`.
    """
    issuer = Trust.load(session.trust_file).issuer(did)
    if issuer is None:
        raise NotFound.saying(
            "{issuer} is not on your trust list", issuer=shortened(did), hint="Add it first, then its digest."
        )
    verifier = session.verifier()

    def verify(bundle: Bundle) -> object:
        return verifier.status_claims(bundle, issuer.id, now=session.now())

    keep = functools.partial(session.digests.take, verify=verify)
    if is_web_address(source):
        fetch = functools.partial(
            session.fetcher().fetch, accept="application/octet-stream", limit=LARGEST, same_origin=True
        )
        digest = session.digests.by(issuer.list_signers)
        taken = _changes(digest, source, fetch, keep) or keep(fetch(source))
    else:
        taken = keep(_file(Path(source)))
    say(*_said(taken, printable(issuer.name) or did))
    facts = taken.digest.facts
    ends = taken.claims.valid_until
    return Result(
        {
            "issuer": issuer.id,
            "number": facts.number,
            "lists": facts.lists,
            "end": ends and format_datetimestamp(ends),
        },
        "",
    )


def _file(path: Path) -> bytes:
    try:
        with file_problems(path):
            return read_regular(path, LARGEST)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFound.saying("there is no file {name}", name=shortened(str(path))) from error


def _changes(
    newest: WholeDigest | None,
    url: str,
    fetch: Callable[[str], bytes],
    keep: Callable[[bytes], WholeDigest],
) -> WholeDigest | None:
    """The digest that was taken, with the changes since; `None` where the whole one has to be taken."""
    taken = None
    for _ in range(_MOST_CHANGES if newest else 0):
        assert newest is not None
        try:
            newest = taken = keep(fetch(f"{url}-{newest.digest.facts.number}"))
        except NotFound:
            break
        except Problem:  # such as a host that has a page for whatever it does not have
            return None
    return taken


def _said(taken: WholeDigest, name: str) -> Iterator[str]:
    facts, claims = taken.digest.facts, taken.claims
    yield tr("{issuer}: status digest {number} of {date} is here.").format(
        issuer=name, number=facts.number, date=f"{claims.valid_from:%Y-%m-%d %H:%M}Z"
    )
    yield tr_count("It tells of {count} status list.", "It tells of {count} status lists.", facts.lists)
    yield tr("Nobody is asked for these until {end}.").format(end=f"{claims.valid_until:%Y-%m-%d}")
