"""The templates in an issuer's folder: the one in force, and those that updates replaced.

A job that was begun and the editions of a diploma keep the template that they were begun with. So a template
that an update replaces stays beside template.json, named by its SHA-256. Templates that a registrar's edits
replace are not kept.
"""

from __future__ import annotations

import errno
import json
import os
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any

from kinds import Template
from kinds.problem import InvalidTemplate
from kinds.shipped import diploma_1
from vc.vcdm import jsonld
from wire.problem import Damaged
from wire.strict import load_json_object

from ..shared import shared_in
from .document import trial

TEMPLATE = "template.json"
REPLACED = f"template.{'[0-9a-f]' * 64}.json"


def replaced_templates(home: Path) -> list[bytes]:
    """The templates that updates replaced.

    Raises `Damaged` for a template that does not match the digest in its name.
    """
    shared = shared_in(home)
    names = [name for name in shared.names("") if fnmatchcase(name, REPLACED)]
    texts = {name: shared.read(name) or b"" for name in names}
    for name, text in texts.items():
        if name != _name_of(text):  # a job that was begun with it would go on with another
            raise Damaged(f"{shared.where(name)} is damaged: it is not the template that an update replaced")
    return list(texts.values())


def has_template(home: Path) -> bool:
    """True if the issuer has a template of its own: it issues diplomas by it."""
    return shared_in(home).read(TEMPLATE) is not None


def template_in(home: Path) -> bytes:
    """The template in force. Raises `FileNotFoundError`."""
    shared = shared_in(home)
    template = shared.read(TEMPLATE)
    if template is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), shared.where(TEMPLATE))
    return template


def _name_of(text: bytes) -> str:
    return f"template.{sha256(text).hexdigest()}.json"


def lacks_degree(template: Template) -> bool:
    """True if a template states the type of an achievement and has no place for the degree's name."""
    return "achievement_type" in template.fields and "degree_name" not in template.fields


def update_template(home: Path, contexts: jsonld.Contexts | None, *, patience: float) -> bool:
    """Gives template.json a place for the degree's name, after keeping a copy; true if it had none.

    Waits `patience` seconds for a job under way. Raises `InvalidTemplate` where there is no achievement to
    name the degree in, or where the contexts of the template do not define the terms for it.
    """
    shared = shared_in(home)
    with shared.held("issue", patience=patience):
        text = shared.read(TEMPLATE) or b"{}"  # a kind has none
        if not lacks_degree(Template(text)):
            return False
        updated = _with_degree(load_json_object(text))
        trial(diploma_1().with_template(Template(updated)), contexts).check()
        # The copy first: a kill in between leaves the template in force, and a copy of it.
        shared.write(_name_of(text), text)
        shared.write(TEMPLATE, updated)
    return True


def _with_degree(document: dict[str, Any]) -> bytes:
    """The template with the packaged template's names of an achievement, behind its type."""
    subject = document.get("credentialSubject")
    achievement = subject.get("achievement") if isinstance(subject, dict) else None
    others = achievement.get("otherIdentifier", []) if isinstance(achievement, dict) else None
    if (
        not isinstance(achievement, dict)
        or "achievementType" not in achievement
        or not isinstance(others, list)
    ):
        raise InvalidTemplate(
            "the template has no achievement with an achievementType and a list of otherIdentifier",
            hint="Put {degree_name} where the degree's name is to stand, by hand.",
        )
    packaged = load_json_object(diploma_1().template.text)["credentialSubject"]["achievement"]
    named: dict[str, Any] = {}
    for member, value in achievement.items():
        if member != "otherIdentifier":
            named[member] = value
        if member == "achievementType":
            named["otherIdentifier"] = [*others, *packaged["otherIdentifier"]]
    achievement.clear()
    achievement.update(named)
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"
