"""The names that the vendored contexts give; run as a module it writes the file that the package carries."""

from __future__ import annotations

from vc.vcdm.jsonld.documents import Documents
from vc.vcdm.jsonld.names import VENDORED
from vc.vcdm.jsonld.naming import names_of

if __name__ == "__main__":
    VENDORED.write_bytes(names_of(Documents()).to_bytes())
