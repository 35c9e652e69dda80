"""The problems of a document or a context, worded so that its author can mend it."""

from __future__ import annotations

from wire.problem import Code, Damaged, Malformed, Problem, Refused, Scalar, TooLarge


class InvalidDocument(Malformed):
    """The document breaks a rule of JSON-LD 1.1, or uses something on whose meaning processors disagree.

    Its meaning is then not known here, so that no signature was found to contradict it.
    """

    code = "invalid-json-ld"
    type = "https://w3id.org/security#PROOF_TRANSFORMATION_ERROR"
    title = "The document cannot be read as JSON-LD"
    undetermined = True

    def __init__(
        self,
        reason: str,
        *,
        hint: str = "",
        because: Problem | None = None,
        why: Problem | None = None,
        **facts: Scalar,
    ) -> None:
        super().__init__(f"at the top: {reason}", hint=hint, because=because, why=why, **facts)
        self.template = self._reason = reason
        self._pointer = ""

    def within(self, step: str | int) -> None:
        """Say that the place named so far lies in this member or item; `detail` becomes a JSON pointer."""
        self._pointer = "/" + _short(str(step)).replace("~", "~0").replace("/", "~1") + self._pointer
        self.detail = f"at {self._pointer}: {self._reason}"
        self.args = (self.detail,)
        self.facts = {**self.facts, "at": self._pointer}


class LossyDocument(InvalidDocument):
    """Some part of the document would not be in the canonical form, so no signature would cover it.

    An undefined term is such a part.
    """

    code = "lossy-document"
    title = "Part of the document would not be signed"


class Respelled(InvalidDocument):
    """The document may be good; it says in another way than is read here something that decides."""

    code = "respelled"
    title = "A part is written in a way that is not read"


INVALID_CONTEXT = Code("invalid-context", Malformed, "The JSON-LD context cannot be read", undetermined=True)
"""A context breaks a rule of JSON-LD 1.1, or uses what is not read here."""


class UnknownContext(Refused):
    """A context is not among those that are kept here with their hash. Contexts are never fetched."""

    code = "unknown-context"
    title = "The JSON-LD context is not known here"
    undetermined = True


UNVERSIONED_CONTEXT = Code("unversioned-context", UnknownContext)
"""The signature fits under no known text of a context whose URL has no version."""


class AmbiguousType(Malformed):
    """A type is named by a word that means several."""

    code = "ambiguous-type"
    title = "The type is not clear"


class UnknownType(Problem):
    """A policy or a trust list names a type by a word that no context known here defines.

    In a document, such a word is a `LossyDocument`.
    """

    code = "unknown-type"
    title = "The type is not known here"
    undetermined = True


DAMAGED_CONTEXT = Code("damaged-context", Damaged, "This program is damaged", undetermined=True)
"""The program's own copy of a context is not what it was: nothing can be said of any document."""
TOO_COMPLEX = Code("too-complex", TooLarge, "The document takes too much work to canonicalise")
"""The document asks for more work than any honest one needs."""


LONGEST_NAME = 1 << 12  # characters; each stands in every statement about what it names
LONGEST_DATA = 1 << 19  # of a data: URL, which holds a picture


def require_short(iri: str) -> None:
    """Raises TOO_COMPLEX for an id, property or type that is longer than any honest one."""
    # Threat F1: a name of 90 KB would be written and hashed with each statement about it (ADR 23).
    if len(iri) > LONGEST_NAME and (len(iri) > LONGEST_DATA or not iri.startswith("data:")):
        raise TOO_COMPLEX.saying(
            "an id or the name of a property is longer than {most} characters",
            most=LONGEST_NAME,
            hint="Only a picture as a data: URL may be longer.",
        )


def quoted(name: object) -> str:
    """A name from the document, short enough for a message."""
    return f"'{_short(str(name))}'"


def _short(text: str) -> str:
    # A stranger's text in a message is cut.
    return text if len(text) <= 80 else text[:80] + "…"
