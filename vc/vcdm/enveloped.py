"""A secured credential whose form is no JSON object, and how it travels inside one (VCDM 2.0, 4.13).

Its media type says which form it is; the bytes stay as they are.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from wire.text import shortened

from ..problem import MalformedCredential, UnsupportedForm
from .credential import CONTEXT_V2

TYPE = "EnvelopedVerifiableCredential"
PRESENTATION_TYPE = "EnvelopedVerifiablePresentation"
_PRESENTATIONS, _CREDENTIALS = "application/vp+", "application/vc+"

_MEMBERS = ("@context", "id", "type")
_MEDIA_TYPE = r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}"
_URL = rf"data:({_MEDIA_TYPE})(;base64)?,([A-Za-z0-9!$&'()*+,;=:@/?._~%-]*)"
_TEXT = rb"[A-Za-z0-9!$&'()*+,;=:@/?._~-]*"


@dataclass(frozen=True, slots=True)
class Enveloped(Mapping[str, Any]):
    """The bytes of a secured credential or presentation, and the media type of their form.

    As a mapping it is the `EnvelopedVerifiableCredential` or `EnvelopedVerifiablePresentation` by which JSON
    holds it.
    """

    form: str
    data: bytes

    @classmethod
    def from_object(cls, value: Mapping[str, Any]) -> Enveloped:
        """Out of an enveloped credential or presentation, whose id is a `data:` URL (RFC 2397).

        Raises `MalformedCredential` where one has the media type of the other, and `UnsupportedForm` for
        whatever else it is.
        """
        contexts = value.get("@context")
        # VCDM 2.0, 4.13: by it the types mean the envelope; under another, they could mean anything.
        if CONTEXT_V2 not in (contexts if isinstance(contexts, list) else [contexts]):
            raise UnsupportedForm.saying(
                "the enveloped credential does not name {context}", context=CONTEXT_V2
            )
        # Threat R1: no signature covers other members of the envelope.
        if value.keys() != set(_MEMBERS):
            raise UnsupportedForm("the enveloped credential has other members than @context, id and type")
        parts = re.fullmatch(_URL, value["id"]) if isinstance(value["id"], str) else None
        if parts is None:
            raise UnsupportedForm("the id of the enveloped credential is no data: URL that is read here")
        form, encoded, text = parts.groups()
        another = (
            _CREDENTIALS if value["type"] in (PRESENTATION_TYPE, [PRESENTATION_TYPE]) else _PRESENTATIONS
        )
        if form.startswith(another):  # threat 19: what was signed as one counts for nothing as the other
            raise MalformedCredential.saying(
                "{type} holds {form}", type=shortened(str(value["type"])), form=form
            )
        data = unquote_to_bytes(text)
        if encoded:
            try:
                # Without `validate`, Python passes over foreign characters, and the same bytes have many
                # spellings.
                data = base64.b64decode(data, validate=True)
            except binascii.Error:
                raise UnsupportedForm("the enveloped credential is not base64") from None
        return cls(form, data)

    @property
    def _url(self) -> str:
        if re.fullmatch(_TEXT, self.data):
            return f"data:{self.form},{self.data.decode()}"
        return f"data:{self.form};base64,{base64.b64encode(self.data).decode()}"

    def __getitem__(self, name: str) -> Any:
        match name:
            case "@context":
                return [CONTEXT_V2]
            case "id":
                return self._url
            case "type":
                return PRESENTATION_TYPE if self.form.startswith(_PRESENTATIONS) else TYPE
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_MEMBERS)

    def __len__(self) -> int:
        return len(_MEMBERS)


def is_media_type(text: str) -> bool:
    """True if `text` may name a form: a type and subtype, without parameters."""
    return re.fullmatch(_MEDIA_TYPE, text) is not None
