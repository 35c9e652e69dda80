"""SD-JWT VC: JSON claims in a JSON Web Token, of which the holder shows some (draft-ietf-oauth-sd-jwt-vc-18).

`form.py` is the door, and loads the rest when bytes look like one. `disclosures.py` is RFC 9901 alone,
`claims.py` what such a credential says, `credential.py` who signed it, `binding.py` how its holder shows it,
`issuing.py` how one is made. It is not of W3C's data model, and knows no JSON-LD.
"""

MEDIA_TYPE = "application/dc+sd-jwt"
