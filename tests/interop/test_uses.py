"""Programs of others read what each use of examples/uses issues, and fetch nothing for it."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.uses.folder import HERE, UseCase, names
from issuer.press.document import trial
from kinds.schema import schema_of
from tests.fuzz.oracles import by_pyld
from tests.test_kinds_schema import JUDGE, PEER
from tests.test_uses import records
from tests.world import issuer_in
from vc.forms import INTEGRITY, DataIntegrity
from vc.vcdm.jsonld import canonicalize

from .peers import JavaScript, javascript

pytestmark = pytest.mark.slow  # test_vc_jsonld_walker.py compares each rule of canonical forms with PyLD

USES = [
    use
    for use in map(UseCase.read, map(HERE.joinpath, names()))
    if INTEGRITY in (use.kind.forms or (INTEGRITY,))
]
"""Those that are issued as JSON with proofs, which these programs read."""


@pytest.fixture(scope="module")
def peer() -> Iterator[JavaScript]:
    with javascript() as ask:
        yield ask


def cell(value: Any) -> Any:
    """A value as it is given to an issuer: a text, and for a group the cells of its items."""
    if isinstance(value, list):
        return [{name: cell(each) for name, each in item.items() if each != ""} for item in value]
    return str(value)


def is_made(use: UseCase, name: str) -> bool:
    """Whether a field has no column, since its value follows from others."""
    return name not in {*use.kind.columns, *use.kind.groups}


OFFLINE = [use for use in USES if not use.kind.is_suspendable]
"""An issuer without an address suspends nothing: of the others, a status list would have to be fetched."""


@pytest.mark.parametrize("use", OFFLINE, ids=lambda use: use.name)
def test_they_verify_what_a_use_issues_until_it_is_changed(
    use: UseCase, peer: JavaScript, tmp_path: Path
) -> None:
    form = DataIntegrity(suite="eddsa-rdfc-2022")
    # By a did:key without an address: neither its document nor its status list has to be fetched.
    issuer = issuer_in(tmp_path, kind=use.kind, form=form, clock=lambda: use.now)
    cells = {
        name: cell(value)
        for name, value in records(use)[0].items()
        if value not in ("", []) and not is_made(use, name)
    }
    credential = dict(issuer.line(issuer.issue(cells)).credential)
    answer = peer("verifyOffline", credential, now=use.now.isoformat())
    assert answer["verified"], answer
    altered = {**credential, "validUntil": "2099-12-31T00:00:00Z"}
    assert not peer("verifyOffline", altered, now=use.now.isoformat())["verified"]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.name)
def test_its_canonical_form_is_that_of_pyld(use: UseCase) -> None:
    document = trial(use.kind).compose(records(use)[0], 0)
    assert canonicalize(document).decode() == by_pyld(document)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs")
@pytest.mark.skipif(not (PEER / "node_modules" / "ajv").is_dir(), reason="no ajv: make peers")
def test_ajv_takes_what_each_use_issues_and_refuses_a_spoilt_copy() -> None:
    tasks = []
    for use in USES:
        composed = [trial(use.kind).compose(record, seq) for seq, record in enumerate(records(use))]
        spoilt = copy.deepcopy(composed[0])
        del spoilt["credentialSubject"]
        tasks.append({"schema": schema_of(use.kind), "documents": [*composed, spoilt]})
    done = subprocess.run(
        ["node", "--input-type=module", "-e", JUDGE],
        input=json.dumps(tasks),
        cwd=PEER,
        capture_output=True,
        text=True,
        check=True,
    )
    for use, (*taken, spoilt) in zip(USES, json.loads(done.stdout), strict=True):
        assert not any(taken), (use.name, taken)
        assert spoilt, f"{use.name}: ajv takes anything"
