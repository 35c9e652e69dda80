"""Uses: each folder here is one, and is data alone. `folder.py` reads it, `acting.py` issues and shows it.

`command.py` is `intaglio use`. A folder that is added needs no change anywhere else.
"""
