"""The entries of a trust list for one issuer, and for one log with its ledgers, and the JSON form of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from did.document import status_did
from ledger import Reached, Requirement, TrustedLedger, TrustedLog
from ledger.evm import KIND, SINCE
from ledger.quorum import QuorumRule, WitnessQuorum
from ledger.requirement import WITNESSES
from wire import Malformed, Refused, TooLarge, base64url_decode, base64url_encode, jcs
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.strict import base64_decode
from wire.text import shortened
from wire.work import Work

if TYPE_CHECKING:  # loaded only where a list has anchors
    from keys.certificates import Certificate


class KindFiles(NamedTuple):
    """The files of a kind, by path: its sentences are then said of the issuer's credentials that name it."""

    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RecognisedIssuer:
    """An issuer that the verifier's owner knows."""

    id: str
    """Its DID."""
    name: str = ""
    types: tuple[str, ...] = ()
    """The credential types of W3C's data model it is recognised for; without `vcts`, none means all."""
    keys: tuple[str, ...] = ()
    """Multikeys that are its own, whatever it publishes; a log that speaks for it says when one ended."""
    documents: tuple[str, ...] = ()
    """Digests (base64url of SHA-256 over JCS) of DID documents that are its own."""
    reason: str = ""
    """The reason for the entry, for people who read the list."""
    status_issuers: tuple[str, ...] = ()
    """Others that may sign its status lists: DIDs or https URLs."""
    closed: date | None = None
    """The day, or the moment, that it closed: status lists of then or later have no end, older ones do."""
    until: date | None = None
    """The last day of what it is recognised for, as trusted evidence shows."""
    list_keys: tuple[str, ...] = ()
    """Multikeys that sign status lists and nothing else, whatever its documents say."""
    short_lists: bool = False
    """True if its status lists count though they have fewer entries than the standard asks for."""
    kinds: tuple[KindFiles, ...] = ()
    """Kinds of its own, whose words are believed."""
    vcts: tuple[str, ...] = ()
    """The types of SD-JWT VC that it is recognised for, as text; without any, the IRIs among `types` are."""
    address: str = ""
    """The https address by which SD-JWT VCs name it as well as by `id`."""
    anchors: tuple[str, ...] = ()
    """X.509 certificates (base64 of DER): its own, or those of authorities that certify it."""

    @property
    def is_by_anchor(self) -> bool:
        """True if it is named by its anchors alone: whomever they certify."""
        return self.id.startswith(BY_ANCHOR)

    @property
    def list_signers(self) -> frozenset[str]:
        """The DIDs under which its status lists are signed, so far as is known here."""
        return frozenset({self.id, status_did(self.id), *self.status_issuers})

    @property
    def last_lists(self) -> datetime | None:
        """The earliest date of status lists without an end: the issuer closed, and no newer ones come."""
        if self.closed is None or isinstance(self.closed, datetime):
            return self.closed
        return datetime.combine(self.closed, time(), UTC)


BY_ANCHOR = "ni:///sha-256;"
"""The prefix of the `id` of an issuer without an address."""


def anchored_id(anchor: bytes) -> str:
    """The `id` of an issuer without an address, by its first anchor (RFC 6920, 3)."""
    return f"{BY_ANCHOR}{base64url_encode(hashlib.sha256(anchor).digest())}"


def read_anchors(issuer: RecognisedIssuer, work: Work | None = None) -> list[Certificate]:
    """The anchors of an issuer, parsed. Raises `Malformed` for one that is no certificate, and `TooLarge`."""
    if not issuer.anchors:
        return []
    from keys import certificates  # only here: most lists have none
    from keys.jws import LARGEST_CERTIFICATE

    if len(issuer.anchors) > MOST_ANCHORS:
        raise TooLarge.saying("{issuer} has more than {most} anchors", issuer=issuer.id, most=MOST_ANCHORS)
    work = work or Work()
    ders = (base64_decode(text, limit=LARGEST_CERTIFICATE) for text in issuer.anchors)
    try:
        return [certificates.read_certificate(der, work) for der in ders]
    except TooLarge:
        raise
    except Malformed as problem:
        raise Malformed.saying(
            "an anchor of {issuer} cannot be read: {why}", issuer=shortened(issuer.id), why=problem
        ) from problem


class RecognisedWitness(NamedTuple):
    """A witness whose operator may run others: the lines of all of them count once."""

    key: str
    operator: str


@dataclass(frozen=True, slots=True)
class RecognisedLog:
    """A log, the issuers it speaks for, and the witnesses and ledgers that have to have its checkpoints."""

    key: str
    """The log's verifier key, as C2SP signed-note writes it: name, key id and key."""
    issuers: tuple[str, ...] = ()
    clock: str = ""
    """Verifier key under which the log itself states the time."""
    witnesses: tuple[str | RecognisedWitness, ...] = ()
    """Verifier keys of others who cosign its checkpoints, where needed with an operator."""
    quorum: QuorumRule = 0
    """The number of witnesses that are needed, or groups of them by their names."""
    ledgers: tuple[TrustedLedger, ...] = ()
    """Other ledgers that are believed to have its checkpoints, and what each kind of evidence has to fit."""
    requires: Requirement | None = None
    """The ledgers among these that have to have it; `witnesses` stands for the quorum."""
    reached: Reached | None = None
    """The newest state of the log that is known here."""
    mirrors: tuple[str, ...] = ()
    """The https addresses of copies of the log, which are asked where its own host does not answer."""

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.key.split("+", 1)[0]

    def trusted(self, ledgers: tuple[TrustedLedger, ...] | None = None) -> TrustedLog:
        """The log as the ledger has it, with these ledgers or its own. Raises `Malformed`."""
        vkeys = tuple(witness if isinstance(witness, str) else witness.key for witness in self.witnesses)
        operators = {
            witness.key: witness.operator for witness in self.witnesses if not isinstance(witness, str)
        }
        return TrustedLog.of(
            self.key,
            self.clock,
            vkeys,
            self.quorum,
            self.ledgers if ledgers is None else ledgers,
            self.requires,
            self.reached,
            is_shared=len(self.issuers) > 1,
            operators=operators,
            mirrors=self.mirrors,
        )


def read_issuers(value: Mapping[str, Any], version: int) -> tuple[RecognisedIssuer, ...]:
    """The issuers of a trust file of this version. Raises `Malformed`, naming the place."""
    return tuple(RecognisedIssuer(**members) for members in _entries(value, "issuers", _ISSUER, version))


def read_logs(value: Mapping[str, Any], version: int) -> tuple[RecognisedLog, ...]:
    """The logs of a trust file of this version. Raises `Malformed`, naming the place."""
    logs = tuple(RecognisedLog(**members) for members in _entries(value, "logs", _LOG, version))
    for log in logs:
        _require_mirrors(log)
    return logs


def _require_mirrors(log: RecognisedLog) -> None:
    """Raises `Malformed` unless the mirrors are a few https addresses."""
    if not log.mirrors:
        return
    from wire.address import Target  # only here: most lists have none

    if len(log.mirrors) > MOST_MIRRORS:
        raise TooLarge.saying("{log} has more than {most} mirrors", log=log.origin, most=MOST_MIRRORS)
    for url in log.mirrors:
        try:
            scheme = Target.parse(url).scheme
        except Refused:
            scheme = ""
        # Nothing from there is believed, but over http anybody on the way would learn who asks about whom.
        if scheme != "https":
            raise Malformed.saying("the mirror {url} is no https address", url=shortened(url))


def written(entry: RecognisedIssuer | RecognisedLog) -> dict[str, Any]:
    """The JSON form, without empty members."""
    form = _ISSUER if isinstance(entry, RecognisedIssuer) else _LOG
    members = {name: getattr(entry, _ATTRIBUTES.get(name, name)) for name in form}
    return {name: _written(value) for name, value in members.items() if value}


def beside_documents(issuer: RecognisedIssuer) -> RecognisedIssuer:
    """The entry without what pinned documents lead to: the keys for lists, and the issuer's DID for these.

    Both change with rotations, and neither gives a key that no bound document has.
    """
    if not issuer.documents:
        return issuer
    others = tuple(name for name in issuer.status_issuers if name != status_did(issuer.id))
    return replace(issuer, list_keys=(), status_issuers=others)


def compared(log: RecognisedLog) -> bytes:
    """A log's entry without its issuers, for comparison: in JCS, since Python takes `true` for 1.

    The block to begin with is left out: somebody who followed a chain by hand knew the contract alone.
    """
    plain = _without(handed_over(replace(log, issuers=())), SINCE)
    return jcs.canonicalize(orjson.loads(orjson.dumps(written(plain))))


def handed_over(log: RecognisedLog) -> RecognisedLog:
    """The entry without what each verifier finds out itself: known blocks, mirrors, how far the log had come.

    Blocks of an EVM chain are dropped wherever they stand: an issuer could else name some that no chain has.
    """
    return replace(_without(log, BLOCKS), reached=None, mirrors=())


def _without(log: RecognisedLog, parameter: str) -> RecognisedLog:
    """The entry without a parameter of EVM chains.

    Other ledgers may mean something else by its name, but by a file.
    """
    ledgers = tuple(
        replace(
            ledger,
            parameters={name: ledger.parameters[name] for name in ledger.parameters if name != parameter},
        )
        if ledger.kind == KIND or (parameter == BLOCKS and _names_file(ledger.parameters))
        else ledger
        for ledger in log.ledgers
    )
    return replace(log, ledgers=ledgers)


class KnownRows(NamedTuple):
    """Blocks of a chain that are known: the first so many rows of a file beside the trust file."""

    rows: int
    sha256: str


def pinned(ledger: TrustedLedger) -> KnownRows | None:
    """The row count and digest of a ledger's blocks in a file beside the trust file; `None` without one.

    Raises `Malformed`.
    """
    if not _names_file(ledger.parameters):
        return None
    blocks = KnownRows(**ledger.parameters[BLOCKS])
    is_digest = isinstance(blocks.sha256, str) and len(base64url_decode(blocks.sha256, limit=64)) == 32
    if type(blocks.rows) is not int or blocks.rows < 1 or not is_digest:
        raise Malformed.saying(
            "the blocks of {where} are not a number of rows and a digest", where=ledger.where
        )
    return blocks


def _names_file(parameters: Mapping[str, Any]) -> bool:
    blocks = parameters.get(BLOCKS)
    return isinstance(blocks, dict) and blocks.keys() == set(KnownRows._fields)


BLOCKS = "blocks"
"""The parameter of a ledger with the known blocks of a chain, or with the digest of the file that has them.
"""

VERSION_OF: Mapping[str, int] = {
    "statusIssuers": 2,
    "closed": 2,
    "until": 2,
    "ledgers": 2,
    "requires": 3,
    "reached": 3,
    "listKeys": 4,
    "shortLists": 4,
    "kinds": 6,
    "vcts": 7,
    "address": 7,
    "anchors": 7,
    "mirrors": 8,
}
"""Members that trust files of earlier versions do not have."""


def version_of(entry: Mapping[str, Any]) -> int:
    """The first version of the trust file that has all that stands in an entry, which is `written`."""
    ledgers = [(ledger["kind"], ledger.get("parameters", {})) for ledger in entry.get("ledgers", ())]
    witnesses, quorum = entry.get("witnesses", ()), entry.get("quorum", 0)
    listed = {ledger["where"] for ledger in entry.get("ledgers", ())}
    by_witnesses = [8] if WITNESSES in _named(entry.get("requires")) - listed else []
    with_operator = [8 for member in (*witnesses, quorum) if isinstance(member, dict)]
    in_files = [3 for _, parameters in ledgers if _names_file(parameters)]
    with_begin = [5 for kind, parameters in ledgers if kind == KIND and SINCE in parameters]
    return max(
        [
            1,
            *by_witnesses,
            *with_operator,
            *in_files,
            *with_begin,
            *(VERSION_OF.get(name, 1) for name in entry),
        ]
    )


def _named(requires: object) -> set[str]:
    """All names in a requirement, which is `written`."""
    if isinstance(requires, str):
        return {requires}
    groups = requires.values() if isinstance(requires, dict) else []
    members = [member for group in groups if isinstance(group, list) for member in group]
    return set[str]().union(*map(_named, members))


MOST_LEDGERS = 16
"""For one log: evidence is held against each of its kind."""

LARGEST_PARAMETERS = 1 << 16
"""Bytes of JSON for one ledger."""

MOST_ANCHORS = 16
"""For one issuer: those of several authorities, each with the one that follows it."""

MOST_MIRRORS = 8
"""Of one log: each that does not answer is waited for."""

MOST_KINDS = 64
"""For one issuer, each version counted: a city has two dozen, and changes them."""

MOST_FILES = 100
"""Of one kind."""

LARGEST_KIND = 1 << 18
"""Characters of all files of one kind."""

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
    "listKeys": tuple,
    "shortLists": bool,
    "kinds": KindFiles,
    "vcts": tuple,
    "address": str,
    "anchors": tuple,
}
_LOG: Mapping[str, type] = {
    "key": str,
    "issuers": tuple,
    "clock": str,
    "witnesses": RecognisedWitness,
    "quorum": WitnessQuorum,
    "ledgers": TrustedLedger,
    "requires": Requirement,
    "reached": Reached,
    "mirrors": tuple,
}
_LEDGER: Mapping[str, type] = {"kind": str, "where": str, "parameters": dict}
_REQUIRED = {"issuers": ("id",), "logs": ("key",), "ledgers": ("kind", "where")}
_ATTRIBUTES: Mapping[str, str] = {
    "statusIssuers": "status_issuers",
    "listKeys": "list_keys",
    "shortLists": "short_lists",
}


def _entries(
    value: Mapping[str, Any], where: str, form: Mapping[str, type], version: int
) -> Iterator[dict[str, Any]]:
    items = value.get(where, [])
    if not isinstance(items, list):
        raise Malformed.saying("{where} is not a list", where=where)
    for item in items:
        yield _members(item, where, form)
        # A program of the file's version would overlook the member, and believe more than it says.
        if later := sorted(name for name in item if VERSION_OF.get(name, 1) > version):
            raise Malformed.saying(
                "the member {member} of {where} needs version {needed}, and the file has version {version}",
                member=later[0],
                where=where,
                needed=VERSION_OF[later[0]],
                version=version,
            )
        if (needed := version_of(item)) > version:
            raise Malformed.saying(
                "values in {where} need version {needed}, and the file has version {version}",
                where=where,
                needed=needed,
                version=version,
            )


def _members(item: object, where: str, form: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise Malformed.saying("an entry of {where} is no object", where=where)
    if lacking := [name for name in _REQUIRED[where] if not isinstance(item.get(name), str)]:
        raise Malformed.saying("an entry of {where} lacks {member}", where=where, member=lacking[0])
    members: dict[str, Any] = {}
    for name, value in item.items():
        kind = form.get(name)
        read = _read(value, kind) if kind else None
        if read is None:
            raise Malformed.saying(
                "the member {name} of {where} is unknown or has a wrong value",
                name=shortened(name),
                where=where,
            )
        members[_ATTRIBUTES.get(name, name)] = read
    return members


def _read(value: object, kind: type) -> object | None:
    """The value of a member of this kind; `None` if it is none."""
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            return None
        return tuple(value)
    if kind is TrustedLedger:
        return _ledgers(value)
    if kind is RecognisedWitness:
        return _witnesses(value)
    if kind is WitnessQuorum and isinstance(value, dict):
        return _requirement(value)
    if kind is KindFiles:
        return read_kinds(value)
    if kind is Requirement:
        return _requirement(value)
    if kind is Reached:
        return _reached(value)
    if kind is datetime:
        return _moment(value)
    if kind is date:
        return _day(value) if isinstance(value, str) else None
    # `type`, since Python takes `true` for an int.
    if kind is WitnessQuorum:
        return value if type(value) is int and value >= 0 else None
    return value if type(value) is kind else None


def _witnesses(value: object) -> tuple[str | RecognisedWitness, ...] | None:
    """Each is a vkey, or an object with a vkey and an operator."""
    read = [_witness(item) for item in value] if isinstance(value, list) else [None]
    witnesses = tuple(witness for witness in read if witness is not None)
    return witnesses if len(witnesses) == len(read) else None


def _witness(value: object) -> str | RecognisedWitness | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or value.keys() != set(RecognisedWitness._fields):
        return None
    witness = RecognisedWitness(**value)
    are_texts = isinstance(witness.key, str) and isinstance(witness.operator, str)
    return witness if are_texts and witness.operator else None


def _ledgers(value: object) -> tuple[TrustedLedger, ...] | None:
    """The ledgers of one log. Each ledger's kind of evidence checks the form of its parameters."""
    if not isinstance(value, list) or len(value) > MOST_LEDGERS:
        return None
    ledgers = [TrustedLedger(**_members(item, "ledgers", _LEDGER)) for item in value]
    named = Counter((ledger.kind, ledger.where) for ledger in ledgers)
    if twice := [where for (_, where), times in named.items() if times > 1]:
        raise Malformed.saying("it has more than one entry for {name}", name=shortened(twice[0]))
    for ledger in ledgers:
        pinned(ledger)
    if long := [
        each.where for each in ledgers if len(jcs.canonicalize(each.parameters)) > LARGEST_PARAMETERS
    ]:
        raise TooLarge.saying(
            "the parameters of {name} are longer than {most} bytes", name=long[0], most=LARGEST_PARAMETERS
        )
    return tuple(ledgers)


def read_kinds(value: object) -> tuple[KindFiles, ...] | None:
    """Texts by path, of a trust file or a log; `None` for what is no list of these. Raises `TooLarge`.

    Their content is parsed only when it is shown: a later program may know more.
    """
    if not isinstance(value, list) or len(value) > MOST_KINDS:
        return None
    kinds = []
    for files in value:
        if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
            return None
        # Threat K5: a kind that costs the reader time and memory.
        if sum(map(len, (*files, *files.values()))) > LARGEST_KIND or len(files) > MOST_FILES:
            raise TooLarge.saying("the files of a kind are longer than {most} characters", most=LARGEST_KIND)
        kinds.append(KindFiles(tuple(sorted(files.items()))))  # whoever wrote them, they are the same
    return tuple(kinds)


def _requirement(value: object) -> Requirement | None:
    """Groups are `{"atLeast": 2, "of": […]}`, `{"anyOf": […]}` and `{"allOf": […]}` of names and groups."""
    if not isinstance(value, dict):
        return None
    names = value.keys()
    of = value.get(min(names & {"of", "anyOf", "allOf"}, default=""))
    if not isinstance(of, list) or names not in ({"atLeast", "of"}, {"anyOf"}, {"allOf"}):
        return None
    members = tuple(each if isinstance(each, str) else _requirement(each) for each in of)
    parts = tuple(each for each in members if each is not None)
    count = value.get("atLeast", 1 if "anyOf" in value else len(of))
    if type(count) is not int or len(parts) != len(members):
        return None
    return Requirement(count, parts)


def _reached(value: object) -> Reached | None:
    if not isinstance(value, dict) or value.keys() != {"size", "root", "time"}:
        return None
    size, root, time = value["size"], value["root"], value["time"]
    if type(size) is not int or size < 1 or not isinstance(root, str):
        return None
    raw = base64url_decode(root, limit=64)
    return Reached(size, raw, parse_datetimestamp(time, "reached")) if len(raw) == 32 else None


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


def _written(value: object) -> object:
    if isinstance(value, TrustedLedger):
        members = {name: getattr(value, name) for name in _LEDGER}
        return {name: member for name, member in members.items() if member}
    if isinstance(value, KindFiles):
        return dict(value.files)
    if isinstance(value, RecognisedWitness):
        return value._asdict()
    if isinstance(value, Requirement):
        return value.to_json()
    if isinstance(value, Reached):
        time = format_datetimestamp(value.time)
        return {"size": value.size, "root": base64url_encode(value.root), "time": time}
    if isinstance(value, datetime):
        return format_datetimestamp(value)
    return list(map(_written, value)) if isinstance(value, tuple) else value
