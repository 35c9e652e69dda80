"""Ask a log's witnesses for their lines on its newest checkpoint, all at once (C2SP tlog-witness).

Nothing that a witness says is believed: its lines are verified, and a checkpoint that it shows counts only by
the log's own signature. A claim that it cannot prove is told, and stops nothing.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from wire.clock import is_ahead
from wire.fetch import Client
from wire.message import Body
from wire.problem import Damaged, Malformed, Problem

from .add_checkpoint import AddCheckpoint
from .cosigned import Cosigned, LogWitness
from .log import LogReader
from .note import LARGEST_NOTE, Checkpoint, VerifierKey, signature_line
from .problem import LOG_BEHIND, NO_COSIGNATURE, WITNESS_AT_OTHER_SIZE, WITNESS_REFUSES, InvalidEvidence
from .witness import origin_hash

if TYPE_CHECKING:
    from wire.https import Response

SECONDS = 5.0
"""Most seconds that whoever writes bundles waits for the witnesses."""
_TRIES = 3  # others ask the same witness meanwhile, for this log
_LATER = 1.2  # times as long as the quorum took is waited for the others
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")


class Reply(NamedTuple):
    """One witness's answer: a line, with its time, or the problem in its place."""

    witness: LogWitness
    line: bytes = b""
    time: datetime | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Asking:
    """The result of asking all witnesses about one checkpoint."""

    checkpoint: Checkpoint
    is_met: bool
    """True if a checkpoint of this size meets the quorum, now or since before."""
    answers: tuple[Reply, ...] = ()
    """Of those that were asked, and answered in time."""
    silent: tuple[LogWitness, ...] = ()


@dataclass(frozen=True)
class Witnesses:
    """The way to the witnesses of a log.

    `agree` is called with the text that names a witness, before it is asked; it raises a `Problem` where
    nobody has agreed to that.
    """

    cosigned: Cosigned
    client: Client
    clock: Callable[[], datetime]
    agree: Callable[[str], None] = field(default=lambda _: None)

    def ask(
        self, log: LogReader, *, seconds: float = SECONDS, waits: bool = False, everyone: bool = False
    ) -> Asking | None:
        """Ask for the lines that are missing on the newest checkpoint; `None` where there is no witness.

        It returns once the quorum is met and the others have had a fifth of that time more; with `waits`,
        once all have answered; after `seconds` at the latest. With `everyone`, those are asked, too, whose
        line is here: one may know that the log is an old copy. Raises what the log and its folder raise.
        """
        witnesses = self.cosigned.witnesses()
        if not witnesses:
            return None
        checkpoint = log.checkpoint()
        had = self.cosigned.signers(checkpoint)
        is_met = self._met(checkpoint)
        if checkpoint.size == 0 or (is_met and not waits):
            return Asking(checkpoint, is_met)
        asked = [each for each in witnesses if everyone or each.key not in had]
        # Asked here: a thread asks nobody at a terminal.
        agreed = [each for each in asked if self._is_agreed(each)]
        answers: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        for each in agreed:
            work = partial(_into, answers, log, self, checkpoint, each)
            threading.Thread(target=work, name="witness", daemon=True).start()
        begun = time.monotonic()
        deadline, lines, replies = begun + seconds, dict[VerifierKey, bytes](), list[Reply]()
        while len(replies) < len(agreed):
            try:
                answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            replies.append(answer)
            if answer.time is None:
                continue
            lines[answer.witness.key] = answer.line
            # Kept at once, whoever is still silent: a dead witness holds up nobody.
            is_first = not is_met
            is_met = self.cosigned.keep(checkpoint, lines, self.clock()) or is_met
            if is_first and is_met and not waits:
                taken = time.monotonic() - begun
                deadline = min(deadline, begun + _LATER * taken)
        silent = [each for each in agreed if each not in {answer.witness for answer in replies}]
        # Who was not waited for to the end may be well.
        late = silent if time.monotonic() >= begun + seconds else []
        self._record(checkpoint, replies, late, is_met=is_met)
        return Asking(checkpoint, is_met, tuple(replies), tuple(silent))

    def _met(self, checkpoint: Checkpoint) -> bool:
        newest = self.cosigned.newest()
        return newest is not None and newest.startswith(checkpoint.note)

    def _is_agreed(self, witness: LogWitness) -> bool:
        try:
            self.agree(witness.named)
        except Problem as problem:
            self.cosigned.answered(witness.key, 0, None, problem.code)
            return False
        return True

    def _record(
        self, checkpoint: Checkpoint, replies: list[Reply], silent: list[LogWitness], *, is_met: bool
    ) -> None:
        for witness, _, moment, problem in replies:
            size = problem.facts.get("size") if problem is not None else None
            self.cosigned.answered(
                witness.key,
                checkpoint.size,
                moment,
                problem.code if problem else "",
                size if isinstance(size, int) else None,
            )
        for witness in silent:
            self.cosigned.answered(witness.key, 0, None, "unavailable")
        if not is_met:
            self.cosigned.lose(self.clock())

    def answer(self, log: LogReader, checkpoint: Checkpoint, witness: LogWitness) -> Reply:
        """The answer of one witness about a checkpoint of the log.

        Raises `WITNESS_AT_OTHER_SIZE`, `WITNESS_REFUSES`, `NO_COSIGNATURE`, `LOG_BEHIND`, and what the client
        and the log raise.
        """
        old = min(witness.size, checkpoint.size)
        for _ in range(_TRIES):
            response = self._asked_to_add(log, checkpoint, witness, old)
            if response.status != 409:
                break
            match = _SIZE.fullmatch(response.body[:20])
            if match is None:
                raise _refuses(witness, response)
            old = int(match[1])
            if old > checkpoint.size:
                self._require_not_behind(log, witness)
                raise WITNESS_AT_OTHER_SIZE.saying(
                    "the witness {name} says that it has cosigned {size} entries",
                    name=witness.key.name,
                    size=old,
                )
        if response.status == 200:
            return self._line(checkpoint, witness, response.body)
        # A root that it does not take: this log, or the one it knows, is another one.
        if response.status in (409, 422):
            self._require_not_behind(log, witness)
        raise _refuses(witness, response)

    def _asked_to_add(
        self, log: LogReader, checkpoint: Checkpoint, witness: LogWitness, old: int
    ) -> Response:
        proof = log.consistency(old, checkpoint.size)
        # The note as the log keeps it: its own two lines, and none of other witnesses.
        body = AddCheckpoint(old, proof, checkpoint).write()
        return self._exchange("POST", f"{witness.url}/add-checkpoint", Body(body, "text/plain"))

    def _exchange(self, method: Literal["GET", "POST"], url: str, body: Body | None = None) -> Response:
        # `exchange` follows no redirect: what is asked of this witness goes nowhere else.
        # A witness may show a checkpoint with the lines of others; cut off, it would hide an old copy.
        return self.client.exchange(method, url, body, headers={"Accept": "text/plain"}, limit=LARGEST_NOTE)

    def _line(self, checkpoint: Checkpoint, witness: LogWitness, body: bytes) -> Reply:
        key = witness.key
        try:
            signed = Checkpoint.parse(checkpoint.note + body)
            moment = signed.signers([key]).get(key)
        except (InvalidEvidence, Malformed) as problem:
            raise NO_COSIGNATURE.saying(
                "what the witness {name} gave is no cosignature: {why}", name=key.name, why=problem
            ) from None
        # Time 0 is no time, and counts for no quorum (tlog-cosignature).
        if moment is None or not moment.timestamp():
            raise NO_COSIGNATURE.saying(
                "what the witness {name} gave is no cosignature with a time by its key", name=key.name
            )
        # A bundle with that line would be open until then (threat 56).
        if is_ahead(moment, self.clock()):
            raise NO_COSIGNATURE.saying(
                "the line of the witness {name} is dated ahead: {time}",
                name=key.name,
                time=f"{moment:%Y-%m-%d %H:%M}Z",
            )
        line = next(each for each in signed.signatures if each[:2] == (key.name, key.id))
        return Reply(witness, signature_line(*line), moment)

    def _require_not_behind(self, log: LogReader, witness: LogWitness) -> None:
        """Raise `LOG_BEHIND` where a witness shows a note of the log that is not continued here, and keep it.

        Anything else that it shows proves nothing (ADR 13).
        """
        response = self._exchange("GET", f"{witness.url}/{origin_hash(log.origin)}/checkpoint")
        try:
            # The log's own signature: else any witness could stop the log by a number.
            shown = log.own_checkpoint(response.body)
        except Problem:
            return
        try:
            log.require_continues(shown)
        except Damaged as problem:
            self.cosigned.show(shown.note)
            raise LOG_BEHIND.saying(
                "the witness {name} shows what the log signed and does not have: {why}",
                name=witness.key.name,
                why=problem,
            ) from problem


def _into(
    answers: queue.SimpleQueue[Reply],
    log: LogReader,
    witnesses: Witnesses,
    checkpoint: Checkpoint,
    witness: LogWitness,
) -> None:
    try:
        answer = witnesses.answer(log, checkpoint, witness)
    except Problem as problem:
        answer = Reply(witness, problem=problem)
    answers.put(answer)


def _refuses(witness: LogWitness, response: Response) -> Problem:
    return WITNESS_REFUSES.saying(
        "the witness {name} gives no line: status {status}", name=witness.key.name, status=response.status
    )
