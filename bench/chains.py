"""Cost of timestamps from chains: gas for an anchor, and verifying evidence from two chains and the log.

As issuers hand it out, the bundle has two items for each chain: a proof that the entry is in a checkpoint of
the log, and evidence that the chain has that checkpoint. The peer is the same bundle with the log's own
evidence alone. CPU time, lists remembered; the best of many rounds that take turns in one run. Gas is
py-evm's, in this process.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson

from bench.bundles import interleaved
from ledger.evidence import parse_proof
from ledger.evm.contract import anchor_call, init_code
from tests.evm_chain import Chain
from tests.ledger_samples import samples
from tests.py_evm import Chain as Blocks
from tests.world import NOW, University, verifier
from vc import Bundle
from verifier import Trust

SIZE = 10_000
"""Entries of the log when the diploma is issued; chains take it a while later."""


def gas() -> dict[str, int]:
    """Gas of deploying the contract, of its first anchor and of the most expensive one after that."""
    chain = Blocks()
    deployment = chain.send(chain.submitter, init_code("bench.example/log", chain.owner, chain.submitter))
    contract = bytes.fromhex(deployment["contract_address"][2:])
    spent = [
        chain.send(chain.submitter, anchor_call((1 << 62) + size, bytes((size,)) * 32), contract)["gas_used"]
        for size in range(1, 9)
    ]
    return {"deployed": deployment["gas_used"], "first anchor": spent[0], "next anchor": max(spent[1:])}


def bundles() -> tuple[dict[str, Bundle], Trust]:
    """A diploma with evidence by its log alone, from one chain, and from two."""
    university, chains = University(), (Chain("eip155:1"), Chain("eip155:100", fields=20))
    university.log.append(samples(0, SIZE), b"others")
    plain = university.issue()
    index = parse_proof(plain.evidence[0].body)[0]
    by_name, bundle = {"the log alone": plain}, plain
    for number, (chain, name) in enumerate(zip(chains, ("one chain", "two chains"), strict=True)):
        start = university.log.checkpoint().size
        university.log.append(samples(start, start + 700), b"%d" % number)
        later = university.log.evidence(index)
        anchored = chain.anchor(university.log.checkpoint(), NOW - timedelta(hours=1), among=150, at=77)
        bundle = replace(bundle, evidence=(*bundle.evidence, later, anchored))
        by_name[name] = bundle
    ledgers = tuple(chain.trusted for chain in chains)
    logs = tuple(replace(log, ledgers=ledgers) for log in university.trust.logs)
    return by_name, Trust(university.trust.issuers, logs)


def main() -> None:
    by_name, trust = bundles()
    judge, handed_out = verifier(trust), {name: bundle.to_bytes() for name, bundle in by_name.items()}
    for number, data in enumerate(handed_out.values()):
        report = judge.verify(data, now=NOW)
        assert report, report.deciding
        text = " ".join(check.text for check in report.checks)
        assert text.count("its checkpoint on") == number, text
    times = interleaved({name: partial(judge.verify, data, now=NOW) for name, data in handed_out.items()})
    results = []
    print(f"{'evidence':<20}{'bytes':>8}{'µs':>8}{'ratio':>8}{'goal':>8}")
    for name, taken in times.items():
        ratio = taken / times["the log alone"]
        goal = 2.0 if name == "two chains" else None
        target = f"≤ {goal}×" if goal else ""
        print(f"{name:<20}{len(handed_out[name]):>8}{taken:>8.0f}{ratio:>7.2f}×{target:>8}")
        results.append({"name": name, "us": taken, "ratio": ratio, "goal": goal})
    print(f"{'gas':<20}{'units':>8}{'goal':>16}")
    for name, units in gas().items():
        goal = 45_000 if name == "next anchor" else None
        print(f"{name:<20}{units:>8}{f'≤ {goal:,}' if goal else '':>16}")
        results.append({"name": name, "gas": units, "goal": goal})
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / "chains.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    main()
