"""The API asked without a network between: what a client sends, and the whole answer."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from starlette.types import ASGIApp


def asked(app: ASGIApp, method: str, path: str, **options: Any) -> httpx.Response:
    """The answer of the service to one request."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="https://api.example") as client:
            return await client.request(method, path, **options)

    return asyncio.run(ask())
