"""The content of bytes from outside: a JSON object, a picture that holds one, or other bytes; and its form.

A form is told by content, strictly, or by the media type that something came under.

A verdict needs something that was read: anything else is named, and leaves the question open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from wire import Malformed, Problem, RepeatedMember, TooLarge, load_json
from wire.text import shortened
from wire.work import Work

from ..possession import Asked
from ..problem import IS_TRUST_FILE, KNOWN_BY_SIGHT, NO_CREDENTIAL, UnsupportedForm
from ..secured import INTEGRITY, MAX_BYTES, Carried, Form, Received, Secured
from ..vcdm.enveloped import Enveloped

BUNDLE = "IntaglioBundle"
"""The type of a bundle of ours."""

SUFFIXES = (".json", ".jsonld")
"""The endings of the names of files that are read in a folder or an archive; case does not matter."""


def received(data: bytes, forms: Mapping[str, Form], work: Work) -> dict[str, Any] | Enveloped:
    """The content of a file or picture: a bundle, or something of one of `forms`.

    Raises `UnsupportedForm`, which names the form, `NO_CREDENTIAL` and `TooLarge`, which leave the question
    open; and `RepeatedMember` for what calls itself one of these and has a member twice.
    """
    if len(data) <= MAX_BYTES and not data.startswith(b"{"):
        from .baked import credential_in  # only here: most files are no pictures

        data = credential_in(data, work) or data
        # First, since JSON that is none takes a parser long to say so.
        if form := recognised(data, forms):
            return Enveloped(form.media_type, data)
    try:
        value = load_json(data, limit=MAX_BYTES, work=work)
    # Threat 26: readers see different ones of two members; in JSON that is no credential, it contradicts
    # nothing.
    except RepeatedMember as problem:
        if not any(_is_read({"type": kind}, forms) for kind in _types_of_repeated(data)):
            raise NO_CREDENTIAL.saying(
                "this JSON is no credential, and has a member twice: {why}", why=problem
            ) from None
        raise
    except Malformed as problem:
        if form := recognised(data, forms):
            return Enveloped(form.media_type, data)
        from .sight import seen  # only here, and below: most files are what is read

        if name := seen(data):
            raise KNOWN_BY_SIGHT.saying("this is {form}", form=name) from None
        if isinstance(problem, TooLarge):
            raise
        raise NO_CREDENTIAL.saying("{why}", why=problem, hint=problem.hint) from None
    return require(value, forms)


def require(value: object, forms: Mapping[str, Form]) -> dict[str, Any]:
    """`value`, if it is a JSON object that is a bundle by its type, or of one of `forms`.

    Raises `UnsupportedForm` and `NO_CREDENTIAL`.
    """
    if isinstance(value, str):
        from .sight import seen

        if form := seen(value.encode(errors="replace")):
            raise KNOWN_BY_SIGHT.saying("this is {form}", form=form)
    if not isinstance(value, Mapping):
        raise NO_CREDENTIAL(
            "a credential, a presentation or a bundle is a JSON object, which begins with '{'"
        )
    if _is_read(value, forms):
        return dict(value)
    if "issuers" in value and "version" in value:
        raise IS_TRUST_FILE("this is a trust file, not a credential")
    if "payload" in value and not value.keys().isdisjoint({"signature", "signatures"}):
        form = "a JSON Web Signature in JSON, such as JAdES"
        if _has_disclosures(value):
            form = "an SD-JWT in JSON"
        raise KNOWN_BY_SIGHT.saying("this is {form}", form=form)
    raise NO_CREDENTIAL("by its type this JSON is no credential, no presentation and no bundle")


def _has_disclosures(value: Mapping[str, Any]) -> bool:
    """True if a signature in JSON is an SD-JWT by its unprotected header (RFC 9901, 8)."""
    several = value.get("signatures")
    headers = [
        each.get("header")
        for each in (value, *(several if isinstance(several, list) else ()))
        if isinstance(each, Mapping)
    ]
    return any(isinstance(header, Mapping) and "disclosures" in header for header in headers)


def _is_read(value: Mapping[str, Any], forms: Mapping[str, Form]) -> bool:
    return value.get("type") == BUNDLE or recognised(value, forms) is not None


def _types_of_repeated(data: bytes) -> list[object]:
    """Each `type` at the top of a JSON object, of which there may be several."""
    members = json.loads(data.decode("utf-8-sig"), object_pairs_hook=tuple)
    return [value for name, value in members if name == "type"] if isinstance(members, tuple) else []


def recognised(content: Carried, forms: Mapping[str, Form]) -> Form | None:
    """The one of `forms` that recognises it. Raises `UnsupportedForm` where several do."""
    first = None
    for form in forms.values():
        # Threat 44e: telling the form is charged to nobody, so that what is too long for it is not looked at.
        if isinstance(content, bytes) and len(content) > form.limit:
            continue
        if form.recognises(content):
            # Threat 19: in two forms, the same bytes would say two things.
            if first is not None:
                raise UnsupportedForm.saying(
                    "this is of the forms {one} and {other}, and cannot be both",
                    one=first.media_type,
                    other=form.media_type,
                )
            first = form
    return first


def read(received: Received, forms: Mapping[str, Form], work: Work, asked: Asked | None = None) -> Secured:
    """Reads it as what it is; `asked` is as of `Form.read`.

    Raises `UnsupportedForm`, `TooLarge`, and as `Secured.claims` and `Secured.presentation` do.
    """
    secured = opened(received, forms, work, asked)
    # Now: what is wrong is the file's, and the work that of who asks.
    _ = secured.claims if secured.presentation is None else secured.credentials
    return secured


def opened(received: Received, forms: Mapping[str, Form], work: Work, asked: Asked | None = None) -> Secured:
    """As `read`, for what the caller made itself: its claims are read when they are asked for.

    Raises `UnsupportedForm`, `TooLarge`, and as the form's `read` does.
    """
    form, content = _form(received, forms)
    return form.read(content, forms, work, asked)


def identifier(received: Received, forms: Mapping[str, Form]) -> object:
    """The id that it gives itself, unchecked; `None` where that cannot be told."""
    try:
        form, content = _form(received, forms)
        return form.identifier(content)
    except Problem:
        return None


def _form(received: Received, forms: Mapping[str, Form]) -> tuple[Form, Carried]:
    content: Carried
    if isinstance(received, Enveloped):
        name, content = received.form, received.data
        form = forms.get(name)
    else:
        name, content = INTEGRITY, received
        form = recognised(received, forms) or forms.get(name)  # which says what it lacks
    if form is None:
        raise UnsupportedForm.saying("this is enveloped as {name}", name=shortened(name))
    # Threat 62.
    if isinstance(content, bytes) and len(content) > form.limit:
        raise TooLarge.saying("more than {most} bytes of the form {form}", most=form.limit, form=name)
    return form, content
