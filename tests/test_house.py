"""The house itself: names, packages, what a wheel holds, and that no folder of tests shadows a package."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.patches import ALLOWED, patched
from tests.raises import raising, unsaid_in
from tests.sources import PACKAGES, SOURCES, nodes, tree

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
TEXTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]


def test_each_import_name_belongs_to_this_distribution_only() -> None:
    """ADR 2: flat names could meet another distribution's."""
    owners = importlib.metadata.packages_distributions()
    for name in PACKAGES:
        assert set(owners.get(name, ["intaglio"])) == {"intaglio"}, name


def test_the_distribution_cannot_be_uploaded_by_mistake() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_nobody_is_told_to_install_a_name_that_is_free_on_the_index() -> None:
    """Who took it there could be anybody."""
    told = re.compile(r"""pip3? install [^\n]*\bintaglio\b|['"]intaglio\[""")
    assert not [path for path in (*SOURCES, *TEXTS) if told.search(path.read_text())]


ON_PYTHON = {"python_version": "3.11", "python_full_version": "3.11.0"}  # of which the README speaks


@functools.cache
def pulled_in(name: str, extra: str) -> frozenset[str]:
    """The distributions that one brings by requirement, with an extra or, for "", without."""
    found: set[str] = set()
    for requirement in map(Requirement, _required(name, extra)):
        if requirement.marker is None or requirement.marker.evaluate({**ON_PYTHON, "extra": extra}):
            dependency = canonicalize_name(requirement.name)
            found.add(dependency)
            for each in ("", *requirement.extras):
                found |= pulled_in(dependency, each)
    return frozenset(found - {"intaglio"})


def _required(name: str, extra: str) -> list[str]:
    if name == "intaglio":  # as the project has it now, whatever was installed
        return [*PROJECT["project"]["dependencies"], *EXTRAS.get(extra, [])]
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:  # a backport that this Python does without
        return []


def test_a_service_brings_no_large_package_for_one_function() -> None:
    """Of 127 MB that `[serve]` installed, these were 52; with pyld it is 78."""
    serving = pulled_in("intaglio", "serve")
    assert not serving & {"zstandard", "jsonschema-rs", "rich", "pygments"}
    assert {"pyld", "fastapi", "uvloop"} <= serving


def _extras_in_readme() -> dict[str, int]:
    """The number of packages that README says each extra brings; "" is without one."""
    row = r"^\| (?:none|`\[(\w+)\]`) \| .+ \| (\d+) \| \d+ \|$"
    rows = re.findall(row, (ROOT / "README.md").read_text(), re.MULTILINE)
    return {extra: int(packages) for extra, packages in rows}


def test_the_readme_begins_with_the_installation_and_says_what_each_extra_is_for() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme.partition("```\n")[2].partition("\n")[0] == 'pip install ".[serve]"'
    assert _extras_in_readme().keys() == {"", *EXTRAS}


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="no Python 3.11: README counts packages by it")
def test_the_readme_says_how_many_packages_each_extra_brings() -> None:
    """A later Python lacks backports, and so the metadata that would name what they bring."""
    assert _extras_in_readme() == {extra: len(pulled_in("intaglio", extra)) for extra in ("", *EXTRAS)}


def test_no_folder_of_tests_shadows_a_package() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert not folders & {*PACKAGES, "intaglio"}


def test_no_module_is_named_for_nothing() -> None:
    assert not {path.stem for path in SOURCES} & {
        "utils",
        "util",
        "helpers",
        "common",
        "base",
        "manager",
        "misc",
    }


def test_every_module_says_what_it_is_and_catches_nothing_blindly() -> None:
    for path in SOURCES:
        module = tree(path)
        assert not module.body or ast.get_docstring(module), f"{path}: a module without a docstring"
        for node in nodes(path, ast.ExceptHandler):
            assert node.type is not None, f"{path}, line {node.lineno}: a bare except"
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
            assert "Exception" not in names, f"{path}, line {node.lineno}: except Exception"


@pytest.mark.slow
def test_nothing_imports_the_command_line() -> None:
    for path in SOURCES:
        names = [alias.name for node in nodes(path, ast.Import) for alias in node.names]
        names += [node.module or "" for node in nodes(path, ast.ImportFrom)]
        assert "intaglio" not in names, path


@pytest.mark.slow
def test_a_wheel_has_everything_that_the_program_reads(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "intaglio/__main__.py",
        "intaglio/words/locale/zh/LC_MESSAGES/intaglio.mo",
        "intaglio/pages/templates/base.html",
        "intaglio/pages/static/page.css",
        "intaglio/pages/static/page.js",
        "examples/diploma/graduates.csv",
        "examples/diploma/graduates-with-errors.csv",
        "examples/diploma/programmes.csv",
        "kinds/diploma/kind.json",
        "kinds/diploma/template.json",
        "kinds/diploma/tables/achievement_type.csv",
        "vc/vcdm/jsonld/names.json",
        "vc/vcdm/jsonld/contexts/index.json",
        "vc/vcdm/jsonld/contexts/credentials-v2.jsonld",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/"))]


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/interop/validators.lock"])
def test_a_lock_has_a_hash_for_everything_and_no_address(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    requirements = [line for line in lines if not line.startswith(" ")]
    assert requirements
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert not [line for line in lines if "://" in line or line.startswith("--index")]


def test_problems_are_told_in_one_tone() -> None:
    """`Title: detail without a full stop`, then `A hint as a sentence.`, which may end with a command."""
    for node in (node for path in SOURCES for node in nodes(path, ast.Raise)):
        if not isinstance(node.exc, ast.Call) or not node.exc.args:
            continue
        if ast.unparse(node.exc.func).startswith("click."):  # click's messages are sentences
            continue
        detail = _text(node.exc.args[0])
        assert not re.match(r"[A-Z][a-z]+ |A ", detail), detail
        assert not detail.endswith("."), detail
        for hint in (_text(keyword.value) for keyword in node.exc.keywords if keyword.arg == "hint"):
            assert hint.startswith("did:web ") or not hint[:1].islower(), hint
            assert hint.endswith((".", "?", "…")) or ": " in hint, hint


def _text(node: ast.expr) -> str:
    """A text literal; what is put into it is left out."""
    pieces = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(piece.value) if isinstance(piece, ast.Constant) else "…" for piece in pieces)


CAUGHT = {"wire.sqlite.copy", "verifier.checks.Steps.report"}  # by what stands around it, with `with`


def test_every_public_function_that_raises_says_what() -> None:
    """Those of commands aside, whose docstrings are for people at a terminal."""
    functions = [
        function
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] not in {"intaglio", "examples"}
        for function in raising(ROOT, path)
    ]
    assert len(functions) > 200
    unsaid = {name: left for name, words, raised in functions if (left := unsaid_in(words, raised))}
    assert unsaid.keys() == CAUGHT, unsaid


PUBLIC = [name for name in PACKAGES if name not in {"intaglio", "examples"}]
PAGE = re.findall(r"^\| `([\w.]+)` \| (`.*`) \|$", (ROOT / "docs" / "library.md").read_text(), re.MULTILINE)


def test_the_page_for_embedding_names_what_is_public() -> None:
    """What a package lists is there; what a type checker sees there, and is no module, is listed."""
    named = {package: re.findall(r"`(\w+)`", names) for package, names in PAGE}
    assert named.keys() == {*PUBLIC, "vc.vcdm.jsonld"}
    for package, names in named.items():
        module = importlib.import_module(package)
        assert sorted(names) == sorted(module.__all__), package
        assert all(getattr(module, name) is not None for name in names)
        imported = {
            alias.asname or alias.name
            for node in nodes(Path(str(module.__file__)), ast.ImportFrom)
            if node.level
            for alias in node.names
        }
        assert imported - {"keyfile", "later"} <= {*names}, package


OF_THE_PROGRAM = {"intaglio.deployment.Deployment", "intaglio.session.Session"}
"""Names that the page imports and does not promise, as it says itself."""


def test_the_blocks_of_that_page_import_what_its_table_promises() -> None:
    text = (ROOT / "docs" / "library.md").read_text()
    public = {f"{package}.{name}" for package, names in PAGE for name in re.findall(r"`(\w+)`", names)}
    imported = {
        f"{node.module}.{alias.name}"
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in PACKAGES
        for alias in node.names
    }
    assert imported - public == OF_THE_PROGRAM
    promises = text.partition("## Public names")[2]
    assert all(f"`{name}`" in promises for name in OF_THE_PROGRAM)


def test_what_tests_set_behind_the_back_of_the_product_is_on_a_list_with_reasons() -> None:
    found = {
        name
        for folder in ("tests", "bench", "examples")
        for path in (ROOT / folder).rglob("*.py")
        for name in patched(path, [name for name in PACKAGES if name != "examples"])
    }
    assert found == set().union(*ALLOWED.values())


ONE_DOOR = {
    *("create", "resolve"),  # of each DID method
    *("Point", "load_secret", "on_curve", "verify"),  # of each kind of key, and of each library that does it
    "create_app",  # of each service
}
TERMS = {
    "canonicalize",  # of RFC 8785, and of RDFC-1.0
    "read",  # a file for what it is (vc.forms), and a document for what it says (vc.vcdm.jsonld)
}


def test_one_word_is_one_thing() -> None:
    """No two classes have one name, and no two functions that a package offers to others."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        where = path.relative_to(ROOT)
        for node in tree(path).body:
            named = [node.name] if isinstance(node, ast.ClassDef) else []
            if isinstance(node, ast.FunctionDef) and where.parts[0] not in {"intaglio", "examples"}:
                named = [node.name]  # above the roles functions are commands, named as they are typed
            if isinstance(node, ast.Assign):  # names of types
                named = [name.id for name in node.targets if isinstance(name, ast.Name)]
                named = [name for name in named if re.fullmatch(r"[A-Z]+[a-z]\w*", name)]
            for name in named:
                if not name.startswith("_"):
                    found.setdefault(name, set()).add(str(where))
    doubles = {name for name, places in found.items() if len(places) > 1}
    assert doubles == ONE_DOOR | TERMS, {name: found.get(name) for name in doubles ^ (ONE_DOOR | TERMS)}


TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
MODULE = re.compile(r"`((?:wire|keys|ledger|did|vc|exchange|issuer|holder|verifier|hub)/[\w/]+\.py)`")
DEFINED = re.compile(r"^(|    )(class|def) (\w+)", re.MULTILINE)  # parsing all files would take two seconds
THREATS = (ROOT / "docs" / "threats.md").read_text()


def test_each_test_that_the_page_of_threats_names_exists() -> None:
    named = set(TEST.findall(THREATS))
    assert len(named) > 400
    for file in {file for file, _ in named}:
        found, owner = set(), ""
        for indent, kind, name in DEFINED.findall((ROOT / file).read_text()):
            if kind == "class":
                owner = name
            elif name.startswith("test_"):
                found.add((file, f"{owner}::{name}" if indent else name))
        assert {each for each in named if each[0] == file} <= found


def test_each_line_of_the_page_of_threats_has_a_guard_and_a_test() -> None:
    lines = [line for line in THREATS.splitlines() if re.match(r"\| [0-9RA]", line)]
    assert len(lines) > 40
    for line in lines:
        assert TEST.search(line), line
        guards = MODULE.findall(line)
        assert guards, line
        assert all((ROOT / guard).is_file() for guard in guards), line
