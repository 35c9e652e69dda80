"""The API for other programs: the VC-API of issuers and verifiers, and DID resolution over HTTP.

`app.py` puts the routes together; each other module has one part of them.
"""
