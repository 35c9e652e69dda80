"""Controller documents at https URLs (Controlled Identifiers 1.0): the keys of parties with a URL and no DID.

The document lies at exactly the URL that is its `id`, and has the members of a DID document.
"""

from __future__ import annotations

from typing import Any

from wire.fetch import Fetcher
from wire.problem import Malformed, NotFound, Refused
from wire.strict import load_json_object

from .document import Document
from .problem import DID_NOT_FOUND, InvalidDIDDocument, ResolutionFailed

LIMIT = 1 << 16
"""The longest document that is taken, in bytes: many are held in memory."""


def resolve(url: str, fetcher: Fetcher) -> Document:
    """The document as its server has it now (section 3.3); a redirect to another origin is not followed.

    Raises `ResolutionFailed` for anything but an https URL, else as `fetched`.
    """
    # Without TLS anybody on the way could state the keys.
    if not url.startswith("https://") or "#" in url:
        raise ResolutionFailed.saying("{url} is no https URL of a document", url=url)
    return fetched(url, url, fetcher, accept="application/cid, application/json", same_origin=True)


def fetched(
    location: str, name: str, fetcher: Fetcher, *, accept: str, same_origin: bool = False
) -> Document:
    """The document of `name`, a DID or URL, that lies at `location`. Raises as `fetched_object`.

    Raises `InvalidDIDDocument` for the document of another name, too.
    """
    return Document.parse(
        fetched_object(location, name, fetcher, accept=accept, same_origin=same_origin), name
    )


def fetched_object(
    location: str, name: str, fetcher: Fetcher, *, accept: str, same_origin: bool = False
) -> dict[str, Any]:
    """The JSON object at `location` about `name`, a DID or URL.

    Raises `DID_NOT_FOUND` when the server says that there is none, `InvalidDIDDocument` for anything but a
    JSON object, `Unavailable` when the server cannot be asked, `ResolutionFailed` when it must not.
    """
    try:
        data = fetcher.fetch(location, accept=accept, limit=LIMIT, same_origin=same_origin)
        return load_json_object(data, limit=LIMIT, depth=32)
    except NotFound as problem:
        raise DID_NOT_FOUND.saying("{did} has no document: {why}", did=name, why=problem) from problem
    except Refused as problem:
        raise ResolutionFailed.saying(
            "{did} cannot be resolved: {why}", did=name, why=problem, hint=problem.hint
        ) from problem
    except Malformed as problem:
        raise InvalidDIDDocument.saying(
            "the document of {did} cannot be read: {why}", did=name, why=problem
        ) from problem
