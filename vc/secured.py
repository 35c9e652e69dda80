"""A credential or presentation as it was received, whatever secures it, and what a form of securing gives.

Whoever works with one asks what it says, who signed it, and whether that fits; only the form itself knows how
it is written. Nothing here is true before `verify` has returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from keys import PublicKey, Signer
from ledger import EntryKind, parse_entry
from wire import Problem
from wire.work import Work

from .possession import Answer
from .vcdm.credential import Credential
from .vcdm.presentation import Presentation

INTEGRITY = "application/vc"
"""The media type of JSON that carries its proofs."""

MAX_BYTES = 1 << 23
"""Of any file; what is longer is not read."""

Received = Mapping[str, Any]
"""A secured credential or presentation: the JSON object that it is, else an `Enveloped`."""

Carried = Mapping[str, Any] | bytes
"""What a form reads: the JSON object, else the bytes."""


class Signed(Answer, Protocol):
    """One signature, its members checked for form; `vc.Proof` is one."""

    @property
    def verification_method(self) -> str:
        """The URL that names its key."""

    @property
    def algorithm(self) -> str:
        """Its cryptosuite or algorithm, as its form calls that."""


class Unknown(NamedTuple):
    """A signature of a kind that is not known here; it counts for nothing."""

    kind: str
    """What it calls itself, for people."""
    verification_method: str
    """What it says of its key; its word only."""
    problem: Problem


class Signatures(NamedTuple):
    """The signatures of one document."""

    known: Sequence[Signed]
    unknown: Sequence[Unknown] = ()
    problems: Sequence[Problem] = ()
    """What is wrong with those that are neither."""


class Secured(Protocol):
    """One credential or presentation. `work` is what a call may cost; beyond it is `TooLarge`.

    What has a body here is so of a form that signs bytes, and holds one credential.
    """

    @property
    def form(self) -> str:
        """The media type of its form."""

    @property
    def credential(self) -> Credential:
        """What it says, if it is a credential. Raises as `Credential.parse`."""

    @property
    def presentation(self) -> Presentation | None:
        """What it says, if it is a presentation. Raises as `Presentation.parse`."""
        return None

    @property
    def credentials(self) -> Sequence[Secured]:
        """The credentials in a presentation, or itself."""
        return (self,)

    def signatures(self, work: Work) -> Signatures:
        """Its signatures in their order. Raises `InvalidProof` where there is none, or what is malformed."""

    def readings(self, work: Work) -> Iterator[Secured]:  # noqa: ARG002 -- of forms that read on
        """What it may mean: this, and more where it names something that has several texts.

        A signature fits one of them. Whoever goes on after the last of several is told by a `Problem` that
        none does.
        """
        yield self

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:
        """Raises `InvalidProof` unless `key` made this signature over all that is said by this reading."""

    def covers_meaning(self, signed: Signed) -> bool:
        """Whether the signature holds what its terms stand for, whatever was added after signing."""

    def type_name(self, name: str) -> str:
        """What it calls a type, given by IRI or word. Raises as `jsonld.type_name`."""
        from .vcdm import jsonld  # only here: who keeps and shows credentials needs no contexts

        return jsonld.type_name(name)

    def leaf(self, signed: Signed, kind: EntryKind, work: Work) -> bytes | None:
        """The log entry that stands for it with this signature; `None` for one that was derived."""

    def digests(self, work: Work) -> frozenset[bytes]:
        """The digests of its log entries, by signatures that are not known as well."""
        leaves = (self.leaf(signed, EntryKind.CREDENTIAL, work) for signed in self.signatures(work).known)
        return frozenset(parse_entry(leaf).digest for leaf in leaves if leaf)


class Options(NamedTuple):
    """How something is to be signed: by which key, for what, and when."""

    verification_method: str
    purpose: str = "assertionMethod"
    created: datetime | None = None
    challenge: str | None = None
    domain: str | None = None


class Form(Protocol):
    """A way in which credentials are secured. Whoever issues in it has to be able to pickle it."""

    @property
    def media_type(self) -> str:
        """Its name."""

    @property
    def limit(self) -> int:
        """Bytes that are read at the most."""

    def recognises(self, content: Carried) -> bool:
        """Whether this is of the form, strictly by content."""

    def identifier(self, content: Carried) -> object:
        """The id that it gives itself, unchecked, at little cost; anything else where it has none.

        Raises `Malformed`.
        """

    def read(self, content: Carried, forms: Mapping[str, Form], work: Work) -> Secured:
        """Takes it as one of the form. What it says, and what is in it by `forms`, may wait to be asked for.

        Raises `Malformed`, and what leaves the question open, `UnsupportedForm` and `TooLarge` among it.
        """

    def algorithm(self, key: PublicKey) -> str:
        """How signatures that it makes by this key are made. Raises `Refused` where the key is not for it."""

    def secure(self, claims: Mapping[str, Any], signer: Signer, options: Options) -> Received:
        """Signs what a credential or presentation says. Raises `Malformed` where something would be lost."""
