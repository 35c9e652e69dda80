"""The DID document and the lists of an issuer, copied to where a web server shows them."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from issuer.issuer import Issuer
from issuer.status.copying import copy_published
from tests.world import NOW, graduate, issuer_in, reopened
from vc.status import Reason


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    issuer = issuer_in(tmp_path / "home", url="https://uni.example")
    issuer.issue_many([graduate(row) for row in range(3)])
    issuer.lists.publish(now=NOW)
    return issuer


def shown(folder: Path) -> dict[str, bytes]:
    """The files of a folder by their paths."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def of(issuer: Issuer) -> dict[str, bytes]:
    """What the issuer has to show, by the paths at its address."""
    files = shown(issuer.home)
    is_public = ("did.json", "status/")
    return {name: files[name] for name in files if name.startswith(is_public) and not name.endswith(".lock")}


def revoke(issuer: Issuer, row: int) -> None:
    issuer.revoke([graduate(row)["diploma_number"]], Reason.FRAUD, date=NOW, now=NOW)


@pytest.mark.slow
def test_what_changed_is_copied_and_anybody_may_read_it(issuer: Issuer, tmp_path: Path) -> None:
    web = tmp_path / "srv" / "web"
    assert copy_published(issuer.home, str(web)) == len(of(issuer))
    assert shown(web) == of(issuer)
    assert copy_published(issuer.home, str(web)) == 0, "what is there as it is"
    revoke(issuer, 1)
    assert copy_published(issuer.home, str(web)) == 2, "the list, and a page of details"
    assert shown(web) == of(issuer)
    for path in (web, *web.rglob("*")):  # a web server is another user
        assert path.stat().st_mode & (stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)), path


def test_the_newest_stay_whoever_copies_last(issuer: Issuer, tmp_path: Path) -> None:
    """One who read the lists before a revocation would put them over those that show it."""
    web = tmp_path / "web"
    others = [reopened(issuer.home) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        copying = [pool.submit(copy_published, each.home, str(web)) for each in others for _ in range(5)]
        for row in range(3):
            revoke(issuer, row)
        copying.append(pool.submit(copy_published, issuer.home, str(web)))
        for each in copying:
            each.result()
    assert shown(web) == of(issuer)


@pytest.mark.skipif(find_spec("obstore") is None, reason="no extra [s3]: pip install '.[s3]'")
@pytest.mark.soak  # twice in a dozen runs of all quick tests, a last GET got no answer for thirty seconds
def test_they_are_copied_to_a_bucket(issuer: Issuer, tmp_path: Path) -> None:
    from ledger.tiles.s3.address import parse_location
    from ledger.tiles.s3.bucket import Bucket
    from tests.s3_twin import twin

    with twin().reached("owner"):
        address = twin().of(tmp_path / "web")
        assert copy_published(issuer.home, address) == len(of(issuer))
        revoke(issuer, 1)
        assert copy_published(issuer.home, address) == 2
        bucket = Bucket(parse_location(address))
        assert {path: bucket.get(path) for path in of(issuer)} == of(issuer)
