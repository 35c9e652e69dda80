"""Which form something is of: by its content, strictly, or by the media type that it came under."""

from __future__ import annotations

from collections.abc import Mapping

from wire import Problem, TooLarge
from wire.text import shortened
from wire.work import Work

from ..problem import UnsupportedForm
from ..secured import INTEGRITY, Carried, Form, Received, Secured
from ..vcdm.enveloped import Enveloped


def recognised(content: Carried, forms: Mapping[str, Form]) -> Form | None:
    """The one of `forms` that recognises it. Raises `UnsupportedForm` where several do."""
    found = None
    for form in forms.values():
        if isinstance(content, bytes) and len(content) > form.limit:
            continue
        if form.recognises(content):
            if found is not None:
                raise UnsupportedForm.saying(
                    "this is of the forms {one} and {other}, and cannot be both",
                    one=found.media_type,
                    other=form.media_type,
                )
            found = form
    return found


def read(received: Received, forms: Mapping[str, Form], work: Work) -> Secured:
    """Reads it as what it is.

    Raises `UnsupportedForm`, `TooLarge`, and as `Secured.claims` and `Secured.presentation` do.
    """
    found = opened(received, forms, work)
    # Now: what is wrong is the file's, and the work that of who asks.
    _ = found.claims if found.presentation is None else found.credentials
    return found


def opened(received: Received, forms: Mapping[str, Form], work: Work) -> Secured:
    """The same of what one has made oneself: what it says is read when it is asked for.

    Raises `UnsupportedForm`, `TooLarge`, and as the form's `read` does.
    """
    form, content = _form(received, forms)
    return form.read(content, forms, work)


def identifier(received: Received, forms: Mapping[str, Form]) -> object:
    """The id that it gives itself, unchecked; `None` where that cannot be told."""
    try:
        form, content = _form(received, forms)
        return form.identifier(content)
    except Problem:
        return None


def _form(received: Received, forms: Mapping[str, Form]) -> tuple[Form, Carried]:
    if not isinstance(received, Enveloped):
        form, name = (
            recognised(received, forms) or forms.get(INTEGRITY),
            INTEGRITY,
        )  # which says what it lacks
    else:
        form, name = forms.get(received.form), received.form
    if form is None:
        raise UnsupportedForm.saying("this is enveloped as {name}", name=shortened(name))
    if not isinstance(received, Enveloped):
        return form, received
    if len(received.data) > form.limit:
        raise TooLarge.saying(
            "more than {most} bytes of the form {form}", most=form.limit, form=received.form
        )
    return form, received.data
