"""What killed processes leave of their coverage data is no reason to warn."""

from __future__ import annotations

from pathlib import Path

from coverage import Coverage, CoverageData

from tests.measured import remove_torn


def test_only_whole_data_is_left_to_be_combined(tmp_path: Path) -> None:
    """A warning would fail this test, as any does."""
    for name in ("whole", "torn"):
        data = CoverageData(str(tmp_path / f".coverage.{name}"))
        data.add_lines({"a.py": list(range(1, 1000))})
        data.close()
    torn = tmp_path / ".coverage.torn"
    (tmp_path / ".coverage.half").write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    torn.write_bytes(b"")
    remove_torn(tmp_path / ".coverage")
    assert [path.name for path in tmp_path.iterdir()] == [".coverage.whole"]
    measured = Coverage(data_file=tmp_path / ".coverage", config_file=False)
    measured.combine()
    assert measured.get_data().measured_files() == {"a.py"}
