"""The W3C data model: what a credential or presentation says, whatever secures it."""
