"""Other programs judge our credentials before, during and after a suspension."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openvc.did.base import DidResolverRegistry
from openvc.did.did_key import DidKeyResolver
from openvc.resolvers import default_status_list_resolver
from openvc.status import check_credential_status, check_token_status

from issuer.identity.kind import read_kind
from tests.conftest import ROOT
from tests.interop.peers import JavaScript, javascript, over_tls, with_one_proof
from tests.loopback import Authority, response
from tests.test_suspension import cells
from tests.test_token_issuing import token
from tests.test_verifier_controllers import Host
from tests.world import issuer_in
from vc.forms import FORMS, SD_JWT_VC, DataIntegrity
from vc.secured import Form
from vc.status import Reason
from vc.vcdm.enveloped import Enveloped

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ask(authority: Authority) -> Iterator[JavaScript]:
    with javascript(authority.ca_file) as ask:
        yield ask


class City:
    """An issuer of licences whose lists a host serves, at the addresses that its credentials name."""

    def __init__(self, home: Path, host: Host, form: Form) -> None:
        self._host, self._now = host, datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        kind = read_kind(ROOT / "tests" / "own_kinds" / "licence")
        address = {"url": host.site.url("/city"), "method": "key"}
        self.issuer = issuer_in(home, kind=kind, form=form, clock=lambda: self._now, **address)
        self.issuer.issue_many([cells("L-1"), cells("L-2")])

    def states(self) -> Iterator[str]:
        """The states that the first licence goes through, each published when it is given."""
        issuer = self.issuer
        steps: list[tuple[str, Callable[[datetime], None]]] = [
            ("valid", lambda _: None),
            ("suspended", lambda now: issuer.suspend(["L-1"], Reason.UNSPECIFIED, now=now)),
            ("valid", lambda now: issuer.reinstate(["L-1"], now=now)),
            ("revoked", lambda now: issuer.revoke(["L-1"], Reason.FRAUD, date=now, now=now)),
        ]
        for state, change in steps:
            self._now += timedelta(minutes=1)
            change(self._now)
            for path in (issuer.home / "status").iterdir():
                self._host.answers[f"/city/status/{path.name}"] = response(200, path.read_bytes())
            yield state

    def credential(self, number: str) -> Any:
        return self.issuer.line(self.issuer.current(number)).credential


def test_digital_bazaar_tells_a_suspension_from_a_revocation(
    ask: JavaScript, host: Host, tmp_path: Path
) -> None:
    city = City(tmp_path, host, DataIntegrity(suite="eddsa-rdfc-2022"))
    for state in city.states():
        for number, expected in (("L-1", state), ("L-2", "valid")):
            outcome = ask("verify", dict(city.credential(number)))
            assert outcome["verified"], outcome
            results = outcome["statusResult"]["results"]
            assert len(results) == 2
            found = {each["credentialStatus"]["statusPurpose"] for each in results if each["status"]}
            purposes = {"valid": set(), "suspended": {"suspension"}, "revoked": {"revocation"}}
            assert found == purposes[expected]


def test_openvc_looks_both_up_in_lists_that_it_verifies(
    host: Host, authority: Authority, tmp_path: Path
) -> None:
    """The credential itself it does not read: it takes no terms that stand inline in a context."""
    city = City(tmp_path, host, DataIntegrity(suite="eddsa-rdfc-2022"))
    fetch = over_tls(authority.ca_file)
    lists = default_status_list_resolver(
        resolver=DidResolverRegistry([DidKeyResolver()]),
        fetch=lambda url: json.dumps(with_one_proof(json.loads(fetch(url)))),
    )
    for state in city.states():
        for number, expected in (("L-1", state), ("L-2", "valid")):
            found = check_credential_status(city.credential(number), resolve_status_list=lists)
            assert (found.revoked, found.suspended) == (expected == "revoked", expected == "suspended")


def test_openvc_and_sd_jwt_js_read_it_in_the_token_list(ask: JavaScript, host: Host, tmp_path: Path) -> None:
    city = City(tmp_path, host, FORMS[SD_JWT_VC])
    issuer, values = city.issuer, {"valid": 0, "revoked": 1, "suspended": 2}
    key = issuer.public_keys["assertion"].jwk()
    for state in city.states():
        listed = (issuer.home / "status" / "0.jwt").read_text()
        for number, expected in (("L-1", state), ("L-2", "valid")):
            secured = city.credential(number)
            assert isinstance(secured, Enveloped)
            claims = issuer.line(issuer.current(number)).secured.claims.said
            found = check_token_status(dict(claims), resolve_status_list_token=lambda _: token(issuer))
            assert found is not None
            assert (found.status, found.suspended) == (values[expected], expected == "suspended")
            index = claims["status"]["status_list"]["idx"]
            assert ask("tokenStatus", text=listed, places=[index])["values"] == [values[expected]]
            task = {"text": secured.data.decode(), "issuer": key, "list": listed}
            outcome = ask("sdJwtVerify", now=int(datetime.now(UTC).timestamp()), **task)
            assert ("error" in outcome) is (expected != "valid"), json.dumps(outcome)
