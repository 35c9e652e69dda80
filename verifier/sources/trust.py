"""The trust file: which issuers a verifier recognises, and which logs it believes.

One JSON file with two sections. An issuer is named by its DID and may be pinned to keys or to digests
of DID documents; what pins it goes before the network, as `keys.py` has it. A log is named by its
verifier key and bound to the issuers it speaks for; only for those does it prove anything (who else would
stop a stranger's log from vouching for a stranger's key?). Its entry names the other ledgers that are
believed to have its checkpoints, for the same reason.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import orjson

from did.document import status_did
from keys import PublicKey
from ledger import TrustedLedger, TrustPolicy
from vc.document_chain import leads
from wire import Malformed, NotFound, Problem, Unavailable, base64url_decode, jcs, load_json_object
from wire.files import locked, make_private_folder, write_durably
from wire.text import alike, figures, letters, look, shortened
from wire.work import Work

from ..problem import NAME_TAKEN, NOT_A_TRUST_FILE, TRUST_DIFFERS, TRUST_LOG_DIFFERS
from .trust_entries import (
    MOST_KINDS,
    KindFiles,
    RecognisedIssuer,
    RecognisedLog,
    beside_documents,
    compared,
    handed_over,
    read_anchors,
    read_issuers,
    read_logs,
    version_of,
    written,
)

VERSIONS = (1, 2, 3, 4, 5, 6, 7, 8)
"""Each adds members that a program of the version before must not overlook; it is written if one is used."""

MAX_BYTES = 1 << 26
_PIECE = 1 << 20  # bytes
_MOST_RESEMBLING = 3
_SHORTEST_NAME = 4  # letters: a word of a sentence may be called as somebody is
_VALUE = r"\{[a-z0-9_]*\}"
_LONGEST_NAME = 400  # characters


Versions = Callable[[str], Iterable[Mapping[str, Any]]]
"""Gives the versions of an issuer's document that are available, as from its log."""


class TrustSource(Protocol):
    """Source of the issuers that a verifier recognises: a file, its index, or a registry or federation.

    Both methods may raise an undetermined `Problem` if the source cannot answer now. That nothing is known of
    a name is a regular answer.
    """

    def issuer(
        self, did: str, *, types: Collection[str] = (), at: datetime | None = None
    ) -> RecognisedIssuer | None:
        """The entry of an issuer, by its DID or URL; `None` if it is not recognised.

        An address that stands for a DID gives the entry of that DID, and its `id` is the DID.

        With `types` and `at` the question is whether it may have issued a credential of all these types, as
        `Claims.types` has them, that existed by that time. A source that knows no such difference gives the
        same answer to both questions, and `RecognisedIssuer.types` and `until` say the rest.
        """

    def policy_for(self, did: str) -> TrustPolicy:
        """The logs that speak for `did`, as a policy of the ledger; empty if there are none.

        Equal answers are the same object: it is the key of what is remembered as verified under it.
        """


@runtime_checkable
class NamedTrust(TrustSource, Protocol):
    """A trust source that also knows its issuers' names, as a list does; no source has to."""

    def resembling(self, name: str) -> Sequence[RecognisedIssuer]:
        """The issuers that people may take for one of this name, a few at the most."""

    @property
    def looks(self) -> Mapping[str, str]:
        """The visual form of each issuer's name (`wire.text.look`), by DID."""


@runtime_checkable
class AnchoredTrust(TrustSource, Protocol):
    """A trust source that also knows X.509 certificates; no source has to."""

    def anchored(self, subject: bytes) -> Sequence[RecognisedIssuer]:
        """The issuers with an anchor of this name, which is in DER."""


@dataclass(frozen=True)
class Trust:
    """The issuers and logs that one verifier believes, as one list."""

    issuers: tuple[RecognisedIssuer, ...] = ()
    logs: tuple[RecognisedLog, ...] = ()
    file: Path | None = field(default=None, compare=False, repr=False)
    """The file that it was read from; the blocks that it names are in files beside it."""
    _policies: dict[str, TrustPolicy] = field(default_factory=dict, compare=False, repr=False)

    def issuer(
        self,
        did: str,
        *,
        types: Collection[str] = (),  # noqa: ARG002 -- the entry says
        at: datetime | None = None,  # noqa: ARG002
    ) -> RecognisedIssuer | None:
        """See `TrustSource`: the entry for `did`, if there is one."""
        return self._by_name.get(did)

    def policy_for(self, did: str) -> TrustPolicy:
        """See `TrustSource`."""
        if (entry := self._by_name.get(did)) is not None:
            did = entry.id
        if did not in self._speaking:
            return _NO_LOGS  # not kept: anybody can name DIDs
        if did not in self._policies:
            # Threat F4: a log proves something for those alone that its entry names.
            self._policies[did] = _policy(self._speaking[did], self.file)
        return self._policies[did]

    def resembling(self, name: str) -> Sequence[RecognisedIssuer]:
        """See `NamedTrust`."""
        return tuple(self._by_name[did] for did in resembling(self.looks, name))

    def anchored(self, subject: bytes) -> Sequence[RecognisedIssuer]:
        """See `AnchoredTrust`."""
        return self.by_anchor.get(subject, ())

    @cached_property
    def by_anchor(self) -> Mapping[bytes, Sequence[RecognisedIssuer]]:
        """The issuers with anchors, by the names of these, in DER."""
        issuers: dict[bytes, list[RecognisedIssuer]] = {}
        for issuer in self.issuers:
            for subject in {anchor.subject for anchor in read_anchors(issuer)}:
                issuers.setdefault(subject, []).append(issuer)
        return issuers

    @cached_property
    def looks(self) -> Mapping[str, str]:
        """The visual form of each issuer's name, by DID."""
        return {issuer.id: look(issuer.name) for issuer in self.issuers if issuer.name}

    @cached_property
    def _by_name(self) -> Mapping[str, RecognisedIssuer]:
        """The entries by their ids, and by the addresses that stand for these."""
        addresses = {issuer.address: issuer for issuer in self.issuers if issuer.address}
        return {**addresses, **{issuer.id: issuer for issuer in reversed(self.issuers)}}

    @cached_property
    def _speaking(self) -> Mapping[str, list[RecognisedLog]]:
        """The logs that speak for each name."""
        logs: dict[str, list[RecognisedLog]] = {}
        for log in self.logs:
            for name in log.issuers:
                logs.setdefault(name, []).append(log)
        return logs

    def adding(self, issuer: RecognisedIssuer, log: RecognisedLog | None = None) -> Trust:
        """With `issuer`, and `log` speaking for it as well as for those it spoke for before."""
        issuers = (*(old for old in self.issuers if old.id != issuer.id), issuer)
        if log is None:
            return Trust(issuers, self.logs)
        before = next((old.issuers for old in self.logs if old.key == log.key), ())
        spoken_for = tuple(dict.fromkeys((*before, *log.issuers, issuer.id)))
        logs = (*(old for old in self.logs if old.key != log.key), replace(log, issuers=spoken_for))
        return Trust(issuers, logs)

    def joined(self, other: Trust, versions: Versions = lambda _: ()) -> Trust:
        """With all issuers and logs of another list, such as one that an issuer handed over.

        It may ask for a stricter quorum of a log's witnesses, which is then taken over. It may pin a later
        document than stands here, where the chain of those `versions` of an issuer's
        document leads from this one to that; the pin stays.

        Raises `TRUST_DIFFERS` where it says something else of an issuer or log that is here already, and
        `TRUST_LOG_DIFFERS` where it lets another log speak for such an issuer; its name here stays. The same
        holds for names that only sign status lists or only have a log here: keys shown for them would count
        for the issuers that name them.
        """
        self._require_same_logs(other)
        self._require_same_addresses(other)
        for issuer in other.issuers:
            entry = self.issuer(issuer.id)
            if entry is not None:
                self._require_same(entry, issuer, other, versions)
            elif issuer.id in self._speaking or issuer.id in self._status_issuers:
                self._require_nothing_new(issuer, other)
        joined, ours = self, {log.key: log for log in self.logs}
        for issuer in other.issuers:
            kept = self.issuer(issuer.id) or issuer
            list_keys = tuple(dict.fromkeys((*kept.list_keys, *issuer.list_keys)))
            # Whoever adds a file compared its fingerprint, which covers the documents. Those of f31e11f have
            # keys beside them, and pin a document that later ones need not follow from.
            pins = kept.documents or (() if issuer.keys else issuer.documents)
            # From a file, only the DID that is derived from the issuer's; others are for the list's owner to
            # name.
            default = [name for name in issuer.status_issuers if name == status_did(issuer.id)]
            status_issuers = tuple(dict.fromkeys((*kept.status_issuers, *default)))
            kinds = tuple(dict.fromkeys((*issuer.kinds, *kept.kinds)))[:MOST_KINDS]  # the newest first
            kept = replace(
                kept, documents=pins, list_keys=list_keys, status_issuers=status_issuers, kinds=kinds
            )
            joined = joined.adding(kept)
            for log in other.logs:
                if issuer.id in log.issuers:
                    known_log = ours.get(log.key)
                    # Whoever adds a new log was shown its mirrors; of one that is here, ours stay.
                    new = replace(handed_over(log), mirrors=log.mirrors)
                    log = _with_stricter_quorum(known_log, log) if known_log else new
                    joined = joined.adding(kept, replace(log, issuers=(issuer.id,)))
        return joined

    def with_kinds(self, did: str, kinds: Iterable[KindFiles]) -> Trust:
        """With further kinds of an issuer that is here, the newest first. Raises `NotFound`."""
        issuer = self.issuer(did)
        if issuer is None:
            raise NotFound.saying("{did} is not in the trust list", did=did)
        all_kinds = tuple(dict.fromkeys((*kinds, *issuer.kinds)))[:MOST_KINDS]
        replaced = replace(issuer, kinds=all_kinds)
        return Trust(tuple(replaced if each.id == issuer.id else each for each in self.issuers), self.logs)

    def _require_same_logs(self, other: Trust) -> None:
        """Require both lists to agree on each log, and on the logs of each name that stands here."""
        logs = {log.key: log for log in self.logs}
        for log in other.logs:
            ours = _with_stricter_quorum(logs.get(log.key, log), log)
            if log.requires is None:  # what only this list requires contradicts nobody, and stays
                ours = replace(ours, requires=None)
            # Threat F4: a file could name a ledger for somebody else's log, or drop its witnesses.
            if compared(ours) != compared(log):
                raise TRUST_DIFFERS.saying(
                    "the log {log} is on your list, with other witnesses, clock or ledgers",
                    log=shortened(log.origin),
                )
        for log in other.logs:
            for name in log.issuers:
                is_known = name in self._by_name or name in self._speaking
                # Threat F4: a log of the file's author would vouch for an issuer that is recognised here.
                if is_known and log.key not in self._logs_of(name):
                    raise TRUST_LOG_DIFFERS.saying(
                        "the file lets the log {log} speak for {issuer}, "
                        "for which your list does not have it",
                        log=shortened(log.origin),
                        issuer=name,
                    )

    def _require_same_addresses(self, other: Trust) -> None:
        """Refuses an address for a second DID: else one issuer's file could take another's name."""
        for issuer in other.issuers:
            for name in filter(None, (issuer.id, issuer.address)):
                entry = self.issuer(name)
                is_alone = name in self._speaking or name in self._status_issuers
                # Threat 44c: an address that another's file takes over.
                if entry.id != issuer.id if entry else (name == issuer.address and is_alone):
                    raise TRUST_DIFFERS.saying(
                        "{name} stands for somebody else on your list than in the file", name=shortened(name)
                    )

    def _require_same(
        self, entry: RecognisedIssuer, issuer: RecognisedIssuer, other: Trust, versions: Versions
    ) -> None:
        before, after = self._said_of(entry), other._said_of(issuer)
        if not (before.documents and after.documents) or _leads(
            before, after, versions
        ):  # older files pin none
            before, after = replace(before, documents=()), replace(after, documents=())
        # Threat F12: whoever passes for a known issuer hands over a file with another key in it.
        if before == after:
            return
        if after.closed is not None and replace(before, closed=after.closed) == after:
            raise TRUST_DIFFERS.saying(
                "{issuer} is on your list, and the file says that it closed on {closed}",
                issuer=issuer.id,
                closed=f"{after.closed:%Y-%m-%d}",
            )
        raise TRUST_DIFFERS.saying(
            "{issuer} is on your list, and the file says something else of it", issuer=issuer.id
        )

    def _require_nothing_new(self, issuer: RecognisedIssuer, other: Trust) -> None:
        """Refuse keys that a file brings for a name that another entry names here."""
        # ADR 48: the signer of somebody's lists could else be exchanged by adding it as a newcomer.
        pins = issuer.keys or issuer.documents or issuer.anchors
        if pins or other._logs_of(issuer.id) - self._logs_of(issuer.id):
            raise TRUST_DIFFERS.saying(
                "your list names {issuer} for others, such as for status lists, and the file brings keys "
                "or a log for it that your list does not have",
                issuer=shortened(issuer.id),
                hint="If you know it: take those off your list whose status lists it keeps, add the file, "
                "then add them again.",
            )

    @cached_property
    def _status_issuers(self) -> Mapping[str, list[str]]:
        """The issuers for whom each signer of status lists signs."""
        signers: dict[str, list[str]] = {}
        for issuer in self.issuers:
            for name in issuer.status_issuers:
                signers.setdefault(name, []).append(issuer.id)
        return signers

    def keeps_lists_of(self, did: str) -> tuple[str, ...]:
        """The issuers whose entries name `did` as one that signs their status lists."""
        return tuple(self._status_issuers.get(did, ()))

    def _said_of(self, issuer: RecognisedIssuer) -> RecognisedIssuer:
        """The part of an entry that two lists have to agree on.

        Keys for lists are left out: each list may know some of them.

        A log's documents go before pinned keys: lists once had both. If only keys are pinned, `listKeys` name
        the keys of the DID for status lists, and a stranger's file could add his own.
        """
        entry = replace(beside_documents(issuer), name="", reason="", kinds=())
        if issuer.keys and not self._logs_of(issuer.id):
            # An entry without a log has no document that could name the keys for lists.
            return replace(entry, list_keys=issuer.list_keys)
        return replace(entry, keys=(), list_keys=())

    def _logs_of(self, did: str) -> set[str]:
        return {log.key for log in self._speaking.get(did, ())}

    def require_own_names(self, added: Iterable[RecognisedIssuer]) -> None:
        """Raises `NAME_TAKEN` where a new issuer is called like another one, here or among those added."""
        dids = {issuer.id for issuer in self.issuers}
        names = {letters(issuer.name): issuer for issuer in self.issuers}
        for issuer in added:
            other = names.setdefault(letters(issuer.name), issuer)
            # Threats 38, F12: people take two names that look alike for one.
            if letters(issuer.name) and issuer.id not in dids and other.id != issuer.id:
                raise NAME_TAKEN.saying(
                    "{issuer} is called {name}, like {other}, which is another issuer",
                    issuer=shortened(issuer.id),
                    name=shortened(issuer.name),
                    other=shortened(other.id),
                )

    def fingerprint(self, did: str) -> str:
        """Seven groups of digits by which two people compare their entries for an issuer and its logs.

        116 bits of SHA-256 over the JCS form, without the other issuers of a log. The parts that are each
        list's own are left out, too: the reason, and how far a log and its chains are known. It stays over
        rotations, since a pinned document leads to those that say which keys, under which DID, are for lists.
        Raises `NotFound`.
        """
        issuer = self.issuer(did)
        if issuer is None:
            raise NotFound.saying("{did} is not in the trust list", did=did)
        did = issuer.id
        logs = sorted((handed_over(log) for log in self.logs if did in log.issuers), key=lambda log: log.key)
        entries = {
            "issuer": written(replace(beside_documents(issuer), reason="", kinds=())),
            "logs": [written(replace(log, issuers=(did,))) for log in logs],
        }
        return figures(hashlib.sha256(jcs.canonicalize(orjson.loads(orjson.dumps(entries)))).digest())

    def removing(self, did: str) -> Trust:
        """Without `did`. Raises `NotFound`."""
        issuer = self.issuer(did)
        if issuer is None:
            raise NotFound.saying("{did} is not in the trust list", did=did)
        did = issuer.id
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
                # one read of all would ask for memory for all that a list may have
                pieces = islice(iter(partial(file.read, _PIECE), b""), MAX_BYTES // _PIECE + 1)
                return replace(cls.parse(b"".join(pieces)), file=path)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise Unavailable.saying(
                "the trust list {file} cannot be read: {system}", file=str(path), system=error.strerror
            ) from error
        except Malformed as problem:
            raise NOT_A_TRUST_FILE.saying(
                "{file} is not a trust file: {why}", file=str(path), why=problem
            ) from problem

    @classmethod
    def parse(cls, data: bytes) -> Trust:
        """Reads the JSON form. Raises `Malformed`, naming the place."""
        value = load_json_object(data, limit=MAX_BYTES)
        # A member of a later version may narrow what is believed, so none is overlooked.
        if unknown := sorted(value.keys() - {"version", "issuers", "logs"}):
            raise Malformed.saying(
                "it has a member {member}, which no trust file has", member=shortened(unknown[0])
            )
        version = value.get("version")
        if type(version) is not int or version not in VERSIONS:  # True == 1
            raise Malformed.saying(
                "it has version {version}, not {read}",
                version=shortened(str(version)),
                read=" or ".join(map(str, VERSIONS)),
            )
        trust = cls(read_issuers(value, version), read_logs(value, version))
        names = (name for issuer in trust.issuers for name in (issuer.id, issuer.address) if name)
        named = Counter([*names, *(log.key for log in trust.logs)])
        # With two entries for one name, their order would decide who is believed.
        if twice := [name for name, times in named.items() if times > 1]:
            raise Malformed.saying("it has more than one entry for {name}", name=shortened(twice[0]))
        for issuer in trust.issuers:
            for kind in issuer.types:
                from vc.vcdm import jsonld  # only here: most lists name no types

                with suppress(jsonld.UnknownType):  # judged where the contexts are known that define it
                    jsonld.type_name(kind)
            if issuer.address and not (issuer.id.startswith("did:") and _is_address(issuer.address)):
                raise Malformed.saying(
                    "the address {address} is no https address that stands for a DID",
                    address=shortened(issuer.address),
                )
            if "" in issuer.vcts:
                raise Malformed("a type among vcts is empty")
            for key in (*issuer.keys, *issuer.list_keys):
                PublicKey.from_multikey(key)
            read_anchors(issuer)
            # Any other name, such as an http URL, would look like an address that a certificate has to have.
            if issuer.anchors and not (issuer.is_by_anchor or issuer.id.startswith(("did:", "https://"))):
                raise Malformed.saying(
                    "{issuer} has anchors, and is named by neither a DID, an https URL nor the first of them",
                    issuer=shortened(issuer.id),
                )
            for name in issuer.status_issuers:
                if not name.startswith(("did:", "https://")):
                    raise Malformed.saying(
                        "the status issuer {name} is neither a DID nor an https URL", name=shortened(name)
                    )
        alone = Counter(each for entry in trust.issuers if entry.is_by_anchor for each in set(entry.anchors))
        if any(times > 1 for times in alone.values()):  # of whom is a credential that one leads to?
            raise Malformed("two issuers without an address have the same anchor")
        speaking: dict[str, list[int]] = {}
        for number, log in enumerate(trust.logs):
            for did in log.issuers:
                speaking.setdefault(did, []).append(number)
        for numbers in set(map(tuple, speaking.values())):  # those that speak for one issuer fit together
            _policy(trust.logs[number] for number in numbers)
        return trust

    def to_bytes(self) -> bytes:
        """The JSON form."""
        issuers, logs = list(map(written, self.issuers)), list(map(written, self.logs))
        version = max(map(version_of, (*issuers, *logs)), default=1)
        value = {"version": version, "issuers": issuers, "logs": logs}
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _is_address(name: str) -> bool:
    from did.issuer_metadata import location  # only here: most entries name none

    return location(name) is not None


def names_another(parts: Sequence[str], did: str, trust: TrustSource) -> bool:
    """Return whether a kind's sentence has a DID, or a listed issuer's name other than that of `did`.

    Its constant text is its issuer's: "certified together with …" would borrow a name that is believed. If
    the names are not known, it may have any.
    """
    constant = re.sub(_VALUE, " ", "".join(parts))
    # Threat K3: a sentence with a name that it borrows is not said.
    if not isinstance(trust, NamedTrust) or "did:" in constant.casefold():
        return True
    sentence = look(f"{constant}.")  # so that a name in brackets is not taken for an addition
    return any(
        other != did and len(name) >= _SHORTEST_NAME and name in sentence
        for other, name in trust.looks.items()
    )


def resembling(looks: Mapping[str, str], name: str) -> list[str]:
    """The DIDs whose names look like this one, a few at the most."""
    asked = look(name[:_LONGEST_NAME])
    return list(islice((did for did, other in looks.items() if alike(other, asked)), _MOST_RESEMBLING))


def _leads(before: RecognisedIssuer, after: RecognisedIssuer, versions: Versions) -> bool:
    """Return whether the chain of the document that `before` pins last leads to that of `after`."""
    if before.documents == after.documents:
        return True
    first, last = (base64url_decode(entry.documents[-1], limit=64) for entry in (before, after))
    try:
        return leads(versions(before.id), before.id, first, last, Work())
    except Problem:  # its log could not be asked, or shows no documents: nothing leads there
        return False


def _with_stricter_quorum(ours: RecognisedLog, log: RecognisedLog) -> RecognisedLog:
    """Our entry, with the witnesses and the quorum of `log` where all that meets these meets ours, too."""
    if (ours.witnesses, ours.quorum) == (log.witnesses, log.quorum):
        return ours
    # Threat F4: whatever would meet the file's quorum alone, a log could show in a second version.
    if not log.trusted().is_stricter_than(ours.trusted()):
        return ours
    return replace(ours, witnesses=log.witnesses, quorum=log.quorum)


_NO_LOGS = TrustPolicy()


def _with_blocks(log: RecognisedLog, file: Path) -> tuple[TrustedLedger, ...]:
    from .blocks import filled  # only here: few logs are on other ledgers

    return filled(log, file)


def _policy(logs: Iterable[RecognisedLog], file: Path | None = None) -> TrustPolicy:
    with_blocks = ((log, _with_blocks(log, file) if file and log.ledgers else None) for log in logs)
    return TrustPolicy(tuple(log.trusted(ledgers) for log, ledgers in with_blocks))


def update_trust(path: Path, change: Callable[[Trust], Trust]) -> None:
    """Changes the trust file durably; programs that do so at the same time take turns."""
    make_private_folder(path.parent)
    with locked(path):
        data = change(Trust.load(path)).to_bytes()
        Trust.parse(data)  # it has to be read again, within the same limits
        write_durably(path, data)
