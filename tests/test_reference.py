"""The pages of docs/reference are those that the docstrings make."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import reference


def test_the_pages_are_as_the_docstrings_have_them() -> None:
    """`python -m tests.reference` writes them."""
    written = {page.name: page.read_text("utf-8") for page in reference.FOLDER.glob("*.md")}
    pages = reference.pages()
    assert written.keys() == pages.keys()
    for name, text in pages.items():
        assert written[name] == text, name


def test_a_public_name_without_a_docstring_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "unworded"
    package.mkdir()
    (package / "__init__.py").write_text('WORDED = 1\n"""A number."""\nBARE = 2\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert "A number." in reference.entry("unworded", "WORDED")
    with pytest.raises(reference.Undocumented, match="BARE"):
        reference.entry("unworded", "BARE")
