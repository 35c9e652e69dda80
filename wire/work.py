"""`Work`: the cost limit of one report, counted and not timed, so that it is the same on every machine.

Everything that a stranger can make long draws on one budget: values read, statements made of them, bytes
written and hashed, signatures. Functions that do such work take it as an argument. One step is about a
microsecond of one core; `bench/hostile.py` measures how far the worst known input is from that.
"""

from __future__ import annotations

from .problem import TooLarge

FILE_STEPS = 1_000_000
"""The budget of a file, for which a person waits."""

BODY_STEPS = 250_000
"""The budget of a request to a service, while other requests wait."""

# What is charged, in steps
VALUE_READ = 2
VALUE_WALKED = 4  # one that becomes statements of RDF
STATEMENT = 4
EVIDENCE = 200
SIGNATURE = 500  # with its key, and with the proof's own canonical form
CERTIFICATE = 200  # to parse one, beside its bytes
BYTES_PARSED = 2  # a step: a certificate may have a name in each three of them
BYTES_WRITTEN = 32  # a step: names repeated in statements can fill any memory
BYTES_HASHED = 128  # a step
BYTES_UNPACKED = 256  # a step
POSITIONS_UNPACKED = 4  # a step: of a status digest
_DIGITS_SQUARED = 1 << 15  # of base58, a step
BYTES_FOLDED = 2  # a step: a table of codes may have a word in each two bytes
NAMES_COMPARED = 4  # a step: of a trust list, with a sentence
FIELD_READ = 40  # of a kind: a field and what is looked for in a credential
ITEM_SHOWN = 20  # a line of a page, beside a step for each of its characters


_NO_MARKS = bytes(set(range(256)) - set(b",[{"))


def marks(text: bytes) -> int:
    """The largest possible number of values in JSON text, by its commas and opening brackets."""
    return 1 + len(text.translate(None, _NO_MARKS))  # in one pass


def base58_steps(digits: int) -> int:
    """The cost of decoding a base58 text, which grows with the square of its digits.

    It is 0 for the keys and signatures of elliptic curves: `SIGNATURE` covers those.
    """
    return digits * digits // _DIGITS_SQUARED


class Work:
    """The steps left for one report, or for one document where there is no report."""

    __slots__ = ("left",)

    def __init__(self, steps: int = FILE_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises `TooLarge` when fewer steps are left; the work then stops."""
        self.left -= steps
        if self.left < 0:
            raise TooLarge(
                "there is more to verify than may come at once", hint="Verify the credentials one by one."
            )
