"""Revocation: `lists.py` makes and publishes status lists, `due.py` says when, `files.py` reads them."""
