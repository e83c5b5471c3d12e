"""A fixed number of rows in preallocated columns."""

from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.encoding import Block, Columns, Scalar

_CHUNK_BYTES = 256 * 1024
_MAX_ROWS = 1024


class Column:
    """Values of one signal, and the rows they belong to.

    Attributes:
        values: [rows] or [rows, tensors]; the first `count` are set.
        rows: uint32 [rows].
        count: Values set.
    """

    __slots__ = ("count", "rows", "values")

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.values = values
        self.rows = np.empty(len(values), np.uint32)
        self.count = 0

    def view(self, rows: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32] | None]:
        """Returns what is set; no row indices when that is every one of the rows."""
        return self.values[: self.count], None if self.count == rows else self.rows[: self.count]


class Chunk:
    """Rows that are being collected, or wait to be encoded.

    Attributes:
        tensors: Width of its blocks.
        capacity: Rows it can take.
        count: Rows it has.
        steps: int64 [capacity].
        times: float64 [capacity], seconds since the Unix epoch.
        scalars: By signal name.
        blocks: By number of the signal.
    """

    __slots__ = ("blocks", "capacity", "count", "scalars", "steps", "tensors", "times")

    def __init__(self, tensors: int) -> None:
        self.tensors = tensors
        self.capacity = min(_MAX_ROWS, max(1, _CHUNK_BYTES // (4 * max(1, tensors))))
        self.count = 0
        self.steps = np.empty(self.capacity, np.int64)
        self.times = np.empty(self.capacity, np.float64)
        self.scalars: dict[str, Column] = {}
        self.blocks: dict[int, Column] = {}

    @property
    def nbytes(self) -> int:
        """Memory it holds, bytes, whether filled or not."""
        columns = [*self.scalars.values(), *self.blocks.values()]
        return self.capacity * 16 + sum(column.values.nbytes + column.rows.nbytes for column in columns)

    def add_scalar(self, name: str) -> Column:
        """Makes the column of a scalar signal."""
        column = self.scalars[name] = Column(np.empty(self.capacity, np.float64))
        return column

    def add_block(self, signal: int) -> Column:
        """Makes the columns of a per-tensor signal."""
        column = self.blocks[signal] = Column(np.empty((self.capacity, self.tensors), np.float32))
        return column

    def columns(self) -> Columns:
        """Returns views of what it holds."""
        count = self.count
        return Columns(
            self.steps[:count],
            self.times[:count],
            {name: Scalar(*column.view(count)) for name, column in self.scalars.items() if column.count},
            {signal: Block(*column.view(count)) for signal, column in self.blocks.items() if column.count},
        )

    def clear(self) -> None:
        """Forgets the rows and keeps the memory."""
        self.count = 0
        for column in self.scalars.values():
            column.count = 0
        for column in self.blocks.values():
            column.count = 0
