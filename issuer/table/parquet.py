"""A Parquet file as a table of texts, read row group by row group in a process of its own.

Its rows become CSV once, as those of a workbook do, so that all readers of tables can read this one. pyarrow
is a large program in C++, and what a file says about itself is a stranger's word: memory and time have
limits, a file ends its own process at the most, and types that are no text, number or day are refused.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from wire.problem import ExtraMissing

from .bounded import Rows, answer, bounded, limit_process, unreadable
from .celltext import cell_text
from .sheet import MOST_PACKED, Packed
from .unchanged import unchanged

MEMORY, CPU = 1 << 30, 300
"""Bytes and seconds that a file may take."""
MOST_COLUMNS = 1 << 14
LONGEST_CELL = 1 << 17  # characters, as of a CSV file
_MAGIC = b"PAR1"
_THRIFT = 1 << 24  # bytes and elements of what describes the file
_BATCH = 1024  # rows that are taken out of it together


class UnreadableParquet(Exception):
    """The file cannot be read; the text says why."""


class _Wanted(NamedTuple):
    """A request for the rows."""

    numbers: Collection[int]
    span_rows: int


def is_parquet(path: Path) -> bool:
    """True if a file begins like Parquet. Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def read_parquet(
    path: Path, numbers: Callable[[list[str]], Collection[int]], span_rows: int
) -> tuple[list[str], tuple[Packed, ...]]:
    """The headings and the rows of a file; `numbers` says in which columns binary fractions may stand.

    Raises `UNREADABLE_FILE`, `ExtraMissing`, `Conflict` where the file changes meanwhile, and as `numbers`.
    """
    try:
        import pyarrow  # noqa: F401 -- the process that reads needs it, and could not say so well
    except ModuleNotFoundError as error:
        raise ExtraMissing.saying(
            "this needs {package}, which is not installed", package="pyarrow", extra="parquet"
        ) from error
    with unchanged(path), bounded(path, serve_parquet) as reader:
        header = reader.receive(lambda value, _: [*map(str, value)])
        reader.send(_Wanted(numbers(header), span_rows))
        parts: list[Packed] = []
        size = 0
        for rows in reader.rows():
            parts.append(Packed.of(rows.text, rows.length, rows.filled))
            size += len(parts[-1].deflated)
            if size > MOST_PACKED:
                raise unreadable(path, f"its rows take more than {MOST_PACKED >> 20} MB of memory")
    return header, tuple(parts)


def serve_parquet(path: Path, connection: Connection[Any, Any]) -> None:
    """The life of the process: the headings, a request back, then `Rows` and `None`; or a refusal."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # others reserve more than they use, beyond the limit
    limit_process(MEMORY, CPU)
    answer_parquet(path, connection)


def answer_parquet(path: Path, connection: Connection[Any, Any]) -> None:
    """Does as `serve_parquet` in this process: without limits, for files of one's own."""
    import pyarrow

    with closing(connection), suppress(BrokenPipeError, EOFError):
        try:
            table = _Table(path)
            answer(connection, table.header)
            wanted: _Wanted = connection.recv()
            for rows in table.spans(wanted):
                answer(connection, rows[:3], rows.text)
            answer(connection, None)
        except UnreadableParquet as refused:
            answer(connection, str(refused))
        except MemoryError:  # pyarrow's own is one
            answer(connection, "it takes too much memory")
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError):
            answer(connection, "it is damaged, or no Parquet file")


class _Table:
    def __init__(self, path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        pyarrow.set_cpu_count(1)
        pyarrow.set_io_thread_count(1)
        self._file = parquet.ParquetFile(
            path,
            pre_buffer=False,  # page by page, so that a row group may be larger than the memory
            buffer_size=1 << 20,
            thrift_string_size_limit=_THRIFT,
            thrift_container_size_limit=_THRIFT,
            arrow_extensions_enabled=False,
        )
        if self._file.metadata.num_columns > MOST_COLUMNS:
            raise UnreadableParquet(f"it has more than {MOST_COLUMNS} columns")
        schema = self._file.schema_arrow
        for field in schema:
            _require_readable(field.name, field.type)
        self.header = [field.name.strip() for field in schema]

    def spans(self, wanted: _Wanted) -> Iterator[Rows]:
        text = io.StringIO()
        writer = csv.writer(text)
        count = filled = 0
        for cells in self._rows(wanted.numbers):
            writer.writerow(cells)
            count, filled = count + 1, filled + any(cells)
            if count == wanted.span_rows:
                yield Rows(count, filled, 0, text.getvalue().encode())
                text.seek(0)
                text.truncate()
                count = filled = 0
        if count:
            yield Rows(count, filled, 0, text.getvalue().encode())

    def _rows(self, numbers: Collection[int]) -> Iterator[list[str]]:
        for batch in self._file.iter_batches(batch_size=_BATCH, use_threads=False):
            columns = [
                _texts(column, is_number=index in numbers) for index, column in enumerate(batch.columns)
            ]
            for cells in zip(*columns, strict=True):
                yield [*cells] if any(cells) else []


def _texts(column: Any, *, is_number: bool) -> list[str]:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):  # Python has none of nanoseconds: a finer one is refused
        column = column.cast(pyarrow.timestamp("us"))
    cells = [cell_text(value, is_number=is_number) for value in column.to_pylist()]
    if max(map(len, cells), default=0) > LONGEST_CELL:
        raise UnreadableParquet(f"a value has more than {LONGEST_CELL} characters")
    return cells


def _require_readable(name: str, kind: Any) -> None:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    # With a zone a day could be another one than was meant.
    is_local = types.is_timestamp(value) and value.tz is None
    tests = (
        *(types.is_string, types.is_large_string, types.is_integer, types.is_floating),
        *(types.is_decimal, types.is_boolean, types.is_date, types.is_null),
    )
    if not (is_local or any(test(value) for test in tests)):
        raise UnreadableParquet(f"the column {name[:60]!r} has the type {str(kind)[:60]}")
