"""Issuing a file with the processors of several machines: they sign, and one process here commits."""
