"""The templates in an issuer's folder: the one in force, and those that updates replaced.

A job that was begun and the editions of a diploma keep the template that they were begun with. So a template
that an update replaces stays beside template.json, named by its SHA-256. Templates that a registrar's edits
replace are not kept.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from kinds import Template
from kinds.problem import InvalidTemplate
from kinds.shipped import diploma_1
from vc.vcdm import jsonld
from wire.files import locked, write_durably
from wire.problem import Damaged
from wire.strict import load_json_object

from .document import trial

TEMPLATE = "template.json"
REPLACED = f"template.{'[0-9a-f]' * 64}.json"


def replaced_templates(home: Path) -> list[bytes]:
    """The templates that updates replaced.

    Raises `Damaged` for a template that does not match the digest in its name.
    """
    texts = {path: path.read_bytes() for path in sorted(home.glob(REPLACED))}
    for path, text in texts.items():
        if path.name != _name_of(text):  # a job that was begun with it would go on with another
            raise Damaged(f"{path} is damaged: it is not the template that an update replaced")
    return list(texts.values())


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
    with locked(home / "issue", patience=patience):
        text = (home / TEMPLATE).read_bytes() if (home / TEMPLATE).exists() else b"{}"  # a kind has none
        if not lacks_degree(Template(text)):
            return False
        updated = _with_degree(load_json_object(text))
        trial(diploma_1().with_template(Template(updated)), contexts).check()
        # The copy first: a kill in between leaves the template in force, and a copy of it.
        write_durably(home / _name_of(text), text)
        write_durably(home / TEMPLATE, updated)
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
