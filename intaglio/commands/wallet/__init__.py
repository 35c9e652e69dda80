"""`intaglio wallet …`: results on stdout, talk on stderr, secrets by prompt or file, never as arguments."""

from __future__ import annotations

import click

from ..lazy import Lazy

_VERBS = "intaglio.commands.wallet.verbs"


@click.group(
    cls=Lazy,
    places={
        "backup": (f"{_VERBS}:backup", "Write keys and credentials into one encrypted file."),
        "delete": (f"{_VERBS}:delete", "Remove a credential from the wallet."),
        "export": (f"{_VERBS}:export", "Print a credential as it was received."),
        "import": (f"{_VERBS}:import_", "Check a credential or bundle, and keep it."),
        "init": (f"{_VERBS}:init", "Make a wallet with a key."),
        "list": (f"{_VERBS}:list_", "List what the wallet holds."),
        "password": (f"{_VERBS}:password", "Change the wallet's passphrase."),
        "present": (f"{_VERBS}:present", "Sign a presentation of credentials for one verifier."),
        "receive": (f"{_VERBS}:receive", "Claim a credential by its link, or import a file."),
        "restore": (f"{_VERBS}:restore", "Make a wallet from a backup."),
        "show": (f"{_VERBS}:show", "Show one credential."),
    },
)
def wallet() -> None:
    """Keep credentials, and show them: encrypted on this machine, verified before they are kept."""
