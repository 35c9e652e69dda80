"""Messages between the three roles: pure values that each side builds and reads, no network, no storage.

The roles never import each other; what two of them must agree on stands here once, both sides beside
one another. `claim.py` is how a holder turns a claim link into a diploma bound to the wallet's key: read it
from the top. `http.py` is what the roles' web services share, and the one door to FastAPI.
"""
