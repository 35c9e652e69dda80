"""Keccak-256, the hash of Ethereum: older than SHA3-256, from which its padding differs."""

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The hash of some bytes."""
    return keccak.new(data=data, digest_bits=256).digest()
