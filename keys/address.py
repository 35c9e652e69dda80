"""The address of a key on a PKCS#11 token: a URI (RFC 7512), read without the token and what opens it.

    pkcs11:token=LABEL;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin

No URI has the PIN, since URIs get into logs: `pin-source` names the file that has it, or it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from wire.problem import Malformed

from .problem import PIN_IN_ADDRESS

_PATH, _QUERY = {"token", "object", "type"}, {"module-path", "pin-source"}


def token_address(uri: str) -> Mapping[str, str]:
    """The parts of a `pkcs11:` URI. Raises `PIN_IN_ADDRESS`, and `Malformed` for one of another form."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    pieces = [(_PATH, piece) for piece in path.split(";")] + [(_QUERY, piece) for piece in query.split("&")]
    found: dict[str, str] = {}
    for known, piece in pieces:
        name, _, value = piece.partition("=")
        if name == "pin-value":
            raise PIN_IN_ADDRESS(
                "the address of the key has a PIN in it, where many can read it",
                hint="Name the file that has it, as pin-source, and choose another PIN.",
            )
        if name not in known or name in found:
            raise Malformed("the address of the key has a part that is not known here, or one twice")
        found[name] = unquote(value)
    if not {"token", "object", "module-path"} <= found.keys() or found.get("type", "private") != "private":
        raise Malformed(
            "the address of the key is not of the form pkcs11:token=…;object=…?module-path=/absolute/path"
        )
    if not Path(found["module-path"]).is_absolute() or "\0" in found["module-path"]:
        raise Malformed("module-path of the key's address is not the absolute path of a file")
    if not pin_file(found.get("pin-source", "/")).is_absolute():
        raise Malformed("pin-source of the key's address is not the absolute path of a file")
    return found


def require_well_formed(uri: str) -> None:
    """Raises as `token_address` does, if it is the address of a key on a token: only then it may be shown."""
    if uri.lower().startswith("pkcs11:"):
        token_address(uri)


def pin_file(source: str) -> Path:
    """The file that a `pin-source` names."""
    return Path(source.removeprefix("file:").removeprefix("//"))
