"""The one way to PostgreSQL: `address` reads a database's address, and `connections` connects to it.

`rows` checks the form of its answers; `tables` creates tables, and checks their server. The extra
`[postgres]` installs the driver.
"""
