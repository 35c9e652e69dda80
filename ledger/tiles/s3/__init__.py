"""A log in a bucket of an S3 store.

`address` reads the bucket's address and the credentials, and `bucket` makes all requests. `heads`, `batches`
and `keys` are the objects beside tiles, and `store` keeps the log in them. The extra `[s3]` installs the
dependencies.

There is one conditional write, create-if-absent (ADR 60). Objects are never changed (the public `checkpoint`
excepted, which nothing here relies on), and never removed.
"""
