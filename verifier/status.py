"""The status of one credential, from every list that can be had: stapled, on this machine, or fetched.

The newest list that verifies decides, so that an old copy in a bundle cannot hide a revocation that
is known here. A revocation in any of them is final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from vc import Anchored, Credential
from vc.status import InvalidStatusList, StatusEntry, details_url, read_revocation, read_status
from wire import NotFound, Problem, Unavailable, load_json_object
from wire.fetch import Fetcher

_MAX_LIST = 1 << 25

ListSource = Callable[[str], bytes | None]
"""Gives the document at a list's URL, `None` where it has none; raises `Unavailable`."""


class Revoked(Problem):
    """The issuer took the credential back."""

    title = "Revoked by the issuer"


class StatusUnknown(Unavailable):
    """Whether the credential was revoked could not be found out."""

    type = "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"
    title = "The status could not be checked"


class StatusLookup:
    """Looks a credential up in lists that `authenticate` accepts as the issuer's own."""

    def __init__(
        self,
        stapled: Sequence[Anchored],
        sources: Iterable[ListSource],
        authenticate: Callable[[Anchored, str], Credential],
    ) -> None:
        self._stapled, self._sources, self._authenticate = stapled, tuple(sources), authenticate

    def check(self, entry: StatusEntry, issuer: str, now: datetime) -> datetime:
        """The moment as of which the entry's bit is known not to be set.

        Raises `Revoked`, `StatusUnknown`, or the problem of a list that is not what it seems.
        """
        lists, unavailable = self._documents(entry.list_url)
        newest: Credential | None = None
        for candidate in lists:
            credential = self._authenticate(candidate, issuer)
            if read_status(entry, credential):
                raise self._revoked(entry, issuer)
            if credential.valid_from is None:
                raise InvalidStatusList("the status list does not say from when it is")
            if credential.valid_from <= now and (newest is None or credential.valid_from > _start(newest)):
                newest = credential
        if newest is None:
            raise unavailable or StatusUnknown(
                f"no copy of the status list {entry.list_url} is at hand",
                hint="Ask the holder for a bundle, which brings the list along.",
            )
        if newest.valid_until is not None and newest.valid_until <= now:
            raise StatusUnknown(
                f"the newest status list at hand was good until {newest.valid_until:%Y-%m-%d %H:%M}Z",
                hint="Verify again with the network on, or ask the holder for a newer bundle.",
            ) from unavailable
        return _start(newest)

    def _documents(self, url: str) -> tuple[list[Anchored], Unavailable | None]:
        found = [item for item in self._stapled if item.document.get("id") == url]
        unavailable = None
        for source in self._sources:
            try:
                data = source(url)
            except (Unavailable, NotFound) as problem:
                unavailable = StatusUnknown(
                    f"the status list could not be fetched: {problem.detail}", hint=problem.hint
                )
                continue
            if data is not None:
                found.append(Anchored(_document(data)))
        return found, unavailable

    def _revoked(self, entry: StatusEntry, issuer: str) -> Revoked:
        """With date and reason, where details are at hand that the issuer signed."""
        for candidate in self._documents(details_url(entry.list_url))[0]:
            found = read_revocation(entry, self._authenticate(candidate, issuer))
            if found is not None:
                return Revoked(
                    f"revoked by the issuer on {found.date:%Y-%m-%d}: {found.reason.replace('-', ' ')}",
                    hint="Ask the holder for the current edition."
                    if found.reason == "superseded"
                    else "The issuer can say more.",
                )
        return Revoked(
            "revoked by the issuer; date and reason are not at hand", hint="The issuer can say more."
        )


def _document(data: bytes) -> Mapping[str, Any]:
    return load_json_object(data, limit=_MAX_LIST)


def _start(credential: Credential) -> datetime:
    assert credential.valid_from is not None
    return credential.valid_from


def fetched(fetcher: Fetcher) -> ListSource:
    """The list at its own address, where that is one on the network."""

    def source(url: str) -> bytes | None:
        if not url.startswith(("https:", "http:")):
            return None
        return fetcher.fetch(url, accept="application/vc, application/json", limit=_MAX_LIST)

    return source
