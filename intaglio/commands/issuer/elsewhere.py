"""`--cluster`: the workers of other machines sign the rows of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from issuer.issuer import Issuer
from wire.problem import ExtraMissing

if TYPE_CHECKING:
    from issuer.engine.dask import Cluster
    from issuer.job.bulk import Elsewhere

_F = TypeVar("_F", bound=Callable[..., object])


def cluster_options(command: _F) -> _F:
    """The options that name a cluster and its certificates."""
    tls = click.option(
        "--cluster-tls",
        "cluster_tls",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="The folder with ca.pem, cert.pem and key.pem for the cluster.",
    )
    address = click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Have the workers of a cluster sign: tls://host:port of its scheduler.",
    )
    return address(tls(command))


def cluster_at(address: str | None, tls: Path | None) -> Cluster | None:
    """The cluster at an address, not yet connected.

    Raises `ExtraMissing`, as `Cluster` does, and a usage error for certificates without an address.
    """
    if address is None:
        if tls is not None:
            raise click.UsageError("--cluster-tls is of a cluster: add --cluster ADDRESS.")
        return None
    try:
        import distributed  # noqa: F401 -- missing, it would only show in the client's process

        from issuer.engine.dask import Cluster
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise ExtraMissing(
            f"a cluster needs {missing}, which is not installed", package=missing, extra="dask"
        ) from error
    return Cluster(address, tls)


@contextmanager
def signed_by(issuer: Issuer, cluster: Cluster | None) -> Iterator[Elsewhere | None]:
    """Connects to a cluster, whose workers sign by the same root of secrets as the issuer, for the block."""
    if cluster is None:
        yield None
        return
    from issuer.engine.reading import Engine
    from issuer.identity.root import root_digest

    with cluster:
        yield Engine(cluster, root_digest(issuer.keys).decode())
