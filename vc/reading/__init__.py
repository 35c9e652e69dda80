"""Reading a received file: its content tells the form, and the form reads it.

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
