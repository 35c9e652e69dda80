"""What many tests share: the third-party data, read where it lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORPORA = Path(os.environ.get("INTAGLIO_CORPORA", ROOT.parent / "shared"))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder with `vectors/` and `samples/`; a test that asks for it is skipped where it is absent."""
    if not (CORPORA / "vectors").is_dir():
        pytest.skip(f"no third-party data in {CORPORA}; set INTAGLIO_CORPORA to have this test run")
    return CORPORA
