"""Bundles as files: on the disk once they are told of, whatever lay in their folder before."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from issuer import export as module
from issuer.export import export
from issuer.issuer import Issuer
from tests.fault.powerloss import Recorder, memory_folder
from tests.world import graduate, issuer_in
from vc import Bundle
from wire.problem import Conflict

NUMBERS = ("UNI-000001", "UNI-000002", "UNI-000003")


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    issuer = issuer_in(tmp_path / "home")
    for row in (1, 2, 3):
        issuer.issue(graduate(row))
    return issuer


def test_a_power_cut_leaves_no_bundle_that_is_empty_or_torn(issuer: Issuer) -> None:
    """Whatever bears a bundle's name is whole, and those that were told of are there."""
    entries = list(issuer.entries())
    issuer.lists.publish(now=issuer._clock())
    with memory_folder() as memory:
        (out := memory / "out").mkdir()
        with Recorder(out, [(module, "sync_files")]) as recorder:
            for _ in export(issuer, entries, out, at_once=2):
                recorder.acknowledge()
        crashes = list(recorder.crashes())
    assert len(crashes) > 10
    assert max(crash.acknowledged for crash in crashes) == 3
    for crash in crashes:
        bundles = {name: data for name, data in crash.tree.items() if name.endswith(".json")}
        assert len(bundles) >= crash.acknowledged
        for data in bundles.values():
            assert data is not None
            assert Bundle.parse(data).evidence


@pytest.mark.parametrize("torn", [0, 1000, -1])
def test_what_a_power_cut_left_of_a_bundle_is_written_over(issuer: Issuer, tmp_path: Path, torn: int) -> None:
    (path,) = export(issuer, [issuer.store.current(NUMBERS[0])], tmp_path / "out")
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)) if torn < 0 else whole.partition(issuer.did.encode())[0][:torn])
    assert list(export(issuer, [issuer.store.current(NUMBERS[0])], tmp_path / "out")) == [path]
    assert path.read_bytes() == whole


@pytest.mark.parametrize("found", [b"notes of a registrar", b'{"type": "IntaglioBundle"}', b"{"])
def test_what_is_nobodys_torn_bundle_stays(issuer: Issuer, tmp_path: Path, found: bytes) -> None:
    (out := tmp_path / "out").mkdir()
    (out / f"{NUMBERS[0]}.json").write_bytes(found)
    with pytest.raises(Conflict, match="not by this issuer"):
        list(export(issuer, issuer.entries(), out))
    assert [path.read_bytes() for path in out.iterdir()] == [found]


def test_what_a_killed_export_left_of_people_goes_unless_somebody_writes_there(
    issuer: Issuer, tmp_path: Path
) -> None:
    (out := tmp_path / "out").mkdir()
    left = out / f".{NUMBERS[0]}.json.{'0' * 16}.tmp"
    kept = [out / ".notes.tmp", out / "UNI.tmp"]
    for path in (left, *kept):
        path.write_bytes(b"of a person")
    descriptor = os.open(out, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # as another export holds it
    assert len(list(export(issuer, issuer.entries(), out))) == 3
    assert left.exists()
    os.close(descriptor)
    assert len(list(export(issuer, issuer.entries(), out))) == 3
    assert not left.exists()
    assert all(path.exists() for path in kept)
