"""The page docs/uses.md as the folders of examples/uses have it; run as a module it writes the page.

It then also notes the published version of the kind in each `use.json` that has none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from examples.uses.catalogue import catalogue
from examples.uses.folder import HERE, UseCase, names
from tests.sources import ROOT

PAGE = ROOT / "docs" / "uses.md"

SHOWN_BY = "tests/test_uses.py::test_a_use_ends_as_its_folder_says_and_its_log_has_nobodys_data"
_RUN_BY = "tests/interop/test_validators.py::test_"
_NAMED_BY = "tests/interop/test_uses_names.py::test_"
_CONTEXTS = f"{_NAMED_BY}a_published_context_reads_the_names_of_a_use_as_the_use_does"
_DOCUMENTS = f"{_RUN_BY}a_program_of_its_standard_takes_each_document_and_refuses_a_spoilt_copy"
JUDGED_BY: Mapping[str, str] = {
    **dict.fromkeys(("dppvalidator", "fhir.resources", "mlcroissant", "spdx-python-model"), _DOCUMENTS),
    "model-signing": f"{_RUN_BY}model_signing_signs_the_digests_of_the_weights_that_credentials_state",
    "1EdTech JSON Schema": f"{_RUN_BY}the_schema_of_1edtech_takes_each_badge_and_refuses_a_spoilt_copy",
    "openbadgeslib": f"{_RUN_BY}openbadgeslib_verifies_a_badge_and_refuses_a_spoilt_copy",
    "ajv, on the kind's compiled schema": "tests/interop/test_uses.py"
    "::test_ajv_takes_what_each_use_issues_and_refuses_a_spoilt_copy",
    "each name and IRI against the context w3id.org/vdl v1": _CONTEXTS,
    "each name and IRI against the context w3id.org/citizenship v2, strictly": _CONTEXTS,
    "each name against the data identifiers of the PID rulebook, and each mandatory one is there": (
        f"{_NAMED_BY}a_resident_has_the_names_of_the_pid_rulebook_and_each_that_is_mandatory"
    ),
    "the kind's compiled schema, closed: nothing else is there": (
        f"{_NAMED_BY}a_proof_of_age_says_whether_and_nothing_else_of_its_holder"
    ),
}
"""The test that runs each validator."""
_HEAD = """\
# Uses

Each use is a folder of data in `examples/uses`: a kind, rows, a test of both, and an attack. `intaglio use \
list` lists them, and `intaglio use run NAME` runs one without a network: it issues the rows, of which three \
come back with row, column and reason; verifies one, as its holder presents it where the kind asks for that; \
tries each limit of the kind on both sides; and has the verifier refuse the attack, a neighbour's \
credential, one by an issuer that is listed for other types, one that was revoked, and a document that was \
altered or exchanged. `make examples` runs all. A test compares this page with the folders.

A use of your own is a copy of a folder, with other data. Run it by its path: `intaglio use run FOLDER`. \
Rows are in `rows.csv`, and what they become in `expected.json`; the sentence is made by `kind.json`, and \
`use.json` has the whole one that is expected. If you change its kind, give it another name or version \
first. With `--try` whatever differs from what is expected is listed, and is no error. `intaglio demo \
--serve` has this catalogue as a page.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_catalogue("en", "##"), *_catalogue("zh", "###")]) + "\n"


def _catalogue(language: str, heading: str) -> Iterator[str]:
    yield _WORDS["intro"][language]
    columns, sectors, later = catalogue(language, _linked)
    for sector in sectors:
        yield f"\n{heading} {sector.name}\n"
        yield _WORDS["shown"][language].format(test=SHOWN_BY, file=SHOWN_BY.partition("::")[0])
        yield _row(columns)
        yield _row(["---"] * len(columns))
        for entry in sector.entries:
            title = f"[{entry.title}](../examples/uses/{entry.name}/story.md){entry.parted}"
            yield _row([title, *entry.cells])
    yield f"\n{heading} {_WORDS['later'][language]}\n"
    yield from (f"- {each}" for each in later)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _linked(validator: str) -> str:
    test = JUDGED_BY.get(validator)
    return validator if test is None else f"[{validator}](../{test.partition('::')[0]})"


_WORDS: Mapping[str, Mapping[str, str]] = {
    "intro": {
        "en": "Sizes are bytes of the credential, and of the bundle that proves it offline. Each validator "
        "takes all that is issued, and refuses a spoilt copy; its test is linked.",
        "zh": "\n## 用途目录\n\n"
        "每种用途是 `examples/uses` 下的一个数据文件夹。字节数为凭证本身，以及可离线验证的整包。"
        "每个校验程序都接受所签发的全部内容，并拒绝被改坏的副本；链接指向相应的测试。",
    },
    "shown": {
        "en": "Shown by [`{test}`](../{file}), for each of them.\n",
        "zh": "均由 [`{test}`](../{file}) 验证。\n",
    },
    "later": {"en": "Later", "zh": "以后提供"},
}


def refusal(use: UseCase) -> tuple[str, ...]:
    """The change, the code and the place by which the attack of a use differs from those of others."""
    attack = use.attack
    place = {"cell": "column", "document": "file", "time": "code", "signed": "pointer", "kind": "kind"}
    return attack["change"], attack["code"], str(attack[place.get(attack["change"], "change")])


def _note(use: UseCase) -> None:
    """Notes in `use.json` the version that is published, where none is noted, as its first member."""
    if not use.published:
        path = use.folder / "use.json"
        noted = f'{{\n  "kind": {json.dumps(use.reference)},\n'
        path.write_text(re.sub(r"\A\s*\{\s*", lambda _: f"{noted}  ", path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    for each in names():
        _note(UseCase.read(HERE / each))
    PAGE.write_text(page(), encoding="utf-8")
