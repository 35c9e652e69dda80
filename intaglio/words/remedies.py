"""Advice for people on a problem, by its code; facts of the problem stand in braces."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from wire.problem import Facts

from .language import tr

_BY_DID = "Ask the issuer for a credential that names its key by a DID."
_TRUST_FILE = "If you know this issuer, ask it for its trust file, then: intaglio trust add FILE"
_RESTORE = "`intaglio issuer --home FOLDER restore BACKUP` brings back a backup."
_LIST = "Take it from a backup. If there is none, `intaglio issuer status publish` makes it from the index."
_NEWER = "Ask the holder for a newer bundle."
_NEWER_OR_ONLINE = "Verify again with the network on, or ask the holder for a newer bundle."
_CHANGE_TRUST = (
    "ask the issuer for its trust file; then `intaglio trust remove DID`, `intaglio trust add FILE`."
)
_EARLIER = "Ask the holder for the bundle as it was first handed out: its evidence may be older."
_ANOTHER_DAY = "Ask the holder for a current one; --at DATE judges as of another day."
_NODE = "Try later, or name another node in the file of nodes."
_GIVEN = "--number '{year}-{seq:06}'"
_FOLDERS = "give each issuer a folder: --home FOLDER."

REMEDIES: Mapping[str, str] = {
    # the machine
    "disk-full": "Nothing that was acknowledged is lost. Make room, then do the same again.",
    "system-refuses": "Nothing that was acknowledged is lost. Once that is mended, do the same again.",
    "try-later": "Try again in a few minutes.",
    # Never the program's name: on an index it could be anybody's (ADR 2).
    "extra-missing": "In the folder with the program's source, type: pip install '.[{extra}]'",
    "loopback-refused": "For development it can be allowed: intaglio --loopback …",
    "unknown-authority": ("If that host has a certificate authority of its own, name its file: --ca FILE"),
    "weak-passphrase": "Four or five random words are good.",
    "forgotten-passphrase": (
        "Without its passphrase nobody opens a wallet, not even who wrote this program. If it is "
        "forgotten: a backup opens with its own, by `intaglio --home FOLDER wallet restore BACKUP`. If "
        "there is none, make another wallet, and ask those who issued the credentials for new ones."
    ),
    "not-agreed": (
        "If it is yours, type the same at a terminal, which asks; or begin the command with "
        "`intaglio --agree {digest}`."
    ),
    # what was received
    "malformed-credential": (
        "Ask for the file as its issuer made it; if this is it, the issuer has to mend its program."
    ),
    "repeated-member": "The author of the file has to remove one of them.",
    "no-credential": "Was another file meant? Ask for the credential's own file (.json).",
    "known-by-sight": "Ask for the credential's own file (.json).",
    "is-trust-file": "`intaglio trust add FILE` puts it on your trust list.",
    "later-version": "A later version of this program may read it.",
    "unsupported-form": ("Ask the issuer for a credential with a Data Integrity proof, by the key of a DID."),
    "jws-not-supported": "A later version of this program may read it.",
    "sd-hash-unknown": "A later version of this program may read it.",
    "certificate-not-read": "Ask the holder to show it by the key of a DID.",
    "certificates-not-supported": "A later version of this program may read them.",
    "issuer-not-named": _BY_DID,
    "issuer-key-not-named": _BY_DID,
    "invalid-issuer-metadata": (
        "Ask the issuer to put it right at its address, or pin its key: `intaglio trust add URL --key z…`."
    ),
    "type-metadata-missing": (
        "Put its file into the folder `types` of your home, ~/.intaglio if you set no other, and those of "
        "the types that it extends."
    ),
    "holder-key-unknown": "Ask the issuer for a credential that names its holder's key by a JWK.",
    "another-holder": "Show it from the wallet that has that key.",
    "damaged-context": "Install the program anew.",
    "unknown-context": ("Ask the issuer for a credential with published contexts, such as those of W3C."),
    "unversioned-context": "Ask the issuer for a credential whose contexts have a version.",
    # holder, issuer, signature, dates
    "not-presented": "Ask the holder to present it from a wallet.",
    "challenge-missing": "Pass it: --challenge TEXT --domain TEXT",
    "wrong-challenge": "Give the holder a new challenge and ask again.",
    "answer-too-old": (
        "Give the holder a new challenge and ask again. If it was on its way for longer: --shown-within 7d"
    ),
    "issuer-document-missing": (
        "Ask the holder for the bundle, or for a newer one: it brings the issuer's documents."
    ),
    "issuer-method-not-supported": _TRUST_FILE,
    "issuer-unreachable": _TRUST_FILE,
    "key-owner-unknown": _TRUST_FILE,
    "key-named-by-no-did": "If you know the issuer, pin its key: `intaglio trust add URL --key z…`.",
    "certificate-not-listed": (
        "If you know the issuer, get the certificate of its authority: "
        "intaglio trust add NAME --anchor FILE.pem"
    ),
    "certificate-of-another": (
        "If whomever that authority certifies is the same issuer to you: "
        "intaglio trust add NAME --anchor FILE.pem"
    ),
    "certificate-not-in-force": "Ask the holder for the bundle: its evidence may show that it is older.",
    "document-not-chained": f"If the issuer began anew after a loss, {_CHANGE_TRUST}",
    "issuer-not-pinned": f"If you know this issuer, {_CHANGE_TRUST}",
    "key-of-another-use": "Tell the issuer: somebody else may have that key.",
    "key-not-pinned": f"If the issuer has new keys, {_CHANGE_TRUST}",
    "key-not-published": "Ask the holder for a bundle, which brings the document that had the key.",
    "newest-document-missing": _NEWER,
    "earlier-document-missing": _NEWER,
    "key-standing-unknown": "Ask the holder for the whole credential, which a log can hold.",
    "no-log-entry": "Ask the holder for the whole credential, or drop that rule.",
    "key-ended": ("Ask the holder for a bundle with evidence from a log, or the issuer for a new one."),
    "unnamed-key": "Ask the issuer for a credential whose proof names the key.",
    "signature-misfit": "Ask the issuer or the holder for the original.",
    "unknown-cryptosuite": (
        "Ask the issuer for a credential with a proof by eddsa-rdfc-2022 or ecdsa-rdfc-2019."
    ),
    "expired": _ANOTHER_DAY,
    "not-yet-in-force": _ANOTHER_DAY,
    "time-zone-unknown": "Ask again a day later, or ask the issuer which time zone is meant.",
    "dated-ahead": (
        "Is the clock here right? If it is, ask again after that date; with --at, give a later moment."
    ),
    # status
    "revoked": "The issuer can say more.",
    "revoked-unexplained": "The issuer can say more.",
    "superseded": "Ask for the current edition.",
    "suspended": "The issuer may lift it: ask it, or verify again later.",
    "status-purpose-unknown": "Ask the issuer what that status means.",
    "status-value-unknown": "Ask the issuer what that status means.",
    "status-list-short": (
        "To accept short lists of this issuer: `intaglio trust remove DID`, then add it again with "
        "--short-lists."
    ),
    "status-list-by-another": (
        "If it keeps the lists of {issuer}, your trust list has to say so: "
        "`intaglio trust remove DID`, then add it again with --status-issuer."
    ),
    "status-list-unusable": (
        "If that address is no longer the issuer's, --offline judges by what the bundle brings."
    ),
    "status-list-missing": "Ask the holder for a bundle, which brings the list along, or go online.",
    "status-list-missing-offline": "Ask the holder for a bundle, which brings the list along.",
    "status-list-ended": _NEWER_OR_ONLINE,
    "status-list-ended-offline": _NEWER,
    "status-list-not-shown": _NEWER_OR_ONLINE,
    "status-too-old": _NEWER_OR_ONLINE,
    # schema, evidence, trust
    "schema-unknown": (
        "Put its file into the folder `schemas` of your home, ~/.intaglio if you set no other."
    ),
    "lists-too-old": (
        "Let lists last shorter: `intaglio issuer status publish --status-lifetime 30d`, or as many days as "
        "fit; or raise the limit in kind.json."
    ),
    "kind-missing": (
        "Ask the holder for the bundle as the issuer handed it out, or add the issuer's trust file. To judge "
        "by your own rules alone: --no-kind-rules."
    ),
    "check-missing": "Ask the holder for a credential that says when that was checked.",
    "check-too-old": "Ask the holder for a newer one.",
    "resource-missing": "Ask the holder for these files, and name each of them: --with FILE.",
    "another-resource": "Ask the holder for the file that the issuer signed, unchanged.",
    "no-such-resource": "Say which of them it is: --with ID=FILE.",
    "invalid-evidence": "Ask the holder for the bundle as the issuer handed it out.",
    "evidence-missing": "Ask the holder for the bundle rather than the bare credential.",
    "ledger-evidence-missing": ("Ask the holder for a newer bundle: the issuer may have put it there since."),
    "unknown-block": "`intaglio trust chain update` learns of the blocks that have come since.",
    "unknown-contract": (
        "If the issuer says that this is its contract there: `intaglio trust chain add` with --contract."
    ),
    "trusted-blocks-missing": "`intaglio trust chain update` fetches them anew.",
    "log-contradicted": (
        "Ask the issuer: its log may have been put back from an old copy, or its clock may be wrong."
    ),
    "too-few-witnesses": "Ask the holder for a newer bundle, with more witnesses.",
    "contexts-added": (
        "Ask the issuer for evidence from a log, or for a credential with published contexts."
    ),
    "unknown-evidence-kind": "A later version of this program may read it.",
    "unknown-block-form": "A later version of this program may read it.",
    "evidence-needs-package": (
        "Install that package, or all that evidence from chains needs: the extra [evm]."
    ),
    "unknown-log": "If you know who keeps it, ask for their trust file, then: intaglio trust add FILE",
    "unknown-ledger": f"If you trust that ledger, {_CHANGE_TRUST}",
    "log-not-listed": f"{_CHANGE_TRUST[0].upper()}{_CHANGE_TRUST[1:]}",
    "issuer-unknown": _TRUST_FILE,
    "issuer-unknown-without-log": "If you know this issuer: {command} [--key z…]",
    "not-from-then": _EARLIER,
    "from-later": _EARLIER,
    "unknown-type": (
        "Where your trust list or policy names that type, write its IRI, or put the context that defines "
        "the word into the folder `contexts` of your home."
    ),
    "unknown-rule": "The rules are {rules}.",
    "did-method-not-supported": "The methods in use are {methods}.",
    # the trust list
    "not-a-trust-file": (
        "Was another file meant? If it is your own list, mend it or move it away: "
        "`intaglio trust add FILE` begins a new one."
    ),
    "trust-differs": "If you trust the file more: `intaglio trust remove DID`, then add the file again.",
    "trust-log-differs": "If the file is the issuer's own: `intaglio trust remove DID`, then add it.",
    "name-taken": "Ask whether it is who you think. If you know both, give it another name: --name",
    # the log
    "clock-behind": (
        "Set the clock right. If it is right by now, and was ahead when that was signed: "
        "`intaglio issuer clock accept`, or of a hub `intaglio hub clock accept`"
    ),
    "clock-unlike-database": "Set the clock of this machine, or of the database's server, by a time server.",
    "no-log": "--in FOLDER names another; --key KEY checks without any.",
    "is-the-log-itself": "Name the folder above it: --in {folder}",
    "password-in-address": (
        "Leave it out, and change it: it has been shown. It belongs into ~/.pgpass, or the file that "
        "PGPASSFILE names; for a bucket, into ~/.aws/credentials."
    ),
    "index-not-prepared": (
        "The owner of the database makes them: intaglio issuer prepare postgresql://OWNER@HOST/DATABASE"
    ),
    "no-keys-here": "Join it, with the file of `intaglio issuer backup --keys`: intaglio issuer join",
    "not-shared": (
        "`intaglio issuer init --store ADDRESS --shards ADDRESS` makes an issuer that several machines "
        "share; `intaglio issuer move` takes one there."
    ),
    "cluster-authority": (
        "The authority of the cluster makes a certificate for this machine: ca.pem, cert.pem and key.pem."
    ),
    "cluster-certificate-expired": (
        "The authority of the cluster makes a new certificate for the machine that has it, which begins "
        "again. If none has expired, set the clock right."
    ),
    "cluster-lost": "See whether scheduler and workers run. Then type the same again: nothing is lost.",
    "cluster-not-encrypted": (
        "Use tls:// and certificates of the cluster's own authority: --cluster-tls FOLDER"
    ),
    "invalid-cluster-address": "Write it as tls://HOST:8786.",
    "task-refused": "See whether the workers run this release, and nothing but it; then type the same again.",
    "line-unlike": (
        "Nothing of it was logged. Look at the workers of the cluster before you type the same again: one of "
        "them may be in other hands, or signs by other files."
    ),
    "worker-keys": (
        "Write the home of that worker anew, `intaglio issuer backup FOLDER --worker`, and start it again."
    ),
    "worker-kind": (
        "Write the home of that worker anew, `intaglio issuer backup FOLDER --worker`, and start it again."
    ),
    "worker-settings": (
        "Write the home of that worker anew, `intaglio issuer backup FOLDER --worker`, and start it again."
    ),
    "worker-shard": (
        "Nothing of it was logged. See whether all workers write where this issuer keeps shards; else one of "
        "them may be in other hands. Then type the same again."
    ),
    "worker-release": "Install the same release on all machines of the cluster; then type the same again.",
    "another-root": (
        "`intaglio issuer backup --keys FILE` on a machine of this issuer writes the file of its keys."
    ),
    "issuer-moved": (
        "Go on where it is now: `intaglio issuer join`. If a move was interrupted, type it again: "
        "`intaglio issuer move`, with the same addresses."
    ),
    "index-role": (
        "Issuing needs the role intaglio_issuer, looking intaglio_issuer_reader; "
        "only their owner makes the tables."
    ),
    "index-not-durable": "Put it right ({setting}), then do the same again: nothing was written.",
    "ledger-not-prepared": "Its owner makes the tables: intaglio ledger init postgresql://OWNER@HOST/DATABASE",
    "ledger-tiles-ahead": (
        "Somebody else can append there: change the password of that role, or the key for the bucket. "
        "Then the owner of the tables removes these rows: `intaglio ledger prune "
        "postgresql://OWNER@HOST/DATABASE`. The owner of a bucket deletes these objects."
    ),
    "ledger-role": (
        "Appending needs the role intaglio_appender, looking intaglio_reader; `intaglio ledger init` and "
        "`prune` the owner of the tables."
    ),
    "shared-not-prepared": "The owner of the database makes them, as those of the index.",
    "shared-role": "Issuing needs the role intaglio_issuer; only their owner makes the tables.",
    "nodes-unreadable": (
        "The file has one address a line, and is for you only: chmod 600 FILE. Then: --rpc-file FILE"
    ),
    "node-unavailable": _NODE,
    "node-error": _NODE,
    "node-malformed": _NODE,
    "node-refuses": "Is the key in the node's address right, and not used up?",
    "node-lies": "Believe this node no more: name another one in the file of nodes.",
    "nodes-disagree": ("One of them is behind or lies. Try later, or name a third one in the file of nodes."),
    "node-behind": "Try later. If it stays so, name another node in the file of nodes.",
    "finality-stalled": "Look how the chain does; if it is well, name another node in the file of nodes.",
    "wrong-chain": "Take the address of a node of that chain, or name the chain it is of.",
    "chain-form-unknown": "Checkpoints cannot go to this chain with this version of the program.",
    "fee-above-cap": "It goes on once the fee has fallen. More is paid with: --fee-cap GWEI",
    "fee-account-low": "Send {needed} and a little more to {account}, then do the same again.",
    "other-contract": "Compare address and owner. Another one is made with: --contract new",
    "may-not-anchor": (
        "The contract's owner has to name {account}: docs/chains.md says how. Else have another contract "
        "made: --contract new"
    ),
    "contract-ahead": (
        "If the log was put back from an older copy, bring the newest one back. Else somebody anchors "
        "there with a key of yours: take another one, and have another contract made, by "
        "`intaglio ledger anchor add` with --fee-key and --contract new."
    ),
    "log-behind": (
        "Bring the newest copy of the log's folder back: nothing is signed before. If it is lost for good, "
        "this log is forked, and its evidence since that copy contradicts it: begin another log."
    ),
    "witness-refuses": (
        "Tell whoever runs it the log's key and name, as `intaglio ledger status` shows them, and compare "
        "the fingerprint."
    ),
    "no-cosignature": "Ask whoever runs it for its key and address, and compare the fingerprint.",
    "transaction-failed": (
        "Look at it in the block. Then `intaglio ledger anchor add`, as before, has it sent anew."
    ),
    "deployment-pending": "The same command, typed again later, goes on.",
    "ledger-not-durable": "Put it right ({setting}), then do the same again: nothing was written.",
    "ledger-not-conditional": "Take a store that heeds `If-None-Match: *`, as S3 has it since 2024.",
    "ledger-clock": "Set the clock right: it may differ by some minutes.",
    "log-sealed": (
        "Start the program again, which then goes by the log's new address. If the move was interrupted, "
        "type it again: `intaglio ledger migrate FROM TO`. If ledger.json is lost, bring it back."
    ),
    "other-root": (
        "`intaglio hub evidence` prints both checkpoints, which anybody can check. Show them to whoever "
        "relies on the log."
    ),
    "log-went-back": (
        "Ask whoever runs the log if a backup was put back. If not, another version of it is being shown."
    ),
    "log-not-proved": "Ask whoever runs the log: its files may be damaged, or show another version of it.",
    "log-tile-changed": "Ask whoever runs the log: its files may be damaged, or show another version of it.",
    "not-in-log": "Ask whoever runs the log: its host publishes something else than the log holds.",
    "mirror-at-other-entry": "Send from the entry, and towards the size, that the answer names.",
    "log-not-mirrored": "Its operator adds a log by `intaglio hub add VKEY URL --mirror`.",
    "old-witness-state": (
        "Bring the newest copy of the hub's folder back. If it is lost, `intaglio hub init NAME --new-key` "
        "makes another witness of it: what this one signs could contradict what it has signed."
    ),
    "not-a-tlog-policy": "The form is that of C2SP tlog-policy: c2sp.org/tlog-policy has an example.",
    "witness-not-sure": "Ask again in a minute; its operator sees why by `intaglio hub status`.",
    "no-peers": (
        "`intaglio hub add VKEY URL` names another hub, by its witness's key; `--alone` goes without."
    ),
    "no-hub": "`intaglio hub init NAME` makes one.",
    # the issuer
    "no-issuer": "`intaglio issuer init` makes one.",
    "no-status-digest-before": "Take the whole one first, whose name has no number behind it.",
    "status-digest-damaged": (
        "Remove it, and take the digest again: `intaglio trust add DID --revocations URL`."
    ),
    "status-digest-older": "Take the newest one from the issuer.",
    "damaged-issuer": _RESTORE,
    "damaged-issuer-file": (
        "Take it from a backup: `intaglio issuer --home FOLDER restore FILE` unpacks one."
    ),
    "issuer-lost": f"{_RESTORE} A new issuer needs a folder of its own.",
    "older-index": (
        "Bring the newest issuer.sqlite back: what was issued and revoked since is in it alone. If it "
        f"is lost, {_RESTORE}"
    ),
    "damaged-claims": (
        "Remove claims.sqlite: links that were sent end, and `intaglio issuer claim` makes new ones."
    ),
    "claims-lost": (
        "Bring claims.sqlite back from a backup. Without one, those links have ended: "
        "`intaglio issuer claim` makes new ones."
    ),
    "status-file-gone": _LIST,
    "status-file-damaged": f"Remove it. {_LIST}",
    "credential-suspended": "Only its issuer can end that: `intaglio issuer reinstate`.",
    "revoked-for-good": "Issue a new one, under a number of its own.",
    "not-suspendable": (
        "Revoke it, or issue it anew under a version of the kind whose status_purposes have suspension."
    ),
    "suspension-needs-address": (
        "Give the address of a web site: --url https://…; an issuer that has none keeps to other kinds."
    ),
    "status-list-not-published": "`intaglio issuer status publish` does it.",
    "issuer-without-name": 'Give the institution\'s: --name "…".',
    "issuer-without-address": "Give it: --url https://….",
    "address-without-scheme": "Give it whole: --url https://…",
    "issuer-with-one-key": "Leave out --status-did, or give the address of a web site: --url https://….",
    "issuer-without-status-did": (
        "`intaglio issuer key rotate --status-did` moves it over; nothing is issued again."
    ),
    "another-issuer": f"Leave out --name, --url, --did and --iss, or {_FOLDERS}",
    "type-taken": "Give the kind a type of its own: another name and IRI in `types` of kind.json, "
    "and another `doctype` if it has one.",
    "another-kind": "A changed kind needs another version: raise it in kind.json.",
    "kind-not-named": "Say which is meant: --kind NAME.",
    "no-such-token": "`intaglio api token list` shows those that there are.",
    "no-such-kind": "`intaglio issuer init --kind NAME` adds one.",
    "another-key-type": f"Leave out --key-type, or {_FOLDERS}",
    "another-key": "Leave out --key. `intaglio issuer key rotate --key ADDRESS` goes over to another.",
    "key-kept-elsewhere": (
        "Say where the next one is: --key pkcs11:…, or --key keys.json for one in the key file."
    ),
    "key-in-use": "`intaglio issuer key rotate --compromised` ends it, and goes on with another.",
    "key-unknown": "`intaglio issuer key list` shows those that there are and were.",
    "key-not-opened": "Once the key opens, do the same again.",
    "token-not-there": (
        "See that it is connected, and that the module's settings are those that it was made with."
    ),
    "pin-needed": "Type it at a terminal, or set INTAGLIO_PIN_FILE to the path of a file that holds it.",
    "pin-file-unreadable": "Mend {file}, which the key's address names as pin-source, or name another.",
    "module-exposed": "See who can write the file and its folder, and whose they are.",
    "module-not-trusted": (
        "Install the module where root alone can write, or name it yourself: set INTAGLIO_PKCS11_MODULE "
        "to its path."
    ),
    "wrong-pin": "After a few wrong ones a token locks: look it up rather than guess.",
    "suite-not-for-key": "Without --suite, {suite} is taken.",
    "issuer-closed": "What it issued stays as it is: `intaglio issuer export` writes the bundles.",
    "skeleton-differs": (
        "Install the program anew and give the same command again: it goes on where it stopped. "
        "If it stops there again, report it as an error of the program."
    ),
    "unsound-database": "Take it from an older backup, and back that up.",
    "shard-lost": "Bring it back from another copy of the bucket: a backup of the folder does not have it.",
    "shards-of-another": "Name another place: each issuer has a bucket, or a part of one, of its own.",
    "shards-versioned": "Take a bucket without versions and locks, for shards alone.",
    "shard-unlike": "Bring back what was written under this name, from a backup or another copy.",
    "shard-taken": "Nothing is ever written over: move away what lies there, and do the same again.",
    "home-taken": "Nothing is ever overwritten: name another folder, --home.",
    "export-folder-taken": "Name another folder: --out.",
    "taken-over": "Do the same again: what the other one finished is found, and not done twice.",
    "link-file-taken": "Name another file: --out.",
    "no-such-job": "`intaglio issuer job list` shows all.",
    "job-cancelled": "The same command goes on where it ended; nothing is issued twice.",
    "no-such-diploma": "`intaglio issuer list` shows all.",
    "form-not-known": "Do it with the program that issued it.",
    "form-not-allowed": "Ask for another form. `intaglio issuer init --form` adds one to the issuer.",
    "form-not-given": "Do it with the program in which this issuer has issued until now.",
    "fact-lost": "Nothing was issued. Whoever wrote the form has to mend it.",
    "edition-taken": "`intaglio issuer show` shows it; `intaglio issuer correct` makes the next one.",
    "field-missing": "Mend template.json, or say what it is: `intaglio issuer correct` --set {field}=…",
    "name-is-whole": "Say it as it shall stand there: --set name=…",
    # the registrar's file
    "no-table": "Check the name and the folder. `intaglio samples FOLDER` writes one to try out.",
    "encoding-open": (
        'Say in which of them the names are right: --encoding NAME. Or save the file as "CSV UTF-8".'
    ),
    "sheet-open": "Say which sheet it is: --sheet NAME.",
    "hidden-open": "Say whether they belong to the table: --hidden include or --hidden skip.",
    "column-mapped-twice": (
        "Each needs its own. A column that has whole names is the field name: {option}. If it has names such "
        "as SMITH, Anna: --names last-first"
    ),
    "constant-has-column": "Leave out --set {field}=…, or the column.",
    "invalid-constant": "--set FIELD=VALUE takes what a cell of that field could have.",
    "no-whole-names": (
        "Name the column that has both: --map name=COLUMN. Without the field name, map it to both of them, "
        "such as --map given_name=COLUMN --map family_name=COLUMN. Or leave out --names."
    ),
    "invalid-word": "Each line of --values is a word, an equals sign and a value: 学士=BachelorDegree",
    "files-folder-missing": "Name the folder that they are in: --files DIR",
    "too-many-files": "Divide the table, and issue one part after the other.",
    "column-ambiguous": "Say which it is: --map {field}=COLUMN",
    "columns-missing": "Its columns are {columns}. Name the one that is meant: {options}",
    "headings-missing": (
        "The headings have to be the first row, which is {columns}. Delete what stands above them, or name "
        "the columns that are meant: {options}"
    ),
    "family-name-missing": (
        "Name the one that is meant: --map family_name=COLUMN. If {column!r} has the whole name: {option}"
    ),
    "number-pattern": "Write the year, the place in the year's numbers, and plain text: {given}",
    "kind-without-identity": (
        "Name them in kind.json, as `identity`, in a new version of the kind. Or give the file a column of "
        "numbers."
    ),
    "numbers-used-up": "Give another pattern: --number PATTERN.",
    "number-column": (
        "Leave out --number to issue by the numbers in the file. Else take that column out of the file."
    ),
    "rows-without-number": (
        "Give the file a column of numbers. Or give each record one row, with columns of its own for each "
        "item: a heading with _1, with _2 and so on."
    ),
    "catalogue-column-missing": "Say which column it is: --map programme_code=COLUMN",
    "too-many-findings": ("Are the columns mapped to the right fields? --map FIELD=COLUMN changes that."),
    "error-file-refused": "Name another place: --errors FILE.",
    "date-day-first": "If all dates are written so: --dates day-first reads them.",
    "date-month-first": "If all dates are written so: --dates month-first reads them.",
    "date-order-unknown": ("Say which comes first in all of them: --dates day-first or --dates month-first"),
    "date-unread": (
        "Dates are read as 2026-06-30, 2026/06/30, 2026.06.30, 20260630, 30.06.2026, 2026年6月30日, "
        "30 June 2026, 30. Juni 2026, 30 juin 2026, June 30, 2026 or 30-Jun-2026; with "
        "--dates day-first or month-first also as 30/06/2026 or 30-06-2026."
    ),
    "name-turned": (
        "If the names shall stand as they are: --names as-is issues them. If the family name is before the "
        "comma: --names last-first."
    ),
    # the wallet
    "no-wallet": "`intaglio wallet init` makes one.",
    "wallet-gone": (
        "Nothing was written. `intaglio wallet restore BACKUP` in another home brings back a backup."
    ),
    "damaged-wallet": (
        "Nothing was written. `intaglio wallet restore BACKUP` in another home brings back a backup."
    ),
    "wallet-outdated": (
        "What came after it is not in this file; if you put it back on purpose, remove {seen}."
    ),
    "wallet-lost": (
        "`intaglio wallet restore BACKUP` brings a copy back. To begin anew, remove {seen} first."
    ),
    "no-wallet-backup": "`intaglio wallet backup` makes one.",
    "no-such-credential": "`intaglio wallet list` shows the ids.",
    "no-such-claim": "`intaglio wallet show ID --disclose` lists them.",
    "shown-whole": "Without --only, all of it is shown.",
    "shown-alone": "Present each by itself.",
    "issuer-not-on-trust-list": (
        "Nothing was claimed. If you know the issuer, ask for its trust file, keep that by "
        "`intaglio trust add FILE`, and type the same again."
    ),
}
"""Remedies by code; a problem with a `hint` of its own has that instead."""

CLAIMED = "The link stays good for this wallet: then type the same again."
"""A remark after a remedy: storing the diploma failed, but this wallet has already claimed it."""

SPELLED: Mapping[str, Callable[[Facts], Facts]] = {
    "column-mapped-twice": lambda facts: {"option": _whole_names(facts)},
    "family-name-missing": lambda facts: {"option": _whole_names(facts)},
    "columns-missing": lambda facts: {"options": _columns(facts)},
    "headings-missing": lambda facts: {"options": _columns(facts)},
    "number-pattern": lambda _: {"given": _GIVEN},
    "issuer-unknown-without-log": lambda facts: {
        "command": shlex.join(("intaglio", "trust", "add", str(facts["issuer"])))
    },
}
"""By code, facts in the form in which one types them, for remedies that show commands."""


def _whole_names(facts: Facts) -> str:
    return shlex.join(("--map", f"name={facts['column']}"))


def _columns(facts: Facts) -> str:
    options = " ".join(f"--map {field}=COLUMN" for field in str(facts["fields"]).split())
    if "number" in facts:
        options = tr("{options}. If the file has no numbers, have them given: {given}").format(
            options=options, given=_GIVEN
        )
    if "shared" in facts:
        shared = " ".join(f"--set {field}=VALUE" for field in str(facts["shared"]).split())
        options = tr("{options}. For a value that all rows share: {shared}").format(
            options=options, shared=shared
        )
    return options
