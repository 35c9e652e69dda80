"""The claims that a holder can show or leave out, and showing those that were chosen."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from keys import Signer
from wire.work import Work

from ...possession import Asked
from ...secured import Choices, Options
from .binding import bind
from .credential import SDJWTCredential
from .disclosures import SDJWT, ClaimPath, Disclosed, up_to, written_path


def choices_of(content: bytes) -> Choices:
    """The disclosures by the places of their values, and the names of the claims that are always shown.

    A disclosure within another one is shown with that. Raises as `SDJWTCredential`.
    """
    disclosed = _credential(content).disclosed
    always = [written_path((name,)) for name in disclosed.payload if (name,) not in disclosed.disclosures]
    return Choices([*_alone(disclosed)], always)


def show(content: bytes, choice: Collection[str], asked: Asked, signer: Signer, created: datetime) -> bytes:
    """The credential with the chosen disclosures alone, and its holder's key binding. Raises as `bind`."""
    credential = _credential(content)
    paths = [path for name, path in _alone(credential.disclosed).items() if name in choice]
    options = Options("", "authentication", created, asked.challenge, asked.domain)
    return bind(credential, credential.choose(paths), signer, options)


def _credential(content: bytes) -> SDJWTCredential:
    work = Work()
    return SDJWTCredential(SDJWT.parse(content, work), work)


def _alone(disclosed: Disclosed) -> dict[str, ClaimPath]:
    """The outermost disclosures."""
    return {
        written_path(path): path
        for path in disclosed.disclosures
        if disclosed.disclosures.keys().isdisjoint(up_to(path)[:-1])
    }
