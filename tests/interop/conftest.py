"""A host under TLS that publishes status lists."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loopback import Authority
from tests.test_verifier_controllers import Host


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def host(authority: Authority) -> Iterator[Host]:
    host = Host(authority)
    with host.site.running():
        yield host
