"""The pages that people see: a role's app knows bytes and problems, its pages are mounted beside it.

`verify.py` mounts the page that checks a diploma. What comes in passes `own.py` (whose page sent it),
`room.py` (memory for it, and for the answer) and `upload.py` (its parts, within limits); `inspection.py`
judges it in a process; `view.py` makes plain data of a report, which `rendering.py` writes as HTML.
`recognise.py` takes trust files, from who runs the page alone (`peer.py`). All words come from
`intaglio/words/`.
"""
