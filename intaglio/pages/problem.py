"""What a page refuses before anything is looked at."""

from __future__ import annotations

from wire.problem import Malformed, Refused, TooLarge


class ForeignHost(Refused):
    """A request names another host than this service."""

    code = "foreign-host"
    title = "This is not the host that was asked for"


class ForeignPage(Refused):
    """A form was sent by a page of somebody else, or by a program that does not say which."""

    code = "foreign-page"
    title = "Another page sent this"


class NoForm(Malformed):
    """What was sent to a page is not what its form sends."""

    code = "no-form"
    title = "This is no form"


class NothingSent(Malformed):
    """A form was sent without a file and without a text."""

    code = "nothing-sent"
    title = "No file was chosen"


class UploadTooLarge(TooLarge):
    """More was sent at once than a page takes."""

    code = "upload-too-large"
    title = "This is more than the page takes"
