"""A PKCS#11 token in software: SoftHSM 2, where it is installed (Debian: `apt-get install softhsm2`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PIN = "correct-horse-1234"
PLACES = ("/usr/lib/softhsm", "/usr/lib64/pkcs11", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm")
MODULE = next((path.resolve() for place in PLACES if (path := Path(place, "libsofthsm2.so")).exists()), None)

needed = pytest.mark.skipif(
    MODULE is None or shutil.which("softhsm2-util") is None, reason="no SoftHSM 2: apt-get install softhsm2"
)


class Token:
    """A token with keys, by their names."""

    def __init__(self, label: str, folder: Path) -> None:
        import pkcs11

        self.label = label
        (self.file,) = folder.glob("*/token.object")
        """SoftHSM's file of the token object itself."""
        self.module = pkcs11.lib(str(MODULE))

    def _session(self) -> Any:
        """A new session: initializing the module again would end all sessions."""
        import pkcs11

        token = self.module.get_token(token_label=self.label)
        try:
            return token.open(user_pin=PIN, rw=True)
        except pkcs11.UserAlreadyLoggedIn:
            return token.open(rw=True)

    def make(self, label: str, curve: bytes, *, edwards: bool = False) -> str:
        """A new key on a curve, given as DER: its URI."""
        from pkcs11 import Attribute, KeyType, Mechanism

        kind = KeyType.EC_EDWARDS if edwards else KeyType.EC
        mechanism = Mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else Mechanism.EC_KEY_PAIR_GEN
        parameters = self._session().create_domain_parameters(kind, {Attribute.EC_PARAMS: curve}, local=True)
        parameters.generate_keypair(mechanism=mechanism, store=True, label=label)
        return self.uri(label)

    def rename(self, label: str, name: str, *, private: bool) -> None:
        """Gives one half of a pair another name."""
        from pkcs11 import Attribute, ObjectClass

        half = ObjectClass.PRIVATE_KEY if private else ObjectClass.PUBLIC_KEY
        self._session().get_key(object_class=half, label=label)[Attribute.LABEL] = name

    def uri(self, label: str) -> str:
        """The URI of a key of this name, present or not."""
        return f"pkcs11:token={quote(self.label)};object={quote(label)}?module-path={quote(str(MODULE))}"


@contextmanager
def token(folder: Path) -> Iterator[Token]:
    """A new one, whose files are in `folder`. One a process: the library reads its settings once."""
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(settings)
    pins = ("--pin", PIN, "--so-pin", "5678")
    tool = ["softhsm2-util", "--init-token", "--free", "--label", "Registrar's token", *pins]
    try:
        subprocess.run(tool, check=True, capture_output=True)
        yield Token("Registrar's token", folder / "tokens")
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
