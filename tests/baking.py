"""Pictures for tests, into which something is baked as Open Badges 3.0 has it, or otherwise."""

from __future__ import annotations

import zlib

KEYWORD = b"openbadgecredential"


def chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def itxt(text: bytes, keyword: bytes = KEYWORD, flags: bytes = b"\0\0", rest: bytes = b"\0\0") -> bytes:
    return chunk(b"iTXt", keyword + b"\0" + flags + rest + text)


def png(*chunks: bytes) -> bytes:
    """One grey dot."""
    head = chunk(b"IHDR", bytes.fromhex("00000001000000010800000000"))
    dot = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"".join((b"\x89PNG\r\n\x1a\n", head, dot, *chunks, chunk(b"IEND", b"")))


def svg(element: str, before: str = '<?xml version="1.0" encoding="UTF-8"?>\n') -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:openbadges="https://purl.imsglobal.org/ob/v3p0"'
    return f'{before}<svg {names} viewBox="0 0 9 9">{element}<circle r="4"/></svg>'.encode()


def element(content: str, attributes: str = "") -> str:
    return f"<openbadges:credential{attributes}>{content}</openbadges:credential>"
