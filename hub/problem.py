"""Problems of a hub, besides those that every package raises."""

from __future__ import annotations

from wire.problem import Code, NotFound

NO_HUB = Code("no-hub", NotFound)
"""There is no hub in the folder."""
