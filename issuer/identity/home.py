"""The issuer's folder: its files, and the issuer's identity.

issuer.json     name, address, DID, log: written last, so that it is there only when all else is
keys.json       the keys and the root of all secrets (keys.KeyFile); issuer.json says where another key is
template.json   what a diploma says; the registrar's to edit; template.<SHA-256>.json, what an update replaced
kinds/          NAME-VERSION/, the files of each other kind that is issued here, as issuer.json names it
did.json        the DID document; that of a did:web is to be published
documents/      what did.json was each time that it went into the log, to be published
rotation.json   a change of keys that was begun and is not done yet
log/            the tile log; all of it may be published
ledger.json     in its place, the address of a log that is kept elsewhere
lookup/         where in the log a leaf is: made from it by the service, again if need be
status/         status lists and revocation details, to be published, and the document of the DID that signs
                them, where that is not the issuer's own; the metadata of an issuer with an address
checked/        rows of the file that is being issued, sealed; gone when the command is
issuer.sqlite   the index, and shards/, the diplomas, unless issuer.json has their address: both private
restored        that a backup was restored here: what the files name is asked about before it is used
clock.json      what an operator said of a clock that had been wrong; there if that happened
claims.sqlite   claim links; tls/, the service's certificate: made when first needed
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import orjson

from did import DID, METHODS
from did.document import Use, status_did, with_status_document
from did.methods import key as did_key
from did.methods import web as did_web
from keys import PublicKey
from keys.address import require_well_formed
from kinds import Kind
from kinds.kind import LIST_LIFE, REFERENCE
from ledger.cosigned import Cosigned
from ledger.folder import Engines, batches_in, is_elsewhere, kept_beside, newest_checkpoint, store_in
from ledger.log import verifier_keys
from ledger.tiles.store import CHECKPOINT
from vc.anchoring import document_digest
from vc.document_chain import to_pin
from vc.forms.integrity import SUITES_BY_KEY
from vc.secured import MEDIA_TYPE
from wire.address import Target
from wire.consent import NotAgreed
from wire.datetimestamp import parse_age, parse_datetimestamp
from wire.fetch import NoFetcher
from wire.problem import Code, Damaged, Malformed, NotFound, Problem, Refused, Unavailable
from wire.strict import base64url_encode, load_json_object

from ..archive.engines import published_versions
from ..archive.versions import FileVersions, explains
from ..press.document import Profile
from ..problem import (
    ANOTHER_ISSUER,
    ANOTHER_KEY,
    DAMAGED_ISSUER,
    ISSUER_LOST,
    ISSUER_WITHOUT_STATUS_DID,
    LISTS_TOO_OLD,
    NO_ISSUER,
    STATUS_FILE_DAMAGED,
    STATUS_FILE_GONE,
)
from ..shared import Shared, shared_in
from . import documents
from .description import Description

FILE = "issuer.json"
VERSION = 1
STATUS = "status"
"""The folder of status lists and of what is published beside them."""
LIST_NAME = re.compile(
    r"[0-9]{1,9}(-details(-[0-9]{1,3})?|-suspension|\.[a-z0-9]{1,8})?|digest(-[0-9]{1,9})?", re.ASCII
)
"""The names of the files in `status/`: lists, pages of details, suspensions, digests and their changes."""
STATUS_DOCUMENT_NAME = "did.json"
"""File name of the status DID's document: did:web derives its address from the DID."""
METADATA_NAME = "jwt-vc-issuer.json"
"""File name of the JWT VC issuer metadata, which is published elsewhere: at `issuer_metadata.location`."""
KEYS = {"assertion": "Ed25519", "status-list": "Ed25519", "log": "Ed25519", "cosigner": "Ed25519"}
"""The keys and their types; a DID that takes no others has the first only, which then signs lists, too.

The first two may be of another of the types in `KEY_TYPES`. Where the first is kept elsewhere, it signs
lists, too, and the second is not made.
"""
KEY_TYPES = tuple(SUITES_BY_KEY)

ISSUER_METHODS = ("key", "web")
"""The DID methods that an issuer here can have. Verifiers know those of `did.METHODS`."""


LIFETIME = timedelta(days=LIST_LIFE)
"""The default lifetime of a status list: a year. A list is signed anew at half of its lifetime.

It is long since a list without a web address only travels in bundles, which are open after it ends.
"""
SERVED_LIFETIME = "30d"
"""The lifetime of a list if the issuer's service publishes the lists at their address, and renews them.

It bounds how long an old list can hide a revocation from a verifier without a network.
"""
_NAMES = {
    "status_lifetime": "statusLifetime",
    "closed": "closed",
    "status": "status",
    "signer_uri": "signerUri",
    "signer_key": "signerKey",
    "status_did": "statusDid",
    "form": "form",
    "suspension": "suspension",
    "address": "address",
    "shards": "shards",
    "moved": "moved",
}
"""The optional members of issuer.json, which are there only if something else than the default was chosen."""
# Each names a folder (`kind_folder`), and the file may be from elsewhere: no name leads out of `kinds/`.
_KIND = re.compile(rf"{REFERENCE}[a-z][a-z0-9_]{{0,99}}:[0-9]{{1,6}}:(?:policy:)?[0-9a-f]{{64}}", re.ASCII)
STATED = "stated"
"""The value of `Identity.status`: a term of use gives the place of the status, not `credentialStatus`."""
LISTED = "listed"
"""In the log: a list of suspensions stands beside each list of revocations."""
ISSUER_MOVED = Code("issuer-moved", Refused, "The issuer has moved")
"""The issuer goes on in another folder or database, or is on its way there."""
ISSUER_CLOSED = Code("issuer-closed", Refused, "The issuer has closed")
"""The issuer has closed for good."""


@dataclass(frozen=True)
class Identity:
    """The issuer's identity: the content of issuer.json."""

    name: str
    url: str | None
    did: str
    log: str
    """The log's origin."""
    status_lifetime: str = ""
    """The lifetime of a status list, such as `30d`; empty for the default."""
    closed: str = ""
    """The date of the last status lists, where the issuer has closed: it issues and revokes nothing more."""
    status: str = ""
    """`STATED` if the issuer was made without a web address; empty for issuers that f31e11f made."""
    signer_uri: str = ""
    """The URI, without a PIN, of the key that signs diplomas, where that is not in the key file."""
    signer_key: str = ""
    """That key, as a Multikey: it is known without the PIN."""
    status_did: str = ""
    """The DID under which status lists are signed, where that is not the issuer's own."""
    form: str = ""
    """The media type of the form in which it issues by default, where that is not JSON with proofs."""
    forms: tuple[str, ...] = ()
    """The media types of other forms in which it issues."""
    suspension: str = ""
    """`LISTED` where credentials of one of the kinds can be suspended.

    Earlier releases refuse the file: they would take a suspension for a revocation.
    """
    address: str = ""
    """The https address by which SD-JWT VCs name the issuer, where that is not the DID."""
    shards: str = ""
    """The address at which shards are kept, where that is not the folder."""
    moved: str = ""
    """The name of the move that has sealed this issuer: it goes on elsewhere, and issues nothing here."""
    kinds: tuple[str, ...] = ()
    """The URNs of the kinds whose files are in `kinds/`, in the order in which they were added."""

    @classmethod
    def make(cls, description: Description, key: PublicKey) -> Identity:
        """An issuer that signs with `key`; its lists last as long as those of its kind.

        Raises as `Description.require_sound`, and `LISTS_TOO_OLD`.
        """
        description.require_sound()
        url = description.url.rstrip("/") if description.url else None
        host = Target.parse(url) if url else None
        rotates = METHODS[description.did_method].rotates
        did = did_web.create(url) if rotates and url else did_key.create(key)
        identity = cls(description.name.strip(), url, did, "")
        log = f"{host.authority}{host.path.rstrip('/')}/log" if host else identity.profile.iri("log", "1")
        of_lists = status_did(did) if description.has_status_did else ""
        kind = description.kind
        kinds = (kind.reference,) if kind and kind.reference else ()
        issuer = replace(identity, log=log, status="" if url else STATED, status_did=of_lists, kinds=kinds)
        issuer = replace(issuer, shards=description.shards)
        if description.has_address and url:
            issuer = replace(issuer, address=url)
        if kind and kind.list_life:
            issuer = replace(issuer, status_lifetime=f"{kind.list_life}d")
        if kind:
            issuer.require_young_lists(kind)
        return replace(issuer, suspension=LISTED) if kind and kind.is_suspendable else issuer

    @classmethod
    def read(cls, home: Path) -> Identity:
        """The issuer that lives in a folder.

        Raises `NotFound`, `Damaged`, and `Malformed` for an address of its key that is invalid, or has a PIN.
        """
        shared = shared_in(home)
        content, where = shared.read(FILE), shared.where(FILE)
        if content is None:
            # The address of a log elsewhere is not asked: nobody may have agreed to it.
            was_elsewhere = is_elsewhere(home) and kept_beside(home).exists()
            if was_elsewhere or (home / "log").exists():
                raise ISSUER_LOST(f"{where} is gone, a log is there: is it lost, or the log no issuer's?")
            raise NO_ISSUER(f"there is no issuer in {home}")
        try:
            members = load_json_object(content)
            if members.pop("version") != VERSION:
                raise Damaged(f"{where} is of another version than {VERSION}")
            kinds, forms = _kinds(members.pop("kinds", [])), _forms(members.pop("forms", []))
            if not all(isinstance(value, str) for value in {**members, "url": members["url"] or ""}.values()):
                raise Malformed("a member is not a text")
            named = {member: members.pop(name, "") for member, name in _NAMES.items()}
            read = cls(**named, **members, forms=forms, kinds=kinds)
            _ = read.lifetime, read.closing, read.kept_elsewhere
            if read.status not in ("", STATED):
                raise Malformed("the member status has another value")
            if read.suspension not in ("", LISTED):
                raise Malformed("the member suspension has another value")
            # Lists signed under any other DID would be nobody's to verifiers.
            if read.status_did not in ("", status_did(read.did)):
                raise Malformed("the member statusDid has another value")
            if read.address not in ("", read.url):
                raise Malformed("the member address has another value")
        except (Malformed, KeyError, TypeError) as error:
            raise DAMAGED_ISSUER(f"{where} cannot be read") from error
        require_well_formed(read.signer_uri)  # it says what to change, and is shown from here on
        return read

    def require(self, description: Description) -> None:
        """Raises `Conflict` unless a description of the issuer fits this one."""
        url, method = description.url, description.method
        if (
            description.name.strip() != self.name
            or (url and url.rstrip("/") != self.url)
            or method not in (None, DID.parse(self.did).method)
        ):
            raise ANOTHER_ISSUER(f"another issuer lives here: {self.name}, {self.did}")
        if description.signer_uri and description.signer_uri != self.signer_uri:
            raise ANOTHER_KEY("the issuer that lives here signs with another key than this one")
        if description.has_status_did and not self.status_did:
            raise ISSUER_WITHOUT_STATUS_DID("the issuer that lives here signs status lists under its own DID")
        if description.shards not in ("", self.shards):
            raise ANOTHER_ISSUER("the issuer that lives here keeps its shards elsewhere than at this address")
        if description.has_address and not self.address:
            raise ANOTHER_ISSUER("credentials of the issuer that lives here name it by its DID")

    def require_young_lists(self, kind: Kind) -> None:
        """Raises `LISTS_TOO_OLD` if lists last longer than the kind allows, or get too old for its policy.

        Lists are signed anew at half of their life. All kinds share them, so that each holder hides among
        more people than in a list of one kind.
        """
        if 0 < kind.list_life < self.lifetime.days:
            raise LISTS_TOO_OLD(
                f"status lists of the kind {kind.name} last {kind.list_life} days at most, and here they "
                f"last {self.lifetime.days}"
            )
        age = kind.policy.status_age
        # Verifiers apply the policy: credentials would stay undecided between two publications.
        if age and timedelta(days=age) < self.lifetime / 2:
            raise LISTS_TOO_OLD(
                f"credentials of the kind {kind.name} need a status that is at most {age} days old, and "
                f"status lists here get {self.lifetime.days / 2:g} days old before they are signed anew"
            )

    def write(self, home: Path) -> None:
        """Writes issuer.json."""
        self.write_to(shared_in(home))

    def write_to(self, shared: Shared) -> None:
        """Writes issuer.json to the shared state of any home."""
        members = asdict(self)
        lists = {"forms": "forms", "kinds": "kinds"}
        decided = {name: members.pop(member) for member, name in {**_NAMES, **lists}.items()}
        content = {"version": VERSION, **members, **{name: it for name, it in decided.items() if it}}
        shared.write(FILE, orjson.dumps(content, option=orjson.OPT_INDENT_2))

    @classmethod
    def change(cls, home: Path, **members: str) -> Identity:
        """Writes issuer.json with other `members` durably, and reads it; processes take turns."""
        with shared_in(home).held(FILE):
            changed = replace(cls.read(home), **cast("dict[str, Any]", members))
            changed.write(home)
        return changed

    @property
    def lifetime(self) -> timedelta:
        """The lifetime of a status list, from the time of its signature."""
        return parse_age(self.status_lifetime) if self.status_lifetime else LIFETIME

    @property
    def closing(self) -> datetime | None:
        """The date of the last status lists, if the issuer has closed."""
        return parse_datetimestamp(self.closed, "closed") if self.closed else None

    @property
    def kept_elsewhere(self) -> PublicKey | None:
        """The key that `signer_uri` names. Raises `Malformed`."""
        return PublicKey.from_multikey(self.signer_key) if self.signer_uri else None

    def require_open(self) -> None:
        """Raises `ISSUER_CLOSED`, or `ISSUER_MOVED`, where the issuer issues and revokes nothing more."""
        # Two places that issue under one DID would give one number, position or log index twice.
        if self.moved:
            raise ISSUER_MOVED("this issuer was moved elsewhere, or a move was begun")
        if self.closing is not None:
            raise ISSUER_CLOSED(
                f"this issuer closed on {self.closing:%Y-%m-%d}: it issues and revokes nothing more"
            )

    @property
    def profile(self) -> Profile:
        """The issuer as it stands in credentials."""
        return Profile(self.did, self.name, self.log, self.url, self.status == STATED, self.address)

    @property
    def iss(self) -> str:
        """The name of the issuer in its credentials: its address, if it has one for that, else its DID."""
        return self.address or self.did

    @property
    def document_url(self) -> str:
        """The URL at which the document of a did:web has to be published."""
        return did_web.url(self.did)

    @property
    def rotates(self) -> bool:
        """True if the DID can change its keys by publishing a new document."""
        return METHODS[DID.parse(self.did).method].rotates

    def verification_method(self, key: PublicKey, name: str = "assertion") -> str:
        """The DID URL of one of the issuer's keys, by its `name` in the key file."""
        did = self.status_did if self.status_did and name.startswith("status-list") else self.did
        return f"{did}#{key.multikey()}"

    def trust_entry(
        self, keys: Mapping[str, PublicKey], versions: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The entry for a trust file: the members that identify the issuer (`issuer`) and its ledger (`log`).

        Of the issuer's keys it names only those that sign status lists alone: a bundle may hold back the
        document that says so. The log holds the documents that have the others, and says when one ended. Of
        the `versions` of the document, those are named up to the first from which each leads to the next:
        they stay over rotations.
        """
        key, clock = verifier_keys(self.log, keys["log"], keys["cosigner"])
        members: dict[str, Any] = {"closed": self.closing} if self.closing else {}
        if self.rotates:
            pins = to_pin(versions, self.did)
            members["documents"] = tuple(base64url_encode(document_digest(pin)) for pin in pins)
            members["list_keys"] = documents.list_keys(versions, self.did)
        if self.status_did:
            members["status_issuers"] = (self.status_did,)
        if self.address:
            members["address"] = self.address
        return {
            "issuer": {"id": self.did, "name": self.name, **members},
            "log": {"key": str(key), "clock": str(clock), "issuers": [self.did]},
        }

    def document(self, assertion: PublicKey, status_list: PublicKey) -> dict[str, Any]:
        """The DID document; one key may be given for both."""
        if self.status_did:
            methods = {"assertionMethod": [assertion], "authentication": [assertion]}
            return with_status_document(
                did_web.document(self.did, methods, {assertion: [Use.CREDENTIALS]}),
                did_web.document(
                    self.status_did, {"assertionMethod": [status_list]}, {status_list: [Use.STATUS_LISTS]}
                ),
            )
        if self.rotates:
            keys = {
                "assertionMethod": [*dict.fromkeys((assertion, status_list))],
                "authentication": [assertion],
            }
            uses = {assertion: [Use.CREDENTIALS]}
            uses[status_list] = [*uses.get(status_list, ()), Use.STATUS_LISTS]
            return did_web.document(self.did, keys, uses)
        return dict(did_key.resolve(DID.parse(self.did), NoFetcher()).value)


def kind_folder(reference: str) -> str:
    """The path, in an issuer's folder, of the files of a kind that issuer.json names by this URN."""
    name, version = reference.removeprefix(REFERENCE).split(":")[:2]
    return f"kinds/{name}-{version}"


def _kinds(value: object) -> tuple[str, ...]:
    """The URNs of kinds. Raises `Malformed`."""
    kinds = value if isinstance(value, list) else [None]
    if not all(isinstance(each, str) and _KIND.fullmatch(each) for each in kinds):
        raise Malformed("the member kinds is no list of kinds")
    if len(set(map(kind_folder, kinds))) < len(kinds):
        raise Malformed("the member kinds has one version twice")
    return tuple(kinds)


def _forms(value: object) -> tuple[str, ...]:
    """The media types of forms. Raises `Malformed`."""
    forms = value if isinstance(value, list) else [None]
    if not all(isinstance(each, str) and MEDIA_TYPE.fullmatch(each) for each in forms):
        raise Malformed("the member forms is no list of media types")
    return tuple(forms)


def has_issuer(home: Path) -> bool:
    """True if an issuer lives in a folder, or in the database that it names."""
    return shared_in(home).read(FILE) is not None


def published_list(home: Path, url: str, *, engines: Engines | None = None) -> bytes | None:
    """The status list or revocation details that the issuer in `home` published for `url`, if it did.

    Verifiers on the same machine use it, to see a revocation at once. Raises `Damaged` as `published_file`
    does, `Unavailable` where the folder cannot be read.
    """
    try:
        if not home.is_dir():  # on most machines that verify
            return None
        name = url.removeprefix(Identity.read(home).profile.list_url(""))
    except NotFound:
        return None
    except Damaged as problem:  # of which nobody can tell whether it is about this list
        raise Unavailable(problem.detail, because=problem) from problem
    except OSError as error:
        raise Unavailable(f"the issuer in {home} cannot be read: {error.strerror}") from error
    return published_file(home, name, engines=engines) if LIST_NAME.fullmatch(name) else None


def published_log(home: Path, url: str, *, engines: Engines | None = None) -> bytes | None:
    """The content that the log of the issuer in `home` serves at `url`: documents, checkpoint or a tile.

    Verifiers on the same machine use it, to have the current documents beside the current lists. `None` for
    other addresses; raises `Damaged`, and `Unavailable` where the folder cannot be read, or nobody agreed to
    the address of its log. `engines` are as in `ledger.folder`.
    """
    try:
        if not home.is_dir():
            return None
        path = url.removeprefix(f"https://{Identity.read(home).log}/")
        if path == "documents":
            return documents.published(home)
        # Another process may sign at this moment: the one with witnesses' lines is never longer than the log.
        if path == CHECKPOINT and (note := Cosigned(home).newest()):
            return note
        is_shown = path == CHECKPOINT or (path.startswith("tile/") and ".." not in path)
        return store_in(home, read_only=True, engines=engines).get(path) if is_shown else None
    except NotFound:
        return None
    except NotAgreed as problem:  # which says nothing of the credential that is being verified
        raise Unavailable.saying("{why}", why=problem) from problem
    except OSError as error:
        raise Unavailable(f"the issuer in {home} cannot be read: {error.strerror}") from error


def published_file(home: Path, name: str, *, engines: Engines | None = None) -> bytes | None:
    """A file in `status/`, or `None` if there is none of that name.

    It does not wait for a process that publishes.

    Raises `Damaged` unless it is the version last published according to the index: an older copy would undo
    revocations. `Unavailable` where it cannot be read.
    """
    shared = shared_in(home)
    where = shared.where(f"{STATUS}/{name}")
    try:
        while True:
            content = shared.read(f"{STATUS}/{name}")
            # Afterwards: the content of the file had been journalled.
            journal = published_versions(home, name)
            digests = {version.digest for version in journal.versions}
            if content is not None and (not digests or sha256(content).digest() in digests):
                return content
            held = _held(home, journal, engines)
            if held is not None:
                return held  # which a power cut took from the folder
            if content is None:
                if any(version.key is None for version in journal.versions):
                    raise STATUS_FILE_GONE(f"{where} is gone")
                return None
            if shared.read(f"{STATUS}/{name}") == content:
                raise STATUS_FILE_DAMAGED(
                    f"{where} is damaged or an older copy: it is not what was published last"
                )
    except IsADirectoryError:  # a folder is no list: somebody put it there
        return None
    except OSError as error:
        raise Unavailable(f"{where} cannot be read: {error.strerror}") from error


def _held(home: Path, journal: FileVersions, engines: Engines | None) -> bytes | None:
    """The newest content that the index holds of a file.

    A version still being published counts once it is in the log.

    None if the log has entries that the index does not explain: the index may be an older copy.
    """
    if journal.size is None or not any(version.content for version in journal.versions):
        return None
    try:
        begun = batches_in(home, journal.begun, engines=engines) if journal.begun else ()
        batches = dict(zip(journal.begun, begun, strict=True))
        size = newest_checkpoint(home, engines=engines).size
    except Problem:
        return None
    if not explains(journal.size, size, batches.values()):
        return None
    in_log = (version for version in journal.versions if version.key is None or batches.get(version.key))
    return next((version.content for version in in_log if version.content), None)
