"""The kinds of anchors, by the namespace of a ledger's name: the one place that knows them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from wire.problem import ExtraMissing, Refused
from wire.text import shortened

from . import evm
from .anchor import Anchor, Sender
from .evidence import TrustedLedger


class AnchorKind(NamedTuple):
    """The way in which ledgers of one namespace, such as CAIP-2's `eip155`, take a log's checkpoints."""

    begin: Callable[[str, Mapping[str, str], Sender], Mapping[str, Any]]
    """Prepares the ledger of this name from the options given for it, and returns its settings.

    They are JSON, are kept and shown, and have nothing secret. Raises `Refused` for options it cannot use.
    """
    open: Callable[[str, Mapping[str, Any], Sender], Anchor]
    """The anchor of a name, by its settings."""
    trusted: Callable[[str, Mapping[str, Any]], TrustedLedger | None] = lambda *_: None
    """A trust file's entry for the ledger of a name, by its settings; `None` where there is none."""


def _evm() -> AnchorKind:
    for module, package in (("Crypto", "pycryptodome"), ("eth_account", "eth-account")):
        if importlib.util.find_spec(module) is None:
            raise ExtraMissing.saying(
                "for checkpoints on a chain {package} is needed, which is not installed",
                package=package,
                extra="evm",
            )
    from .evm.deployment import begin, open_anchor

    return AnchorKind(begin, open_anchor, evm.trusted)


ANCHORS: Mapping[str, AnchorKind] = MappingProxyType(
    {"eip155": AnchorKind(lambda *said: _evm().begin(*said), lambda *said: _evm().open(*said), evm.trusted)}
)
"""The kinds by namespace; each is loaded on first use."""


def anchor_kind(name: str, kinds: Mapping[str, AnchorKind]) -> AnchorKind:
    """The kind of the ledger of a name. Raises `Refused` for a namespace that `kinds` does not have."""
    namespace, _, reference = name.partition(":")
    # Settings may come with a backup (threat F23): only kinds that are installed here are opened.
    if namespace not in kinds or not reference:
        raise Refused.saying("no checkpoints are sent to {name} from here", name=shortened(name))
    return kinds[namespace]
