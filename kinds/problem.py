"""Faults of a kind, of its template, and of a change to a record that was made with it."""

from __future__ import annotations

from wire.problem import Code, Malformed, Refused

INVALID_KIND = Code("invalid-kind", Malformed, "The kind is not usable")
"""The files of a kind do not describe what can be issued."""
NAME_IS_WHOLE = Code("name-is-whole", Refused)
"""A part of a name is to be changed that was given as one text."""


class InvalidTemplate(Malformed):
    """The template cannot make a credential."""

    code = "invalid-template"
    title = "The template is not usable"


class FieldMissing(InvalidTemplate):
    """The template names a field that the record of this credential does not have."""

    code = "field-missing"


class BadCell(Malformed):
    """The cell's text is not a value of its field; `detail` says why, without the text."""

    code = "bad-cell"
