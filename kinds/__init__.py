"""What can be issued, as data: a kind describes each fact of a credential once (design, section 11)."""

from .kind import Kind, shipped
from .records import InvalidRecord, Record
from .template import Template

__all__ = ["InvalidRecord", "Kind", "Record", "Template", "shipped"]
