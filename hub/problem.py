"""Problems of a hub, besides those that every package raises."""

from __future__ import annotations

from ledger.problem import InvalidEvidence
from wire.problem import Code, NotFound, Refused

NO_HUB = Code("no-hub", NotFound)
"""There is no hub in the folder."""
NO_PEERS = Code("no-peers", Refused)
"""The hub knows no other hub that could say what it has signed: it would sign as an old copy of itself."""
NOT_IN_LOG = Code("not-in-log", InvalidEvidence, "The log does not hold it")
"""A log's host publishes a document or status list beside it that the log has no entry of."""
