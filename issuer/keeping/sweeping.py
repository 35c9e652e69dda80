"""Finding shards that killed jobs left and nothing names, and deleting them with a key that may.

A machine's key to a bucket has no right to delete, and needs none for anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..archive.kept import ShardName
from ..issuer import Issuer


def sweep(issuer: Issuer, agree: Callable[[Sequence[ShardName]], None]) -> tuple[list[ShardName], int]:
    """Deletes the shards of ended jobs that no chunk names, begun or finished; `agree` hears which, if any.

    Returns these, and the number of other shards that nothing names: shards of jobs that may go on, or are
    not known here, stay. Issuing waits meanwhile. Raises `TryLater` while another process issues, the errors
    of `agree`, and that of a store that refuses to delete.
    """
    archive, store = issuer.archive, issuer.store
    with issuer.shared.held("issue", patience=issuer.patience):
        strays = archive.strays()
        # A job that has all its chunks begins no more: so none is about to name what goes.
        ended = {job.id for job in store.jobs() if len(store.finished_chunks(job)) == job.chunks}
        removable = [shard for shard in strays if shard.job in ended]
        if removable:
            agree(removable)
        for shard in removable:
            archive.shards.remove(shard)
    return removable, len(strays) - len(removable)
