"""Who the issuer is: the folder's description, its DID documents and keys, and what its clock was told."""
