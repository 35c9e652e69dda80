"""What can go wrong with the nodes of a chain, and with what is sent there."""

from __future__ import annotations

from wire.problem import Conflict, Malformed, Refused, TryLater, Unavailable


class NodesUnreadable(Refused):
    """What names the nodes of a chain is missing, open to others, or not of its form."""

    code = "nodes-unreadable"
    title = "The addresses of the nodes cannot be read"


class NodeUnavailable(Unavailable):
    """A node gave no answer that could be used, or said that it cannot."""

    code = "node-unavailable"
    title = "The node did not answer"


class NodeRefuses(NodeUnavailable):
    """A node does not take the request: the key in its address or header is wrong, or used up."""

    code = "node-refuses"
    title = "The node refuses the request"


class NodeError(NodeUnavailable):
    """A node answered with an error of its own (JSON-RPC 2.0, 5.1)."""

    code = "node-error"
    title = "The node answered with an error"


class NodeMalformed(NodeUnavailable):
    """A node's answer is not one to the question."""

    code = "node-malformed"
    title = "The node's answer is malformed"


class NodeLies(NodeUnavailable):
    """A node's answer contradicts itself: a block that does not hash to its hash, or receipts to its root."""

    code = "node-lies"
    title = "The node's answer contradicts itself"


class NodesDisagree(NodeUnavailable):
    """Two nodes of one chain say different things of it."""

    code = "nodes-disagree"
    title = "The nodes disagree"


class NodeBehind(NodeUnavailable):
    """A node does not have what was seen of the chain before: it is behind, or the chain went back."""

    code = "node-behind"
    title = "The node is behind"


class FinalityStalled(NodeUnavailable):
    """What was sent stands in a block for hours, and no node says that the block is final."""

    code = "finality-stalled"
    title = "Nothing becomes final on the chain"


class WrongChain(Refused):
    """A node is one of another chain."""

    code = "wrong-chain"
    title = "The node is of another chain"


class UnknownBlocks(Refused):
    """The chain's blocks or receipts have a form that is not read here: nothing there proves anything."""

    code = "chain-form-unknown"
    title = "The chain's blocks are of an unknown form"


class FeeAboveCap(Unavailable):
    """The chain asks for a higher fee than is paid here; it is waited until it falls."""

    code = "fee-above-cap"
    title = "The fee is too high at present"


class FeeAccountLow(Unavailable):
    """The account that pays the fees has too little."""

    code = "fee-account-low"
    title = "The account of the fees has too little"


class OtherContract(Conflict):
    """What stands at an address is not the contract of this log."""

    code = "other-contract"
    title = "The contract is another one"


class MayNotAnchor(Refused):
    """The contract's owner has not named the account as one that may anchor."""

    code = "may-not-anchor"
    title = "The account may not anchor there"


class ContractAhead(Conflict):
    """The contract has a checkpoint already that is not older: it takes this one no more."""

    code = "contract-ahead"
    title = "The contract has a larger checkpoint"


class TransactionFailed(Conflict):
    """A transaction was mined, and did not do what it was sent for."""

    code = "transaction-failed"
    title = "The transaction failed"


class NoFeeKey(Malformed):
    """The key that should pay fees is not a secp256k1 key in a file."""

    code = "no-fee-key"
    title = "The key cannot pay fees"


class DeploymentPending(TryLater):
    """The transaction that makes the contract was sent, and is in no block yet."""

    code = "deployment-pending"
    title = "The contract is on its way"
