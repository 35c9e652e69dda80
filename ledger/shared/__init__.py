"""The things beside a log that the machines of one issuer share, in the database of `store.json`.

That is the list of what other ledgers have (`ledger/outbox.py`), and the newest checkpoint.
"""

from .opening import ADDRESS, database_at, database_of, keep_store_address, named_store, store_address

__all__ = ["ADDRESS", "database_at", "database_of", "keep_store_address", "named_store", "store_address"]
