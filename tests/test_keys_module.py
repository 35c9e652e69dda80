"""Which file is loaded as the module of a token, by whoever named it."""

from __future__ import annotations

import os
from pathlib import Path

from keys import open_signer
from keys.module import Modules
from keys.opening import signers_from_elsewhere
from keys.problem import MODULE_EXPOSED, MODULE_NOT_TRUSTED
from tests.problems import raises


def test_a_module_that_an_address_from_elsewhere_names_is_root_s_alone(tmp_path: Path) -> None:
    """Whatever way leads to it; what the user named himself may lie anywhere that is his."""
    brought = tmp_path / "module.so"
    brought.touch(0o600)
    ways = [str(brought), f"/proc/self/cwd/{os.path.relpath(brought)}", str(tmp_path / "link.so")]
    (tmp_path / "link.so").symlink_to(brought)
    for way in ways:
        assert Modules().file(way, "t") == brought.resolve()
        for named in (None, "/usr/lib/module.so", str(tmp_path)):
            with raises(MODULE_NOT_TRUSTED, match="an address from elsewhere names it"):
                Modules(from_elsewhere=True, named=named).file(way, "t")
            with raises(MODULE_NOT_TRUSTED):
                open_signer(
                    f"pkcs11:token=t;object=o?module-path={way}",
                    passphrase=lambda: None,
                    signers=signers_from_elsewhere(named),
                )
        for named in ways:
            assert Modules(from_elsewhere=True, named=named).file(way, "t") == brought.resolve()
    brought.chmod(0o620)
    with raises(MODULE_EXPOSED):
        Modules(from_elsewhere=True, named=str(brought)).file(str(brought), "t")


def test_a_link_that_is_turned_after_the_look_changes_nothing(tmp_path: Path) -> None:
    """The file that was looked at is the one that is loaded: no link is followed a second time."""
    first, second, link = tmp_path / "first.so", tmp_path / "second.so", tmp_path / "link.so"
    for each in (first, second):
        each.touch(0o600)
    link.symlink_to(first)
    file = Modules().file(str(link), "t")
    link.unlink()
    link.symlink_to(second)
    assert file == first.resolve()
    assert not any(part.is_symlink() for part in (file, *file.parents))
