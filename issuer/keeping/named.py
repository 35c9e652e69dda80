"""References from a folder's files to anything outside it: the place of its log, shards or key, a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from keys.address import require_well_formed
from ledger.cosigned import Cosigned
from ledger.folder import address_in
from ledger.outbox import Outbox
from ledger.shared import named_store
from ledger.tiles.engines import address_of

from ..identity.home import Identity
from ..identity.succession import KeyChange


def named_in(folder: Path) -> Iterator[str]:
    """Each address that the user has to agree to before its use, in the folder of an issuer or a log.

    It opens no connection and no key. Raises the errors of reading the files.
    """
    if (address := address_in(folder)) is not None:
        yield address_of(address)
    if (database := named_store(folder)) is not None:
        yield database
        return  # all else that it names is in that database
    if (folder / "issuer.json").exists():
        change = KeyChange.read(folder)  # becomes the description's when it is finished
        next_uri = change.identity.get("signer_uri", "") if change else ""
        identity = Identity.read(folder)
        for uri in filter(None, (identity.signer_uri, next_uri)):
            require_well_formed(uri)
            yield uri
        if identity.shards:
            yield identity.shards
    for destination in Outbox(folder).destinations():
        yield destination.named
    for witness in Cosigned(folder).witnesses():
        yield witness.named
