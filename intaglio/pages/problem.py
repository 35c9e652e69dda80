"""Problems for which a page refuses a request before it reads any of the files."""

from __future__ import annotations

from wire.problem import Code, Malformed, Refused, TooLarge


class ForeignHost(Refused):
    """A request names another host than this service."""

    code = "foreign-host"
    title = "This is not the host that was asked for"


FOREIGN_PAGE = Code("foreign-page", Refused, "Another page sent this")
"""A form was sent by a page of somebody else, or by a program that does not say which."""
NO_FORM = Code("no-form", Malformed, "This is no form")
"""The request to a page is not one that its form sends."""
NOTHING_SENT = Code("nothing-sent", Malformed, "No file was chosen")
"""A form was sent without a file and without a text."""


class UploadTooLarge(TooLarge):
    """More was sent at once than a page takes."""

    code = "upload-too-large"
    title = "This is more than the page takes"
