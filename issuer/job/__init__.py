"""Issuing once, whatever happens in between: a whole file by worker processes, single diplomas together."""
