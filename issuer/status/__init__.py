"""Revocation: `lists.py` makes and publishes status lists, `due.py` says when, `files.py` reads them."""

from __future__ import annotations

from .due import due, next_due, overdue, unrenewed
from .files import anchored, details_name, gone, latest, not_as_published, published_document, unlike
from .lists import Lists

__all__ = [
    "Lists",
    "anchored",
    "details_name",
    "due",
    "gone",
    "latest",
    "next_due",
    "not_as_published",
    "overdue",
    "published_document",
    "unlike",
    "unrenewed",
]
