"""The set-up of a chain for a log's checkpoints: the contract is created, or an existing one is used.

The result is kept as settings, which have nothing secret: the places of the nodes' addresses and of the key
that pays the fees, and the contract.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from keys import KeyFile, open_signer
from keys.signer import Passphrase
from wire.files import write_durably
from wire.problem import Malformed, Refused

from ..anchor import Sender
from ..outbox import Outbox
from ..problem import UnknownForm
from .anchor import EvmAnchor
from .chain import Chain
from .contract import init_code, runtime_code
from .hexadecimal import parse_address
from .nodes import nodes_in, nodes_of
from .problem import (
    CHAIN_FORM_UNKNOWN,
    DEPLOYMENT_PENDING,
    NO_FEE_KEY,
    NODES_UNREADABLE,
    OTHER_CONTRACT,
    TRANSACTION_FAILED,
)
from .transactions import GWEI, Call, FeeAccount, Pending, account_of, checksummed, coins

_CAP = 100  # gwei
_NEW = "new"  # in the place of a contract's address
_LOOKED_AT = 8  # blocks, the newest
_PATIENCE = 90.0  # seconds
_CONTRACTS = ("contract", "since", "former")
_PAUSES = (0.02, 2.0)  # seconds between two looks, the first and the longest


def begin(name: str, given: Mapping[str, str], sender: Sender) -> Mapping[str, Any]:
    """See `AnchorKind.begin`. Options are `rpc-file`, `contract`, `owner`, `fee-key`, `fee-cap` and `depth`.

    Options that are not given stay as they were. The `owner` says who may anchor, and has to be given once.
    The first time, and where `contract` is `new`, a contract is created, which costs a fee. If that takes
    long, or was interrupted, the same call resumes. Raises `Refused` for a chain whose blocks are not read
    here, or that does not say what is final, `OTHER_CONTRACT`, `FEE_ACCOUNT_LOW` with the account,
    `DEPLOYMENT_PENDING`, and what nodes and keys raise.
    """
    earlier = (each.settings for each in Outbox(sender.folder).destinations() if each.name == name)
    former: Mapping[str, Any] = next(earlier, {})
    file = given.get("rpc-file")
    settings: dict[str, Any] = {
        "nodes": str(Path(file).resolve()) if file else former.get("nodes"),
        "depth": _whole("depth", given["depth"]) if "depth" in given else former.get("depth"),
        "feeCap": _whole("fee-cap", given["fee-cap"]) if "fee-cap" in given else former.get("feeCap", _CAP),
        "feeKey": given.get("fee-key") or former.get("feeKey"),  # none: the folder has its own
    }
    named = given.get("owner") or former.get("owner")
    # No default such as the fee account: its key is not sealed, and the owner's is to be kept cold.
    if named is None:
        raise Refused("the contract's owner is not named")
    owner = parse_address(named)
    address = given.get("contract") or former.get("contract", _NEW)
    contract = None if address == _NEW else parse_address(address)
    chain = _chain(name, settings, sender)
    # Before any fee is paid: a chain whose evidence nobody could read is of no use.
    _require_read(chain)
    settings["asOf"] = chain.head().number  # so they are new ones, and what waits is prepared anew
    settings["account"] = checksummed(_account(_fee_key(settings, sender), sender.passphrase))
    settings["owner"] = checksummed(owner)
    if contract is None:
        return {**settings, **_deployed(chain, owner, settings, sender), **_former(former)}
    # An address may have been mistyped, or come from somebody else.
    require_contract(chain, contract, sender.log.origin, owner)
    if former.get("contract") == checksummed(contract):
        return {**settings, **{name: former[name] for name in _CONTRACTS if name in former}}
    kept = (each["since"] for each in former.get("former", ()) if each["contract"] == checksummed(contract))
    return {**settings, "contract": checksummed(contract), "since": next(kept, 0), **_former(former)}


def _former(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of earlier contracts: evidence by them stays valid, so verifiers need them."""
    if "contract" not in settings:
        return {}
    last = {"contract": settings["contract"], "since": settings["since"]}
    return {"former": [*settings.get("former", ()), last]}


def _fee_key(settings: Mapping[str, Any], sender: Sender) -> str:
    default = f"file:{quote(str((sender.folder / 'fees.json').resolve()))}#fee"
    return settings["feeKey"] or default


def open_anchor(name: str, settings: Mapping[str, Any], sender: Sender) -> EvmAnchor:
    """See `AnchorKind.open`. Raises `NODES_UNREADABLE`; the fee key is opened when it signs."""
    chain = _chain(name, settings, sender)
    paying = _paying(chain, settings, sender)
    return EvmAnchor(chain, parse_address(settings["contract"]), paying, sender.log, settings["since"])


def _chain(name: str, settings: Mapping[str, Any], sender: Sender) -> Chain:
    file = settings["nodes"]
    if file is not None:
        return Chain(name, nodes_in(Path(file)), settings["depth"])
    named = sender.nodes(name)
    if named is None:
        raise NODES_UNREADABLE.saying("no nodes of {chain} are named", chain=name)
    return Chain(name, nodes_of(named.encode(), "the environment"), settings["depth"])


def _paying(chain: Chain, settings: Mapping[str, Any], sender: Sender) -> FeeAccount:
    opened = partial(open_signer, _fee_key(settings, sender), passphrase=sender.passphrase)
    return FeeAccount(chain, parse_address(settings["account"]), opened, settings["feeCap"] * GWEI)


def _require_read(chain: Chain) -> None:
    """Raises `CHAIN_FORM_UNKNOWN` where evidence from the chain could not be read, and as `Chain.final`.

    The first block, which was not mined, may be of any form.
    """
    chain.final()
    newest = chain.head().number
    for number in range(max(1, newest - _LOOKED_AT + 1), newest + 1):
        try:
            chain.block(number)
        except UnknownForm as problem:
            raise CHAIN_FORM_UNKNOWN.saying(
                "what {chain} has in block {number} proves nothing here: {why}",
                chain=chain.name,
                number=number,
                why=problem,
            ) from problem


def require_contract(chain: Chain, contract: bytes, origin: str, owner: bytes) -> None:
    """Raises `OTHER_CONTRACT` unless the code is that of the contract of this log, with this owner."""
    expected, code = runtime_code(origin, owner), chain.code(contract)
    # All of the code: it decides who may write, and the log and owner stand at its end as constants.
    if code != expected:
        parts = {"code": slice(0, -64), "log": slice(-64, -32), "owner": slice(-32, None)}
        differing = next((name for name, part in parts.items() if code[part] != expected[part]), "code")
        raise OTHER_CONTRACT.saying(
            "at {contract} on {chain} is no contract of this log with this owner: the {part} is another",
            contract=checksummed(contract),
            chain=chain.name,
            part=differing,
        )


def _account(key: str, passphrase: Passphrase) -> bytes:
    """The account of the key at an address; a new key, which is not sealed, if its file does not exist.

    A timer uses the key, and it can only spend the account's balance.
    """
    parts = urlsplit(key)
    path = Path(unquote(parts.path))
    # eth-account needs the secret itself, which no token gives.
    if parts.scheme != "file" or not path.is_absolute() or not parts.fragment:
        raise NO_FEE_KEY("fees are paid with a key in a file, at an address like file:/absolute/path#name")
    if path.exists():
        public = KeyFile.open(path, passphrase).public_keys
    else:
        public = KeyFile.create(path, {parts.fragment: "secp256k1"}, None).public_keys
    if parts.fragment not in public:
        raise NO_FEE_KEY.saying("the file {file} has no key of this name", file=str(path))
    return account_of(public[parts.fragment])


def _deployed(chain: Chain, owner: bytes, settings: Mapping[str, Any], sender: Sender) -> Mapping[str, Any]:
    """Create the contract. Each transaction is kept before it is sent, so that a restart finds it again."""
    account = _paying(chain, settings, sender)
    call = Call(None, init_code(sender.log.origin, owner, account.address))
    kept = sender.folder / f"contract-{chain.id}.json"
    pending = Pending.parse(kept.read_bytes()) if kept.exists() else Pending()
    deadline, (pause, longest) = time.monotonic() + _PATIENCE, _PAUSES
    while True:
        nonce = account.nonce()  # before it is asked what was mined
        if transactions := account.mined(pending):
            break
        if time.monotonic() > deadline:
            raise DEPLOYMENT_PENDING.saying("the contract on {chain} is not in a block yet", chain=chain.name)
        pending = account.following(call, pending, nonce)
        # ADR 56: written down before it is sent.
        write_durably(kept, pending.encode())
        chain.send(pending.sent[-1].raw)
        time.sleep(pause)
        pause = min(2 * pause, longest)
    mined = transactions[0]
    if mined.succeeded and mined.contract and not chain.code(mined.contract):
        raise DEPLOYMENT_PENDING.saying("the contract on {chain} is not in a block yet", chain=chain.name)
    kept.unlink()  # not before: what a node that is behind does not know yet would be paid for again
    if mined.contract is None or not mined.succeeded:
        raise TRANSACTION_FAILED.saying("no contract was made on {chain}", chain=chain.name)
    # The node's word for where the contract is; its code shows whether that is so.
    require_contract(chain, mined.contract, sender.log.origin, owner)
    return {"contract": checksummed(mined.contract), "since": mined.block, "cost": coins(mined.cost)}


def _whole(name: str, text: str) -> int:
    # `isdigit` takes digits of other scripts, too.
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Malformed.saying("{name} is no whole number", name=name)
    return int(text)
