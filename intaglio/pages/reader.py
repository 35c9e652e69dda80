"""The reader of a page: which language is asked for, and how days and addresses are written for people."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

from fastapi import Request

from did import DID, InvalidDID
from did.methods import web
from wire.problem import Facts

from ..words import LANGUAGES, tr, tr_in

TAGS = {"en": "en", "zh": "zh-Hans", "de": "de"}
"""The language tags for HTML."""

NAMES = {"en": "English", "zh": "中文", "de": "Deutsch"}
"""The name of each language in itself, by which its readers find it."""

_ACCEPTED = {"en": "en", "zh": "zh", "zh-cn": "zh", "zh-sg": "zh", "zh-hans": "zh", "de": "de"}
_DAY = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?Z)?", re.ASCII)
_NOT_WITHIN = "(?<![A-Za-z0-9%._:-])", "(?![A-Za-z0-9%_#/?-]|[.:][A-Za-z0-9%])"
"""Patterns around a fact in a sentence: a longer date or DID that contains it is another one."""
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def chosen_language(request: Request) -> str | None:
    """The language that the address names, if the reader chose one."""
    asked = request.query_params.get("lang", "")
    return asked if asked in LANGUAGES else None


def accepted_language(header: str) -> str:
    """The first that is spoken here of those that a browser names (RFC 9110, 12.5.4), or English.

    Traditional Chinese is none of them.
    """
    wanted = []
    for item in header.lower().split(",")[:32]:
        tag, _, weight = item.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag.strip()))
        except ValueError:
            continue
    for order, tag in sorted(wanted, key=lambda each: each[0]):
        wider = tag.rpartition("-")[0]
        language = _ACCEPTED.get(tag) or (_ACCEPTED.get(wider) if wider != "zh" else None)
        if language and order < 0:
            return language
    return "en"


def day(text: str) -> str:
    """A day such as 2026-06-30 as people write it; any other text unchanged."""
    try:
        return _day(date.fromisoformat(text[:10]))
    except ValueError:
        return text


def moment(when: datetime) -> str:
    """A day and a time, marked as UTC."""
    utc = when.astimezone(UTC)
    return tr("{day}, {time} UTC").format(day=_day(utc), time=f"{utc:%H:%M}")


def moments(facts: Facts) -> tuple[datetime, ...]:
    """The facts that are a day with a time."""
    dates = map(_date, facts.values())
    return tuple(date for date in dates if date and date.tzinfo)


def address(issuer: str) -> str:
    """The web address of a did:web, such as `uni.example:8443/registrar`; any other name as it is.

    Nothing stands before the host: `https://uni.example` is another issuer's name (CID 1.0).
    """
    try:
        web.url(issuer)
    except InvalidDID:
        return issuer
    domain, *path = DID.parse(issuer).method_specific_id.split(":")
    return "/".join([unquote(domain), *path])


def readable(text: str, facts: Facts) -> str:
    """A sentence in which days, moments and did:web issuers that are facts stand as people write them."""
    before, after = _NOT_WITHIN
    for fact in facts.values():
        if isinstance(fact, str) and (written := _written(fact)) != fact:
            text = re.sub(f"{before}{re.escape(fact)}{after}", written, text)
    return text


def _written(fact: str) -> str:
    if when := _date(fact):
        return moment(when) if when.tzinfo else _day(when)
    did = fact.strip("'").partition("#")[0]  # a quoted name, or one of its keys
    return fact.replace(did, address(did), 1)


def _date(fact: object) -> datetime | None:
    if not isinstance(fact, str) or not _DAY.fullmatch(fact):
        return None
    try:
        return datetime.fromisoformat(fact)
    except ValueError:
        return None


def _day(when: date) -> str:
    month = tr_in("month", MONTHS[when.month - 1])
    return tr("{day} {month} {year}").format(day=when.day, month=month, year=when.year)


def preferred(value: Any, language: str) -> Any:
    """Claims, those in the reader's language before the same in others (VCDM 2.0, 11.1)."""
    if isinstance(value, dict):
        return {name: preferred(item, language) for name, item in value.items()}
    if isinstance(value, list):
        items = [preferred(item, language) for item in value]
        if all(isinstance(item, dict) and "@value" in item for item in items):
            items.sort(key=lambda item: str(item.get("@language", "")).partition("-")[0] != language)
        return items
    return value
