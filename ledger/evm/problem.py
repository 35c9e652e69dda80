"""Problems of a chain's nodes, and of transactions that are sent there."""

from __future__ import annotations

from wire.problem import Code, Conflict, Malformed, Refused, TryLater, Unavailable

NODES_UNREADABLE = Code("nodes-unreadable", Refused, "The addresses of the nodes cannot be read")
"""The file that names the nodes of a chain is missing, open to others, or not of its form."""
NODE_UNAVAILABLE = Code("node-unavailable", Unavailable, "The node did not answer")
"""A node gave no answer that could be used, or said that it cannot."""
NODE_REFUSES = NODE_UNAVAILABLE.finer("node-refuses", "The node refuses the request")
"""A node does not take the request: the key in its address or header is wrong, or used up."""


class NodeError(Unavailable):
    """A node answered with an error of its own (JSON-RPC 2.0, 5.1)."""

    code = "node-error"
    title = "The node answered with an error"


NODE_MALFORMED = NODE_UNAVAILABLE.finer("node-malformed", "The node's answer is malformed")
"""A node's answer is not one to the question."""


class NodeLies(Unavailable):
    """A node's answer contradicts itself: a block that does not hash to its hash, or receipts to its root."""

    code = "node-lies"
    title = "The node's answer contradicts itself"


NODES_DISAGREE = NODE_UNAVAILABLE.finer("nodes-disagree", "The nodes disagree")
"""Two nodes of one chain say different things of it."""
NODE_BEHIND = NODE_UNAVAILABLE.finer("node-behind", "The node is behind")
"""A node does not have what was seen of the chain before: it is behind, or the chain went back."""
FINALITY_STALLED = NODE_UNAVAILABLE.finer("finality-stalled", "Nothing becomes final on the chain")
"""The transaction has been in a block for hours, and no node says that the block is final."""
WRONG_CHAIN = Code("wrong-chain", Refused, "The node is of another chain")
"""A node is one of another chain."""
CHAIN_FORM_UNKNOWN = Code("chain-form-unknown", Refused, "The chain's blocks are of an unknown form")
"""The chain's blocks or receipts have a form that is not read here: nothing there proves anything."""


class FeeAboveCap(Unavailable):
    """The chain asks for a higher fee than is paid here; it is waited until it falls."""

    code = "fee-above-cap"
    title = "The fee is too high at present"


FEE_ACCOUNT_LOW = Code("fee-account-low", Unavailable, "The account of the fees has too little")
"""The account that pays the fees has too little."""
OTHER_CONTRACT = Code("other-contract", Conflict, "The contract is another one")
"""The address has another contract than this log's, or none."""
MAY_NOT_ANCHOR = Code("may-not-anchor", Refused, "The account may not anchor there")
"""The contract's owner has not named the account as one that may anchor."""
CONTRACT_AHEAD = Code("contract-ahead", Conflict, "The contract has a larger checkpoint")
"""The contract has a checkpoint already that is not older: it takes this one no more."""
TRANSACTION_FAILED = Code("transaction-failed", Conflict, "The transaction failed")
"""A transaction was mined, and did not do what it was sent for."""
NO_FEE_KEY = Code("no-fee-key", Malformed, "The key cannot pay fees")
"""The key that should pay fees is not a secp256k1 key in a file."""
DEPLOYMENT_PENDING = Code("deployment-pending", TryLater, "The contract is on its way")
"""The transaction that makes the contract was sent, and is in no block yet."""
