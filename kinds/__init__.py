"""Kinds: sorts of credential as data, each fact described once (docs/design/forms.md)."""

from .cells import Field
from .kind import Kind
from .records import InvalidRecord, Record
from .shipped import shipped
from .template import Template

__all__ = ["Field", "InvalidRecord", "Kind", "Record", "Template", "shipped"]
