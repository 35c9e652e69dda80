"""The files that are broken at random, and the tests that have to notice: quick ones first.

Each file is one that compares values from outside, or makes or checks what others rely on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FIRST = (
    "verifier_verify", "verifier_ties", "verifier_attacks", "verifier_parts", "verifier_presenter",
    "verifier_proofs",
)  # fmt: skip
_VERIFIER = (
    *_FIRST,
    *sorted(path.stem.removeprefix("test_") for path in _ROOT.glob("tests/test_verifier_*.py")),
)


def _files_in(folder: str) -> list[str]:
    return [str(path.relative_to(_ROOT)) for path in sorted((_ROOT / folder).glob("*.py"))]


TESTS: Mapping[str, tuple[str, ...]] = {
    "keys/address.py": ("keys_token", "ledger_s3", "ledger_engines"),
    "keys/ecdsa.py": ("keys_ecdsa", "keys_public", "keys_keyfile", "vc_integrity"),
    "keys/ed25519.py": ("keys_ed25519", "keys_public", "verifier_keys", "did_key"),
    "keys/envelope.py": ("keys_envelope", "keys_keyfile"),
    "keys/keyfile.py": ("keys_keyfile",),
    "keys/kinds.py": ("keys_public", "key_kinds", "keys_ecdsa", "keys_ed25519"),
    "keys/multi.py": ("keys_public", "key_kinds", "keys_ed25519", "keys_ecdsa"),
    "keys/opening.py": ("keys_keyfile", "keys_token", "issuer_keys"),
    "keys/openssl.py": ("keys_ed25519",),
    "keys/public.py": ("keys_public", "key_kinds", "keys_ed25519", "keys_ecdsa"),
    "keys/signer.py": ("keys_ed25519", "keys_ecdsa", "keys_keyfile", "keys_public"),
    "keys/sodium.py": ("keys_ed25519",),
    "keys/token.py": ("keys_token",),
    "ledger/anchors.py": ("ledger_anchors", "contract/anchors", "issuer_anchors"),
    "ledger/audit.py": ("ledger_audit", "ledger_tessera"),
    "intaglio/commands/ledger.py": ("ledger_cli",),
    "ledger/entries.py": ("ledger_log", "ledger_tiles", "ledger_evidence"),
    "ledger/evidence.py": (
        *("ledger_evidence", "ledger_anchors", "ledger_tessera", "verifier_in_time"),
        "verifier_trust_ledgers",
    ),
    "ledger/requirement.py": ("ledger_requirement", "verifier_in_time"),
    "ledger/evm/anchor.py": ("evm_anchoring", "evm_anchor", "evm_lies", "trust_chain"),
    "ledger/evm/chain.py": ("evm_chain", "evm_hostile", "evm_nodes", "evm_following", "evm_lies"),
    "ledger/evm/contract.py": ("ledger_evm_evidence", "ledger_evm_contract"),
    "ledger/evm/deployment.py": ("evm_anchoring", "evm_deployment", "evm_chain"),
    "ledger/evm/evidence.py": ("ledger_evm_evidence", "ledger_evm_node"),
    "ledger/evm/following.py": ("evm_following", "trust_chain"),
    "ledger/evm/header.py": ("ledger_evm_forms", "ledger_evm_evidence", "ledger_evm_node"),
    "ledger/evm/hexadecimal.py": ("ledger_evm_forms", "ledger_evm_node", "evm_chain"),
    "ledger/evm/keccak.py": ("ledger_evm_forms",),
    "ledger/evm/node.py": ("evm_nodes", "evm_chain", "ledger_evm_node"),
    "ledger/evm/nodes.py": ("evm_nodes", "trust_chain"),
    "ledger/evm/receipt.py": ("ledger_evm_forms", "ledger_evm_evidence", "ledger_evm_node"),
    "ledger/evm/rlp.py": ("ledger_evm_forms",),
    "ledger/evm/transactions.py": ("evm_fees", "evm_chain", "evm_anchor", "evm_deployment"),
    "ledger/evm/trie.py": ("ledger_evm_forms",),
    "ledger/folder.py": ("ledger_folder", "ledger_cli", "ledger_audit"),
    "ledger/health.py": ("doctor", "issuer_anchors"),
    "ledger/kinds.py": ("verifier_evm", "verifier_trust_ledgers", "evm_chain"),
    "ledger/log.py": (
        *("ledger_log", "contract/ledgers", "ledger_posix", "ledger_audit", "ledger_clock"),
        "ledger_tessera",
    ),
    "ledger/lookup.py": ("ledger_lookup",),
    "ledger/merkle.py": ("ledger_merkle", "ledger_tiles", "ledger_log"),
    "ledger/add_checkpoint.py": ("ledger_witness",),
    "ledger/add_entries.py": ("ledger_add_entries",),
    "ledger/mirror.py": ("ledger_mirror", "ledger_add_entries"),
    "ledger/move.py": ("ledger_move", "contract/ledgers"),
    "ledger/note.py": ("ledger_note", "ledger_evidence", "ledger_anchors"),
    "ledger/outbox.py": ("ledger_outbox", "contract/anchors", "issuer_anchors", "disk"),
    "ledger/queue.py": ("ledger_queue", "ledger_log"),
    "ledger/submitting.py": ("ledger_outbox", "contract/anchors", "issuer_anchors"),
    "ledger/witness.py": ("ledger_witness",),
    "ledger/tiles/disk.py": ("contract/ledgers", "ledger_posix", "ledger_audit", "ledger_engines"),
    "ledger/tiles/edge.py": ("ledger_tiles", "ledger_log", "contract/ledgers"),
    "ledger/tiles/engines.py": ("ledger_engines",),
    "ledger/tiles/journal.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "ledger/tiles/keys.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "ledger/tiles/layout.py": ("ledger_tiles", "ledger_log", "contract/ledgers"),
    "ledger/tiles/memory.py": ("ledger_log", "contract/ledgers"),
    "ledger/tiles/posix.py": ("contract/ledgers", "ledger_posix", "ledger_audit", "ledger_clock"),
    **dict.fromkeys(
        _files_in("ledger/tiles/postgres"), ("ledger_postgres", "ledger_hostile", "contract/ledgers")
    ),
    **dict.fromkeys(_files_in("ledger/tiles/s3"), ("ledger_s3", "ledger_hostile", "contract/ledgers")),
    "ledger/tiles/reader.py": ("ledger_tiles", "ledger_lookup", "ledger_audit", "contract/ledgers"),
    "ledger/tiles/store.py": ("contract/ledgers", "ledger_posix", "ledger_log"),
    "vc/forms/integrity/proof.py": ("vc_integrity", "verifier_proofs", *_VERIFIER),
    "vc/forms/integrity/suites.py": ("vc_integrity", "key_kinds", "verifier_ed25519_2020", *_VERIFIER),
    "verifier/http.py": ("verifier_app", "verifier_service"),
    "verifier/answering.py": ("verifier_app", "verifier_service"),
    **dict.fromkeys(_files_in("intaglio/api/conformance"), ("api_conformance", "api_jose")),
    "intaglio/api/identifiers.py": ("api_identifiers",),
    "intaglio/api/issuing.py": ("api_issuing",),
    "intaglio/api/message.py": ("api_verification", "api_issuing"),
    "intaglio/api/posted.py": ("api_issuing",),
    "intaglio/api/tokens.py": ("api_issuing",),
    "intaglio/api/verification.py": ("api_verification",),
    "verifier/judge.py": ("verifier_app", "verifier_service", *_VERIFIER),
    "verifier/sources/lists.py": ("verifier_lists", "verifier_status", *_VERIFIER),
    "verifier/processes.py": ("verifier_service",),
    "intaglio/commands/verify/files.py": ("verifier_many",),
    "intaglio/commands/verify/table.py": ("verifier_many",),
    "verifier/sources/trust_index.py": ("verifier_trust_index", *_VERIFIER),
    "verifier/checks.py": _VERIFIER,
    "intaglio/commands/verify/__init__.py": (
        *("verifier_cli", "verifier_many", "verifier_freshness", "verifier_lists", "shown_text"),
        "verifier_app",
    ),
    "verifier/sources/keys.py": ("verifier_verify", "verifier_key_ends", *_VERIFIER),
    "verifier/sources/evidence.py": _VERIFIER,
    "verifier/policy.py": ("verifier_policy", "verifier_in_time", *_VERIFIER),
    "verifier/sources/published.py": ("verifier_published", *_VERIFIER),
    "verifier/sources/published_log.py": ("verifier_published", *_VERIFIER),
    "verifier/own.py": _VERIFIER,
    "verifier/signatures.py": _VERIFIER,
    "verifier/standing.py": ("status_purposes", *_VERIFIER),
    "verifier/status.py": (
        "verifier_status",
        "status_purposes",
        "verifier_lists",
        "status_statement",
        *_VERIFIER,
    ),
    "verifier/summary.py": ("verifier_cli", "shown_text", *_VERIFIER),
    "verifier/sources/blocks.py": ("verifier_trust_ledgers", *_VERIFIER),
    "verifier/sources/trust_entries.py": ("verifier_trust", "verifier_trust_ledgers", *_VERIFIER),
    "verifier/sources/trust.py": ("verifier_trust", "verifier_trust_ledgers", *_VERIFIER),
    "intaglio/commands/chain.py": ("trust_chain",),
    "intaglio/commands/trust.py": (
        *("verifier_cli", "verifier_trust", "files_from_elsewhere", "verifier_types"),
    ),
    "verifier/verify.py": _VERIFIER,
    # Others that compare values from outside.
    "did/controller.py": ("verifier_controllers",),
    "did/document.py": ("did_document", "did_key", "verifier_keys"),
    "did/identifier.py": ("did_identifier", "key_kinds"),
    "did/methods/jwk.py": ("did_key",),
    "did/methods/key.py": ("did_key", "key_kinds"),
    "did/methods/web.py": ("did_web",),
    "vc/anchoring.py": ("verifier_verify", "verifier_attacks", "verifier_ties"),
    "vc/reading/bundle.py": ("verifier_verify", "verifier_unknown", "verifier_members", "verifier_limits"),
    "vc/claims.py": ("vc_credential", "status_statement", "verifier_verify"),
    "vc/vcdm/badge.py": ("degree", "verifier_summary"),
    "vc/vcdm/credential.py": ("vc_credential", "status_statement", "verifier_verify", "degree"),
    "vc/forms/integrity/form.py": ("vc_forms", *_VERIFIER),
    "vc/reading/front.py": ("vc_forms", "verifier_unknown"),
    "vc/vcdm/enveloped.py": ("vc_forms",),
    "vc/vcdm/presentation.py": ("vc_credential", "verifier_presenter", "holder_wallet"),
    "vc/status/bits.py": ("vc_status",),
    "vc/status/details.py": ("vc_status", "verifier_verify"),
    "vc/status/entry.py": ("vc_status", "status_purposes", "verifier_verify"),
    "wire/clock.py": ("verifier_clock",),
    "exchange/claim.py": ("exchange_claim", "issuer_claims"),
    "holder/client.py": ("holder_claim",),
    "issuer/desk/claims.py": ("issuer_claims", "issuer_release", "pages_issuer"),
    "issuer/desk/http.py": ("issuer_claims", "issuer_published"),
    "issuer/desk/published.py": ("issuer_published", "ledger_serve"),
    "issuer/desk/renewal.py": ("issuer_growth", "issuer_serve"),
}


SLOW: Mapping[str, tuple[str, ...]] = {
    "ledger/tiles/engines.py": ("ledger_engines",),
    "ledger/tiles/journal.py": ("fault/ledger_power",),
    "ledger/tiles/keys.py": ("fault/ledger_kill",),
    "ledger/tiles/posix.py": ("fault/ledger_power",),
    "intaglio/commands/verifier.py": ("verifier_app",),
    "ledger/tiles/layout.py": ("ledger_serve", "ledger_folder"),
    "issuer/desk/claims.py": ("pages_issuer", "issuer_serve"),
    "issuer/desk/http.py": ("issuer_serve", "pages_issuer", "service_logs"),
    "ledger/evm/anchor.py": ("evm_lies", "trust_chain", "evm_commands"),
    "ledger/evm/chain.py": ("evm_lies", "evm_anchor", "evm_deployment"),
    "ledger/evm/following.py": ("trust_chain",),
    "ledger/evm/transactions.py": ("evm_anchor", "evm_deployment"),
    "verifier/http.py": ("service_logs",),
    "verifier/judge.py": ("pages_verify",),
}
"""Further tests; the slow ones have to notice the mutants that the quick ones miss."""


def tiers(file: str) -> list[list[str]]:
    """The tests for it, as they are named to pytest: the next ones only where the former notice nothing."""
    tests = _files(dict.fromkeys(TESTS[file]))
    slow = [
        test
        for test in [*tests[:2], *_files(SLOW.get(file, ()))]
        if re.search("mark.(slow|quick)", _text(test))
    ]
    tests = [test for test in tests if not re.search("^pytestmark = .*mark.slow", _text(test), re.MULTILINE)]
    quick = [["-m", "not slow and not soak", *some] for some in (tests[:2], tests[2:6], tests[6:]) if some]
    return [*quick, *([["-m", "slow and not soak", *slow]] if slow else [])]


def _text(test: str) -> str:
    return _ROOT.joinpath(test).read_text()


def _files(names: Iterable[str]) -> list[str]:
    places = (Path("tests", name) for name in names)
    return [str(place.with_name(f"test_{place.name}.py")) for place in places]
