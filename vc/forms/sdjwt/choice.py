"""The claims that a holder can show or leave out, and showing those that were chosen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from keys import Signer

from ...possession import Asked
from ...problem import UnsupportedForm
from ...secured import Choices, Options, Secured
from .binding import bind
from .credential import SDJWTCredential
from .disclosures import ClaimPath, Disclosed, around, written_path


def choices_of(credential: Secured) -> Choices:
    """The disclosures by the places of their values, and the places of the claims that are always shown.

    An object in sight that holds disclosures is named by its members that are none. A disclosure within
    another one is shown with that. Raises `UnsupportedForm` for what is of another form, or shown already,
    and as `SDJWTCredential.disclosed`.
    """
    credential = _own(credential)
    return Choices([*credential.alone], [*map(written_path, _always(credential.disclosed))])


def _always(disclosed: Disclosed) -> Iterator[ClaimPath]:
    """The places of what no disclosure holds; of an object that holds some, those of its members.

    An object without values says nothing: all that it could hold may be hidden.
    """
    holding = {outer for path in disclosed.disclosures for outer in around(path)}
    waiting: list[tuple[ClaimPath, Any]] = [((), disclosed.payload)]
    while waiting:
        path, value = waiting.pop()
        if path in disclosed.disclosures or _is_empty(value):
            continue
        if isinstance(value, dict) and (not path or path in holding):
            waiting += [((*path, name), member) for name, member in reversed(value.items())]
        else:
            yield path


def _is_empty(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_empty, value.values()))


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
