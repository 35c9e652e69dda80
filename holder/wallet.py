"""The wallet: a holder's keys and credentials, verified before they are kept, shown only as agreed to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from keys import PrivateKey
from vc.anchoring import CarriedKind, document_digest
from vc.claims import Claims
from vc.forms import FORMS, INTEGRITY, STATUS_KINDS
from vc.forms.integrity import SUITES_BY_KEY
from vc.possession import Asked
from vc.problem import UnsupportedForm
from vc.reading import identifier, read
from vc.reading.baked import credential_in
from vc.reading.bundle import Anchored, Bundle
from vc.report import Outcome, Report, Verdict
from vc.secured import Choices, Discloses, Form, Options, Received, Secured
from vc.status import details_urls
from vc.status.kind import StatusKinds, entries, list_forms
from vc.vcdm.enveloped import Enveloped
from wire.datetimestamp import format_datetimestamp, parse_datetimestamp
from wire.problem import Code, Damaged, Malformed, Problem, Refused
from wire.strict import base64url_decode, base64url_encode, load_json_object
from wire.text import shortened
from wire.work import Work

from .problem import NO_SUCH_CLAIM, NO_SUCH_CREDENTIAL, SHOWN_ALONE, SHOWN_WHOLE, WALLET_LOST
from .store import EncryptedStore, StoredRecord

FILE = "wallet.sqlite3"
_ID_LENGTH = 12
_TOO_FEW = "too-few-witnesses"  # a verifier's code for a checkpoint without its quorum
_LONGEST_KEY = 512  # bytes, sealed; that of an Ed25519 or P-256 key has less than half

Verify = Callable[[bytes], Report]
Item = TypeVar("Item")


BOUND_TO_ANOTHER = Code("bound-to-another", Refused, "The credential is bound to another key")
"""The credential names another key than the one that would show it."""


class HolderKey(NamedTuple):
    """One key of the wallet, its did:key and when it was made."""

    did: str
    signer: PrivateKey
    added: datetime

    @property
    def verification_method(self) -> str:
        """The URL by which proofs name the key."""
        return f"{self.did}#{self.did.removeprefix('did:key:')}"

    def method_of(self, did: str) -> str | None:
        """The URL by which proofs name the key under this DID; `None` unless the DID is this very key.

        A credential may name it by another DID than the wallet does, such as a did:jwk.
        """
        if did == self.did:
            return self.verification_method
        from did import METHODS, Resolver  # only here: most credentials name the key as the wallet does
        from did.resolution import own_method
        from wire.fetch import NoFetcher

        method = own_method(did, Resolver(METHODS, NoFetcher()))
        return method.id if method is not None and method.key == self.signer.public_key else None


@dataclass(frozen=True)
class Held:
    """A credential in the wallet: `data`, a bundle or a bare credential, stays as it was received."""

    id: str
    """Twelve hexadecimal digits, the same wherever this credential is held."""
    data: bytes
    added: datetime
    """When this copy was kept. A copy that replaces it counts from its own day."""
    verdict: Verdict
    """The verdict of the check when it was added: valid, or undetermined if it was wanted even so."""
    forms: Mapping[str, Form] = field(default_factory=lambda: FORMS, compare=False, repr=False)
    """The forms that it may have."""
    status_kinds: StatusKinds = field(default_factory=lambda: STATUS_KINDS, compare=False, repr=False)
    """The kinds of status lists that it may name."""
    known: bool = field(default=False, compare=False)
    """True if the wallet had it before it was accepted."""

    @cached_property
    def bundle(self) -> Bundle:
        """The bundle, or the bare credential as a bundle of itself."""
        return Bundle.parse(self.data, self.forms)

    @cached_property
    def secured(self) -> Secured:
        """The credential as its form has it."""
        return read(self.bundle.secured, self.forms, Work())

    @property
    def claims(self) -> Claims:
        """The claims, verified when the credential was added; its status may have changed since."""
        return self.secured.claims

    @property
    def number(self) -> str:
        """Its issuer's number for it, by the kind that it names; empty where there is none at hand."""
        if self.claims.number or self.claims.kind is None:
            return self.claims.number
        from kinds.facts import facts_of, named_kind  # a diploma needs none

        kind = named_kind(self.claims, [self.kind] if self.kind else [])
        return str(facts_of(kind, self.claims).get(kind.number, "")) if kind else ""

    @cached_property
    def kind(self) -> CarriedKind | None:
        """The kind that it names, if that came along."""
        if self.claims.kind is None or not self.bundle.kinds:
            return None
        from kinds.facts import is_named

        return next((kind for kind in self.bundle.kinds if is_named(self.claims, kind)), None)

    @property
    def choices(self) -> Choices | None:
        """The parts that the holder can show or leave out; `None` where its form shows all of it."""
        form = self.forms.get(self.secured.form)
        return form.choices(self.secured) if isinstance(form, Discloses) else None

    @property
    def bound_to(self) -> frozenset[str]:
        """The ids of its subjects; none if anyone who has the file may show it."""
        return frozenset(subject["id"] for subject in self.claims.subjects if "id" in subject)


class Wallet:
    """One holder's keys and credentials in the encrypted store under `home`; a context manager."""

    def __init__(
        self,
        home: Path,
        passphrase: bytes,
        *,
        forms: Mapping[str, Form] = FORMS,
        status_kinds: StatusKinds = STATUS_KINDS,
    ) -> None:
        """Open the wallet; raises `NotFound`, `WrongPassphrase`, or `Damaged` where its file was changed.

        `forms` are those of the credentials that it takes; that of JSON signs its presentations.
        """
        self.forms, self.status_kinds = forms, status_kinds
        self._store = EncryptedStore.open(home / FILE, passphrase)

    @classmethod
    def create(cls, home: Path, passphrase: bytes, *, now: datetime, key_type: str = "Ed25519") -> str:
        """Make a wallet with one key and return its DID; `Conflict` if there is a wallet already."""
        if EncryptedStore.is_lost(home / FILE):
            raise WALLET_LOST("a wallet was here, and its file is gone", seen=f"{home / FILE}.seen")
        key = _new_key(key_type, now)
        EncryptedStore.create(home / FILE, passphrase, [_key_record(key)])
        return key.did

    @classmethod
    def restore(cls, home: Path, backup: Path, backup_passphrase: bytes, passphrase: bytes) -> None:
        """Make a wallet out of a backup, after reading all of it; `Conflict` if there is one already.

        Raises `Damaged` for a record that cannot be read.
        """
        records = EncryptedStore.load(backup, backup_passphrase)
        try:
            for record in records:
                _READERS[record.kind](record)
        except (KeyError, Problem):
            raise Damaged("the backup holds something that this version cannot read") from None
        EncryptedStore.create(home / FILE, passphrase, records)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def holder_keys(self) -> list[HolderKey]:
        """The wallet's keys, the oldest first: it is used where nothing asks for another."""
        records = self._store.records(_LONGEST_KEY)  # of a thousand credentials none is opened for it
        keys = [_read_key(record) for record in records if record.kind == "key"]
        return sorted(keys, key=lambda key: key.added)

    def add_key(self, key_type: str = "Ed25519", *, now: datetime) -> HolderKey:
        """Make another key, Ed25519 or P-256."""
        key = _new_key(key_type, now)
        self._store.put(_key_record(key))
        return key

    def accept(self, data: bytes, check: Verify, *, now: datetime, undetermined: bool = False) -> Held:
        """Check a bundle or credential and keep it; nothing is kept when the check says that it is not valid.

        Of a picture, the credential baked into it is kept. A copy that brings less along than the one that
        the wallet has is checked, but does not replace it.

        An undecided credential is kept, and marked, if the caller passes `undetermined` or if only the lines
        of witnesses are missing. Raises the `Problem` that the check found, and `Malformed` for data that
        cannot be read as a credential.
        """
        data = credential_in(data) or data
        bundle = Bundle.parse(data, self.forms)
        if read(bundle.secured, self.forms, Work()).presentation is not None:
            raise Malformed(
                "this is a presentation", hint="A wallet keeps credentials; ask for one of those."
            )
        report = check(data)
        if not (undetermined and report.verdict is Verdict.UNDETERMINED) and not awaits_witnesses(report):
            report.require()
        name = _digest(bundle.secured).hex()[:_ID_LENGTH]
        before = self._store.get("credential", name)
        held = Held(name, data, now, report.verdict, self.forms, self.status_kinds, known=before is not None)
        if before is not None and _rank(kept := self._held(before)) > _rank(held):
            return replace(kept, known=True)  # what is open or bare takes no valid bundle's place
        self._store.put(_credential_record(held))
        return held

    def credentials(self) -> list[Held]:
        """All credentials, oldest first."""
        records = [record for record in self._store.records() if record.kind == "credential"]
        return sorted(map(self._held, records), key=lambda held: held.added)

    def get(self, name: str) -> Held:
        """The one credential whose id begins with `name`, or whose number it is.

        A whole id is looked up directly; for anything else, all credentials are compared.
        Raises `NO_SUCH_CREDENTIAL` if none fits, or more than one.
        """
        whole = self._store.get("credential", name) if len(name) == _ID_LENGTH else None
        if whole is not None:
            return self._held(whole)
        matches = [
            held for held in self.credentials() if name and (held.id.startswith(name) or held.number == name)
        ]
        if len(matches) != 1:
            count = "more than one credential" if matches else "no credential"
            raise NO_SUCH_CREDENTIAL(f"the wallet holds {count} whose id begins so, or that has this number")
        return matches[0]

    def chosen(self, names: Sequence[str]) -> list[Held]:
        """Each of the credentials that `get` would give once, in the order of their names."""
        return list({held.id: held for held in map(self.get, names)}.values())

    def delete(self, name: str) -> Held:
        """Remove the credential that `get` would give."""
        held = self.get(name)
        self._store.delete("credential", held.id)
        return held

    def present(
        self,
        names: Sequence[str],
        *,
        challenge: str,
        domain: str,
        now: datetime,
        only: Collection[str] | None = None,
    ) -> Bundle:
        """A presentation of these credentials, signed over the verifier's challenge and domain.

        It comes as a bundle with all that the credentials' bundles hold, so that it verifies offline. If a
        credential's form lets the holder choose, `only` names the claims to show beside those that are always
        shown; by default, all are.
        Raises `BOUND_TO_ANOTHER` unless one key of this wallet may show all of them, and as `disclosed`.
        """
        chosen = self.chosen(names)
        signer, method = self._key_for(chosen)
        bundles = [_own_parts(held) for held in chosen]
        choice = disclosed(chosen, only)
        if choice is None:
            options = Options(method, "authentication", now, challenge, domain)
            presented = self._presented(chosen, [bundle.secured for bundle in bundles], signer, options)
        else:
            form = self.forms[chosen[0].secured.form]
            assert isinstance(form, Discloses)  # which has that choice
            asked = Asked(challenge, domain)
            presented = form.show(chosen[0].secured, choice.alone, asked, signer, now)
        return Bundle(
            presented,
            _each_once(item for bundle in bundles for item in bundle.evidence),
            _together(item for bundle in bundles for item in bundle.issuer_documents),
            _together(item for bundle in bundles for item in bundle.status_lists),
            _each_once(item for bundle in bundles for item in bundle.kinds),
        )

    def backup(self, path: Path, passphrase: bytes) -> None:
        """Write everything into one encrypted file under a passphrase of its own; never over a file."""
        EncryptedStore.create(path, passphrase, self._store.records())

    def change_passphrase(self, passphrase: bytes) -> None:
        """Open under another passphrase from now on; copies made before keep the former one."""
        self._store.change_passphrase(passphrase)

    def _presented(
        self, chosen: Sequence[Held], whole: Sequence[Received], signer: PrivateKey, options: Options
    ) -> Received:
        """The presentation in the form that all of these share, if that has presentations, else as JSON."""
        forms = {held.secured.form for held in chosen}
        if len(forms) == 1:
            with suppress(UnsupportedForm):
                return self.forms[forms.pop()].present(whole, signer, options)
        return self.forms[INTEGRITY].present(whole, signer, options)

    def _held(self, record: StoredRecord) -> Held:
        return replace(_read_credential(record), forms=self.forms, status_kinds=self.status_kinds)

    def _key_for(self, chosen: Sequence[Held]) -> tuple[PrivateKey, str]:
        """The key that may show all of these, and the URL that names it as they do."""
        keys = self.holder_keys()
        named = {did for held in chosen for did in held.bound_to}
        for key in keys:
            methods = [method for did in sorted(named) if (method := key.method_of(did))]
            # One signature stands for all that is shown: each is bound to that key, or to none.
            if len(methods) == len(named):
                return key.signer, methods[0] if methods else key.verification_method
        for held in chosen:
            if not all(any(key.method_of(did) for key in keys) for did in held.bound_to):
                raise BOUND_TO_ANOTHER.saying(
                    "credential {id} is bound to a key that this wallet does not have", id=held.id
                )
        raise BOUND_TO_ANOTHER("the credentials are bound to different keys", hint="Present them one by one.")


def awaits_witnesses(report: Report) -> bool:
    """True for what is open since too few witnesses of the issuer's log have signed, and for nothing else."""
    still_open = [check.problem for check in report.checks if check.outcome is Outcome.UNDETERMINED]
    return report.verdict is Verdict.UNDETERMINED and all(map(_for_witnesses, still_open))


def _for_witnesses(problem: Problem | None) -> bool:
    """True where a problem, or the one that caused it, is that of too few witnesses."""
    return problem is not None and (problem.code == _TOO_FEW or _for_witnesses(problem.because))


def disclosed(chosen: Sequence[Held], only: Collection[str] | None) -> Choices | None:
    """The claims that a presentation of these credentials shows; `None` where it shows all.

    Raises `SHOWN_WHOLE` where a part is chosen of one that has no choice, `NO_SUCH_CLAIM`, and `SHOWN_ALONE`
    for one with a choice among others.
    """
    offered = {held.id: held.choices for held in chosen}
    whole = next((held for held in chosen if offered[held.id] is None), None)
    if only is not None and whole is not None:  # never shown whole instead: the holder chose a part
        raise SHOWN_WHOLE.saying(
            "credential {id} is of the form {form}, which shows all of it",
            id=whole.id,
            form=whole.secured.form,
        )
    for name, choices in offered.items():
        if choices is None:
            continue
        if len(offered) > 1:
            raise SHOWN_ALONE.saying("credential {id} is shown by itself", id=name)
        return _chosen(name, choices, only)
    return None


def _chosen(name: str, choices: Choices, only: Collection[str] | None) -> Choices:
    if only is None:
        return choices
    if missing := set(only) - {*choices.alone, *choices.always}:
        raise NO_SUCH_CLAIM.saying(
            "credential {id} has no claim {claim}", id=name, claim=shortened(min(missing))
        )
    # A claim that was not chosen is left out here, before anything is signed.
    return choices._replace(alone=[claim for claim in choices.alone if claim in only])


def _own_parts(held: Held) -> Bundle:
    """Its bundle without unrelated parts: else two together could be too large for a verifier."""
    bundle, claims, work = held.bundle, held.claims, Work()
    digests, signatures = held.secured.digests(work), held.secured.signatures(work)
    methods = [signed.verification_method for signed in signatures.known]
    methods += [signed.verification_method for signed in signatures.unknown]
    signers = {method.partition("#")[0] for method in methods}
    # Only a verifier's trust list maps an address to a DID: here a signer is a DID with a key of that name.
    fragments = {method.partition("#")[2] for method in methods if method.startswith("https://")}
    signers.update(did for did, names in _key_names(bundle.issuer_documents) if names & fragments)
    lists, forms = set[str](), list_forms(held.forms, held.status_kinds)
    for status in entries(claims, held.status_kinds):
        lists.update((status.entry.list_url, *details_urls(status.stored)))
    return Bundle(
        bundle.secured,
        tuple(item for item in bundle.evidence if item.digest in digests),
        tuple(item for item in bundle.issuer_documents if identifier(item.document, held.forms) in signers),
        tuple(item for item in bundle.status_lists if identifier(item.document, forms) in lists),
        (held.kind,) if held.kind else (),
    )


def _key_names(documents: Iterable[Anchored]) -> Iterator[tuple[str, set[str]]]:
    """The id of each DID document, and the fragments of the keys in it; one that is none has neither."""
    for each in documents:
        methods = each.document.get("verificationMethod")
        named = (
            [method for method in methods if isinstance(method, dict)] if isinstance(methods, list) else []
        )
        yield str(each.document.get("id")), {str(method.get("id")).partition("#")[2] for method in named}


def _rank(held: Held) -> tuple[bool, int]:
    """The rank of a copy: validity, then the number of kinds of parts.

    Of two of equal rank the one that came last is kept, even if it was made earlier.
    """
    bundle = _own_parts(held)
    parts = (bundle.evidence, bundle.issuer_documents, bundle.status_lists, bundle.kinds)
    return held.verdict is Verdict.VALID, sum(map(bool, parts))


def _digest(received: Received) -> bytes:
    if isinstance(received, Enveloped):
        return hashlib.sha256(received.data).digest()
    return document_digest(received)


def _each_once(items: Iterable[Item]) -> tuple[Item, ...]:
    distinct: list[Item] = []
    for item in items:
        if item not in distinct:
            distinct.append(item)
    return tuple(distinct)


def _together(items: Iterable[Anchored]) -> tuple[Anchored, ...]:
    """Each document once, with all evidence for it: diplomas of one issuer bring the same few."""
    by_digest: dict[bytes, Anchored] = {}
    for item in items:
        earlier = by_digest.setdefault(digest := _digest(item.document), item)
        by_digest[digest] = Anchored(earlier.document, _each_once((*earlier.evidence, *item.evidence)))
    return tuple(by_digest.values())


def _new_key(key_type: str, now: datetime) -> HolderKey:
    from did.methods import key as did_key  # only here: showing what is held needs no DID method

    if key_type not in SUITES_BY_KEY:
        raise Refused.saying("a wallet's key is {known}", known=" or ".join(SUITES_BY_KEY))
    signer = PrivateKey.generate(key_type)
    return HolderKey(did_key.create(signer.public_key), signer, now)


def _key_record(key: HolderKey) -> StoredRecord:
    body = {
        "added": format_datetimestamp(key.added),
        "type": key.signer.public_key.type,
        "secret": base64url_encode(key.signer.secret),
    }
    return StoredRecord("key", key.did, json.dumps(body).encode())


def _read_key(record: StoredRecord) -> HolderKey:
    body = load_json_object(record.body)
    secret = base64url_decode(_text(body, "secret"))
    signer = PrivateKey.from_secret(_text(body, "type"), secret)
    return HolderKey(record.name, signer, parse_datetimestamp(body.get("added"), "added"))


def _credential_record(held: Held) -> StoredRecord:
    head = {"added": format_datetimestamp(held.added), "verdict": held.verdict.value}
    return StoredRecord("credential", held.id, json.dumps(head).encode() + b"\n" + held.data)


def _read_credential(record: StoredRecord) -> Held:
    head, _, data = record.body.partition(b"\n")
    members = load_json_object(head)
    added = parse_datetimestamp(members.get("added"), "added")
    try:
        verdict = Verdict(_text(members, "verdict"))
    except ValueError:
        raise Malformed("a credential of the wallet has a verdict that there is not") from None
    return Held(record.name, data, added, verdict)


def _text(members: Mapping[str, Any], name: str) -> str:
    if not isinstance(members.get(name), str):
        raise Malformed.saying("a record of the wallet has no text {name}", name=name)
    return str(members[name])


_READERS: dict[str, Callable[[StoredRecord], object]] = {"key": _read_key, "credential": _read_credential}
