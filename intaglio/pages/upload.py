"""Cut a form's body into its parts in memory (RFC 7578).

Starlette's own reader puts larger parts into temporary files, and no part of a diploma may be written to
the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wire.text import printable

from .problem import NO_FORM, NOTHING_SENT, UploadTooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FILE = 1 << 20
"""Bytes of one file."""

MAX_FILES = 200
"""Files of one form."""

MAX_UPLOAD = 8 << 20
"""Bytes of all files of one form."""

MAX_BODY = MAX_UPLOAD + (1 << 18)
"""Bytes of the whole request, which has headers and boundaries around the files."""

FILES, TEXT = "file", "text"
"""The fields of the form."""

_MAX_HEADER = 4096  # bytes of one part: a name of 300 characters may be written with 12 bytes each
LONGEST_NAME = 300
"""Characters of a file's name that are shown."""


class Uploaded(NamedTuple):
    """A file, under the name that its sender gave it; a text that was pasted has none."""

    name: str
    data: bytes


def uploads(content_type: str, body: bytes) -> tuple[Uploaded, ...]:
    """The files of a form, at least one, and then the text that was pasted.

    Raises `NO_FORM`, `NOTHING_SENT` and `UploadTooLarge`.
    """
    parts = _Parts()
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise NO_FORM("it is not what the form on this page sends")
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks, max_header_size=_MAX_HEADER)
        parser.write(body)
    except FormParserError:
        raise NO_FORM("it is cut off, or not written as forms are") from None
    if not parts.is_whole:
        raise NO_FORM("it is cut off, or not written as forms are")
    return parts.found()


class _Parts:
    """Gathers what the parser finds."""

    def __init__(self) -> None:
        self._files: list[Uploaded] = []
        self._text = b""
        self._header, self._value, self._disposition = b"", b"", b""
        self._data = bytearray()
        self.is_whole = False

    @property
    def callbacks(self) -> MultipartCallbacks:
        """The callbacks for the parser; not kept here, since a reference cycle would outlive its use."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._more,
            "on_header_end": self._header_end,
            "on_part_data": self._content,
            "on_part_end": self._end,
            "on_end": self._whole,
        }

    def found(self) -> tuple[Uploaded, ...]:
        text = self._text.strip()
        pasted = [Uploaded("", text)] if text else []
        if not self._files and not pasted:
            raise NOTHING_SENT("neither a file nor a text was sent")
        return (*self._files, *pasted)

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""
        self._data = bytearray()

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _content(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        field, name = options.get(b"name", b"").decode(errors="replace"), options.get(b"filename")
        data = bytes(self._data)
        if field == TEXT and name is None:
            self._text += data
            if len(self._text) > MAX_FILE:
                raise UploadTooLarge.saying("the text has more than {most} MiB", most=MAX_FILE >> 20)
        elif field == FILES and name is not None and (name or data):  # a browser sends an empty one for none
            self._files.append(Uploaded(_name(name), data))
            if len(data) > MAX_FILE:
                raise UploadTooLarge.saying(
                    "the file {file} has more than {most} MiB", file=self._files[-1].name, most=MAX_FILE >> 20
                )
            if len(self._files) > MAX_FILES:
                raise UploadTooLarge.saying("there are more than {most} files", most=MAX_FILES)

    def _whole(self) -> None:
        self.is_whole = True


def _name(name: bytes) -> str:
    """A name to be shown, never a path; browsers write quotation marks in it as `%22`."""
    text = name.decode(errors="replace").replace("%22", '"')
    shown = printable(text.replace("\\", "/").rpartition("/")[2][: LONGEST_NAME + 1])
    return shown if len(shown) <= LONGEST_NAME else f"{shown[:LONGEST_NAME]}…"
