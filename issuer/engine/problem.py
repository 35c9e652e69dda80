"""Problems of a cluster: its address, its certificates, what its workers say and whether anybody answers."""

from __future__ import annotations

from wire.problem import Code, Malformed, Refused, Unavailable

INVALID_CLUSTER_ADDRESS = Code("invalid-cluster-address", Malformed, "No address of a cluster")
"""The address of a cluster is not `tls://host:port`."""
CLUSTER_NOT_ENCRYPTED = Code("cluster-not-encrypted", Refused, "The cluster would be open to everybody")
"""A cluster is to be reached without TLS, and not on this machine: whoever connects could run code there."""
CLUSTER_CERTIFICATE_EXPIRED = Code("cluster-certificate-expired", Refused, "A certificate has expired")
"""A certificate of the cluster, or the one that is shown to it, has expired or is not yet valid."""
CLUSTER_AUTHORITY = Code("cluster-authority", Refused, "A certificate is by another authority")
"""A certificate of the cluster, or the one that is shown to it, is not by the authority of the cluster."""
CLUSTER_LOST = Code("cluster-lost", Unavailable, "The cluster does not answer")
"""The scheduler of a cluster did not answer for as long as was allowed, or had no worker."""
WORKER_RELEASE = Code("worker-release", Refused, "A worker has another release")
"""A worker of a cluster has another release of this program: it might sign other bytes for the same row."""
FUNCTION_NOT_ALLOWED = Code("function-not-allowed", Refused, "A worker may not do that")
"""A worker was asked for a function that its own settings do not allow."""
TASK_REFUSED = Code("task-refused", Refused, "A worker gave no answer")
"""A worker of a cluster could not begin with a task, or gave something else than bytes."""
WORKER_KEYS = Code("worker-keys", Refused, "A worker has other keys")
"""A worker of a cluster lacks the key that signs, or the root of the issuer's secrets."""
WORKER_KIND = Code("worker-kind", Refused, "A worker has not this kind")
"""A worker of a cluster lacks the kind, or the template, of which credentials are to be issued."""
WORKER_SETTINGS = Code("worker-settings", Refused, "A worker is set up otherwise")
"""A worker of a cluster would sign something else: it has no folder, or one that is not as the driver's."""
WORKER_SHARD = Code("worker-shard", Refused, "A worker did something else")
"""A worker of a cluster signed less than was asked for, or something else: nothing of it was logged."""
