"""`Issuer`: everything that an institution does with its credentials, over one folder.

A number names a credential as long as no other kind here has it; else kind and number do (`KindNumber`).
Several processes may work on one folder at once, or several machines on one database. A file is issued by
one of them, and meanwhile all issue other files, single credentials and editions. Whoever needs all to rest,
such as a change of keys, takes the lock `issue` alone.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from did import DID
from keys import KeyFile, PublicKey, Signer
from keys.opening import Opener, is_open
from keys.signer import Passphrase, require_signs
from kinds import Kind, Record, shipped
from kinds.kind import Noun
from kinds.shipped import is_shipped
from ledger import Log
from ledger.anchors import ANCHORS, AnchorKind
from ledger.cosigned import Cosigned
from ledger.folder import Engines, is_elsewhere, kept_of, open_to_read, store_in
from ledger.log import LogReader, time_to_sign
from ledger.outbox import Outbox
from ledger.tiles.store import Store as LogStore
from vc import Bundle
from vc.forms import SD_JWT_VC, STATUS_KINDS
from vc.secured import Form
from vc.status import Reason
from vc.status.kind import StatusKinds
from wire.problem import Problem
from wire.turns import Turns

from .archive.archive import Archive
from .archive.consistency import require_agreement, require_not_older
from .archive.engines import open_index
from .archive.finding import Finder
from .archive.index import Index
from .archive.kept import Entry, IdOf, KindNumber
from .archive.listing import Listing
from .archive.shard_stores import ShardStores, shards_in
from .desk.bundles import bundled
from .desk.witnessed import witnessed
from .identity import documents
from .identity.clock import ClockJournal
from .identity.creation import create_home
from .identity.description import Description
from .identity.forms import IssuerForms
from .identity.home import FILE, Identity
from .identity.kind import MOST_HANDED_OUT, Kinds
from .identity.root import require_root
from .identity.signers import Signers
from .identity.succession import anchor, ended_ahead, finish, is_pending, log_kind, mend, take_up
from .identity.trust_file import trust_file
from .job.bulk import Bulk, Elsewhere, Issued
from .job.checked import CheckedTable
from .job.editions import Editions
from .job.order import Order
from .job.presses import Presses, id_of, positions
from .job.singles import Edition, RecordRefused, Singles
from .press.permutation import Positions
from .press.press import Line, Press
from .press.update import update_template
from .problem import NOT_SUSPENDABLE
from .shared import Shared, shared_in, store_address
from .shared.machines import TOLERANCE, clock_of_machine
from .status.due import unrenewed
from .status.files import ListedFile, StatusFolder, listed_files
from .status.lists import Lists

if TYPE_CHECKING:
    from ledger.cosigning import Witnesses

Clock = Callable[[], datetime]

PATIENCE = 5.0  # seconds that one who issues waits for another


class Parts(TypedDict, total=False):
    """The arguments of an issuer that do not lie in its folder: see `Issuer`."""

    contexts: Path | None
    signer: Signer | None
    pin: Passphrase
    index: Index | None
    store: LogStore | None
    form: Form | None
    engines: Engines | None
    shard_stores: ShardStores | None
    signers: Mapping[str, Opener] | None
    status_kinds: StatusKinds


class Issuer:
    """The issuer in a folder. Secrets are opened, and the passphrase asked for, when first needed."""

    def __init__(
        self,
        home: Path,
        passphrase: Passphrase,
        clock: Clock,
        *,
        contexts: Path | None = None,
        signer: Signer | None = None,
        pin: Passphrase = lambda: None,
        index: Index | None = None,
        store: LogStore | None = None,
        form: Form | None = None,
        engines: Engines | None = None,
        shard_stores: ShardStores | None = None,
        signers: Mapping[str, Opener] | None = None,
        status_kinds: StatusKinds = STATUS_KINDS,
    ) -> None:
        """Opens an issuer that was created before. Raises `NotFound`.

        `contexts` is a folder as `jsonld.load` reads it, of those that the template may name beside the
        vendored ones. `signer` signs diplomas and lists, with a key that is kept elsewhere than in
        `keys.json`; where the folder remembers the URI of that key, it is opened by that, and `pin` is asked
        once. `index` has what was issued, if not `open_index`; `store` has the log, if not the folder
        `log/`. `form` secures credentials for which no other form is named, by default JSON with proofs. An
        issuer that used another one needs it whenever it is opened. `status_kinds` are the kinds of status
        lists that it may publish, by the types of entries. `engines`, `shard_stores` and `signers` open what
        the folder's files name; without them, that is refused in a folder from a backup (`NotAgreed`).
        """
        self.identity = Identity.read(home)
        self.home = home
        self.keys = KeyFile.open(home / "keys.json", passphrase)
        self.store: Index = open_index(home) if index is None else index
        self.engines, self._openers, self.status_kinds = engines, signers, status_kinds
        self._shard_stores = shard_stores
        require_not_older(self.store, home, self.identity.closing, engines=engines)
        self.log_patience: float | None = None
        """The time in seconds to wait for others who write to the log, then `TryLater`.

        Set it before the log is opened.
        """
        self.patience = PATIENCE
        """The time in seconds to wait for others who issue, then `TryLater`."""
        self.clock_tolerance = TOLERANCE
        """The most by which the clock may differ from that of a database which machines share.

        Set it before the log is opened.
        """
        self.witnesses: Witnesses | None = None
        """The way to the witnesses of the log, who are asked before bundles are written."""
        self._asked: Turns[LogReader, bool] = Turns(self._ask_witnesses)
        self.anchors: Mapping[str, AnchorKind] = ANCHORS
        """The kinds of ledgers that take checkpoints, which say how verifiers are to trust one."""
        self._clock = clock
        self._signer, self._pin = signer, functools.cache(pin)
        self._log_store = store
        self.issued_as = IssuerForms(home, self.store, form, contexts)
        """The forms in which it issues."""
        self._log_kind = functools.cache(lambda reference: log_kind(self.store, self.log, reference))
        self._new: Turns[Sequence[Edition], list[int]] = Turns(self._issue_new)
        self._editions = Editions(
            self.store,
            self.line,
            lambda: self._presses,
            self.issued_as,
            self._begin,
            lambda: self._singles,
            clock,
        )

    @classmethod
    def create(
        cls,
        home: Path,
        description: Description,
        passphrase: Passphrase,
        clock: Clock,
        **parts: Unpack[Parts],
    ) -> Issuer:
        """Makes an issuer, or opens it if it exists and is the one described; its kind is added to others.

        `parts` are as in `Issuer`; with a `signer`, no key for credentials is made, nor one for lists unless
        they have a DID of their own. Raises `Conflict` where another issuer lives in the folder,
        `Refused` for a description that is not sound.
        """
        keys = create_home(
            home,
            description,
            passphrase,
            signer=parts.get("signer"),
            has_index=parts.get("index") is not None,
            engines=parts.get("engines"),
            shard_stores=parts.get("shard_stores"),
        )
        issuer = cls(home, passphrase, clock, **parts)
        issuer.keys = keys  # open already
        if parts.get("form") is not None:
            issuer.issued_as.remember(())
            issuer.identity = Identity.read(home)
        return issuer

    # What the parts are made of

    @property
    def shared(self) -> Shared:
        """The small state that all machines of the issuer share."""
        return shared_in(self.home)

    @property
    def did(self) -> str:
        """The issuer's DID."""
        return self.identity.did

    @property
    def iss(self) -> str:
        """See `Identity.iss`."""
        return self.identity.iss

    def named_in(self, which: KindNumber, form: str | None = None) -> str:
        """The name of the issuer in a credential in this form, else in the form in which it is claimed."""
        if form is None:
            form = self.issued_as.media_type(self.store.current(which).form)
        return self.iss if form == SD_JWT_VC else self.did

    @property
    def name(self) -> str:
        """The institution's name."""
        return self.identity.name

    @cached_property
    def reader(self) -> LogReader:
        """The issuer's log, for reading: this opens no secret."""
        public = self.keys.public_keys
        store = self._log_store or store_in(
            self.home, read_only=True, patience=self.log_patience, engines=self.engines
        )
        keys, kept = (public["log"], public["cosigner"]), kept_of(self.home)
        log = LogReader(self.identity.log, *keys, store, kept=kept, cosigned=self.cosigned)
        # ADR 13: a service that only looks does not show an old dump of the database either.
        if store_address(self.home) is not None:
            log.require_newest()
        return log

    @property
    def has_all_in_folder(self) -> bool:
        """True if log and shards lie in the folder, so that reading them takes no connection."""
        is_log_here = self._log_store is None and not is_elsewhere(self.home)
        return is_log_here and self.archive.shards.is_local

    @cached_property
    def outbox(self) -> Outbox:
        """The outbox of the log's checkpoints for other ledgers."""
        return Outbox(self.home)

    @cached_property
    def cosigned(self) -> Cosigned:
        """The checkpoints of the log with witnesses' lines."""
        return Cosigned(self.home)

    @cached_property
    def log(self) -> Log:
        """The issuer's log; DID document and kinds are in it before anything that its keys sign."""
        if store_address(self.home) is not None:
            require_root(self.shared, self.keys)  # of two, two credentials would get one status position
        log = Log(
            self.identity.log,
            self.keys.signer("log"),
            self.keys.signer("cosigner"),
            self._log_store or store_in(self.home, patience=self.log_patience, engines=self.engines),
            clock=clock_of_machine(self.home, self.keys, self._clock, tolerance=self.clock_tolerance),
            superseded=ClockJournal(self.home).supersedes,
            kept=kept_of(self.home),
            anchored=self.outbox.newest_anchored(),
            cosigned=self.cosigned,
        )
        require_agreement(self.store, log)
        if is_pending(self.home):
            with self.shared.held("rotation", patience=self.patience):
                finish(self.home, self.keys, self.store, log)
            self.reread()
        if self.identity.rotates and take_up(self.home, self.keys):
            self.reread()
        anchor(self.home, self.store, log, documents.newest(self.home))
        for reference in Identity.read(self.home).kinds:
            log_kind(self.store, log, reference)
        return log

    def signer(self, name: str) -> Signer:
        """The signer for one of the issuer's keys; an interrupted change of keys is finished before."""
        self._finish_change()
        return self.signers.named(name)

    def _finish_change(self) -> None:
        if is_pending(self.home):
            _ = self.log

    @cached_property
    def signers(self) -> Signers:
        """The issuer's signers, without finishing an interrupted change of keys first."""
        return Signers(self.home, self.identity, self.keys, self._signer, self._pin, self._openers)

    @property
    def own_signer(self) -> Signer | None:
        """The signer for credentials, if its key is not in the key file: see `Signers.elsewhere`."""
        return self.signers.elsewhere

    @property
    def status_key(self) -> str:
        """The name of the key that signs status lists: see `Signers.list_key`."""
        return self.signers.list_key

    def _list_signer(self) -> Signer:
        self._finish_change()  # which may leave another key to sign lists
        return self.signer(self.status_key)

    def require_signer(self) -> None:
        """Asks now for the passphrase or PIN of the key for credentials.

        Raises the error that keeps it from signing.
        """
        require_signs(self.signer("assertion"))

    def require_list_signer(self) -> None:
        """Asks now for the passphrase or PIN of the key for status lists.

        Raises the error that keeps it from signing.
        """
        require_signs(self._list_signer())

    @property
    def is_open(self) -> bool:
        """True if status lists can be signed without asking for a passphrase or a PIN."""
        return self.keys.is_open and is_open(self._list_signer())

    @property
    def public_keys(self) -> Mapping[str, PublicKey]:
        """The issuer's keys by name; no secret is opened for them."""
        return self.signers.public_keys

    def use(self, signer: Signer | None) -> None:
        """Replaces the signer, and rereads the identity and the keys of the folder."""
        self._signer = signer
        self.reread()

    def reread(self) -> None:
        """Rereads the identity and the keys of the folder."""
        self.identity = Identity.read(self.home)
        self.keys.reload()
        for part in ("signers", "_presses", "lists", "_singles"):  # what was made of the keys before
            self.__dict__.pop(part, None)

    def require_clock(self) -> None:
        """Raises `CLOCK_BEHIND` as signing does, without opening a secret."""
        time_to_sign(self._clock(), self.reader.time())

    @property
    def form(self) -> Form:
        """The form of credentials for which no other form is named.

        Raises `Malformed` for contexts that cannot be used.
        """
        return self.issued_as.own

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms that its credentials may have, by their media types. Raises as `form`."""
        return self.issued_as.readable

    @property
    def kinds(self) -> Kinds:
        """The kinds that it issues, with the template as it is now."""
        return Kinds(self.home)

    @property
    def kind(self) -> Kind:
        """The only kind that it issues. Raises as `Kinds.newest`."""
        return self.kinds.newest()

    @property
    def nouns(self) -> Noun:
        """The words for one of its credentials and for many, whatever their kinds."""
        return self.kinds.nouns()

    def press(self, kind: str = "") -> Press:
        """The press for credentials of a kind, with the template in force. Raises as `Presses.newest`."""
        return self._all_presses().newest(kind)

    def _all_presses(self) -> Presses:
        key = self.signer("assertion")
        return Presses(self.home, self.identity, self.keys, key, self.issued_as, self.status_kinds)

    @cached_property
    def _presses(self) -> Presses:
        _ = self.log  # takes up keys that another machine has put in force: the presses are to sign with them
        return self._all_presses()

    def _begin(self, presses: Iterable[Press]) -> None:
        """Prepares signing: asks for the passphrase or PIN, and records the forms.

        The kind may not be in the log yet, if another process has added it. Raises as `Press.open`.
        """
        named = {(press.composer.form, press.composer.kind.reference): press for press in presses}
        for press in named.values():
            press.open()
        if self.issued_as.remember(form for form, _ in named):
            self.identity = Identity.read(self.home)
        for reference in {reference for _, reference in named if reference}:
            self._log_kind(reference)

    def _positions(self) -> Positions:
        return positions(self.keys)

    def _id_of(self) -> IdOf:
        return id_of(Identity.read(self.home), self.keys)

    @cached_property
    def lists(self) -> Lists:
        """The issuer's status lists.

        Publishes lists that a killed process had journalled, if their key is open.

        Before them the document is mended, if a clock that was ahead dated the end of a key. All signing
        passes through here, so an accepted clock needs no other journal.
        """
        log = self.log  # which finishes a change of keys that was interrupted
        if ended_ahead(documents.newest(self.home), self._clock()) and is_open(self.signer("assertion")):
            signer = self.signer("assertion")
            mend(self.home, self.keys, self.store, log, signer, patience=self.patience)
            self.reread()
        key = self._list_signer()
        lists = Lists(
            self.store,
            self.log,
            self.home,
            self.identity.profile,
            self._positions(),  # not a press's: whoever has lost the template can still revoke
            key,
            self.identity.verification_method(key.public_key, self.status_key),
            ClockJournal(self.home),
            self.status_kinds,
        )
        if is_open(key) and (self.store.revocations.changed_lists() or lists.by_former_keys()):
            lists.publish(now=self._clock())
        return lists

    def keep_lists(self, lifetime: str) -> None:
        """Sets the lifetime of status lists from now on, such as `30d`.

        Raises `LISTS_TOO_OLD` where a kind's policy asks for younger ones.
        """
        identity = replace(self.identity, status_lifetime=lifetime)
        for kind in self.kinds.intact():
            identity.require_young_lists(kind)
        self.identity = Identity.change(self.home, status_lifetime=lifetime)

    def lists_ending(self, now: datetime) -> dict[int, str]:
        """The end of each status list that is past half of its life and was not signed anew."""
        return unrenewed(self.store, Identity.read(self.home), now)

    def listed(self) -> dict[int, ListedFile]:
        """The status lists and pages of details as last published, by their index in the log."""
        return listed_files(self.store, StatusFolder(self.home), self.identity.profile.list_url)

    @cached_property
    def archive(self) -> Archive:
        """The credentials themselves, as they were issued."""
        identity = self.identity
        shards = shards_in(self.home, identity.shards, identity.did, stores=self._shard_stores)
        return Archive(self.store, shards, self.forms)

    @cached_property
    def listing(self) -> Listing:
        """Selects from all issued credentials."""
        return Listing(self.archive)

    @cached_property
    def _bulk(self) -> Bulk:
        return Bulk(self.archive, self.log, self.home, lambda line: self.kinds.of(line.secured.claims.kind))

    @cached_property
    def _singles(self) -> Singles:
        return Singles(self.archive, self.log, self.lists, self.home, self._clock)

    @cached_property
    def finder(self) -> Finder:
        """The finder of credentials, by the details that people have at hand."""
        profile, kinds = self.identity.profile, self.status_kinds
        return Finder(self.store, self.archive, profile, self._positions, self._id_of, kinds)

    # Issuing

    def issue_file(
        self, order: Order, table: CheckedTable | None = None, elsewhere: Elsewhere | None = None
    ) -> Issued:
        """Issues the rows of a file as `Bulk.run` does, and publishes the status lists that it needs.

        They become credentials of the kind and version for which the file was opened, even if a newer version
        was added since. Rows that were issued before get the forms that they lack. Raises `NO_SUCH_KIND` if
        that kind is not issued here, and as `Bulk.run`.
        """
        now, lists = self.log.now(), self.lists
        kind, kinds = order.source.kind, self.kinds
        reference = kind.reference if kinds.has(kind) else kinds.reference(kind.name)
        forms = self.issued_as.names(order.forms)
        self._begin([self._presses.of(reference, form) for form in forms])  # before there are several workers
        self.require_signer()
        with self.shared.held("issue", shared=True, patience=self.patience):
            Identity.read(self.home).require_open()
            self._editions.recover()
            presses = self._all_presses()
            result = self._bulk.run(
                order,
                presses.templates(reference, forms),
                now=now,
                secret=lambda: self.keys.secret("number-identity"),
                table=table,
                elsewhere=elsewhere,
            )
            result = replace(result, added=self._editions.add(result.lacking, forms))
        self.store.lookup.catch_up(self._id_of())
        lists.publish(now=self._clock())
        return result

    def update_template(self) -> bool:
        """Gives template.json a place for the degree's name, as `templates.update_template` does."""
        return update_template(self.home, self.issued_as.contexts, patience=self.patience)

    def leave_template(self) -> bool:
        """Makes new diplomas name their kind, in the shipped version; true if they did not before.

        The template stays for what was begun with it. Raises `ISSUER_CLOSED`, and `TryLater` for a job under
        way.
        """
        kind = shipped()
        if is_new := None in self.kinds.references and not self.kinds.has(kind):
            with self.shared.held("issue", patience=self.patience), self.shared.held(FILE):
                self.kinds.add(kind)
            self.reread()
            self._log_kind(kind.reference)
        return is_new

    def issue(
        self,
        kind: str | Mapping[str, Any],
        cells: Mapping[str, Any] | None = None,
        copies: int = 1,
        *,
        forms: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> Entry:
        """Issues one credential of a `kind`, its record given field by field, and returns its first copy.

        Without a kind it is of the only one. It is issued in each of the `forms`, given by their media types,
        all by one write; without any, in that of the issuer. `keys` are DIDs of holders, each of which gets a
        copy bound to it; without any, there are so many `copies`, bound to nobody. Each form and copy has its
        own id, place in a status list, salts and log entry; corrections and revocations are of all.

        Raises `InvalidRecord`, `Conflict`, `FORM_NOT_ALLOWED`, `FORM_NOT_GIVEN`, and as `Kinds.newest`.
        """
        name, record = (kind, cells or {}) if isinstance(kind, str) else ("", kind)
        try:
            holders = [str(DID.parse(key)) for key in keys]
            return self._issue_all(name, [record], forms, holders or [None] * copies)[0]
        except RecordRefused as refused:
            raise refused.problem from None

    def issue_many(
        self, records: Iterable[Mapping[str, Any]], kind: str = "", forms: Sequence[str] = ()
    ) -> list[Entry]:
        """Issues several credentials, all or none, and returns their editions in the order of the records.

        They are of one kind, by default of the only one, each in all of the `forms`, as in `issue`. Calls of
        many threads wait for each other and go the way together. Raises `RecordRefused` for the first record
        that cannot be issued, be it invalid or issued before, and then issues none; `TryLater` where another
        process issues for longer than five seconds; and as `Kinds.newest`. For thousands there is
        `issue_file`.
        """
        return self._issue_all(kind, records, forms, [None])

    def _issue_all(
        self,
        kind: str,
        records: Iterable[Mapping[str, str]],
        forms: Sequence[str],
        holders: Sequence[str | None],
    ) -> list[Entry]:
        wanted = self._editions.firsts(kind, records, self.issued_as.names(forms), holders)
        if not wanted:
            return []
        self._begin(edition.press for edition in wanted)
        return [self.store.entry(seq) for seq in self._new(wanted)]

    def current(self, number: str | KindNumber, form: str | None = None) -> Entry:
        """The first copy of the latest edition of a credential, in a form as `in_form` has it.

        Raises as that, and as `Finder.which`.
        """
        return self.in_form(self.store.current(self.finder.which(number)), form)

    def complete(self, which: KindNumber) -> None:
        """Completes what another request or process has begun for a credential, so that it can be found."""
        self._editions.recover(which)

    def in_form(self, entry: Entry, form: str | None) -> Entry:
        """As `IssuerForms.of_edition` does."""
        return self.issued_as.of_edition(entry, form)

    def correct(self, number: str | KindNumber, changes: Mapping[str, str]) -> Entry:
        """Issues the next edition with changed fields, and revokes the one before as superseded.

        It is of the version of the kind that the one before names, has as many copies, and stays bound to its
        holder. The lists say so once they are published, and before a bundle of that edition is made. With
        nothing changed, the current edition is returned, unless a clock that was wrong dated it ahead.
        """
        return self._editions.correct(self.finder.which(number), changes)

    def corrected(self, edition: Entry, changes: Mapping[str, str]) -> Record | None:
        """The record that `correct` would issue after an edition, `None` if it would change nothing.

        Raises as `correct`.
        """
        return self._editions.corrected(edition, changes)

    def revoke(
        self, numbers: Iterable[str | KindNumber], reason: Reason, *, date: datetime, now: datetime
    ) -> None:
        """Revokes credentials as `Lists.revoke` does. Raises as that, and as `Finder.which`."""
        self.lists.revoke([self.finder.which(number) for number in numbers], reason, date=date, now=now)

    def suspend(self, numbers: Iterable[str | KindNumber], reason: Reason, *, now: datetime) -> None:
        """Suspends credentials as `Lists.suspend` does, all or none of them.

        Raises as that and as `Finder.which`, and `NOT_SUSPENDABLE` for one of a version of its kind that
        provides for no suspension: no list that it names could say so.
        """
        ordered = [self.finder.which(number) for number in numbers]
        for which in ordered:
            kind = self.kinds.of(self.line(self.store.current(which)).secured.claims.kind)
            # Its credential has no entry for it (Bitstring Status List 2.1): no verifier would see the bit.
            if not kind.is_suspendable:
                raise NOT_SUSPENDABLE(
                    f"credential {which.number} was issued under {kind.name} {kind.version}, which provides "
                    "for no suspension",
                    number=which.number,
                )
        self.lists.suspend(ordered, reason, now=now)

    def reinstate(self, numbers: Iterable[str | KindNumber], *, now: datetime) -> None:
        """Ends suspensions as `Lists.reinstate` does. Raises as that, and as `Finder.which`."""
        self.lists.reinstate([self.finder.which(number) for number in numbers], now=now)

    def generation(self, which: KindNumber) -> int:
        """The number of times that the credential was released: the generation of a claim link made now."""
        return self.store.generation(which)

    def links(self) -> int:
        """The number of claim links that were made."""
        return self.store.links()

    def count_link(self, nth: int) -> None:
        """Counts a claim link."""
        self.store.count_link(nth)

    def claim(
        self,
        number: str | KindNumber,
        holder: str,
        generation: int | None = None,
        form: str | None = None,
        proved: Collection[str] = (),
    ) -> bytes:
        """The bundle of the edition bound to `holder`, a DID, in one copy: the same again for this holder.

        `generation` is that of the link by which it is claimed, if there is one. It is of the `form` with
        this media type; without one, of that which the credential has. In a second form it may be bound to
        another holder than in the first, whose key was `proved` as well.
        Raises `NotFound`, `Conflict` where another holder has it, `Refused` where it was revoked or is not
        issued in that form, `Released` where it was released since the link was made.
        """
        which = self.finder.which(number)
        return self.bundle(self._editions.claim(which, holder, generation, form, proved)).to_bytes()

    def release(self, number: str | KindNumber) -> Entry:
        """The next edition of a credential, bound to nobody: for a holder whose wallet is lost.

        All links to it end, then the edition before is revoked as superseded. One that is bound to nobody is
        returned as it is.
        """
        return self._editions.release(self.finder.which(number))

    def is_bound(self, entry: Entry) -> bool:
        """True if a wallet has claimed this edition."""
        return self._editions.is_bound(entry)

    def _issue_new(self, calls: Sequence[Sequence[Edition]]) -> Sequence[list[int] | Problem]:
        with self.shared.held("issue", shared=True, patience=self.patience):
            self._bulk.recover()
            return self._singles.issue(calls)

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Nothing new is issued meanwhile, and what was begun is finished.

        Raises `ISSUER_CLOSED` and `TryLater`.
        """
        _ = self.lists
        with self.shared.held("issue", patience=self.patience):
            Identity.read(self.home).require_open()
            self.recover()
            yield

    def recover(self) -> None:
        """Completes what killed processes left half issued. The caller holds the lock `issue` alone."""
        self._bulk.recover(alone=True)
        self._editions.recover()

    # Reading

    def line(self, entry: Entry) -> Line:
        """The credential of an edition, and the record that it was made from."""
        return self.archive.line(entry.seq, entry.leaf)

    def bundle(self, entry: Entry) -> Bundle:
        """An edition's credential with all that verifies it offline; the log's witnesses are asked before."""
        self.ask_witnesses({entry.seq})
        return next(self._bundles([entry], {entry.seq}))

    def bundles(self, entries: Iterable[Entry]) -> Iterator[Bundle]:
        """The bundles of many editions; what they share is made once. No witness is asked.

        In a folder that may only be read they have the status lists that lie there. Raises `CLOCK_BEHIND`:
        evidence that is dated ahead helps nobody.
        """
        return self._bundles(entries, None)

    def _bundles(self, entries: Iterable[Entry], seqs: Collection[int] | None) -> Iterator[Bundle]:
        log = self._log_to_prove_by(seqs)
        parts = (self.archive, log, self.outbox, self.kinds.intact(), self.status_kinds)
        yield from bundled(self.home, entries, *parts)

    def ask_witnesses(self, seqs: Collection[int] | None = None) -> None:
        """Ask the log's witnesses once, for a few seconds, for what bundles of these numbers, or all, need.

        Too few lines raise nothing: `witnessing` tells of each bundle. Raises as `bundles`.
        """
        if self.witnesses is not None and self.cosigned.witnesses() and os.access(self.home, os.W_OK):
            # Lists that are due come first: each is an entry, which a checkpoint has to hold as well.
            self._asked(self._log_to_prove_by(seqs))

    def _ask_witnesses(self, logs: Sequence[LogReader]) -> Sequence[bool]:
        """One round for the requests of several threads: the newest checkpoint has what all of them need."""
        assert self.witnesses is not None
        asking = self.witnesses.ask(logs[-1])
        return [asking is not None and asking.is_met] * len(logs)

    def witnessing(self) -> Callable[[Bundle], bool]:
        """Return a function that is true for bundles with the lines of enough witnesses: see `witnessed`."""
        return witnessed(self.cosigned)

    def _log_to_prove_by(self, seqs: Collection[int] | None) -> LogReader:
        if not os.access(self.home, os.W_OK):
            self.require_clock()
            return open_to_read(self.home, engines=self.engines) if self._log_store is None else self.reader
        self.lists.publish_for(seqs, now=self.log.now())
        return self.log

    # Finding

    def find(self, text: str, kind: str = "") -> list[Entry]:
        """As `Finder.find` does."""
        return self.finder.find(text, kind)

    def copies(self, entry: Entry) -> list[Entry]:
        """All copies of an edition in one form."""
        return [each for each in self.editions(entry) if each.form == entry.form]

    def editions(self, entry: Entry) -> list[Entry]:
        """All copies of an edition in all forms."""
        return self.store.copies(entry.which, entry.edition)

    def entries(self, first: int = 0, stop: int | None = None, *, from_edition: int = 1) -> Iterator[Entry]:
        """All editions, or those with sequence numbers from `first` up to `stop`, in their order.

        With `from_edition`, only those with this number or a higher one.
        """
        after = first - 1
        while page := self.store.entries(after, stop, from_edition=from_edition):
            yield from page
            after = page[-1].seq

    def trust_entry(self) -> dict[str, Any]:
        """As `Identity.trust_entry` gives it, with the files of its kinds, if those do not come along.

        Every verifier has the kinds that do, and older ones can read an entry without any.
        """
        entry = self.identity.trust_entry(self.keys.public_keys, documents.history(self.home))
        kinds = (dict(kind.texts) for kind in self.kinds.intact() if not is_shipped(kind))
        if newest := tuple(islice(kinds, MOST_HANDED_OUT)):
            entry["issuer"]["kinds"] = newest
        return entry

    def trust_file(self, mirrors: Sequence[str] = ()) -> dict[str, Any]:
        """The trust file by which others recognise this issuer; of a closed one it says so.

        It names the ledgers that the log's checkpoints go to, as far as `anchors` say how to trust them, the
        log's witnesses, and the addresses of its `mirrors`.
        """
        entry, closed = self.trust_entry(), self.identity.closed
        return trust_file(entry, closed, self.outbox, self.anchors, self.cosigned, mirrors)
