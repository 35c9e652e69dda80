"""Rows of an issuer's database go from SQLite to PostgreSQL and back as they were."""

from __future__ import annotations

import pytest

from tests import postgres_server

pytestmark = [pytest.mark.slow, postgres_server.needed]
