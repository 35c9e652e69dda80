"""Problems of a cluster: its address, its certificates, what its workers say and whether anybody answers."""

from __future__ import annotations

from wire.problem import Code, Refused

WORKER_RELEASE = Code("worker-release", Refused, "A worker has another release")
"""A worker of a cluster has another release of this program: it might sign other bytes for the same row."""
WORKER_KEYS = Code("worker-keys", Refused, "A worker has other keys")
"""A worker of a cluster lacks the key that signs, or the root of the issuer's secrets."""
WORKER_KIND = Code("worker-kind", Refused, "A worker has not this kind")
"""A worker of a cluster lacks the kind, or the template, of which credentials are to be issued."""
WORKER_SETTINGS = Code("worker-settings", Refused, "A worker is set up otherwise")
"""A worker of a cluster would sign something else: it has no folder, or one that is not as the driver's."""
WORKER_SHARD = Code("worker-shard", Refused, "A worker did something else")
"""What a worker of a cluster signed is not there, or is not what was asked for: nothing of it was logged."""
