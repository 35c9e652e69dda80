"""What arrives: its form is found by content, and it is read by that form.

`front.py` is what bytes from outside pass first, pictures among them (`baked.py`); `recognition.py` finds the
form, and `sight.py` names what is known and not read.
"""

from .front import BUNDLE, SUFFIXES, received, require, require_members
from .recognition import identifier, opened, read

__all__ = [
    "BUNDLE",
    "SUFFIXES",
    "identifier",
    "opened",
    "read",
    "received",
    "require",
    "require_members",
]
