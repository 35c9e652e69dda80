"""Revocation: `lists.py` makes and publishes status lists, `due.py` says when, `files.py` reads them."""

from __future__ import annotations

from .due import due, next_due, overdue, unrenewed
from .files import anchored, details_name, latest, published_document, unlike
from .lists import Lists

__all__ = [
    "Lists",
    "anchored",
    "details_name",
    "due",
    "latest",
    "next_due",
    "overdue",
    "published_document",
    "unlike",
    "unrenewed",
]
