"""An issuer: the folder's description, its DID documents and keys, and corrections of its clock."""
