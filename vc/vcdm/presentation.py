"""A verifiable presentation: credentials that a holder shows to one verifier (VCDM 2.0, 4.13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from wire import Problem, TooLarge
from wire.strict import is_url
from wire.work import Work

from ..possession import MAX_CREDENTIALS
from ..problem import MalformedCredential, UnsupportedForm
from .credential import (
    CONTEXT_V2,
    as_read,
    may_hide_members,
    optional_url,
    require_context,
    require_object,
    require_types,
)

if TYPE_CHECKING:
    from .jsonld import Contexts


class Presentation(NamedTuple):
    """A presentation whose form was checked. `document` is the signed JSON; do not change it."""

    document: Mapping[str, Any]
    id: str | None
    holder: str | None
    items: tuple[object, ...]
    """The credentials as they stand in it, each secured in its own way."""
    unread: Problem | None
    """The reason why the meaning of the presentation itself cannot be read."""

    @classmethod
    def parse(
        cls, document: object, work: Work | None = None, contexts: Contexts | None = None
    ) -> Presentation:
        """Checks its form, not yet that of the credentials inside; `work` is what it may cost to read it.

        Raises as `Credential.parse`, and `TooLarge`.
        """
        document = require_object(document, "the presentation")
        require_context(document)
        require_types(document, "VerifiablePresentation")
        enclosed = document.get("verifiableCredential", [])
        # A reader of JSON sees one odd object, where JSON-LD has several credentials.
        if isinstance(enclosed, dict) and not enclosed.keys().isdisjoint(("@set", "@list")):
            raise UnsupportedForm("verifiableCredential is wrapped in an object, in which it is not read")
        items = enclosed if isinstance(enclosed, list) else [enclosed]
        # Threat 62.
        if len(items) > MAX_CREDENTIALS:
            raise TooLarge.saying("more than {most} credentials in one presentation", most=MAX_CREDENTIALS)
        # The credentials are left out: each is read by itself, under its own signature.
        _, unread = as_read(
            {name: value for name, value in document.items() if name != "verifiableCredential"},
            work,
            contexts,
        )
        try:
            holder = _holder(document)
        except MalformedCredential as problem:
            # ADR 15: the holder may stand there under a name that is not read.
            raise (unread if may_hide_members(unread) else problem) from None
        return cls(
            document,
            optional_url(document, "id", "the presentation"),
            holder,
            tuple(items),
            unread,
        )


def presentation(holder: str, credentials: list[Mapping[str, Any]]) -> dict[str, Any]:
    """An unsigned presentation of `credentials` by `holder`, a DID."""
    document: dict[str, Any] = {
        "@context": [CONTEXT_V2],
        "type": ["VerifiablePresentation"],
        "holder": holder,
    }
    return {**document, "verifiableCredential": credentials} if credentials else document


def _holder(document: Mapping[str, Any]) -> str | None:
    if "holder" not in document:
        return None
    holder = document["holder"]
    url = holder.get("id") if isinstance(holder, dict) else holder
    # VCDM 2.0, 4.13.
    if not is_url(url):
        raise MalformedCredential("holder is neither a URL nor an object whose id is one")
    return url
