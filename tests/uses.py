"""The page docs/uses.md as the folders of examples/uses have it; run as a module it writes the page.

It then also notes in each `use.json` the version of its kind that is published by that, where none is noted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from examples.uses.folder import HERE, SECTORS, UseCase, names
from tests.sources import ROOT

PAGE = ROOT / "docs" / "uses.md"

SHOWN_BY = "tests/test_uses.py::test_a_use_ends_as_its_folder_says_and_its_log_has_nobodys_data"
_RUN_BY = "tests/interop/test_validators.py::test_"
_DOCUMENTS = f"{_RUN_BY}a_program_of_its_standard_takes_each_document_and_refuses_a_spoilt_copy"
JUDGED_BY: Mapping[str, str] = {
    **dict.fromkeys(("dppvalidator", "fhir.resources", "mlcroissant", "spdx-python-model"), _DOCUMENTS),
    "model-signing": f"{_RUN_BY}model_signing_signs_the_digests_of_the_weights_that_credentials_state",
    "1EdTech JSON Schema": f"{_RUN_BY}the_schema_of_1edtech_takes_each_badge_and_refuses_a_spoilt_copy",
    "openbadgeslib": f"{_RUN_BY}openbadgeslib_verifies_a_badge_and_refuses_a_spoilt_copy",
    "ajv, on the kind's compiled schema": "tests/interop/test_uses.py"
    "::test_ajv_takes_what_each_use_issues_and_refuses_a_spoilt_copy",
}
"""The test that runs each validator."""
BY_NAMES = ("each name", "the kind's compiled schema")
"""How those begin that are no program of somebody else."""
SECTOR_NAMES: Mapping[str, Mapping[str, str]] = {
    "health": {"en": "Health", "zh": "医疗"},
    "education": {"en": "Education", "zh": "教育"},
    "ai": {"en": "AI models", "zh": "人工智能模型"},
    "finance": {"en": "Finance", "zh": "金融"},
    "transport": {"en": "Transport", "zh": "交通"},
    "government": {"en": "Government", "zh": "政务"},
}
LATER: tuple[Mapping[str, str], ...] = (
    {"en": "a prescription that is redeemed", "zh": "处方的兑付"},
    {"en": "a bill of lading that is handed on", "zh": "提单的转让"},
    {"en": "a mandate", "zh": "授权委托"},
    {"en": "a licence that two sign", "zh": "由两方签发的许可"},
    {"en": "an invoice that is claimed once", "zh": "只能申领一次的发票"},
)
"""Uses that take several parties in turn, each with a protocol of its own."""

_HEAD = """\
# Uses

Each use is a folder of data in `examples/uses`: a kind, rows, a test of both, and an attack. `intaglio use \
list` lists them, and `intaglio use run NAME` runs one without a network: it issues the rows, of which three \
come back with row, column and reason; verifies one, as its holder presents it where the kind asks for that; \
and has the verifier refuse the attack, a neighbour's credential, one by an issuer that is listed for other \
types, and one that was revoked. `make examples` runs all. A test compares this page with the folders.

A use of your own is a copy of a folder, with other data. Run it by its path: `intaglio use run FOLDER`. If \
you change its kind, give it another name or version first, or say `--try`.
"""


def page() -> str:
    """The whole page."""
    uses = [UseCase.read(HERE / name) for name in names()]
    return "\n".join([_HEAD, *_catalogue(uses, "en", "##"), *_catalogue(uses, "zh", "###")]) + "\n"


def _catalogue(uses: list[UseCase], language: str, heading: str) -> Iterator[str]:
    yield _WORDS["intro"][language]
    for sector in SECTORS:
        yield f"\n{heading} {SECTOR_NAMES[sector][language]}\n"
        yield _WORDS["shown"][language].format(test=SHOWN_BY)
        yield _WORDS["columns"][language]
        yield "| --- | --- | --- | --- | --- | --- |"
        for use in uses:
            if use.said["sector"] == sector:
                yield _row(_title(use, language), use, language)
    yield f"\n{heading} {_WORDS['later'][language]}\n"
    yield from (f"- {each[language]}" for each in LATER)


def _title(use: UseCase, language: str) -> str:
    return f"[{use.said['title'][language]}](../examples/uses/{use.name}/story.md)"


def _row(title: str, use: UseCase, language: str) -> str:
    sizes = use.said["bytes"]
    standard = " ".join(use.said["standard"][each] for each in ("name", "version"))
    cells = [
        title,
        f"{standard} ({use.said['standard']['date']})",
        _validator(use.said["validator"], language),
        "; ".join(_asked(use, language)) or _WORDS["nothing"][language],
        " / ".join(f"{sizes[each]:,}" for each in ("credential", "bundle") if each in sizes),
        f"{_refusal(use.attack, language)}: `{use.attack['code']}`",
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


_WORDS: Mapping[str, Mapping[str, str]] = {
    "intro": {
        "en": "Sizes are bytes of the credential, and of the bundle that proves it offline. Each validator "
        "takes all that is issued, and refuses a spoilt copy; its test is linked.",
        "zh": "\n## 用途目录\n\n"
        "每种用途是 `examples/uses` 下的一个数据文件夹。字节数为凭证本身，以及可离线验证的整包。"
        "每个校验程序都接受所签发的全部内容，并拒绝被改坏的副本；链接指向相应的测试。",
    },
    "shown": {"en": "Shown by `{test}`, for each of them.\n", "zh": "均由 `{test}` 验证。\n"},
    "columns": {
        "en": "| Use | Standard | Validator | Verifiers ask for | Bytes | What only this use refuses |",
        "zh": "| 用途 | 标准 | 校验程序 | 验证方的要求 | 字节 | 只有此用途拒绝的情形 |",
    },
    "later": {"en": "Later", "zh": "以后提供"},
    "nothing": {"en": "nothing more", "zh": "无其他要求"},
    "none": {"en": "none: {why}", "zh": "无：{why}"},
    "credential": {"en": "{name}", "zh": "{name}"},
    "document": {"en": "{name}, of the document", "zh": "{name}（针对附带文件）"},
    "holder": {"en": "its holder", "zh": "由持有人出示"},
    "status_age": {"en": "a status of {days} days at most", "zh": "状态信息不超过 {days} 天"},
    "check_age": {"en": "a check of {days} days at most", "zh": "核实不超过 {days} 天"},
    "resources": {"en": "the files themselves", "zh": "附带文件本身"},
    "policy": {"en": "`{policy}`", "zh": "`{policy}`"},
    "cell": {"en": "a row with `{value}` in “{column}”", "zh": "“{column}”为 `{value}` 的行"},
    "document-change": {"en": "another file than {file}", "zh": "文件 {file} 被替换"},
    "time": {"en": "{days} days later", "zh": "{days} 天之后"},
    "holder-change": {"en": "presented by somebody else", "zh": "由他人出示"},
    "issuer": {"en": "by an issuer of other types", "zh": "签发者只能签发其他类型"},
    "kind": {"en": "{kind} in its place", "zh": "以 {kind} 代替"},
    "signed": {"en": "`{pointer}` changed after signing", "zh": "签名后改动 `{pointer}`"},
}


def _validator(said: Mapping[str, Any], language: str) -> str:
    if "none" in said:
        return _WORDS["none"][language].format(why=said["none"])
    return _WORDS[said["of"]][language].format(name=", ".join(map(_linked, validators(said))))


def validators(said: Mapping[str, Any]) -> list[str]:
    """The validators of a use, of which there may be several."""
    return [] if "none" in said else str(said["name"]).split("; ")


def _linked(validator: str) -> str:
    test = JUDGED_BY.get(validator)
    return validator if test is None else f"[{validator}](../{test.partition('::')[0]})"


def _asked(use: UseCase, language: str) -> Iterator[str]:
    policy = use.kind.policy
    if policy.holder:
        yield _WORDS["holder"][language]
    if policy.status_age:
        yield _WORDS["status_age"][language].format(days=policy.status_age)
    if policy.check_age:
        yield _WORDS["check_age"][language].format(days=policy.check_age[1])
    if policy.resources:
        yield _WORDS["resources"][language]
    if use.policy is not None:
        yield _WORDS["policy"][language].format(policy=json.dumps(use.policy, ensure_ascii=False))


def _refusal(attack: Mapping[str, Any], language: str) -> str:
    change = attack["change"]
    words = _WORDS.get(f"{change}-change", _WORDS.get(change, {}))[language]
    return words.format_map({name: str(value).replace("`", "'") for name, value in attack.items()})


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
