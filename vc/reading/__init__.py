"""Reading a received file: its content tells the form, and the form reads it.

`front.py` is what bytes from outside pass first, pictures among them (`baked.py`), and finds the form;
`sight.py` names what is known and not read.
"""

from .front import BUNDLE, SUFFIXES, identifier, opened, read, received, require

__all__ = [
    "BUNDLE",
    "SUFFIXES",
    "identifier",
    "opened",
    "read",
    "received",
    "require",
]
