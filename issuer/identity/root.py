"""The one root secret of all machines of an issuer: of two, two credentials would get one status position.

Their database has a keyed digest of it, by which a machine with another root is known. The key is derived
from the root itself, so that the digest tells nobody what that is.
"""

from __future__ import annotations

import hmac

from keys import KeyFile

from ..problem import ANOTHER_ROOT, NO_ISSUER
from ..shared import Shared

FILE = "root"
"""The file that all machines share, with the digest."""


def keep_root(shared: Shared, keys: KeyFile) -> None:
    """Keeps the digest of the root of a new issuer's keys. Asks for their passphrase."""
    shared.write(FILE, root_digest(keys))


def require_root(shared: Shared, keys: KeyFile) -> None:
    """Raises `ANOTHER_ROOT` unless the issuer's machines have the root of these keys, `NO_ISSUER` for none.

    Asks for the passphrase of the keys.
    """
    digest = shared.read(FILE)
    if digest is None:
        raise NO_ISSUER("there is no issuer in the database")
    if not hmac.compare_digest(digest, root_digest(keys)):
        raise ANOTHER_ROOT("these are the keys of another issuer than that of the database")


def root_digest(keys: KeyFile) -> bytes:
    """The keyed digest of the root, in hexadecimal digits. Asks for the passphrase of the keys."""
    return hmac.digest(keys.secret("machines"), b"root", "sha256").hex().encode()
