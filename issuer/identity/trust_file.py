"""The trust file that an issuer hands out: its entry, in the version that the entry needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ledger import TrustedLedger
from ledger.anchors import AnchorKind
from ledger.cosigned import Cosigned
from ledger.evm import KIND, SINCE
from ledger.outbox import Outbox

_NAMED = {"list_keys": "listKeys", "status_issuers": "statusIssuers"}


def trust_file(
    entry: Mapping[str, Any],
    closed: str,
    outbox: Outbox,
    anchors: Mapping[str, AnchorKind],
    cosigned: Cosigned,
    mirrors: Sequence[str] = (),
) -> dict[str, Any]:
    """The trust file of an issuer with this entry; it gives the date if the issuer has `closed`.

    It names the ledgers that the log's checkpoints go to, as far as `anchors` say how to trust them, and the
    log's witnesses with the number or the groups that are needed, and the addresses of these `mirrors`.
    """
    ledgers = _trusted_ledgers(outbox, anchors)
    issuer = {
        _NAMED.get(member, member): list(value) if isinstance(value, tuple) else value
        for member, value in entry["issuer"].items()
        if value
    }
    if closed:
        issuer["closed"] = closed
    version = 4 if "listKeys" in issuer else 2 if closed or "statusIssuers" in issuer or ledgers else 1
    version = 6 if "kinds" in issuer else version
    if any(ledger.kind == KIND and SINCE in ledger.parameters for ledger in ledgers):
        version = max(version, 5)
    version = 7 if "address" in issuer else version
    log = {**entry["log"], **_witnesses(cosigned)}
    version = 8 if isinstance(log.get("quorum"), dict) else version
    if mirrors:
        version, log["mirrors"] = 8, list(mirrors)
    if ledgers:
        log["ledgers"] = [asdict(ledger) for ledger in ledgers]
    return {"version": version, "issuers": [issuer], "logs": [log]}


def _witnesses(cosigned: Cosigned) -> dict[str, Any]:
    """The log's witnesses, and how many of them, or which groups, are needed."""
    keys, quorum = [each.key for each in cosigned.witnesses()], cosigned.quorum()
    required = quorum.requirement(key.name for key in keys)
    if required is None:
        return {}
    rule = required.to_json() if quorum.has_groups else required.at_least
    return {"witnesses": list(map(str, keys)), "quorum": rule}


def _trusted_ledgers(outbox: Outbox, anchors: Mapping[str, AnchorKind]) -> list[TrustedLedger]:
    """The trust entries for the ledgers that take the log's checkpoints."""
    kinds = ((each, anchors.get(each.name.partition(":")[0])) for each in outbox.destinations())
    trusted = (kind.trusted(each.name, each.settings) for each, kind in kinds if kind is not None)
    return [ledger for ledger in trusted if ledger is not None]
