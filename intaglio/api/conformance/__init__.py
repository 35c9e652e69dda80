"""The profile for strangers' test suites, which sign and verify what no service for people would.

`service.py` is what suites ask over HTTP, `jose.py` the command line that the suite of VC-JOSE-COSE runs,
`model.py` what either demands of a credential before it is signed. Nothing else of the program imports them,
but for the command that starts the service.
"""
