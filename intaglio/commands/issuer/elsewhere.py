"""`issue --cluster` and `worker`: the workers of other machines sign the rows of a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from issuer.issuer import Issuer
from wire.problem import ExtraMissing
from wire.workers import available_cores

from ...terminal import Result, say, verb
from ...words import tr
from .place import Place

if TYPE_CHECKING:
    from issuer.engine.dask import Cluster
    from issuer.job.bulk import Elsewhere

verbs = click.Group()
_F = TypeVar("_F", bound=Callable[..., object])


_tls = click.option(
    "--cluster-tls",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The folder with ca.pem, cert.pem and key.pem of this machine in the cluster.",
)


def cluster_options(command: _F) -> _F:
    """The options that name a cluster and its certificates."""
    address = click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Have the workers of a cluster sign: tls://host:port of its scheduler.",
    )
    return address(_tls(command))


def cluster_at(address: str | None, tls: Path | None) -> Cluster | None:
    """The cluster at an address, not yet connected.

    Raises `ExtraMissing`, as `Cluster` does, and a usage error for certificates without an address.
    """
    if address is None:
        if tls is not None:
            raise click.UsageError("--cluster-tls is of a cluster: add --cluster ADDRESS.")
        return None
    from issuer.engine.dask import Cluster

    _require_extra()
    return Cluster(address, tls)


def _require_extra() -> None:
    """Raises `ExtraMissing`: without it, only a process of the cluster would notice."""
    if find_spec("distributed") is None:
        raise ExtraMissing(
            "a cluster needs distributed, which is not installed", package="distributed", extra="dask"
        )


@contextmanager
def signed_by(issuer: Issuer, cluster: Cluster | None) -> Iterator[Elsewhere | None]:
    """Connects to a cluster, whose workers sign by the same root of secrets as the issuer, for the block."""
    if cluster is None:
        yield None
        return
    from issuer.engine.reading import Driver
    from issuer.identity.root import root_digest

    with cluster:
        yield Driver(cluster, root_digest(issuer.keys).decode())


@verb(verbs)
@click.argument("address")
@_tls
@click.option("--scheduler", is_flag=True, help="Be the scheduler at this address, and sign nothing.")
@click.option("--host", help="The address of this machine at which the scheduler reaches it.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes; one a core if not given.")
def worker(
    place: Place,
    address: str,
    cluster_tls: Path | None,
    scheduler: bool,
    host: str | None,
    workers: int | None,
) -> Result:
    """Sign rows for a cluster until stopped, by the keys of this home.

    ADDRESS is tls://host:port of its scheduler, of which every cluster needs one.
    """
    _require_extra()
    from issuer.engine.node import WorkerSettings, serve_scheduler, work
    from issuer.engine.tls import Address

    at = Address.of(address, encrypted=cluster_tls is not None)
    if scheduler:
        serve_scheduler(at.host, at.port, cluster_tls)
        return Result({"address": address}, address)
    from issuer.engine import signing

    os.environ[signing.HOME] = str(place.folder.absolute())
    signing.require_ready()
    say(tr("This machine signs for the cluster at {address}.").format(address=address))
    work(WorkerSettings(address, cluster_tls, [signing.FUNCTION], host), workers or available_cores())
    return Result({"address": address}, address)
