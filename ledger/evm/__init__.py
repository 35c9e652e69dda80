"""Checkpoints on a chain that runs Ethereum's virtual machine: the contract, and what proves its events.

A contract has one log's size and root, and says so in an event. `evidence.py` has the kind of evidence: a
block's header that a verifier pins, the receipt with the event, its path in the block's trie of receipts, and
where the event is of a later checkpoint, the log's own consistency proof. Read `contract.py` and `anchor.vy`
first; `rlp.py`, `trie.py`, `header.py` and `receipt.py` are Ethereum's own forms. The extra `[evm]` installs
what it needs.
"""

KIND = "urn:intaglio:evidence:eip155-anchor@v1"
