"""The one tree of errors: what is wrong and where, as a code, facts and one sentence (RFC 9457).

Every package raises subclasses of `Problem`; nothing else is expected to escape a public function.
A `TypeError` or `KeyError` is a bug and is never caught. `detail` names fields and positions, never a
secret and never a claim about a person, so that a Problem can be logged, shown and sent as it is. The same
holds of its facts. What a person should do about it is said above, by its code (ADR 44).
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any, ClassVar, Self

Scalar = str | int | float | bool | None
Facts = Mapping[str, Scalar]
"""What a sentence about something needs to know, by name."""


class Problem(Exception):
    """Something is wrong. `undetermined` tells "could not be checked" from "checked, and not so"."""

    type: ClassVar[str] = "about:blank"
    """The specification's own name for it, where one has."""
    code: ClassVar[str] = "problem"
    """Names the class for scripts, for ever; docs/codes.md lists all."""
    title: ClassVar[str] = "Something is wrong"
    undetermined: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> None:
        """`hint` is technical advice, where the code has none; `because` is what it comes from.

        `why` is the problem that `detail` ends with, in its words.
        """
        super().__init__(detail)
        self.detail, self.hint, self.because, self.why = detail, hint, because, why
        self.template = detail
        """What other languages know the sentence by: itself, or what `saying` filled."""
        self.facts: Facts = {name: value for name, value in facts.items() if value is not None}

    @classmethod
    def saying(
        cls,
        template: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> Self:
        """One whose `detail` is a text of ours, with facts in braces, and with `{why}` and `{because}`."""
        others = {"why": why, "because": because}
        quoted = {name: problem.detail for name, problem in others.items() if problem}
        detail = template.format_map({**facts, **quoted})
        problem = cls(detail, hint=hint, because=because, why=why, **facts)
        problem.template = template
        return problem

    def to_dict(self) -> dict[str, Any]:
        """The problem as the members of an `application/problem+json` object."""
        members = {"type": self.type, "code": self.code, "title": self.title, "detail": self.detail}
        further = {"facts": dict(self.facts), "hint": self.hint}
        return {**members, **{name: value for name, value in further.items() if value}}


class Malformed(Problem):
    """Bytes from outside do not have the form that their specification asks for."""

    code = "malformed"
    title = "The data is malformed"


class RepeatedMember(Malformed):
    """A JSON object has two members of one name, so that two readers may read two things (RFC 7493, 2.3)."""

    code = "repeated-member"
    title = "A member of the JSON stands there twice"


class TooLarge(Malformed):
    """A limit of ours on size, depth or number was exceeded: what is beyond it was not read."""

    code = "too-large"
    title = "The data is larger than allowed"
    undetermined = True


class Unavailable(Problem):
    """Something needed could not be reached, so that the question stays open; trying later may help."""

    code = "unavailable"
    title = "Could not be reached"
    undetermined = True


class UnknownAuthority(Unavailable):
    """A host's certificate is by an authority that is not known here."""

    code = "unknown-authority"


class TryLater(Unavailable):
    """What is needed is in use or overloaded; the same again a little later is expected to succeed."""

    code = "try-later"
    title = "Busy"


class DiskFull(Unavailable):
    """There is no room to write; nothing that was acknowledged is lost."""

    code = "disk-full"
    title = "The disk is full"


def is_full(error: OSError) -> bool:
    """Whether the system had no room to write."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class Refused(Problem):
    """A rule of ours forbids this, however well formed it is."""

    code = "refused"
    title = "Refused"


class ExtraMissing(Refused):
    """A package is needed that is not installed here; the fact `extra` names the extra that installs it."""

    code = "extra-missing"
    title = "An optional package is not installed"


class LoopbackRefused(Refused):
    """A URL leads to this machine itself, which was not allowed."""

    code = "loopback-refused"


class Declined(Refused):
    """A person was asked and said no; nothing was done."""

    code = "declined"
    title = "Declined"


class PassphraseNeeded(Refused):
    """Secrets are sealed, and no passphrase was given."""

    code = "passphrase-needed"
    title = "A passphrase is needed"


class NotFound(Problem):
    """What was asked for does not exist here."""

    code = "not-found"
    title = "Not found"


class Conflict(Problem):
    """What is asked for contradicts what is already stored; nothing was changed."""

    code = "conflict"
    title = "Conflict"


class Damaged(Problem):
    """Stored data does not match what was written; it is left as found."""

    code = "damaged"
    title = "Stored data is damaged"
