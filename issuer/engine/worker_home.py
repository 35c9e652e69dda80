"""The home of a worker of a cluster: of an issuer what signs rows, and nothing that logs, lists or records.

issuer/        issuer.json, did.json, kinds/ and templates as the issuer has them; keys.json with the key that
               signs credentials, if it is in a file, and the root of the secrets, sealed as at the issuer
issuer/shards  where the issuer keeps shards in its folder, a link to them: for workers of the same machine
contexts/      the contexts of the deployment, if it has some
"""

from __future__ import annotations

import shutil
from fnmatch import fnmatchcase
from pathlib import Path

from keys import KeyFile
from wire.files import make_private_folder
from wire.problem import Conflict

from ..identity.documents import FILE as DOCUMENT
from ..identity.home import FILE, Identity, kind_folder
from ..press.update import REPLACED, TEMPLATE
from ..shared import shared_in
from ..shared.folder import FolderShared

_KEY = "assertion"


def write_worker(home: Path, keys: KeyFile, folder: Path, contexts: Path | None = None) -> None:
    """Writes the home of a worker of the issuer in `home`. Asks for the passphrase of its keys.

    Raises `Conflict` where the folder exists, and as `Identity.read`.
    """
    if folder.exists():
        raise Conflict.saying("{file} exists already", file=str(folder))
    identity, shared, target = Identity.read(home), shared_in(home), folder / "issuer"
    make_private_folder(folder)
    make_private_folder(target)
    # No key for the log or for lists: whoever takes a worker over can sign, and make nothing look issued.
    keys.copy(target / "keys.json", *({_KEY} & keys.public_keys.keys()))
    names = [name for name in shared.names("") if name == TEMPLATE or fnmatchcase(name, REPLACED)]
    for reference in identity.kinds:
        of_kind = kind_folder(reference)
        names += [*shared.names(of_kind), *shared.names(f"{of_kind}/tables")]
    worker = FolderShared(target)
    for name in (DOCUMENT, *names, FILE):
        worker.write(name, shared.read(name) or b"")
    if not identity.shards:
        make_private_folder(home / "shards")
        (target / "shards").symlink_to((home / "shards").resolve())
    if contexts is not None:
        shutil.copytree(contexts, folder / "contexts")
