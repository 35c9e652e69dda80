"""The paths and contents of a tree's tiles (C2SP tlog-tiles).

A tile is 256 hashes, or fewer at the right edge of the tree; an entry bundle is 256 entries, each after its
length in two bytes. Both are addressed by level ("entries" for bundles), number and width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from wire.address import Target
from wire.problem import Damaged, Refused

WIDTH = 256
HEIGHT = 8
ENTRIES = "entries"
_NUMBER = "(x[0-9]{3}/){0,6}[0-9]{3}"
_TILE = re.compile(
    rf"tile/(?P<level>[0-9]|[1-5][0-9]|6[0-3]|entries)/(?P<number>{_NUMBER})(?P<partial>\.p/[1-9][0-9]{{0,2}})?",
    re.ASCII,
)
LARGEST_ENTRY = 0xFFFF  # bytes; what two bytes can count
LARGEST = WIDTH * (2 + LARGEST_ENTRY)  # bytes; nothing but the journal is longer than a full bundle


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """A tile's path, such as `tile/0/x001/x234/067`, or `tile/0/x001/x234/067.p/12` for width 12."""
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{number_path(number)}{partial}"


def number_path(number: int) -> str:
    """A number as a path, such as `x001/x234/067`: no folder has more than a thousand files."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    return "/".join(reversed(groups))


def full_tiles(old_size: int, new_size: int) -> list[str]:
    """The full tiles and bundles that a tree has at the new size but not at the old one."""
    return [
        tile_path(level, number)
        for level, old, new in _levels(old_size, new_size)
        for number in range(old // WIDTH, new // WIDTH)
    ]


def partial_tiles(size: int) -> list[str]:
    """The tiles and the bundle at the right edge of a tree."""
    levels = _levels(size, size)
    return [tile_path(level, width // WIDTH, width % WIDTH) for level, _, width in levels if width % WIDTH]


def is_tile(path: str, *, full: bool = False) -> bool:
    """True for the path of a tile or a bundle; with `full`, only for one that is never replaced."""
    match = _TILE.fullmatch(path)
    return match is not None and not (full and match["partial"])


def entries_before(path: str) -> int:
    """The smallest size of a tree with the tile or bundle at this path; 0 for any other path."""
    match = _TILE.fullmatch(path)
    if match is None:
        return 0
    number = int(match["number"].replace("x", "").replace("/", ""))
    width = int(match["partial"].removeprefix(".p/")) if match["partial"] else WIDTH
    level = 0 if match["level"] == ENTRIES else int(match["level"])
    return (number * WIDTH + width) << HEIGHT * level


def full_path(path: str) -> str:
    """The path of the full tile or bundle that takes a partial one's place; another path stays as it is."""
    return path.partition(".p/")[0]


def cut(whole: bytes, path: str) -> bytes:
    """The partial tile or bundle at a path, from the full one. Raises `Damaged`."""
    width = int(path.partition(".p/")[2])
    if path.startswith(f"tile/{ENTRIES}/"):
        return b"".join(frame(unframe(whole, path)[:width]))
    return whole[: len(whole) // WIDTH * width]


def prefix(origin: str) -> str:
    """The path in a log's name, under which it is published; empty if it has none."""
    return urlsplit(f"https://{origin}").path


def address(origin: str) -> str | None:
    """The URL at which a log of this name is published; `None` if the name has no host.

    C2SP tlog-tiles names logs by their URL without the scheme.
    """
    try:
        return Target.parse(f"https://{origin}").url
    except Refused:
        return None


def proof_tiles(index: int, size: int) -> Iterator[tuple[int, int, int]]:
    """The tiles that hold the inclusion proof of an entry in a tree: level, number and width of each."""
    level = 0
    while size:
        for number in sorted({index // WIDTH, size // WIDTH}):  # above the entry, and at the right edge
            if (width := min(WIDTH, size - number * WIDTH)) > 0:
                yield level, number, width
        level, index, size = level + 1, index // WIDTH, size // WIDTH


def _levels(old_size: int, new_size: int) -> Iterator[tuple[int | str, int, int]]:
    yield ENTRIES, old_size, new_size
    level = 0
    while new_size:
        yield level, old_size, new_size
        level, old_size, new_size = level + 1, old_size // WIDTH, new_size // WIDTH


def frame(entries: Sequence[bytes]) -> list[bytes]:
    """Entries in the form of bundles, each after its length."""
    return [len(entry).to_bytes(2) + entry for entry in entries]


def unframe(data: bytes, where: str) -> list[bytes]:
    """The entries of a bundle. Raises `Damaged`, naming `where`, when the lengths do not add up."""
    entries = []
    at, end = 0, len(data)
    try:
        while at < end:
            begin = at + 2
            at = begin + (data[at] << 8 | data[begin - 1])  # a third quicker than `int.from_bytes`
            entries.append(data[begin:at])
    except IndexError:  # half of a length
        at = -1
    # A bundle that was cut short would else give a shortened last entry.
    if at != end:
        raise Damaged(f"{where} ends in the middle of an entry")
    return entries
