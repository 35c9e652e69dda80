"""The trust file: which issuers a verifier recognises, and which logs it believes.

One JSON file with two sections. An issuer is named by its DID and may be pinned to keys or to digests
of DID documents; what pins it goes before the network, as `documents.py` has it. A log is named by its
verifier key and bound to the issuers it speaks for; only for those does it prove anything (who else would
stop a stranger's log from vouching for a stranger's key?).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from keys import PublicKey
from ledger import TrustPolicy
from vc import jcs
from wire import Conflict, Malformed, NotFound, Unavailable, load_json_object
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.files import locked, make_private_folder, write_durably
from wire.text import letters, shortened

from ..problem import NameTaken, NotATrustFile, TrustDiffers, TrustLogDiffers

VERSIONS = (1, 2)
"""Version 2 has members that a program of version 1 must not overlook: it is written where one is used."""

MAX_BYTES = 1 << 26
_PIECE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class RecognisedIssuer:
    """An issuer that the verifier's owner knows."""

    id: str
    """Its DID."""
    name: str = ""
    types: tuple[str, ...] = ()
    """The credential types it is recognised for; none means all."""
    keys: tuple[str, ...] = ()
    """Multikeys that are its own, whatever it publishes; a log that speaks for it says when one ended."""
    documents: tuple[str, ...] = ()
    """Digests (base64url of SHA-256 over JCS) of DID documents that are its own."""
    reason: str = ""
    """Why it is here, for the person who reads the list."""
    status_issuers: tuple[str, ...] = ()
    """Who else may sign its status lists: DIDs or https URLs."""
    closed: date | None = None
    """The day, or the moment, that it closed: status lists of then or later have no end, older ones do."""
    until: date | None = None
    """The last day of what it is recognised for, as trusted evidence shows."""

    @property
    def last_lists(self) -> datetime | None:
        """From when the status lists are that have no end, since no newer ones come."""
        if self.closed is None or isinstance(self.closed, datetime):
            return self.closed
        return datetime.combine(self.closed, time(), UTC)


@dataclass(frozen=True, slots=True)
class RecognisedLog:
    """A log, the issuers it speaks for, and who else has to have seen its checkpoints."""

    key: str
    """The log's verifier key, as C2SP signed-note writes it: name, key id and key."""
    issuers: tuple[str, ...] = ()
    clock: str = ""
    """Verifier key under which the log itself states the time."""
    witnesses: tuple[str, ...] = ()
    """Verifier keys of others who cosign its checkpoints."""
    quorum: int = 0
    """How many of the witnesses are needed."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.split("+", 1)[0]


@dataclass(frozen=True)
class Trust:
    """What one verifier believes."""

    issuers: tuple[RecognisedIssuer, ...] = ()
    logs: tuple[RecognisedLog, ...] = ()
    _policies: dict[str, TrustPolicy] = field(default_factory=dict, compare=False, repr=False)

    def issuer(self, did: str) -> RecognisedIssuer | None:
        """The entry for `did`, if there is one."""
        return self._by_id.get(did)

    def names(self, did: str) -> bool:
        """Whether `did` is an issuer on the list, or one that signs status lists for such an issuer."""
        return did in self._by_id or did in self._status_issuers

    def policy_for(self, did: str) -> TrustPolicy:
        """The logs that speak for `did`, as the ledger wants them."""
        if did not in self._speaking:
            return _NO_LOGS  # not kept: anybody can name DIDs
        if did not in self._policies:
            self._policies[did] = _policy(self._speaking[did])
        return self._policies[did]

    @cached_property
    def _by_id(self) -> Mapping[str, RecognisedIssuer]:
        return {issuer.id: issuer for issuer in reversed(self.issuers)}

    @cached_property
    def _status_issuers(self) -> frozenset[str]:
        return frozenset(name for issuer in self.issuers for name in issuer.status_issuers)

    @cached_property
    def _speaking(self) -> Mapping[str, list[RecognisedLog]]:
        """The logs that speak for each name."""
        found: dict[str, list[RecognisedLog]] = {}
        for log in self.logs:
            for name in log.issuers:
                found.setdefault(name, []).append(log)
        return found

    def adding(self, issuer: RecognisedIssuer, log: RecognisedLog | None = None) -> Trust:
        """With `issuer`, and `log` speaking for it as well as for those it spoke for before."""
        issuers = (*(old for old in self.issuers if old.id != issuer.id), issuer)
        if log is None:
            return Trust(issuers, self.logs)
        before = next((old.issuers for old in self.logs if old.key == log.key), ())
        spoken_for = tuple(dict.fromkeys((*before, *log.issuers, issuer.id)))
        logs = (*(old for old in self.logs if old.key != log.key), replace(log, issuers=spoken_for))
        return Trust(issuers, logs)

    def joined(self, other: Trust) -> Trust:
        """With all issuers and logs of another list, such as one that an issuer handed over.

        Raises `Conflict` where it says something else of an issuer or log that is here already, and where it
        lets another log speak for such an issuer; what the list here calls it stays.
        """
        joined = self
        logs = {log.key: replace(log, issuers=()) for log in self.logs}
        for log in other.logs:
            if logs.get(log.key, replace(log, issuers=())) != replace(log, issuers=()):
                raise Conflict.saying(
                    "the log {log} is on your list, with other witnesses or clock", log=shortened(log.origin)
                )
        for issuer in other.issuers:
            known = self.issuer(issuer.id)
            if known is not None and (before := self._said_of(known)) != (said := other._said_of(issuer)):
                closes = said.closed is not None and replace(before, closed=said.closed) == said
                if closes:
                    raise TrustDiffers.saying(
                        "{issuer} is on your list, and the file says that it closed on {closed}",
                        issuer=issuer.id,
                        closed=f"{said.closed:%Y-%m-%d}",
                    )
                raise TrustDiffers.saying(
                    "{issuer} is on your list, and the file says something else of it", issuer=issuer.id
                )
            for log in other.logs:
                if known is not None and issuer.id in log.issuers and log.key not in self._logs_of(issuer.id):
                    raise TrustLogDiffers.saying(
                        "the file lets the log {log} speak for {issuer}, "
                        "for which your list does not have it",
                        log=shortened(log.origin),
                        issuer=issuer.id,
                    )
            joined = joined.adding(known or issuer)
            for log in other.logs:
                if issuer.id in log.issuers:
                    joined = joined.adding(known or issuer, replace(log, issuers=(issuer.id,)))
        return joined

    def _said_of(self, issuer: RecognisedIssuer) -> RecognisedIssuer:
        """What others could contradict. A log's documents go before pinned keys: lists once had both."""
        said = replace(issuer, name="", reason="")
        return replace(said, keys=(), documents=()) if self._logs_of(issuer.id) else said

    def _logs_of(self, did: str) -> set[str]:
        return {log.key for log in self.logs if did in log.issuers}

    def require_own_names(self, added: Iterable[RecognisedIssuer]) -> None:
        """Raises `Conflict` where a new issuer is called like another one, here or among those added."""
        known = {issuer.id for issuer in self.issuers}
        names = {letters(issuer.name): issuer for issuer in self.issuers}
        for issuer in added:
            other = names.setdefault(letters(issuer.name), issuer)
            if letters(issuer.name) and issuer.id not in known and other.id != issuer.id:
                raise NameTaken.saying(
                    "{issuer} is called {name}, like {other}, which is another issuer",
                    issuer=shortened(issuer.id),
                    name=shortened(issuer.name),
                    other=shortened(other.id),
                )

    def fingerprint(self, did: str) -> str:
        """For two people who compare what their lists say of an issuer and its logs: seven groups of digits.

        116 bits of SHA-256 over the JCS form, without the reason, which is everybody's own, and without whom
        else a log speaks for. Raises `NotFound`.
        """
        issuer = self.issuer(did)
        if issuer is None:
            raise NotFound.saying("{did} is not in the trust list", did=did)
        logs = sorted((log for log in self.logs if did in log.issuers), key=lambda log: log.key)
        said = {
            "issuer": _dict(replace(issuer, reason=""), _ISSUER),
            "logs": [_dict(replace(log, issuers=(did,)), _LOG) for log in logs],
        }
        digest = hashlib.sha256(jcs.canonicalize(orjson.loads(orjson.dumps(said)))).digest()
        digits = f"{int.from_bytes(digest) % 10**35:035}"
        return " ".join(digits[start : start + 5] for start in range(0, 35, 5))

    def removing(self, did: str) -> Trust:
        """Without `did`. Raises `NotFound`."""
        if self.issuer(did) is None:
            raise NotFound.saying("{did} is not in the trust list", did=did)
        logs = (
            replace(log, issuers=tuple(other for other in log.issuers if other != did)) for log in self.logs
        )
        return Trust(
            tuple(issuer for issuer in self.issuers if issuer.id != did),
            tuple(log for log in logs if log.issuers),
        )

    @classmethod
    def load(cls, path: Path) -> Trust:
        """Reads the file; one that is not there trusts nobody.

        Raises `Malformed`, naming file and place, and `Unavailable`.
        """
        try:
            with path.open("rb") as file:
                parts = [
                    file.read(_PIECE)
                ]  # one read of all would ask for memory for all that a list may have
                while len(parts[-1]) == _PIECE and len(parts) * _PIECE <= MAX_BYTES:
                    parts.append(file.read(_PIECE))
            return cls.parse(b"".join(parts))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise Unavailable.saying(
                "the trust list {file} cannot be read: {system}", file=str(path), system=error.strerror
            ) from error
        except Malformed as problem:
            raise NotATrustFile.saying(
                "{file} is not a trust file: {why}", file=str(path), why=problem
            ) from problem

    @classmethod
    def parse(cls, data: bytes) -> Trust:
        """Reads the JSON form. Raises `Malformed`, naming the place."""
        value = load_json_object(data, limit=MAX_BYTES)
        if unknown := sorted(value.keys() - {"version", "issuers", "logs"}):
            raise Malformed.saying(
                "it has a member {member}, which no trust file has", member=shortened(unknown[0])
            )
        if (version := value.get("version")) not in VERSIONS:
            raise Malformed.saying(
                "it has version {version}, not {read}",
                version=shortened(str(version)),
                read=" or ".join(map(str, VERSIONS)),
            )
        issuers = _list(value, "issuers")
        trust = cls(
            tuple(RecognisedIssuer(**_members(item, "issuers", _ISSUER)) for item in issuers),
            tuple(RecognisedLog(**_members(item, "logs", _LOG)) for item in _list(value, "logs")),
        )
        later = [name for issuer in issuers for name in issuer if name in _SINCE_2]
        if later and version == 1:
            raise Malformed.saying(
                "the member {member} of issuers needs version 2, and the file has version 1", member=later[0]
            )
        named = Counter([*(issuer.id for issuer in trust.issuers), *(log.key for log in trust.logs)])
        if twice := [name for name, times in named.items() if times > 1]:
            raise Malformed.saying("it has more than one entry for {name}", name=shortened(twice[0]))
        for issuer in trust.issuers:
            for kind in issuer.types:
                from vc.jsonld import type_name  # only here: most lists name no types

                type_name(kind)
            for key in issuer.keys:
                PublicKey.from_multikey(key)
            for name in issuer.status_issuers:
                if not name.startswith(("did:", "https://")):
                    raise Malformed.saying(
                        "the status issuer {name} is neither a DID nor an https URL", name=shortened(name)
                    )
        speaking: dict[str, list[int]] = {}
        for number, log in enumerate(trust.logs):
            for did in log.issuers:
                speaking.setdefault(did, []).append(number)
        for numbers in set(map(tuple, speaking.values())):  # those that speak for one issuer fit together
            _policy(trust.logs[number] for number in numbers)
        return trust

    def to_bytes(self) -> bytes:
        """The JSON form."""
        issuers = [_dict(issuer, _ISSUER) for issuer in self.issuers]
        value = {
            "version": 2 if any(_SINCE_2 & issuer.keys() for issuer in issuers) else 1,
            "issuers": issuers,
            "logs": [_dict(log, _LOG) for log in self.logs],
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


_NO_LOGS = TrustPolicy()


def _policy(logs: Iterable[RecognisedLog]) -> TrustPolicy:
    return TrustPolicy.of((log.key, log.clock, log.witnesses, log.quorum) for log in logs)


def update_trust(path: Path, change: Callable[[Trust], Trust]) -> None:
    """Changes the trust file durably; programs that do so at the same time take turns."""
    make_private_folder(path.parent)
    with locked(path):
        data = change(Trust.load(path)).to_bytes()
        Trust.parse(data)  # it has to be read again, within the same limits
        write_durably(path, data)


_ISSUER: Mapping[str, type] = {
    "id": str,
    "name": str,
    "types": tuple,
    "keys": tuple,
    "documents": tuple,
    "reason": str,
    "statusIssuers": tuple,
    "closed": datetime,
    "until": date,
}
_SINCE_2 = frozenset({"statusIssuers", "closed", "until"})
_LOG: Mapping[str, type] = {"key": str, "issuers": tuple, "clock": str, "witnesses": tuple, "quorum": int}
_ATTRIBUTES: Mapping[str, str] = {"statusIssuers": "status_issuers"}


def _list(value: dict[str, Any], name: str) -> list[Any]:
    found = value.get(name, [])
    if not isinstance(found, list):
        raise Malformed.saying("{member} is not a list", member=name)
    return found


def _members(item: object, where: str, form: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(item, dict) or not isinstance(item.get(next(iter(form))), str):
        raise Malformed.saying("an entry of {where} lacks {member}", where=where, member=next(iter(form)))
    found: dict[str, Any] = {}
    for name, value in item.items():
        kind = form.get(name)
        read = _read(value, kind) if kind else None
        if read is None:
            raise Malformed.saying(
                "the member {name} of {where} is unknown or has a wrong value",
                name=shortened(name),
                where=where,
            )
        found[_ATTRIBUTES.get(name, name)] = read
    return found


def _read(value: object, kind: type) -> object | None:
    """The value of a member of this kind; `None` if it is none."""
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            return None
        return tuple(value)
    if kind is datetime:
        return _moment(value)
    if kind is date:
        return _day(value) if isinstance(value, str) else None
    return value if type(value) is kind else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None  # there are other forms, such as 20260630


def _moment(value: object) -> date | None:
    """A day, or a moment of one."""
    if isinstance(value, str) and "T" not in value:
        return _day(value)
    try:
        return parse_datetimestamp(value, "closed")
    except Malformed:
        return None


def _dict(entry: object, form: Mapping[str, type]) -> dict[str, Any]:
    members = {name: getattr(entry, _ATTRIBUTES.get(name, name)) for name in form}
    return {name: _written(value) for name, value in members.items() if value}


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return format_datetimestamp(value)
    return list(value) if isinstance(value, tuple) else value
