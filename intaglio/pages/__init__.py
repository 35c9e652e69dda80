"""The pages that people see: a role's app knows bytes and problems, its pages are mounted beside it.

`verify.py` mounts the page that checks a diploma. Each form passes these modules in order:

- `own.py` checks that one of our own pages sent it;
- `room.py` bounds the memory for it, and for the answer;
- `upload.py` cuts it into its parts, within limits;
- `inspection.py` judges it in a process;
- `view.py` makes plain data of the report, and `rendering.py` writes that as HTML.

`recognise.py` takes trust files, only from the user who runs the page (`peer.py`). All words come from
`intaglio/words/`.
"""
