"""Skeletons of the records that a press prints, one for each shape, and the guard over their output.

The shape of a record is the set of its fields that are empty, that are numbers, and that are addresses of
each scheme. A file has few shapes, and rows of one shape differ in values alone: these are spliced into the
constant rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from keys import PublicKey, Signer
from kinds import Record
from vc.facts import IssuingFacts
from vc.secured import Form, Options, ReadBack, Skeleton, Spliced, Splices
from vc.slots import Format, Slots
from wire import base58_decode, base58_encode, base64url_decode, base64url_encode
from wire.problem import Malformed, Problem

from ..problem import SKELETON_DIFFERS, LineUnlike
from .document import Composer, is_moment

MOST = 256
"""The most shapes that are kept. Others go the general way: a hostile file may have a new shape in each row.
"""

WORTH = 3
"""The number of records of a shape before it gets a skeleton: compiling takes as long as these."""

FIRST, EVERY = 3, 64
"""The guard makes the first few records of a skeleton, and then one in so many, the general way as well."""

DIFFERENT = (
    "by its skeleton a credential has other bytes than in the general way; nothing of its part of the file "
    "was issued"
)
"""The detail of `SKELETON_DIFFERS`."""

UNSIGNED = "a credential is not signed by the issuer's key"
"""The detail of `LineUnlike` for a signature."""

_SCHEMES = frozenset({"http", "https", "urn", "did", "mailto"})


class Shaped:
    """The skeleton of one shape, and the number of its uses."""

    def __init__(self, skeleton: Skeleton, dates: Sequence[Format]) -> None:
        self._skeleton, self._dates = skeleton, dates
        self._used = 0

    @property
    def is_new(self) -> bool:
        """True if few records were made or read by it."""
        return self._used < FIRST

    @property
    def is_due(self) -> bool:
        """True if the guard makes the next record the general way as well."""
        return self.is_new or self._used % EVERY == 0

    def secure(self, values: Sequence[Any], signer: Signer) -> Spliced | None:
        """The credential of a record of this shape; `None` leaves it, unsigned, to the general path."""
        spliced = self._skeleton.secure(values, signer) if self._are_dates(values) else None
        self._used += spliced is not None
        return spliced

    def sign(self, values: Sequence[Any], signer: Signer) -> bytes | None:
        """As `secure`, the credential alone."""
        return self._skeleton.sign(values, signer) if self._are_dates(values) else None

    def read(self, values: Sequence[Any], credential: bytes) -> ReadBack | None:
        """As `Skeleton.read`; `None` as well for dates of which the general path has to say more."""
        read = self._skeleton.read(values, credential) if self._are_dates(values) else None
        self._used += read is not None
        return read

    def _are_dates(self, values: Sequence[Any]) -> bool:
        """False where a date is none, which the general path says."""
        for date in self._dates:  # noqa: SIM110 -- of one or two, `all` takes twice the time
            if not is_moment(date.text(values)):
                return False
        return True


class Skeletons:
    """The skeletons of one press. Pickled without them: each process compiles its own."""

    def __init__(self, composer: Composer, form: Form, verification_method: str, key: PublicKey) -> None:
        self._composer, self._form = composer, form
        self._splices = form if isinstance(form, Splices) else None
        self._verification_method, self._key = verification_method, key
        self._fields = sorted(composer.template.fields)
        urls = {name for name, field in composer.kind.fields.items() if field.type == "url"}
        own_names = urls.union(composer.own)
        self._own = [index for index, name in enumerate(self._fields) if name in own_names]
        self.worth = WORTH
        """The number of records of a shape that go the general way first."""
        self._seen: dict[tuple[Any, ...], int] = {}
        self._shapes: dict[tuple[Any, ...], Shaped | None] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Skeletons, (self._composer, self._form, self._verification_method, self._key)

    def find(self, record: Record, seq: int, created: datetime) -> tuple[Shaped | None, list[Any], str]:
        """The skeleton for a record, if there is one, the values of its slots, and the credential's `id`.

        Raises as `Composer.parts`, but for dates. A form without skeletons has no values to look at.
        """
        if self._splices is None:
            return None, [], ""
        composer = self._composer
        identifier = composer.credential_id(record[composer.kind.number], 1)
        number, position = composer.positions.locate(seq)
        values = list(map(composer.values(record).get, self._fields))
        schemes = [_scheme(values[index]) for index in self._own]
        # The rest is in every credential, also at position 0, which is no empty field.
        shape = created, tuple(map(type, values)), tuple(map(bool, values)), *schemes
        values += identifier, composer.profile.list_url(number), position
        try:  # to hash a shape takes as long as to make it
            return self._shapes[shape], values, identifier
        except KeyError:
            before = self._seen.get(shape, 0)
        if before < self.worth or len(self._shapes) >= MOST:
            if before or len(self._seen) < MOST:
                self._seen[shape] = before + 1
            return None, values, identifier
        shaped = self._shapes[shape] = self._compiled(composer.facts(record, seq), values, created)
        return shaped, values, identifier

    def _compiled(self, facts: IssuingFacts, values: Sequence[Any], created: datetime) -> Shaped | None:
        slots = Slots.of(values)
        if slots is None or self._splices is None:
            return None
        *fields, identifier, list_url, position = slots.markers
        content = self._composer.template.fill(dict(zip(self._fields, fields, strict=True)))
        status = facts.status._replace(list_url=str(list_url), position=int(position))
        marked = facts._replace(id=str(identifier), status=status)
        options = Options(self._verification_method, created=created)
        skeleton = self._splices.skeleton(marked, content, slots, self._key, options)
        dates = [slots.format(str(content[name])) for name in self._composer.dates if name in content]
        if skeleton is None or None in dates:
            return None
        return Shaped(skeleton, [date for date in dates if date])


def _scheme(value: Any) -> str:
    """The scheme of an address, since a skeleton is for one scheme: a column may hold http: and https:."""
    scheme = str(value).partition(":")[0]
    return scheme if scheme in _SCHEMES else ""


class Noting:
    """A signer that remembers the last thing that it signed."""

    def __init__(self, signer: Signer) -> None:
        self.public_key, self._signer = signer.public_key, signer
        self._last = b"", b""

    def sign(self, data: bytes) -> bytes:
        """As the signer does."""
        self._last = data, self._signer.sign(data)
        return self._last[1]

    def again(self) -> Repeating:
        """A signer that gives the same signature again."""
        return Repeating(self.public_key, *self._last)


class Repeating:
    """Gives one signature again, for the same data alone: the guard signs nothing a second time."""

    def __init__(self, key: PublicKey, data: bytes, signature: bytes) -> None:
        self.public_key, self._data, self._signature = key, data, signature

    def sign(self, data: bytes) -> bytes:
        """Raises `SKELETON_DIFFERS` for other data."""
        if data != self._data:
            raise SKELETON_DIFFERS(DIFFERENT)
        return self._signature


class Blank:
    """Gives zeros, or a signature of others, in the place of one, and notes what it would be over."""

    def __init__(self, key: PublicKey, signature: bytes = b"") -> None:
        self.public_key, self._zeros = key, bytes(key.kind.signature)
        self._given = signature or self._zeros
        self._data = b""

    def sign(self, data: bytes) -> bytes:
        """Zeros, as many as a signature has bytes, or what was given."""
        self._data = data
        return self._given

    def signature(self, line: bytes, blank: bytes) -> bytes:
        """The signature in a line that is, but for it, the one printed by this last.

        Raises `LineUnlike` for any other line.
        """
        for encode, decode in _ENCODINGS:
            head, is_there, tail = blank.rpartition(encode(self._zeros).encode())
            if is_there and line.startswith(head) and line.endswith(tail):
                text = line[len(head) : len(line) - len(tail)]
                # Nothing else than a signature can stand there, neither a quotation mark nor a dot.
                with suppress(Malformed, UnicodeDecodeError):
                    return decode(text.decode())
        raise LineUnlike("a credential says something else than its row")

    def verify(self, signature: bytes) -> None:
        """Raises `LineUnlike` unless a signature is over what was printed last."""
        try:
            self.public_key.verify(signature, self._data)
        except Problem as problem:
            raise LineUnlike(UNSIGNED) from problem


_ENCODINGS: Sequence[tuple[Callable[[bytes], str], Callable[[str], bytes]]] = (
    (base58_encode, base58_decode),
    (base64url_encode, base64url_decode),
)
"""The ways in which forms write a signature: base58btc (VC Data Integrity 2.1), base64url (RFC 7515)."""
