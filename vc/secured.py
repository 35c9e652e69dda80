"""A credential or presentation as it was received, whatever secures it, and the interface of a form.

A caller asks what it says, who signed it, and whether that fits; only the form itself knows how it is
written. Nothing here is true before `verify` has returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

from keys import PublicKey, Signer
from ledger import EntryKind, parse_entry
from wire import Problem
from wire.work import Work

from .claims import Claims
from .possession import Answer, Asked

if TYPE_CHECKING:  # who verifies issues nothing
    from .facts import IssuingFacts
    from .slots import Slots, Value
    from .type_metadata import TypeDocuments

INTEGRITY = "application/vc"
"""The media type of JSON that carries its proofs."""

MEDIA_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)
"""The pattern of a form's name (RFC 6838, 4.2): it has no blank, and no parameters."""

# Threat 62; files of one form may have a lower limit (`Form.limit`).
MAX_BYTES = 1 << 23
"""The limit of any file; a longer one is not read."""

Received = Mapping[str, Any]
"""A secured credential or presentation: the JSON object that it is, else an `Enveloped`."""

Carried = Mapping[str, Any] | bytes
"""The input of a form: the JSON object, else the bytes."""


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
    """Its name for its kind, for people."""
    verification_method: str
    """Its statement about its key; its word only."""
    problem: Problem


class Signatures(NamedTuple):
    """The signatures of one document."""

    known: Sequence[Signed]
    unknown: Sequence[Unknown] = ()
    problems: Sequence[Problem] = ()
    """The problems of those that are neither."""


class Presented(Protocol):
    """The statements of a presentation itself, beside the credentials in it."""

    @property
    def holder(self) -> str | None:
        """The DID of whom it says it is by."""

    @property
    def unread(self) -> Problem | None:
        """The reason why its meaning cannot be read."""


class Secured(Protocol):
    """One credential or presentation. `work` bounds the cost of a call, beyond which it raises `TooLarge`.

    A method with a body is the default, for a form that signs bytes and holds one credential.
    """

    @property
    def form(self) -> str:
        """The media type of its form."""

    @property
    def former_name(self) -> str:
        """The former name of its form, where it uses that; else empty."""
        return ""

    @property
    def certificates(self) -> Sequence[bytes]:
        """The X.509 certificates that name its issuer, in DER, the leaf first.

        With certificates, its one signature is by the leaf's key, whatever key it names by a URL.
        Raises `Malformed`.
        """
        return ()

    @property
    def most_hidden(self) -> int:
        """The most values that it may hold beyond those shown: some may be decoys (RFC 9901, 4.2.5).

        Raises as `claims`.
        """
        return 0

    @property
    def claims(self) -> Claims:
        """Its claims, if it is a credential. Raises `Malformed`, and what leaves that open."""

    @property
    def presentation(self) -> Presented | None:
        """Its own statements, if it is a presentation. Raises as `claims`."""
        return None

    @property
    def credentials(self) -> Sequence[Secured]:
        """The credentials in a presentation, or itself."""
        return (self,)

    def signatures(self, work: Work) -> Signatures:
        """Its signatures in their order. Raises `InvalidProof` where there is none, or what is malformed."""

    def as_signed(self, require_fit: Callable[[Self], None], work: Work) -> Self:  # noqa: ARG002 -- of others
        """This, as read so that its signatures fit, which `require_fit` verifies; raises what that raises.

        A document may name something that has several texts, such as a context without a version. It reads
        otherwise by each, and the signatures fit one of them; where they fit none, a `Problem` says so.
        """
        require_fit(self)
        return self

    def verify(self, signed: Signed, key: PublicKey, work: Work) -> None:
        """Raises `InvalidProof` unless `key` made this signature over all that is said here."""

    def covers_meaning(self, signed: Signed) -> bool:
        """True if the signature covers the meaning of its terms, whatever was added after signing."""

    def type_name(self, name: str) -> str:
        """The name under which `Claims.types` has a type, given by IRI or word."""
        return name

    def leaves(self, signed: Signed, kind: EntryKind, work: Work) -> Sequence[bytes]:
        """The log entries that stand for it with this signature; none for one that was derived."""

    def fits_type(self, types: TypeDocuments, work: Work) -> str:  # noqa: ARG002 -- of others
        """The name of its type, where it has the form that the metadata of its type asks for.

        Empty for a form without such metadata, and where that is not at hand. Raises `SCHEMA_MISMATCH`, and
        `TYPE_METADATA_MISSING` where a part of it is.
        """
        return ""

    def digests(self, work: Work) -> frozenset[bytes]:
        """The digests of its log entries, by signatures that are not known as well."""
        # Unknown ones have no leaf: this program does not know what they cover.
        signatures = self.signatures(work).known
        leaves = (leaf for signed in signatures for leaf in self.leaves(signed, EntryKind.CREDENTIAL, work))
        return frozenset(parse_entry(leaf).digest for leaf in leaves)


class Options(NamedTuple):
    """The options of a signature: by which key, for what, and when."""

    verification_method: str
    purpose: str = "assertionMethod"
    created: datetime | None = None
    challenge: str | None = None
    domain: str | None = None


class Form(Protocol):
    """A way of securing credentials. A form in which credentials are issued has to be picklable."""

    @property
    def media_type(self) -> str:
        """Its name."""

    @property
    def limit(self) -> int:
        """Bytes that are read at the most."""

    def recognises(self, content: Carried) -> bool:
        """True if this is of the form, strictly by content."""

    def identifier(self, content: Carried) -> object:
        """The id that it gives itself, unchecked, at little cost; anything else where it has none.

        Raises `Malformed`.
        """

    def read(
        self, content: Carried, forms: Mapping[str, Form], work: Work, asked: Asked | None = None
    ) -> Secured:
        """Reads a credential or presentation of this form; its claims and contents may be read later.

        `forms` read what it contains. `asked` is the verifier's request, for forms whose answers sign it
        without repeating it; `None` if there was none.
        Raises `Malformed`, and problems that leave the question open, such as `UnsupportedForm` and
        `TooLarge`.
        """

    def algorithm(self, key: PublicKey) -> str:
        """The algorithm of its signatures by this key. Raises `Refused` where the key is not for it."""

    def secure(
        self, facts: IssuingFacts, content: Mapping[str, Any], signer: Signer, options: Options
    ) -> Received:
        """Signs a credential that says what decides in it, and what its template says (W3C's data model).

        Raises `Malformed` where something would be lost. The issuer checks the result with `require_said`.
        """

    def present(self, credentials: Sequence[Received], signer: Signer, options: Options) -> Received:
        """Signs a presentation of these by the DID whose key signs. Raises `UnsupportedForm`."""


class Spliced(NamedTuple):
    """A credential that was secured by a skeleton."""

    credential: bytes
    """As JSON."""
    digest: bytes
    """The digest of its log entry."""


class ReadBack(NamedTuple):
    """A credential that another process secured by the same skeleton."""

    digest: bytes
    """The digest of its log entry, with the signature that stands there."""
    signature: Callable[[], bytes]
    """Decodes that signature, which was not verified. Raises `Malformed`."""


class Skeleton(Protocol):
    """Secures credentials of one shape: the constant parts are worked out already."""

    def secure(self, values: Sequence[Value], signer: Signer) -> Spliced | None:
        """The credential with these values in its slots, byte for byte as `Form.secure` makes it.

        `None` where only that makes it, or says what is wrong. Then nothing was signed.
        """

    def sign(self, values: Sequence[Value], signer: Signer) -> bytes | None:
        """The same credential alone: somebody else works out the digest of its log entry."""

    def read(self, values: Sequence[Value], credential: bytes) -> ReadBack | None:
        """A credential with these values, whatever signature stands in it.

        `None` for one in which anything else is as `secure` would not make it, or where that gives `None`.
        """


@runtime_checkable
class Splices(Form, Protocol):
    """A form that has skeletons. Forms need not: what they lack goes the general way."""

    def skeleton(
        self, facts: IssuingFacts, content: Mapping[str, Any], slots: Slots, key: PublicKey, options: Options
    ) -> Skeleton | None:
        """The skeleton of the credentials that `secure` makes of facts and content in which markers stand.

        `None` for a shape that has none. Nothing is signed.
        """


class Choices(NamedTuple):
    """The claims that a holder decides about, by the names that the form gives them."""

    alone: Sequence[str]
    """The claims that can be shown or left out, each by itself."""
    always: Sequence[str]
    """The claims that are always shown."""


@runtime_checkable
class Discloses(Form, Protocol):
    """A form whose holder chooses what is shown of a credential. One that lacks this shows all of it."""

    def choices(self, credential: Secured) -> Choices:
        """The choices of a credential as this form read it. Raises as `Secured.claims`."""

    def show(
        self, credential: Secured, choice: Collection[str], asked: Asked, signer: Signer, created: datetime
    ) -> Received:
        """Answers what was asked with this credential alone, signed by the key that it is bound to.

        Of what can be shown alone, only the names in `choice` are. Raises as `choices`.
        """
