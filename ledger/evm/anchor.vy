# pragma version 0.4.3
# pragma evm-version london
"""
@title Anchor: where one log's newest checkpoint stands
@license Apache-2.0
@notice The owner, a key that is kept cold, names who may submit. Sizes only grow: who steals a submitter's key
    can block this contract with a huge size and rewrite nothing; another contract then follows it.
"""

event Anchored:
    origin: indexed(bytes32)
    size: uint64
    root: bytes32

origin: public(immutable(bytes32))  # SHA-256 of the log's name
owner: public(immutable(address))

submitters: public(HashMap[address, bool])
size: public(uint64)
root: public(bytes32)


@deploy
def __init__(log_origin: bytes32, its_owner: address, submitter: address):
    origin = log_origin
    owner = its_owner
    self.submitters[submitter] = True


@external
def anchor(size: uint64, root: bytes32):
    assert self.submitters[msg.sender], "not a submitter"
    assert size > self.size, "not larger"
    self.size = size
    self.root = root
    log Anchored(origin=origin, size=size, root=root)


@external
def name_submitter(who: address, may: bool):
    assert msg.sender == owner, "not the owner"
    self.submitters[who] = may
