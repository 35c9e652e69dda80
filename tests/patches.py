"""Attributes of the product's modules and classes that tests overwrite (monkeypatch)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.sources import nodes

ALLOWED = {
    "what another machine has: its way to sync, its way to start processes, its cores": {
        *("wire.files._FULL_SYNC", "wire.files._libc", "wire.workers._CONTEXT"),
        "issuer.keeping.export.available_cores",
    },
    "the end of a process in between two steps of a command that runs whole": {
        *("issuer.archive.store.SQLiteIndex.begin_chunk", "verifier.Trust.load"),
    },
    "faults that are planted in order to be found": {"<owner>.<name>"},
    "the instant at which another process begins": {"issuer.keeping.export.extend_manifest"},
    "what is counted, and by which library or process": {
        "issuer.keeping.export.sync_files",
        *("keys.PublicKey.verify", "kinds.Template.__init__", "keys.ed25519.<name>"),
    },
    "what would cost minutes as it is: passphrases, waiting, files and requests by the thousand": {
        *("keys.envelope.COST", "holder.store.EncryptedStore.open", "verifier.sources.published_log.<name>"),
        *("intaglio.commands.issuer.issue.MOST_FILES", "intaglio.commands.issuer.reading.open_source"),
        *("issuer.status.lists._MOST_HELD", "issuer.status.lists._MOST_ROWS", "keys.public._MOST_POINTS"),
        *("ledger.evm.deployment._PATIENCE", "issuer.job.owner._INTERVAL"),
        *("ledger.tiles.s3.batches._MOST", "ledger.tiles.s3.batches._LARGEST"),
        *("ledger.tiles.s3.bucket.LARGEST", "ledger.tiles.s3.bucket.LARGEST_BATCHES"),
        *("ledger.tiles.s3.bucket._PATIENCE", "ledger.tiles.s3.bucket._PAGE_PATIENCE"),
        *("ledger.tiles.s3.store._EXAMINED", "ledger.tiles.s3.store._SPARE"),
        *("ledger.tiles.postgres.store.LARGEST", "ledger.evm.chain.LARGEST_ANSWER"),
        *("ledger.mirror._AT_ONCE", "ledger.mirror._MOST_AT_ONCE", "issuer.job.bulk.PIECE"),
        "issuer.job.bulk._COMPARED",
        *("ledger.evm.chain._ASKED", "ledger.evm.chain._MOST_TRANSACTIONS", "wire.workers.TOLD"),
    },
}
"""The attributes that tests may overwrite, by the reason; everything else has to be an argument."""


def patched(path: Path, packages: Sequence[str]) -> Iterator[str]:
    """The name of each attribute of one of the packages that a file sets by `setattr`, of monkeypatch or not.

    A name that is in a variable or an argument is given as that, in angle brackets.
    """
    text = path.read_text()
    if "setattr" not in text and "mock.patch" not in text:
        return
    arguments = {node.arg for node in nodes(path, ast.arg)}
    ours = {**{name: f"<{name}>" for name in arguments}, **dict(_imported(path, packages))}
    for node in nodes(path, ast.Call):
        if not _sets(node.func):
            continue
        target, *rest = node.args
        if isinstance(target, ast.Constant) and isinstance(target.value, str):
            if target.value.partition(".")[0] in packages:
                yield target.value
            continue
        if isinstance(target, ast.JoinedStr):
            yield f"<{ast.unparse(target)}>"
            continue
        root, _, further = ast.unparse(target).partition(".")
        if root in ours and rest:
            name = rest[0].value if isinstance(rest[0], ast.Constant) else f"<{ast.unparse(rest[0])}>"
            yield ".".join(filter(None, (ours[root], further, str(name))))


def _sets(function: ast.expr) -> bool:
    name = getattr(function, "attr", getattr(function, "id", ""))
    return name == "setattr" or (name == "patch" and ast.unparse(function).endswith("mock.patch"))


def _imported(path: Path, packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    for names in nodes(path, ast.ImportFrom):
        if (names.module or "").partition(".")[0] in packages:
            for alias in names.names:
                yield alias.asname or alias.name, f"{names.module}.{alias.name}"
    for modules in nodes(path, ast.Import):
        for alias in modules.names:
            first, _, _ = alias.name.partition(".")
            if first in packages:
                yield alias.asname or first, alias.name if alias.asname else first
