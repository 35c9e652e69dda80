"""Sorted positions as Rice codes: what is set in many status lists, in as few bytes as nearly possible.

docs/formats/revocations.md has the format to the bit. A block has the positions of one status list, so that a
look-up unpacks one list; what changed since yesterday is one block over all lists.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from wire import Malformed, TooLarge
from wire.memory import Kept, Memory
from wire.work import BYTES_UNPACKED, POSITIONS_UNPACKED

_MOST_BITS = 31
"""The largest parameter of a Rice code."""
_LONGEST_NUMBER = 5
"""Bytes of a number: 35 bits count more than any file has."""
_MOST_POSITIONS = 1 << 26
"""Positions of a purpose: fifty million revocations of a hundred million credentials are fewer."""
_UNPACKED = 1 << 24
"""Bytes of blocks that stay unpacked: four million positions."""


def pack(positions: Sequence[int]) -> bytes:
    """One block: how many there are, the parameter of the code, the length of its bits, the bits.

    `positions` ascend. The parameter is the smallest of those by which the bits are fewest, so that the same
    positions give the same bytes everywhere.
    """
    if not positions:
        return b"\0"
    before = -1
    gaps = []
    for position in positions:
        gaps.append(position - before - 1)
        before = position
    parameter = _best(gaps)
    mask, width = (1 << parameter) - 1, f"0{parameter}b" if parameter else ""
    written = "".join(
        ["1" * (gap >> parameter) + "0" + (format(gap & mask, width) if width else "") for gap in gaps]
    )
    length = (len(written) + 7) // 8
    bits = int(written.ljust(length * 8, "0"), 2).to_bytes(length)
    return _number(len(gaps)) + bytes([parameter]) + _number(length) + bits


def _best(gaps: Sequence[int]) -> int:
    """The parameter: a bit more costs one bit a position, and saves half of the unary ones."""
    parameter = 0
    while parameter < _MOST_BITS and sum((gap >> parameter) + 1 >> 1 for gap in gaps) > len(gaps):
        parameter += 1
    return parameter


class PackedPositions:
    """Blocks one after the other, each of the positions in its `span`, from `start` of `data` on."""

    def __init__(self, data: bytes, start: int, blocks: int, span: int) -> None:
        """Raises `Malformed` where the blocks do not fit into the data, and `TooLarge`.

        Their bits are looked at later.
        """
        self._data, self.span = data, span
        self._blocks: list[tuple[int, int, int, int]] = []
        place, total = start, 0
        for _ in range(blocks):
            count, place = _read_number(data, place)
            parameter = length = 0
            if count:
                # No list is long enough for a larger one, and a shift by it would cost memory (threat F1).
                if place >= len(data) or (parameter := data[place]) > _MOST_BITS:
                    raise _broken()
                length, place = _read_number(data, place + 1)
                # A position takes a bit more than the parameter: a count that is only claimed costs nothing.
                if count * (parameter + 1) > length * 8 or count > span or length > len(data) - place:
                    raise _broken()
                # With parameter 0 there is a bit for each position up to the last, and no other takes more:
                # ones without an end would fill the memory of whoever looks one credential up.
                if length > (span + 7) // 8:
                    raise _broken()
            total += count
            # Threat 57c: positions take more memory unpacked than packed.
            if total > _MOST_POSITIONS:
                raise TooLarge.saying("there are more than {most} positions", most=_MOST_POSITIONS)
            self._blocks.append((count, parameter, place, length))
            place += length
        self.end = place
        """The place at which the data behind the blocks begins."""
        self._unpacked: Memory[int, array[int]] = Memory(_UNPACKED)

    def steps(self, position: int) -> int:
        """The cost of looking a position up, in steps: as if its block had to be unpacked, so that it is
        the same each time.
        """
        count, _, _, length = self._blocks[position // self.span]
        return count // POSITIONS_UNPACKED + length // BYTES_UNPACKED

    def __contains__(self, position: int) -> bool:
        """True if a position, counted through all blocks, is there. Raises `Malformed`."""
        number, within = divmod(position, self.span)
        block = self._unpacked.get(number)
        if block is None:
            block = self.block(number)
            self._unpacked.keep(number, Kept(block, len(block) * block.itemsize))
        place = bisect_left(block, within)
        return place < len(block) and block[place] == within

    def __iter__(self) -> Iterator[int]:
        """All positions, ascending. Raises `Malformed`."""
        for number in range(len(self._blocks)):
            start = number * self.span
            yield from (start + within for within in self.block(number))

    def block(self, number: int) -> array[int]:
        """The positions within one block, ascending. Raises `Malformed`."""
        count, parameter, start, length = self._blocks[number]
        positions = array("Q")
        bits = format(1 << length * 8 | int.from_bytes(self._data[start : start + length]), "b")
        place, position = 1, -1  # behind the 1 that keeps the zeros which follow it
        for _ in range(count):
            end = bits.find("0", place)
            following = end + 1 + parameter
            # Threat 57c: the bits end before the positions that were announced.
            if end < 0 or following > len(bits):
                raise _broken()
            remainder = int(bits[end + 1 : following], 2) if parameter else 0
            position += ((end - place) << parameter | remainder) + 1
            positions.append(position)
            place = following
        # Equal positions have equal bytes: behind the last one there are only the zeros that fill its byte.
        if position >= self.span or "1" in bits[place:] or len(bits) - place > 7:
            raise _broken()
        return positions


def toggled(positions: Iterable[int], changes: Iterable[int]) -> list[int]:
    """The positions that are in one of both and not in the other, ascending."""
    return sorted(set(positions).symmetric_difference(changes))


def _number(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first; the highest bit says that another follows."""
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_NUMBER):
        if place + index >= len(data):
            break
        group = data[place + index]
        value |= (group & 0x7F) << 7 * index
        if group < 0x80:
            return value, place + index + 1
    # Threat 57c: a number that goes on, or is cut off.
    raise _broken()


def _broken() -> Malformed:
    return Malformed("the positions are not packed as they should be")
