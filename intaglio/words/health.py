"""The words of `intaglio doctor` for its findings, by code; facts stand in braces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from wire.health import Finding, Health

from . import fact, headed, tr, tr_count, tr_in
from . import remedy as remedy_of
from . import sentence as sentence_of

MARKS: Mapping[Health, str] = {Health.PASSED: "✓", Health.WARNED: "!", Health.FAILED: "✗"}


class Said(NamedTuple):
    """The words for a finding, and the advice; without advice of its own, that of the problem, if any."""

    finding: str
    remedy: str = ""


_BACKUP = "Bring it back from a backup."
_PUBLISH = "intaglio issuer status publish"
_CLOCK = "Set the clock right. If it is right by now: intaglio issuer clock accept"

SAID: Mapping[str, Said] = {
    # the machine
    "signing-is-slow": Said(
        "Ed25519 goes by OpenSSL, at half the speed: PyNaCl is not installed.",
        "In the folder with the program's source: pip install '.[fast]'",
    ),
    "home-missing": Said("{home} does not exist yet: nothing was done here so far.", "Try: intaglio demo"),
    "home-open": Said("Others can look into {home}.", "chmod 700 {home}"),
    "file-unreadable": Said("{file} cannot be read: {reason}"),
    # the trust list
    "trust-list-read": Said("The trust list {file} has {count}."),
    "digest-taken": Said("The status digest {number} of {issuer} tells of revocations until {time}."),
    "digest-ended": Said(
        "The status digest {number} of {issuer} ended at {time}: its lists are asked for again.",
        "Take the next one: intaglio trust add {issuer} --revocations URL",
    ),
    "named-agreed": Said("You agreed to what a file in {folder} names: {named}"),
    # the hub
    "hub-log-seen": Said("The log {log} continues, and has {count}."),
    "hub-log-quiet": Said("The log {log} does not answer now: {problem}"),
    "hub-log-silent": Said("The log {log} has not answered for a day: {problem}"),
    "hub-dated-ahead": Said(
        "Of the log {log}, {url} shows a line of {name} that is dated {time}, ahead of the clock here.",
        "If the clock here is right, tell whoever runs {name}.",
    ),
    "hub-peer-fails": Said("{url} cannot be compared: {problem}"),
    # the issuer
    "issuer-found": Said("{name} lives in {home}, and has issued {count}."),
    "issuer-has-closed": Said("{name} closed on {day}: it issues nothing more."),
    "issuer-keys-half-changed": Said("A change of its keys was begun and is not done.", _PUBLISH),
    "issuer-left-over": Said(
        "Killed commands left {count} behind, which may hold keys or personal data: {first}", _PUBLISH
    ),
    "issuer-read-only": Said(
        "{file} may not be written to: nothing can be issued or revoked here.",
        "See whose it is and what its rights are, and whether its disk is mounted to be read only.",
    ),
    "issuer-keys-older": Said(
        "{keys} does not have the keys that its document names: nothing can be signed.",
        "It may be an older copy: bring the newest one back from a backup.",
    ),
    "issuer-keys-announced-gone": Said(
        "Its document announces keys that are not in its key file: {key}",
        "Bring the newest keys.json back. If there is none, take each key out of the document: "
        "intaglio issuer key revoke KEY",
    ),
    "issuer-key-announced-elsewhere": Said(
        "Its document has a key for credentials that is not in its key file: {key}",
        "If it is on a token and signs next: intaglio issuer key rotate --key pkcs11:…. If it is lost: "
        "intaglio issuer key revoke KEY",
    ),
    "issuer-key-end-ahead": Said(
        "Its document lets a former key sign until {time}, ahead of the clock here.", _CLOCK
    ),
    "issuer-diplomas-ahead": Said(
        "Some credentials are dated later than now: whoever checks one before its date is told so.",
        "This lists them, each with the command that issues it anew: intaglio issuer clock accept",
    ),
    "issuer-shards-gone": Said(
        "Gone: {count} of credentials: {first}",
        "Take it from a backup, or, of a bucket, from another copy of that.",
    ),
    "issuer-shards-stray": Said(
        "Left by killed jobs, and named by nothing: {count} of credentials: {first}",
        "This deletes those of jobs that have ended: intaglio issuer sweep",
    ),
    "issuer-index-not-read": Said(
        "{name} lives in {home}, which may only be read: its index was not looked into."
    ),
    "issuer-status-file-unlike": Said("{problem}.", _PUBLISH),
    "issuer-file-damaged": Said("{file} is damaged: {problem}", _BACKUP),
    "issuer-file-unreadable": Said("{file} cannot be read: {reason}", _BACKUP),
    "issuer-template-lacks-degree": Said(
        "{file} has no place for the name of a degree: new credentials show its type only.",
        "intaglio issuer template update",
    ),
    "issuer-names-no-kind": Said(
        "New credentials are made by {file} and name no kind: verifiers cannot hold them against its schema.",
        "intaglio issuer template leave",
    ),
    "issuer-list-ahead": Said("The status list {list} is dated {time}, ahead of the clock here.", _CLOCK),
    "issuer-list-expired": Said("The status list {list} has expired.", _PUBLISH),
    "issuer-list-ends": Said(
        "The status list {list} ends on {day}: nobody can tell then what was revoked.", _PUBLISH
    ),
    "issuer-key-elsewhere": Said(
        "Its key for credentials is kept elsewhere: {key}. Its other keys lie in {keys}."
    ),
    "issuer-list-key-in-folder": Said(
        "A key for status lists lies in {keys}: for other programs, it signs credentials, too.",
        "To sign lists by the key for credentials: intaglio issuer key rotate",
    ),
    "issuer-list-key-apart": Said("Its status lists are signed under {did}, by a key in {keys}."),
    "issuer-list-key-beside": Said(
        "Its key for lists signs credentials, too, for other programs: both lie in {keys}.",
        "For lists under a DID of their own: intaglio issuer key rotate --status-did",
    ),
    "issuer-keys-found": Said("Its keys lie in {keys}."),
    "issuer-keys-not-sealed": Said(
        "Its keys are not sealed under a passphrase; only the folder's rights guard them.",
        "intaglio issuer password",
    ),
    "issuer-log-audited": Said("Its log of {count} was derived again, and is as signed."),
    "issuer-log-left": Said(
        "The log that {home} has or names was moved away, or is being moved: nothing is appended to it.",
        "If ledger.json is lost, bring it back from a backup. If a move was interrupted, type it again: "
        "intaglio ledger migrate FROM TO",
    ),
    "issuer-documents-unlike-log": Said(
        "Gone from its folder, or not as its log holds it: {count} of its DID document: {first}",
        "Take the file from a backup, or from a copy of what was published as documents beside the log. "
        "Until then hand out no trust file: it could have another fingerprint.",
    ),
    "issuer-log-ahead": Said(
        "Its log was signed at {time}, ahead of the clock here: nothing is signed now.", _CLOCK
    ),
    "issuer-log-unexplained": Said(
        "The log holds {count} of credentials that the index does not know, the first one at {first}.",
        "Somebody else may have its keys: intaglio issuer key rotate --compromised, and tell your verifiers. "
        "If the index is an older copy, bring the newest one back.",
    ),
    "issuer-index-unlike-log": Said("Its index and its log are of different times: {problem}"),
    # the machines that issue for it
    "machine-seen": Said("{machine} issues with release {release}; last seen at {time}."),
    "machine-clock": Said(
        "The clock of {machine} differs from that of the database by {seconds} seconds: it signs nothing.",
        "Set the clock of that machine, or of the database's server, by a time server.",
    ),
    "machine-absent": Said(
        "{machine} was last seen at {time}.",
        "If it is gone for good, the owner of the database deletes its row: table machine.",
    ),
    "machine-release": Said(
        "{machine} issues with release {release}, and this one with {ours}.",
        "Have all machines run one release.",
    ),
    "machine-keys": Said(
        "{machine} and this one do not have the same keys: {keys}",
        "On the machine with the newest keys: intaglio issuer backup --keys FILE. "
        "On the other: intaglio issuer join ADDRESS --keys FILE",
    ),
    # the outbox of its log
    "anchor-has": Said("{ledger} has the checkpoint of {count}, since {time}."),
    "anchor-gone": Said(
        "{ledger} no longer has the checkpoint of {count}, by a reorganisation.",
        "To send it again: intaglio ledger anchor run",
    ),
    "anchor-ahead": Said(
        "{ledger} has a checkpoint of {count}, and the log has only {known}: is the log an older copy?",
        "Issue nothing before the newest copy is back. If there is none that is newer, somebody else "
        "anchors with the key for your fees: take another one, by "
        "intaglio ledger anchor add --fee-key KEY --contract new",
    ),
    "anchor-waits": Said(
        "The checkpoint of {count} has waited for {ledger} since {time}.",
        "What is in the way: intaglio ledger anchor run",
    ),
    "anchor-not-run": Said(
        "Nothing was sent to {ledger} or fetched from there since {time}.",
        "Have a timer run it once an hour: intaglio ledger anchor run",
    ),
    "anchor-not-examined": Said("The way to {ledger} could not be checked: {problem}"),
    "anchor-balance": Said("{account}, which pays on {chain}, has {balance}."),
    "anchor-balance-low": Said(
        "{account}, which pays on {chain}, has {balance}: soon too little.", "Send it some more."
    ),
    # the witnesses of its log
    "quorum-has": Said("Enough witnesses have signed the checkpoint of all {count} of its log."),
    "quorum-lost": Said(
        "Too few witnesses have answered since {time}; no checkpoint that enough have signed holds {count}.",
        "What is in the way: intaglio ledger witness run",
    ),
    "entries-unwitnessed": Said(
        "No checkpoint that enough witnesses have signed holds {count} of its log.",
        "Have a timer run it: intaglio ledger witness run",
    ),
    "witness-ahead": Said(
        "{witness} says that it has cosigned {count} of the log, which has only {known}, and shows no proof.",
        "If the log was put back from an older copy, bring the newest one back. Else ask whoever runs it.",
    ),
    "witness-without-line": Said(
        "{witness} gave no line when it was asked last: {problem_code}",
        "What is in the way: intaglio ledger witness run",
    ),
    # the hub
    "hub-found": Said("A hub with the witness {witness} lies in {home}, for {count}."),
    "hub-fork": Said(
        "{log} was seen in two versions: {forks} proved.", "To show it to others: intaglio hub evidence"
    ),
    # the wallet
    "wallet-found": Said("A wallet lies in {home}.", "Keep a copy: intaglio wallet backup FILE"),
}

COUNTED: Mapping[str, Callable[[Any], str]] = {
    "trust-list-read": lambda facts: tr_count("{count} issuer", "{count} issuers", facts["issuers"]),
    "issuer-found": lambda facts: _issued(**facts),
    "hub-found": lambda facts: tr_count("{count} log", "{count} logs", facts["logs"]),
    "issuer-left-over": lambda facts: tr_count("{count} file", "{count} files", facts["files"]),
    "issuer-documents-unlike-log": lambda facts: tr_count(
        "{count} version", "{count} versions", facts["versions"]
    ),
    **dict.fromkeys(
        ("issuer-shards-gone", "issuer-shards-stray"),
        lambda facts: tr_count("{count} shard", "{count} shards", facts["shards"]),
    ),
    **dict.fromkeys(
        (
            *("issuer-log-audited", "anchor-has", "anchor-gone", "anchor-ahead", "anchor-waits"),
            *("quorum-has", "quorum-lost", "entries-unwitnessed", "witness-ahead"),
            *("hub-log-seen", "issuer-log-unexplained"),
        ),
        lambda facts: tr_count("{count} entry", "{count} entries", facts["entries"]),
    ),
}
"""The counted noun, as it stands in the sentence."""


def found(item: Finding) -> str:
    """The words for a finding."""
    problem = item.problem
    if item.code not in SAID and problem is not None:
        return headed(problem)
    return _filled(SAID[item.code].finding, item)


def remedy(item: Finding) -> str:
    """The advice for a finding; empty where there is nothing to be done, or none is known."""
    if item.code in SAID and (advice := SAID[item.code].remedy):
        return _filled(advice, item)
    return remedy_of(item.problem) if item.problem else ""


def _filled(text: str, item: Finding) -> str:
    count = COUNTED[item.code](item.facts) if item.code in COUNTED else ""
    facts = {name: fact(name, value) for name, value in item.facts.items()}
    problem = sentence_of(item.problem) if item.problem else ""
    return tr_in("health", text).format_map({**facts, "count": count, "problem": problem})


def _issued(diplomas: int, editions: int, **_: object) -> str:
    issued = tr_count("{count} credential", "{count} credentials", diplomas)
    if editions == diplomas:
        return issued
    every = tr("{issued} ({editions} with later editions, copies and further forms)")
    return every.format(issued=issued, editions=editions)
