"""Issuers that have an https URL and no DID: their controller document lies at that URL (CID 1.0)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from did import DID_NOT_FOUND, METHODS, InvalidDIDDocument, ResolutionFailed, Resolver, controller
from keys import PrivateKey
from ledger import EntryKind, entry
from tests.loopback import Authority, Site, response
from tests.problems import raises
from tests.world import NOW, Holder, University
from vc import Anchored, Bundle, Report, StatusList, Verdict, sign
from vc.anchoring import document_digest
from vc.status import status_entry
from vc.vcdm.status_lists import status_list_document
from verifier import RecognisedIssuer, Trust, Verifier
from wire import Unavailable
from wire.fetch import HttpsFetcher, NoFetcher

UNIVERSITY = University()
KEY, THIEF = PrivateKey.generate(), PrivateKey.generate()
REFERENCE = Holder(KEY).method


def controller_document(url: str, *keys: PrivateKey, **change: Any) -> dict[str, Any]:
    """The keys are called `key-0`, `key-1` … in it."""
    methods = [
        {
            "id": f"{url}#key-{number}",
            "type": "Multikey",
            "controller": url,
            "publicKeyMultibase": key.public_key.multikey(),
        }
        for number, key in enumerate(keys)
    ]
    return {
        "@context": "https://www.w3.org/ns/cid/v1",
        "id": url,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
        **change,
    }


class Host:
    """A host under TLS that answers as told."""

    def __init__(self, authority: Authority) -> None:
        self.answers: dict[str, bytes] = {}
        self.site = Site(
            lambda path: self.answers.get(path, response(404)), authority.server_context("localhost")
        )
        self.url = self.site.url("/issuers/14")
        self.fetcher = HttpsFetcher(allow_loopback=True, ca_file=authority.ca_file)

    def serve(self, value: Any, path: str = "/issuers/14") -> None:
        self.answers[path] = response(200, json.dumps(value).encode(), content_type="application/json")

    @property
    def resolver(self) -> Resolver:
        """A new one, which remembers nothing."""
        return Resolver(METHODS, self.fetcher)

    @property
    def asked(self) -> list[str]:
        return [request.split(" ")[1] for request in self.site.requests]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def host(authority: Authority) -> Iterator[Host]:
    host = Host(authority)
    with host.site.running():
        yield host


class TestDocument:
    def test_it_lies_at_the_very_url(self, host: Host) -> None:
        host.serve(controller_document(host.url, KEY))
        document = host.resolver.resolve(host.url).document
        method = document.verification_method(f"{host.url}#key-0", "assertionMethod")
        assert method.key == KEY.public_key
        assert host.asked == ["/issuers/14"]
        assert "Accept: application/cid, application/json\r\n" in host.site.requests[0]

    def test_it_is_that_of_no_other(self, host: Host) -> None:
        for other in (host.url + "/", host.url.upper(), host.url.replace("localhost", "127.0.0.1"), ""):
            host.serve(controller_document(other, KEY))
            with pytest.raises(InvalidDIDDocument, match="not its own"):
                host.resolver.resolve(host.url)

    def test_a_redirect_stays_with_the_origin(self, host: Host, authority: Authority) -> None:
        host.serve(controller_document(host.url, KEY), "/14.json")
        host.answers["/issuers/14"] = response(302, location="/14.json")
        assert host.resolver.resolve(host.url).document.id == host.url
        other = Host(authority)
        other.serve(controller_document(host.url, THIEF))
        with other.site.running():
            for location in (other.url, other.url.replace("localhost", "127.0.0.1")):
                host.answers["/issuers/14"] = response(302, location=location)
                with pytest.raises(ResolutionFailed, match="another origin redirects to it"):
                    host.resolver.resolve(host.url)
            assert other.asked == []

    def test_http_is_never_asked(self) -> None:
        with Site(lambda path: response(200, b"{}")).running() as site:
            resolver = Resolver(METHODS, HttpsFetcher(allow_loopback=True))
            for url in (
                site.url("/issuers/14"),
                f"https:{site.url()}",
                site.url().replace("http:", "https:/"),
            ):
                with pytest.raises(ResolutionFailed):
                    resolver.resolve(url)
            assert site.requests == []

    def test_nothing_but_https_and_no_part_of_a_document_is_looked_for(self) -> None:
        for url in ("http://uni.example/issuers/14", "https://uni.example/issuers/14#key-1", "urn:x"):
            with pytest.raises(ResolutionFailed, match="no https URL"):
                controller.resolve(url, NoFetcher())
        with pytest.raises(Unavailable):
            controller.resolve("https://uni.example/issuers/14", NoFetcher())

    def test_what_keeps_it_away_is_told_apart(self, host: Host) -> None:
        with raises(DID_NOT_FOUND, match="404"):
            host.resolver.resolve(host.url)
        host.answers["/issuers/14"] = response(503)
        with pytest.raises(Unavailable):
            host.resolver.resolve(host.url)
        host.answers["/issuers/14"] = response(200, b"<html>")
        with pytest.raises(InvalidDIDDocument):
            host.resolver.resolve(host.url)
        with pytest.raises(Unavailable, match="offline"):
            Resolver(METHODS, NoFetcher()).resolve(host.url)


def diploma(issuer: str, method: str, key: PrivateKey = KEY, **change: Any) -> dict[str, Any]:
    document = UNIVERSITY.plain(issuer={"id": issuer, "type": ["Profile"], "name": "Example"})
    return sign({**document, **change}, key, verification_method=method, created=NOW)


def check(document: Any, trust: Trust, resolver: Resolver, **options: Any) -> Report:
    return Verifier(resolver, trust=trust, **options).verify(document, now=NOW)


def recognising(url: str, **options: Any) -> Trust:
    return Trust().adding(RecognisedIssuer(url, "Example", **options))


class TestIssuer:
    def test_a_key_for_assertions_is_looked_up(self, host: Host) -> None:
        host.serve(controller_document(host.url, KEY, THIEF, assertionMethod=[f"{host.url}#key-0"]))
        good = diploma(host.url, f"{host.url}#key-0")
        report = check(good, recognising(host.url), host.resolver)
        assert report, report.to_dict()
        for method, key in (("key-1", THIEF), ("key-0", THIEF), ("key-2", THIEF)):
            forged = diploma(host.url, f"{host.url}#{method}", key)
            assert check(forged, recognising(host.url), host.resolver).verdict is not Verdict.VALID

    def test_a_did_key_may_be_referred_to(self, host: Host) -> None:
        host.serve(controller_document(host.url, assertionMethod=[REFERENCE]))
        good = diploma(host.url, REFERENCE)
        assert check(good, recognising(host.url), host.resolver)
        thiefs = Holder(THIEF).method
        forged = diploma(host.url, thiefs, THIEF)
        assert check(forged, recognising(host.url), host.resolver).verdict is not Verdict.VALID
        for change in ({"authentication": [REFERENCE], "assertionMethod": []}, {"alsoKnownAs": [REFERENCE]}):
            host.serve(controller_document(host.url, **{"assertionMethod": [], **change}))
            assert check(good, recognising(host.url), host.resolver).verdict is not Verdict.VALID

    def test_an_address_that_only_looks_like_the_issuers_is_another(self, host: Host) -> None:
        host.serve(controller_document(host.url, KEY))
        host.serve(controller_document(host.url + "0", THIEF), "/issuers/140")
        for method in (f"{host.url}0#key-0", f"{host.url}?#key-0", f"{host.url}/#key-0"):
            forged = diploma(host.url, method, THIEF)
            trust = recognising(host.url).adding(RecognisedIssuer(host.url + "0"))
            assert check(forged, trust, host.resolver).verdict is not Verdict.VALID

    def test_of_strangers_nothing_is_fetched(self, host: Host) -> None:
        host.serve(controller_document(host.url, KEY))
        for trust in (Trust(), recognising(host.url + "/")):
            for method in (f"{host.url}#key-0", REFERENCE):
                report = check(diploma(host.url, method), trust, host.resolver)
                assert report.verdict is Verdict.UNDETERMINED
        assert host.asked == []

    @pytest.mark.parametrize(
        "issuer", ["https://university.example/issuers/14", "http://university.example/", "urn:example:uni"]
    )
    def test_whatever_the_url_a_pinned_key_needs_no_document(self, issuer: str) -> None:
        pinned = recognising(issuer, keys=(KEY.public_key.multikey(),))
        offline = Resolver(METHODS, NoFetcher())
        for method in (f"{issuer}#key-1", f"{issuer}#{KEY.public_key.multikey()}", REFERENCE):
            assert check(diploma(issuer, method), pinned, offline), method
            assert check(diploma(issuer, method, THIEF), pinned, offline).verdict is not Verdict.VALID
        report = check(diploma(issuer, f"{issuer}#key-1"), recognising(issuer), offline)
        assert report.verdict is Verdict.UNDETERMINED

    def test_its_log_may_hold_the_document(self) -> None:
        url, university = "https://university.example/issuers/14", University()
        document = controller_document(url, assertionMethod=[REFERENCE])
        leaf = entry(EntryKind.DID_DOCUMENT, document_digest(document))
        supplied = Anchored(document, (university.anchor(leaf),))
        trust = Trust().adding(RecognisedIssuer(url), university.recognised_log)
        signed = diploma(url, REFERENCE)
        bundle = Bundle(signed, university.bundle(signed).evidence, (supplied,))
        offline = Resolver(METHODS, NoFetcher())
        assert check(bundle, trust, offline)
        unbound = Bundle(bundle.secured, bundle.evidence, (Anchored(document),))
        assert check(unbound, trust, offline).verdict is Verdict.UNDETERMINED


def test_whoever_keeps_the_status_lists_may_have_a_url(host: Host) -> None:
    host.serve(controller_document(host.url, KEY))
    address = host.site.url("/lists/1")
    lists = status_list_document(address, host.url, StatusList(), valid_from=NOW, lifetime=timedelta(days=30))
    signed = sign(lists, KEY, verification_method=f"{host.url}#key-0", created=NOW)
    document = UNIVERSITY.diploma(credentialStatus=status_entry(address, 7))
    bundle = UNIVERSITY.issue(document)

    def source(url: str) -> bytes | None:
        return json.dumps(signed).encode() if url == address else None

    def trusting(*names: str) -> Trust:
        entry = RecognisedIssuer(UNIVERSITY.did, status_issuers=names)
        return Trust().adding(entry, UNIVERSITY.recognised_log)

    assert check(bundle, trusting(host.url), host.resolver, lists=[source])
    report = check(bundle, trusting("https://localhost/"), host.resolver, lists=[source])
    assert report.verdict is Verdict.UNDETERMINED
