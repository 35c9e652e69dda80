"""A log in a bucket of an S3 store: `address` reads where that is and how to get in, `bucket` is the one way
there, `heads`, `batches` and `keys` are what is kept beside tiles, `store` keeps the log in them. The extra
`[s3]` installs what it needs.

There is one conditional write, create-if-absent: what is there is never changed (the public `checkpoint`
excepted, which nothing here relies on), and never removed.
"""
