"""Where `log()` puts rows, and the sender thread finds them."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import index
from time import time
from typing import Any, TypeAlias

import numpy as np

from paramedic.chunk import Chunk
from paramedic.conversion import to_float, to_vector
from paramedic.drops import Drops
from paramedic.encoding import MAX_REQUEST_BYTES, Columns, Floats, Message
from paramedic.names import signal_name_problem, table_problem
from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.telemetry_pb2 import (
    TENSOR_SIGNAL_GRADIENT_NORM,
    TENSOR_SIGNAL_UPDATE_NORM,
    TENSOR_SIGNAL_WEIGHT_NORM,
)

Item: TypeAlias = Chunk | Columns | Message

MAX_STEP = 2**53  # beyond it a double no longer tells neighbours apart
MAX_SIGNALS = 1024
# The widest row that a request can hold, with room for its other columns.
MAX_TENSORS = (MAX_REQUEST_BYTES - 64 * 1024) // 4

_SPARE_CHUNKS = 4
_FLOAT32 = np.dtype(np.float32)
_GRADIENTS = int(TENSOR_SIGNAL_GRADIENT_NORM)
_WEIGHTS = int(TENSOR_SIGNAL_WEIGHT_NORM)
_UPDATES = int(TENSOR_SIGNAL_UPDATE_NORM)
_SIGNAL_NAMES = {_GRADIENTS: "gradient_norms", _WEIGHTS: "weight_norms", _UPDATES: "update_norms"}


class RowBuffer:
    """Rows and messages of a run in the order they came, bounded in bytes.

    A row is written into the columns of the current chunk; full and aged chunks are swapped out whole, so that the lock
    is held for as long as it takes to copy one row, and never during encoding or I/O. When the sender cannot follow,
    the oldest rows are given up and counted.

    Attributes:
        lock: Guards everything here; held across a fork.
        last_step: Highest step taken; None before the first.
        probed_layers: Columns of layer blocks; 0 before they are described.
    """

    def __init__(self, drops: Drops, wake: Callable[[], None], limit: int = 16 * 1024 * 1024) -> None:
        """Makes an empty buffer.

        Args:
            drops: Where losses are counted.
            wake: Called when a chunk is full; must not block.
            limit: Bound on what waits for the sender, bytes.
        """
        self.lock = threading.RLock()  # a signal handler may call log() while log() holds it
        self.last_step: int | None = None
        self.probed_layers = 0
        self._drops = drops
        self._wake = wake
        self._limit = limit
        self._table: list[str] | None = None
        self._positions: dict[str, int] = {}
        self._shape: tuple[int, ...] = (-1,)  # of a row of norms; of none before there is a table
        self._signals: set[str] = set()
        self._waiting: deque[tuple[Item, int, int]] = deque()  # item, bytes, rows
        self._waiting_bytes = 0
        self._spare: list[Chunk] = []
        self._chunk = Chunk(0)

    def append(
        self,
        step: Any,
        loss: Any,
        gradient_norms: Any,
        weight_norms: Any,
        update_norms: Any,
        scalars: Mapping[str, Any],
    ) -> None:
        """Takes one row; what cannot be used is counted and left out. Arguments as in `Run.log`."""
        now = time()
        # Conversions come first: a framework's tensor may take its time, and the lock is not for waiting.
        if type(step) is not int:
            try:
                step = index(step)
            except Exception as error:
                self._drops.add("invalid_step", 1, f"a row's step must be an integer: {error}")
                return
        values: list[tuple[str, float]] = []
        if loss is not None:
            if type(loss) is float:
                values.append(("loss", loss))
            else:
                self._convert("loss", loss, values)
        for name, value in scalars.items():
            if type(value) is float:
                values.append((name, value))
            elif value is not None:
                self._convert(name, value, values)
        blocks: list[tuple[int, Floats]] = []
        if gradient_norms is not None:
            self._collect(_GRADIENTS, gradient_norms, blocks)
        if weight_norms is not None:
            self._collect(_WEIGHTS, weight_norms, blocks)
        if update_norms is not None:
            self._collect(_UPDATES, update_norms, blocks)
        with self.lock:
            if self._takes_step(step):
                self._write(step, now, values, blocks)

    def append_columns(self, columns: Columns) -> None:
        """Takes many rows at once; they must be consistent, and are kept, not copied."""
        with self.lock:
            if self._takes_step(int(columns.steps[0]), len(columns.steps)):
                self.last_step = int(columns.steps[-1])
                self._close_chunk()
                self._enqueue(columns, columns.nbytes, len(columns.steps))
        self._wake()

    def put(self, message: Message) -> None:
        """Takes a message, in order with the rows. The tables of a description hold for the rows that follow."""
        size = message.ByteSize()
        with self.lock:
            self._close_chunk()
            if isinstance(message, RunDescription) and message.tensors:
                self._set_table([tensor.name for tensor in message.tensors])
            if isinstance(message, RunDescription) and message.probed_layers:
                self.probed_layers = len(message.probed_layers)
            self._enqueue(message, size, 0)

    def refuse_norms(self) -> None:
        """Takes no norms from here on: the service does not have the tensor table, and would refuse whole batches."""
        with self.lock:
            self._close_chunk()
            self._set_table([])
            self._shape = (-1,)

    def take(self, older_than: float) -> Item | None:
        """Hands over the oldest item; None when there is none.

        Args:
            older_than: Age of its first row from which an unfinished chunk is handed over too, seconds.
        """
        with self.lock:
            if not self._waiting and self._chunk.count:
                age = time() - float(self._chunk.times[0])
                if age >= older_than or age < 0:  # negative: the clock was set back
                    self._close_chunk()
            if not self._waiting:
                return None
            item, size, _ = self._waiting.popleft()
            self._waiting_bytes -= size
            return item

    def recycle(self, chunk: Chunk) -> None:
        """Takes back a chunk that was encoded."""
        chunk.clear()
        with self.lock:
            if len(self._spare) < _SPARE_CHUNKS and chunk.tensors == self._chunk.tensors:
                self._spare.append(chunk)

    @property
    def table_size(self) -> int | None:
        """Number of tensors in the table; None when there is no table."""
        return None if self._table is None else len(self._table)

    def ensure_table(self, size: int) -> None:
        """Numbers the tensors when nobody has named them: the service cannot read norms without a table."""
        if self._table is None and 0 < size <= MAX_TENSORS:
            self.put(_table([f"tensor_{position}" for position in range(size)]))

    def accepts_signal(self, name: str) -> bool:
        """Whether a scalar signal of that name can be taken; counts it when not."""
        if name in self._signals:
            return True
        problem = signal_name_problem(name)
        if problem is None and len(self._signals) >= MAX_SIGNALS:
            problem = f"the run has {MAX_SIGNALS} scalar signals already"
        if problem is not None:
            self._drops.add("invalid_signal", 1, f"{problem}; the value is left out", name[:40])
            return False
        self._signals.add(name)
        return True

    def _convert(self, name: str, value: Any, values: list[tuple[str, float]]) -> None:
        try:
            values.append((name, to_float(value)))
        except Exception as error:
            self._drops.add("invalid_value", 1, f"{name} is left out of the row: {error}", name[:40])

    def _collect(self, signal: int, norms: Any, blocks: list[tuple[int, Floats]]) -> None:
        if type(norms) is np.ndarray and norms.dtype is _FLOAT32 and norms.shape == self._shape:
            blocks.append((signal, norms))
            return
        name = _SIGNAL_NAMES[signal]
        try:
            vector = self._from_mapping(norms) if isinstance(norms, Mapping) else to_vector(norms)
        except Exception as error:
            self._drops.add("invalid_value", 1, f"{name} is left out of the row: {error}", name)
            return
        self.ensure_table(len(vector))
        if vector.shape == self._shape:
            blocks.append((signal, vector))
        elif len(vector) > MAX_TENSORS:
            why = f"{name} of {len(vector)} tensors do not fit into one request; at most {MAX_TENSORS} do"
            self._drops.add("oversized", 1, why, name)
        else:
            why = f"{name} is left out of the row: it has {len(vector)} values, and the tensor table {self.table_size}"
            self._drops.add("wrong_length", 1, why, name)

    def _from_mapping(self, norms: Mapping[str, Any]) -> Floats:
        if self._table is None:
            names = list(norms)
            problem = table_problem(names)
            if problem is not None:
                raise ValueError(problem)
            if len(names) <= MAX_TENSORS:
                self.put(_table(names))
        positions = self._positions
        if norms.keys() != positions.keys():
            different = sorted(str(name) for name in norms.keys() ^ positions.keys())
            raise ValueError(f"its names differ from the tensor table in {different[:5]}")
        return to_vector([norms[name] for name in positions])

    def _takes_step(self, step: int, rows: int = 1) -> bool:
        last = self.last_step
        if last is not None and step < last:
            why = f"step {step} came after {last}; steps never decrease, and the row is left out"
            self._drops.add("step_backwards", rows, why)
            return False
        if not 0 <= step <= MAX_STEP:
            self._drops.add("invalid_step", rows, f"step {step} is not within 0 to 2^53, and the row is left out")
            return False
        return True

    def _write(self, step: int, now: float, values: list[tuple[str, float]], blocks: list[tuple[int, Floats]]) -> None:
        chunk = self._chunk
        row = chunk.count
        chunk.steps[row] = self.last_step = step
        chunk.times[row] = now
        for name, value in values:
            column = chunk.scalars.get(name)
            if column is None:
                if not self.accepts_signal(name):
                    continue
                column = chunk.add_scalar(name)
            position = column.count
            column.values[position] = value
            column.rows[position] = row
            column.count = position + 1
        for signal, norms in blocks:
            if norms.shape != self._shape:  # another thread described the run in between
                self._drops.add("wrong_length", 1, "the tensor table changed while a row was logged")
                continue
            block = chunk.blocks.get(signal)
            if block is None:
                block = chunk.add_block(signal)
            position = block.count
            block.values[position] = norms
            block.rows[position] = row
            block.count = position + 1
        chunk.count = row + 1
        if chunk.count == chunk.capacity:
            self._close_chunk()
            self._wake()

    def _close_chunk(self) -> None:
        if self._chunk.count:
            chunk, self._chunk = self._chunk, self._spare.pop() if self._spare else Chunk(self._chunk.tensors)
            self._enqueue(chunk, chunk.nbytes, chunk.count)

    def _set_table(self, names: list[str]) -> None:
        self._table = names
        self._positions = {name: position for position, name in enumerate(names)}
        self._shape = (len(names),)
        if self._chunk.tensors != len(names):
            self._chunk = Chunk(len(names))
            self._spare.clear()

    def _enqueue(self, item: Item, size: int, rows: int) -> None:
        self._waiting.append((item, size, rows))
        self._waiting_bytes += size
        while self._waiting_bytes > self._limit and len(self._waiting) > 1:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        # Rows go first: without the description before them, those that follow could not be read.
        position = next((number for number, (_, _, rows) in enumerate(self._waiting) if rows), 0)
        item, size, rows = self._waiting[position]
        del self._waiting[position]
        self._waiting_bytes -= size
        why = f"the sender cannot follow, and {self._limit} bytes wait already; the oldest rows are given up"
        self._drops.add("buffer_full", rows or 1, why)
        if isinstance(item, Chunk):
            self.recycle(item)


def _table(names: Sequence[str]) -> RunDescription:
    return RunDescription(tensors=[Tensor(name=name) for name in names])
