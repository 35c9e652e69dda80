"""What uses issue, and the documents that it states, before the programs of the standards they follow.

Each program takes all of it, and refuses what was spoilt: one that takes anything is no validator. Those in
Python come in an environment of their own, with hashes for all (`make peers`), and run in a process each.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3 import OB3LdpVerifier

from examples.uses.folder import HERE, UseCase, names
from issuer.press.document import trial
from tests.sources import ROOT
from tests.test_uses import records
from tests.world import issuer_in
from vc.forms import DataIntegrity
from vc.vcdm.related import resources_of
from wire.integrity import digests_of

from .test_uses import cell, is_made

PYTHON = ROOT / ".validators" / "bin" / "python"
needed = pytest.mark.skipif(not PYTHON.with_name("mlcroissant").exists(), reason="no validators: make peers")
USES = {name: UseCase.read(HERE / name) for name in names()}


def uses_of(validator: str) -> list[str]:
    """The uses that name a validator."""
    return [
        name for name, use in USES.items() if validator in use.said["validator"].get("name", "").split("; ")
    ]


class Judge(NamedTuple):
    """A program, the documents that it reads, and what it has to notice."""

    documents: str
    """How the names of those documents end."""
    script: str
    """Defines `judge(path)`, which raises for a document that the program refuses."""
    spoil: tuple[tuple[str, str], ...]
    """A pattern, and what is put in its place."""


JUDGES: Mapping[str, Judge] = {
    "fhir.resources": Judge(
        ".json",
        """
from fhir.resources import get_fhir_model_class
def judge(path):
    said = json.loads(path.read_text("utf-8"))
    get_fhir_model_class(said["resourceType"]).model_validate(said)
""",
        ((r'"status"', '"state"'), (r'("code": )"[^"]+"', r"\1{}")),
    ),
    "mlcroissant": Judge(
        ".croissant.json",
        """
import mlcroissant
def judge(path):  # with the data that it describes, and whose hashes it states
    data = mlcroissant.Dataset(jsonld=str(path))
    for each in data.metadata.record_sets:
        assert list(data.records(each.uuid))
""",
        ((r'("sha256": )"[^"]{8}', r'\1"00000000'), (r'"cr:FileObject"', '"cr:Something"')),
    ),
    "dppvalidator": Judge(
        ".dpp.json",
        """
from dppvalidator import ValidationEngine
def judge(path):
    found = ValidationEngine(schema_version="0.6.1").validate(json.loads(path.read_text("utf-8")))
    assert found.valid, found.errors
""",
        ((r'"issuer"', '"maker"'), (r'("recycledContent": )[0-9.]+', r'\1"much"')),
    ),
    "spdx-python-model": Judge(
        ".spdx.json",
        """
from spdx_python_model import v3_0_1
def judge(path):
    with path.open("rb") as opened:
        v3_0_1.JSONLDDeserializer().read(opened, v3_0_1.SHACLObjectSet())
""",
        ((r'"ai_autonomyType": "no"', '"ai_autonomyType": "perhaps"'), (r'"ai_domain"', '"ai_realm"')),
    ),
}

WHICH = """
import json, sys
from pathlib import Path
{script}
def refused(path):
    try:
        judge(Path(path))
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"[:500]
print(json.dumps([refused(path) for path in sys.argv[1:]]))
"""


def answers(script: str, files: Sequence[Path], home: Path) -> list[str | None]:
    """Why the program refuses each file, or `None`."""
    done = subprocess.run(
        [PYTHON, "-c", WHICH.format(script=script), *files],
        env={"HOME": str(home), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def stated(use: UseCase) -> set[str]:
    """The names of the files whose digests its credentials state."""
    composed = [trial(use.kind).compose(record, seq) for seq, record in enumerate(records(use))]
    resources = [each for document in composed for each in resources_of(document)]
    digests = {name: digests_of(BytesIO(data)) for name, data in use.files.items()}
    return {name for name, own in digests.items() if any(each.fits(own) for each in resources)}


@needed
@pytest.mark.slow
@pytest.mark.parametrize(("validator", "name"), [(each, name) for each in JUDGES for name in uses_of(each)])
def test_a_program_of_its_standard_takes_each_document_and_refuses_a_spoilt_copy(
    validator: str, name: str, tmp_path: Path
) -> None:
    judge, use = JUDGES[validator], USES[name]
    folder = Path(shutil.copytree(use.folder / "files", tmp_path / "files"))
    taken = [folder / each for each in sorted(stated(use)) if each.endswith(judge.documents)]
    assert taken
    spoilt = []
    for position, (pattern, instead) in enumerate(judge.spoil):
        text, count = re.subn(pattern, instead, taken[0].read_text("utf-8"), count=1)
        assert count, pattern
        spoilt.append(folder / f"spoilt-{position}{judge.documents}")
        spoilt[-1].write_text(text, "utf-8")
    found = answers(judge.script, [*taken, *spoilt], tmp_path)
    assert [why for why in found[: len(taken)] if why] == []
    assert all(found[len(taken) :]), f"{validator} takes anything"


SIGN = """
import base64
import model_signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
def judge(path):
    key, folder = ec.generate_private_key(ec.SECP256R1()), path.parent
    private, public = folder.with_name("private.pem"), folder.with_name("public.pem")
    private.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    signature = folder.with_name("signature")
    model_signing.signing.Config().use_elliptic_key_signer(private_key=private).sign(folder, signature)
    said = json.loads(base64.b64decode(json.loads(signature.read_text())["dsseEnvelope"]["payload"]))
    digests = {each["name"]: each["digest"] for each in said["predicate"]["resources"]}
    assert digests == json.loads(folder.with_name("digests.json").read_text()), "other digests"
    judged = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public)
    judged.verify(folder, signature)
    path.write_bytes(path.read_bytes()[:-1])
    try:
        judged.verify(folder, signature)
    except ValueError:
        return
    raise AssertionError("model-signing takes anything")
"""


@needed
@pytest.mark.slow
@pytest.mark.parametrize("name", uses_of("model-signing"))
def test_model_signing_signs_the_digests_of_the_weights_that_credentials_state(
    name: str, tmp_path: Path
) -> None:
    use = USES[name]
    weights = [each for each in sorted(stated(use)) if each.endswith(".safetensors")]
    assert weights
    (tmp_path / "model").mkdir()
    digests = {}
    for each in weights:
        (tmp_path / "model" / each).write_bytes(use.files[each])
        (digests[each],) = (raw.hex() for raw in digests_of(BytesIO(use.files[each])) if len(raw) == 32)
    for said, ends in (
        ({**digests, weights[0]: "00" * 32}, ["AssertionError: other digests"]),
        (digests, [None]),
    ):
        (tmp_path / "digests.json").write_text(json.dumps(said))
        assert answers(SIGN, [tmp_path / "model" / weights[0]], tmp_path) == ends


# What reads the credential itself


def refuses(judge: Callable[[dict[str, Any]], bool], document: Mapping[str, Any], *path: str) -> bool:
    """Whether a judge refuses a document without a member."""
    spoilt = copy.deepcopy(dict(document))
    place: Any = spoilt
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return not judge(spoilt)


@pytest.mark.parametrize("name", uses_of("1EdTech JSON Schema"))
def test_the_schema_of_1edtech_takes_each_badge_and_refuses_a_spoilt_copy(name: str, corpora: Path) -> None:
    schema = json.loads((corpora / "samples" / "schemas" / "ob3-achievementcredential.json").read_bytes())
    judge, use = jsonschema_rs.validator_for(schema), USES[name]
    proof = {"type": "DataIntegrityProof", "created": "2026-07-01T00:00:00Z"}
    for seq, record in enumerate(records(use)):
        document = {**trial(use.kind).compose(record, seq), "proof": [proof]}
        assert list(judge.iter_errors(document)) == []
    assert refuses(judge.is_valid, document, "credentialSubject", "achievement", "criteria")
    assert refuses(judge.is_valid, document, "issuer")


@pytest.mark.slow
@pytest.mark.parametrize("name", uses_of("openbadgeslib"))
def test_openbadgeslib_verifies_a_badge_and_refuses_a_spoilt_copy(name: str, tmp_path: Path) -> None:
    use = USES[name]
    form = DataIntegrity(suite="eddsa-rdfc-2022")
    issuer = issuer_in(tmp_path, kind=use.kind, form=form, clock=lambda: use.now)
    cells = {
        name: cell(value)
        for name, value in records(use)[0].items()
        if value not in ("", []) and not is_made(use, name)
    }
    credential = dict(issuer.line(issuer.issue(cells)).credential)

    def takes(said: Mapping[str, Any]) -> bool:
        try:
            OB3LdpVerifier.for_issuer_did(credential["issuer"]["id"]).verify(dict(said), check_status=False)
        except LibOpenBadgesException:
            return False
        return True

    assert takes(credential)
    assert refuses(takes, credential, "credentialSubject", "achievement", "achievementType")
    assert refuses(takes, credential, "credentialSubject", "achievement")
