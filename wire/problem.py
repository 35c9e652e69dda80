"""The one tree of errors: each names the fault and its place, by a code, facts and one sentence (RFC 9457).

Every package raises subclasses of `Problem`; nothing else should escape a public function. A `TypeError` or
`KeyError` is a bug and is never caught. `detail` and the facts name fields and positions, never a secret or
a claim about a person. So a Problem can be logged, shown and sent as it is. The layers above have the advice
for people, by its code (ADR 44).
"""

from __future__ import annotations

import builtins
import errno
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

Scalar = str | int | float | bool | None
Facts = Mapping[str, Scalar]
"""The values that a sentence about something needs, by name."""


class Problem(Exception):
    """Something is wrong. `undetermined` tells "could not be checked" from "checked, and not so"."""

    type: str = "about:blank"
    """The specification's own name for it, if it has one."""
    code: str = "problem"
    """Names it for scripts, for ever; docs/codes.md lists all."""
    title: str = "Something is wrong"
    undetermined: bool = False

    def __init__(
        self,
        detail: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> None:
        """`hint` is technical advice, where the code has none; `because` is the problem that caused this one.

        `why` is a problem whose words `detail` ends with.
        """
        super().__init__(detail)
        self.detail, self.hint, self.because, self.why = detail, hint, because, why
        self.template = detail
        """The key of the sentence in translations: the detail, or the template that `saying` filled."""
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
        """A problem whose `detail` is a template of ours, filled with the facts, `{why}` and `{because}`."""
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


K = TypeVar("K", bound=Problem)
K_co = TypeVar("K_co", bound=Problem, covariant=True)


@dataclass(frozen=True, slots=True)
class Code(Generic[K_co]):
    """A row of docs/codes.md that needs no class, since nobody catches it by itself.

    The constant has the code's name, and its docstring the meaning. It is called as its class is, and makes a
    problem of that class. Title, type and `undetermined` default to those of the class.
    """

    code: str
    kind: builtins.type[K_co]
    title: str | None = None
    type: str | None = None
    undetermined: bool | None = None

    def __call__(
        self,
        detail: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> K_co:
        return _coded(self, self.kind(detail, hint=hint, because=because, why=why, **facts))

    def saying(
        self,
        template: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> K_co:
        """A problem whose `detail` is a template of ours: see `Problem.saying`."""
        return _coded(self, self.kind.saying(template, hint=hint, because=because, why=why, **facts))

    def finer(self, code: str, title: str | None = None) -> Code[K_co]:
        """A more specific code; all but the code and the title is the same."""
        return replace(self, code=code, title=title or self.title)


def _coded(code: Code[Problem], problem: K) -> K:
    problem.code = code.code
    if code.title is not None:
        problem.title = code.title
    if code.type is not None:
        problem.type = code.type
    if code.undetermined is not None:
        problem.undetermined = code.undetermined
    return problem


Raisable = type[K] | Code[K]
"""The factory of a problem: its class, or a code of that class."""


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


UNKNOWN_AUTHORITY = Code("unknown-authority", Unavailable)
"""A host's certificate is by an authority that is not known here."""


class TryLater(Unavailable):
    """Something that is needed is in use or overloaded; the same request should succeed a little later."""

    code = "try-later"
    title = "Busy"


DISK_FULL = Code("disk-full", Unavailable, "The disk is full")
"""There is no room to write; nothing that was acknowledged is lost."""


def is_full(error: OSError) -> bool:
    """True if the system had no room to write."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


class Refused(Problem):
    """A rule of ours forbids this, however well formed it is."""

    code = "refused"
    title = "Refused"


class ExtraMissing(Refused):
    """A package is needed that is not installed here; the fact `extra` names the extra that installs it."""

    code = "extra-missing"
    title = "An optional package is not installed"


LOOPBACK_REFUSED = Code("loopback-refused", Refused)
"""A URL leads to this machine itself, which was not allowed."""


PASSWORD_IN_ADDRESS = Code("password-in-address", Refused)
"""An address has a password in it: addresses get into lists of processes, histories and reports."""


class Declined(Refused):
    """A person was asked and said no; nothing was done."""

    code = "declined"
    title = "Declined"


class PassphraseNeeded(Refused):
    """Secrets are sealed, and no passphrase was given."""

    code = "passphrase-needed"
    title = "A passphrase is needed"


class NotFound(Problem):
    """The thing that was asked for does not exist here."""

    code = "not-found"
    title = "Not found"


class Conflict(Problem):
    """The request contradicts what is already stored; nothing was changed."""

    code = "conflict"
    title = "Conflict"


class Damaged(Problem):
    """Stored data does not match what was written; it is left as found."""

    code = "damaged"
    title = "Stored data is damaged"
