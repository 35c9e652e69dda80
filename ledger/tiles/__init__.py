"""A log's tree and entries as files of fixed size (C2SP tlog-tiles), and the stores that keep them.

`layout` names the files, `store` says what a store has to promise, `edge` grows the tree, `reader` reads it;
`posix` (a folder, the default) and `memory` are stores. Read `store.py` first.
"""
