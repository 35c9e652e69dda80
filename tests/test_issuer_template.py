"""Templates: three rules, and errors that name the place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from issuer.press.document import Composer, Profile
from issuer.press.permutation import Positions
from kinds import Template, shipped
from kinds.problem import InvalidTemplate
from wire.problem import Malformed


def filled(document: Any, **values: Any) -> Any:
    return Template(json.dumps({"it": document}).encode()).fill(values)["it"]


@pytest.mark.parametrize(
    ("document", "result"),
    [
        ("constant", "constant"),
        ("{name}", "Ada"),
        ("{number}", 7.5),
        ("{name} has {number}, {name}!", "Ada has 7.5, Ada!"),
        (["{name}", 1, None, True], ["Ada", 1, None, True]),
        ({"a": {"b": ["{name}"]}}, {"a": {"b": ["Ada"]}}),
        (["x", "{empty}", {"$if": "empty", "y": "z"}], ["x"]),
        ({"$if": "name", "y": "z"}, {"y": "z"}),
        ({"x": 1, "gone": "with {empty}", "gone too": ["{empty}"], "and": {"this": "{empty}"}}, {"x": 1}),
    ],
)
def test_placeholders_are_filled_and_empty_parts_left_out(document: Any, result: Any) -> None:
    assert filled(document, name="Ada", number=7.5, empty="") == result


def test_a_template_without_placeholders_is_itself() -> None:
    template = Template(b'{"a": [1]}')
    assert template.fill({}) == {"a": [1]}
    assert template.fields == set()


def test_the_names_in_a_template_are_known() -> None:
    template = Template(b'{"a": "{one} {two}", "b": {"$if": "three", "c": "d"}}')
    assert template.fields == {"one", "two", "three"}
    assert template.members == {"a", "b"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b'{"a": ["{Name}"]}', r"\$\.a\[0\]"),
        (b'{"a": {"b": "{name"}}', r"\$\.a\.b"),
        (b'{"a": "name}"}', r"\$\.a"),
        (b'{"a": {"$if": "Bad Name", "b": 1}}', r"\$\.a\.\$if"),
    ],
)
def test_a_stray_brace_has_a_place(text: bytes, place: str) -> None:
    with pytest.raises(InvalidTemplate, match=f"^template, {place}: a brace"):
        Template(text)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"a": 1, "a": 2}'])
def test_a_template_is_one_json_object(text: bytes) -> None:
    with pytest.raises(Malformed):
        Template(text)


def composer(**change: Any) -> Composer:
    content = {**json.loads(shipped().template.text), **change}
    template = Template(
        json.dumps({name: part for name, part in content.items() if part is not None}).encode()
    )
    profile = Profile("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "U", "u.example/log")
    return Composer(
        shipped().with_template(template), profile, b"i" * 32, b"s" * 32, Positions(lambda _: b"p" * 32)
    )


def test_the_packaged_template_is_sound() -> None:
    composer().check()


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"credentialSubject": None}, "the template has no member 'credentialSubject'"),
        ({"type": None}, "the template has no member 'type'"),
        ({"id": "urn:x:1"}, "the template has a member 'id', which is added when a credential is made"),
        (
            {"termsOfUse": []},
            "the template has a member 'termsOfUse', which is added when a credential is made",
        ),
    ],
)
def test_a_template_that_cannot_make_a_credential_is_refused(change: dict[str, Any], detail: str) -> None:
    with pytest.raises(InvalidTemplate) as raised:
        composer(**change)
    assert raised.value.detail == detail


@pytest.mark.parametrize(
    "change",
    [
        {"shoeSize": "{gpa}"},
        {"validFrom": "{award_date}"},
        {"type": ["OpenBadgeCredential"]},
        {"credentialSubject": {"type": "{honours}", "gpa": "{gpa}"}},
        {"credentialSubject": {"type": "AchievementSubject", "@id": "urn:x:1"}},
    ],
)
def test_a_template_that_would_lose_something_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidTemplate, match=r"^the template: "):
        composer(**change).check()


def test_a_field_may_have_digits_in_its_name() -> None:
    template = Template(b'{"name": "{supervisor_2}"}')
    assert template.fields == {"supervisor_2"}
    assert template.fill({"supervisor_2": "Ada"}) == {"name": "Ada"}
