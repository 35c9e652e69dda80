"""What the user agreed to: by folder and digest, in one private file, whoever else writes to it."""

from __future__ import annotations

import multiprocessing
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from wire.consent import MARK, Agreements, NotAgreed, digest_of, require_unmarked
from wire.problem import Damaged, Malformed

NAMED = "postgresql://db.example/log"


def test_it_counts_for_that_folder_and_that_text_only(tmp_path: Path) -> None:
    kept, folder = Agreements(tmp_path / "home" / "agreed.json"), tmp_path / "folder"
    assert not kept.has(folder, NAMED)
    kept.add(folder, NAMED)
    kept.add(folder, NAMED)
    again = Agreements(tmp_path / "home" / "agreed.json")
    assert again.has(folder, NAMED)
    assert again.has(tmp_path / "x" / ".." / "folder", NAMED)
    assert not again.has(folder, NAMED + "x")
    assert not again.has(tmp_path / "other", NAMED)
    file = tmp_path / "home" / "agreed.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().count(digest_of(NAMED)) == 1
    assert NAMED not in file.read_text()


def test_a_link_that_leads_elsewhere_by_now_is_another_folder(tmp_path: Path) -> None:
    kept, link = Agreements(tmp_path / "agreed.json"), tmp_path / "link"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    link.symlink_to(tmp_path / "first")
    kept.add(link, NAMED)
    assert kept.has(tmp_path / "first", NAMED)
    link.unlink()
    link.symlink_to(tmp_path / "second")
    assert not kept.has(link, NAMED)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "agreed": []}', '{"version": 1, "agreed": {}}']
)
def test_a_file_that_cannot_be_read_agrees_to_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "agreed.json").write_text(text)
    kept = Agreements(tmp_path / "agreed.json")
    with pytest.raises(Damaged, match=r"agreed\.json cannot be read"):
        kept.has(tmp_path, NAMED)
    with pytest.raises(Damaged, match=r"agreed\.json cannot be read"):
        kept.add(tmp_path, NAMED)
    assert (tmp_path / "agreed.json").read_text() == text


def _add(file: Path, name: str, start: Barrier) -> None:
    start.wait()
    for number in range(10):
        Agreements(file).add(file.parent, f"{name} {number}")


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    file, context = tmp_path / "agreed.json", multiprocessing.get_context("fork")
    start = context.Barrier(3)
    writers = [context.Process(target=_add, args=(file, name, start)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    kept = Agreements(file)
    assert all(kept.has(tmp_path, f"{name} {number}") for name in "abc" for number in range(10))


def test_a_marked_folder_names_nothing_to_who_asks_nobody(tmp_path: Path) -> None:
    require_unmarked(tmp_path, NAMED)
    (tmp_path / MARK).symlink_to("nowhere")
    with pytest.raises(NotAgreed) as caught:
        require_unmarked(tmp_path, NAMED)
    assert caught.value.facts == {"folder": str(tmp_path), "named": NAMED, "digest": digest_of(NAMED)}
    with pytest.raises(Malformed, match="more than 2000 characters"):
        require_unmarked(tmp_path, "x" * 2001)
