"""The claims that a holder can show or leave out, and showing those that were chosen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from keys import Signer

from ...possession import Asked
from ...problem import UnsupportedForm
from ...secured import Choices, Options, Secured
from .binding import bind
from .credential import SDJWTCredential
from .disclosures import written_path


def choices_of(credential: Secured) -> Choices:
    """The disclosures by the places of their values, and the names of the claims that are always shown.

    A disclosure within another one is shown with that. Raises `UnsupportedForm` for what is of another form,
    or shown already, and as `SDJWTCredential.disclosed`.
    """
    credential = _own(credential)
    disclosed = credential.disclosed
    always = [written_path((name,)) for name in disclosed.payload if (name,) not in disclosed.disclosures]
    return Choices([*credential.alone], always)


def show(
    credential: Secured, choice: Collection[str], asked: Asked, signer: Signer, created: datetime
) -> bytes:
    """The credential with the chosen disclosures alone, and its holder's key binding.

    Raises as `choices_of` and `bind`.
    """
    credential = _own(credential)
    paths = [path for name, path in credential.alone.items() if name in choice]
    options = Options("", "authentication", created, asked.challenge, asked.domain)
    return bind(credential, credential.choose(paths), signer, options)


def _own(credential: Secured) -> SDJWTCredential:
    if not isinstance(credential, SDJWTCredential):
        raise UnsupportedForm("this is no SD-JWT VC")
    return credential
