"""What is not enough to decide: neither valid nor invalid."""

from __future__ import annotations

from wire import Problem, Unavailable


class NotKnown(Problem):
    """Nothing speaks against the credential, but too little is known to accept it."""

    code = "not-known"
    title = "Not enough is known"
    undetermined = True


class StatusUnknown(Unavailable):
    """Whether the credential was revoked could not be found out."""

    code = "status-unknown"
    type = "https://www.w3.org/ns/credentials/status-list#STATUS_RETRIEVAL_ERROR"
    title = "The status could not be checked"
