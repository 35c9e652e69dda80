"""The catalogue of uses in words, by language: for docs/uses.md, and the page of `intaglio demo --serve`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .folder import HERE, SECTORS, UseCase, names

_SECTORS: Mapping[str, Mapping[str, str]] = {
    "health": {"en": "Health", "zh": "医疗"},
    "education": {"en": "Education", "zh": "教育"},
    "ai": {"en": "AI models", "zh": "人工智能模型"},
    "finance": {"en": "Finance", "zh": "金融"},
    "transport": {"en": "Transport", "zh": "交通"},
    "government": {"en": "Government", "zh": "政务"},
}
_LATER: tuple[Mapping[str, str], ...] = (
    {"en": "a prescription that is redeemed", "zh": "处方的兑付"},
    {"en": "a bill of lading that is handed on", "zh": "提单的转让"},
    {"en": "a mandate", "zh": "授权委托"},
    {"en": "a licence that two sign", "zh": "由两方签发的许可"},
    {"en": "an invoice that is claimed once", "zh": "只能申领一次的发票"},
)
"""Uses that take several parties in turn, each with a protocol of its own."""
_COLUMNS: Mapping[str, Sequence[str]] = {
    "en": ("Use", "Standard", "Validator", "Verifiers ask for", "Bytes", "What only this use refuses"),
    "zh": ("用途", "标准", "校验程序", "验证方的要求", "字节", "只有此用途拒绝的情形"),
}

_WORDS: Mapping[str, Mapping[str, str]] = {
    "parted": {"en": ", also as `{form}`", "zh": "，也可用 `{form}` 出示"},
    "nothing": {"en": "nothing more", "zh": "无其他要求"},
    "none": {"en": "none: {why}", "zh": "无：{why}"},
    "credential": {"en": "{name}", "zh": "{name}"},
    "document": {"en": "{name}, of the document", "zh": "{name}（针对附带文件）"},
    "holder": {"en": "its holder", "zh": "由持有人出示"},
    "status_age": {"en": "a status of {days} at most", "zh": "状态信息不超过 {days}"},
    "check_age": {"en": "a check of {days} at most", "zh": "核实不超过 {days}"},
    "resources": {"en": "the files themselves", "zh": "附带文件本身"},
    "policy": {"en": "`{policy}`", "zh": "`{policy}`"},
    "cell": {"en": "a row with `{value}` in “{column}”", "zh": "“{column}”为 `{value}` 的行"},
    "document-change": {"en": "another file than {file}", "zh": "文件 {file} 被替换"},
    "time": {"en": "{days} later", "zh": "{days}之后"},
    "holder-change": {"en": "presented by somebody else", "zh": "由他人出示"},
    "issuer": {"en": "by an issuer of other types", "zh": "签发者只能签发其他类型"},
    "kind": {"en": "{kind} in its place", "zh": "以 {kind} 代替"},
    "signed": {"en": "`{pointer}` changed after signing", "zh": "签名后改动 `{pointer}`"},
}


class UseEntry(NamedTuple):
    """A use as the catalogue has it; text to be typed is in backticks."""

    name: str
    """The folder's."""
    title: str
    parted: str
    """Behind the title: the forms in which its holder can show a part of it."""
    cells: Sequence[str]
    """The texts under each column but the first."""


class UseSector(NamedTuple):
    """The uses of a sector, by its name."""

    name: str
    entries: Sequence[UseEntry]


class UseCatalogue(NamedTuple):
    """All uses, and those that are planned."""

    columns: Sequence[str]
    sectors: Sequence[UseSector]
    later: Sequence[str]


def catalogue(language: str, link: Callable[[str], str] = str) -> UseCatalogue:
    """All uses in a language; in English where they are said in no other, as for German.

    `link` writes the name of a validator, such as with a link.
    """
    if language not in _COLUMNS:
        language = "en"
    uses = [UseCase.read(HERE / name) for name in names()]
    sectors = (
        UseSector(
            _SECTORS[sector][language],
            [_entry(use, language, link) for use in uses if use.said["sector"] == sector],
        )
        for sector in SECTORS
    )
    return UseCatalogue(_COLUMNS[language], tuple(sectors), [each[language] for each in _LATER])


def validators(validator: Mapping[str, Any]) -> list[str]:
    """The validators of a use, of which there may be several."""
    return [] if "none" in validator else str(validator["name"]).split("; ")


def _entry(use: UseCase, language: str, link: Callable[[str], str]) -> UseEntry:
    sizes, standard = use.said["bytes"], use.said["standard"]
    cells = (
        f"{standard['name']} {standard['version']} ({standard['date']})",
        _validator(use.said["validator"], language, link),
        "; ".join(_asked(use, language)) or _WORDS["nothing"][language],
        " / ".join(f"{sizes[each]:,}" for each in ("credential", "bundle") if each in sizes),
        f"{_refusal(use.attack, language)}: `{use.attack['code']}`",
    )
    parted = "".join(_WORDS["parted"][language].format(form=form) for form in use.parted_forms)
    return UseEntry(use.name, use.said["title"][language], parted, cells)


def _validator(validator: Mapping[str, Any], language: str, link: Callable[[str], str]) -> str:
    if "none" in validator:
        return _WORDS["none"][language].format(why=validator["none"])
    return _WORDS[validator["of"]][language].format(name=", ".join(map(link, validators(validator))))


def _asked(use: UseCase, language: str) -> Iterator[str]:
    policy = use.kind.policy
    if policy.holder:
        yield _WORDS["holder"][language]
    if policy.status_age:
        yield _WORDS["status_age"][language].format(days=_days(policy.status_age, language))
    if policy.check_age:
        yield _WORDS["check_age"][language].format(days=_days(policy.check_age[1], language))
    if policy.resources:
        yield _WORDS["resources"][language]
    if use.policy is not None:
        yield _WORDS["policy"][language].format(policy=json.dumps(use.policy, ensure_ascii=False))


def _refusal(attack: Mapping[str, Any], language: str) -> str:
    change = attack["change"]
    words = _WORDS.get(f"{change}-change", _WORDS.get(change, {}))[language]
    members = {name: str(value).replace("`", "'") for name, value in attack.items()}
    return words.format_map({**members, "days": _days(attack.get("days", 0), language)})


def _days(count: float, language: str) -> str:
    return f"{count} 天" if language == "zh" else f"{count} day{'s' * (count != 1)}"
