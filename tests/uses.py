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
SECTOR_NAMES: Mapping[str, tuple[str, str]] = {
    "health": ("Health", "医疗"),
    "education": ("Education", "教育"),
    "ai": ("AI models", "人工智能模型"),
    "finance": ("Finance", "金融"),
    "transport": ("Transport", "交通"),
    "government": ("Government", "政务"),
}
LATER = (
    ("a prescription that is redeemed", "处方的兑付"),
    ("a bill of lading that is handed on", "提单的转让"),
    ("a mandate", "授权委托"),
    ("a licence that two sign", "由两方签发的许可"),
    ("an invoice that is claimed once", "只能申领一次的发票"),
)
"""What takes several who act one after another, each with a protocol of its own."""

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
    return "\n".join([_HEAD, *_english(uses), *_chinese(uses)]) + "\n"


def _english(uses: list[UseCase]) -> Iterator[str]:
    yield "Sizes are bytes of the credential, and of the bundle that proves it offline."
    for sector in SECTORS:
        yield f"\n## {SECTOR_NAMES[sector][0]}\n"
        found = [use for use in uses if use.said["sector"] == sector]
        if not found:
            yield "Later."
            continue
        yield f"Shown by `{SHOWN_BY}`, for each of them.\n"
        yield "| Use | Standard | Validator | Verifiers ask for | Bytes | What only this use refuses |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for use in found:
            yield _row(_title(use, "en"), use, "en")
    yield "\n## Later\n"
    yield from (f"- {english}" for english, _ in LATER)


def _chinese(uses: list[UseCase]) -> Iterator[str]:
    yield "\n## 用途目录\n"
    yield "每种用途是 `examples/uses` 下的一个数据文件夹。字节数为凭证本身，以及可离线验证的整包。"
    for sector in SECTORS:
        yield f"\n### {SECTOR_NAMES[sector][1]}\n"
        found = [use for use in uses if use.said["sector"] == sector]
        if not found:
            yield "以后提供。"
            continue
        yield f"均由 `{SHOWN_BY}` 验证。\n"
        yield "| 用途 | 标准 | 校验程序 | 验证方的要求 | 字节 | 只有此用途拒绝的情形 |"
        yield "| --- | --- | --- | --- | --- | --- |"
        for use in found:
            yield _row(_title(use, "zh"), use, "zh")
    yield "\n### 以后提供\n"
    yield from (f"- {chinese}" for _, chinese in LATER)


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
    return _WORDS[said["of"]][language].format(name=said["name"])


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
    """What tells the attack of a use from those of others: the change, the code, and the place of it."""
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
