"""The one way to PostgreSQL: `address` reads where a database is, and `connections` goes there.

`rows` holds its answers against what was asked; `tables` makes tables, and looks at the server that has them.
The extra `[postgres]` installs what that needs.
"""
