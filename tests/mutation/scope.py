"""Which files are broken at random, and the tests that have to notice: quick ones first.

Each file is one that compares values from outside, or makes or checks what others rely on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_VERIFIER = (
    "verifier_verify", "verifier_ties", "verifier_attacks", "verifier_parts", "verifier_presenter",
    "verifier_proofs", "verifier_pins", "verifier_controllers", "verifier_status_issuers", "verifier_status",
    "verifier_freshness", "verifier_clock", "verifier_unknown", "verifier_keys", "verifier_limits",
)  # fmt: skip

TESTS: Mapping[str, tuple[str, ...]] = {
    "keys/ecdsa.py": ("keys_ecdsa", "keys_public", "keys_keyfile", "vc_integrity"),
    "keys/ed25519.py": ("keys_ed25519", "keys_public", "verifier_keys"),
    "keys/envelope.py": ("keys_envelope", "keys_keyfile"),
    "keys/keyfile.py": ("keys_keyfile",),
    "keys/multi.py": ("keys_public", "keys_ed25519", "keys_ecdsa"),
    "keys/openssl.py": ("keys_ed25519",),
    "keys/public.py": ("keys_public", "keys_ed25519", "keys_ecdsa"),
    "keys/signer.py": ("keys_ed25519", "keys_ecdsa", "keys_keyfile"),
    "keys/sodium.py": ("keys_ed25519",),
    "ledger/audit.py": ("ledger_audit",),
    "ledger/cli.py": ("ledger_cli",),
    "ledger/entries.py": ("ledger_log", "ledger_tiles", "ledger_evidence"),
    "ledger/evidence.py": ("ledger_evidence", "ledger_tessera"),
    "ledger/folder.py": ("ledger_cli", "ledger_audit"),
    "ledger/log.py": ("ledger_log", "contract/ledgers", "ledger_posix", "ledger_audit", "ledger_clock"),
    "ledger/lookup.py": ("ledger_lookup",),
    "ledger/merkle.py": ("ledger_merkle", "ledger_tiles", "ledger_log"),
    "ledger/note.py": ("ledger_note", "ledger_evidence"),
    "ledger/tiles/edge.py": ("ledger_tiles", "ledger_log", "contract/ledgers"),
    "ledger/tiles/journal.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "ledger/tiles/keys.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "ledger/tiles/layout.py": ("ledger_tiles", "ledger_log", "contract/ledgers"),
    "ledger/tiles/memory.py": ("ledger_log", "contract/ledgers"),
    "ledger/tiles/posix.py": ("contract/ledgers", "ledger_posix", "ledger_audit", "ledger_clock"),
    "ledger/tiles/reader.py": ("ledger_tiles", "ledger_audit", "contract/ledgers"),
    "ledger/tiles/store.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "vc/integrity/pipeline.py": ("vc_integrity", "verifier_proofs"),
    "vc/integrity/proof.py": ("vc_integrity", "verifier_proofs"),
    "vc/integrity/suites.py": ("vc_integrity",),
    "verifier/app.py": ("verifier_app",),
    "verifier/judge.py": ("verifier_app",),
    "verifier/processes.py": ("verifier_app",),
    "verifier/checks.py": _VERIFIER,
    "verifier/cli.py": ("verifier_cli", "verifier_freshness", "shown_text"),
    "verifier/documents.py": _VERIFIER,
    "verifier/evidence.py": _VERIFIER,
    "verifier/policy.py": ("verifier_policy", *_VERIFIER),
    "verifier/published.py": ("verifier_published",),
    "verifier/signatures.py": _VERIFIER,
    "verifier/status.py": _VERIFIER,
    "verifier/summary.py": ("verifier_cli", "shown_text"),
    "verifier/trust.py": ("verifier_trust", *_VERIFIER),
    "verifier/trust_cli.py": ("verifier_cli", "verifier_trust"),
    "verifier/verify.py": (*_VERIFIER, "verifier_policy", "verifier_facts"),
    # Others that compare values from outside.
    "did/controller.py": ("verifier_controllers",),
    "did/document.py": ("did_document", "did_key", "verifier_keys"),
    "did/identifier.py": ("did_identifier",),
    "did/methods/jwk.py": ("did_key",),
    "did/methods/key.py": ("did_key",),
    "did/methods/web.py": ("did_web",),
    "vc/anchoring.py": ("verifier_verify", "verifier_attacks", "verifier_ties"),
    "vc/bundle.py": ("verifier_verify", "verifier_unknown", "verifier_members", "verifier_limits"),
    "vc/credential.py": ("vc_credential", "status_statement", "verifier_verify"),
    "vc/presentation.py": ("vc_credential", "verifier_presenter", "holder_wallet"),
    "vc/status.py": ("vc_status", "verifier_verify"),
    "wire/clock.py": ("verifier_clock",),
    "exchange/claim.py": ("exchange_claim", "issuer_claims"),
    "holder/client.py": ("holder_claim",),
    "issuer/claims.py": ("issuer_claims", "issuer_release"),
}


def tests_of(file: str) -> list[str]:
    """The test files for it."""
    places = (Path("tests", name) for name in TESTS[file])
    return [str(place.with_name(f"test_{place.name}.py")) for place in places]
