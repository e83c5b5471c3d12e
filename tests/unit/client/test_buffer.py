"""Rows go into columns and come out in order, whatever the training loop hands over."""

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.buffer import Item, RowBuffer
from paramedic.chunk import Chunk
from paramedic.drops import Drops
from paramedic.encoding import Columns
from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.telemetry_pb2 import RunEvent


def nothing() -> None:
    pass


@pytest.fixture
def drops() -> Drops:
    return Drops("p/r")


@pytest.fixture
def buffer(drops: Drops) -> RowBuffer:
    return RowBuffer(drops, nothing)


def log(buffer: RowBuffer, step: Any, loss: Any = None, norms: Any = None, **scalars: Any) -> None:
    buffer.append(step, loss, norms, None, None, scalars)


def table(*names: str) -> RunDescription:
    return RunDescription(tensors=[Tensor(name=name) for name in names])


def items(buffer: RowBuffer) -> Iterator[Item]:
    return iter(lambda: buffer.take(0.0), None)


def columns(buffer: RowBuffer) -> list[Columns]:
    found = [item.columns() if isinstance(item, Chunk) else item for item in items(buffer)]
    return [item for item in found if isinstance(item, Columns)]


def steps(taken: Iterable[Columns]) -> list[int]:
    return [step for piece in taken for step in piece.steps.tolist()]


def test_values_stand_at_their_rows(buffer: RowBuffer) -> None:
    buffer.put(table("a", "b"))
    log(buffer, 0, 1.0, np.array([1, 2], np.float32))
    log(buffer, 1, None, None, accuracy=0.5)
    log(buffer, 2, 3.0, [3, 4])
    [piece] = columns(buffer)
    assert piece.steps.tolist() == [0, 1, 2]
    assert piece.scalars["loss"].values.tolist() == [1.0, 3.0]
    assert piece.scalars["loss"].rows is not None
    assert piece.scalars["loss"].rows.tolist() == [0, 2]
    assert piece.scalars["accuracy"].rows is not None
    assert piece.scalars["accuracy"].rows.tolist() == [1]
    assert piece.blocks[1].values.tolist() == [[1, 2], [3, 4]]
    assert piece.blocks[1].rows is not None
    assert piece.blocks[1].rows.tolist() == [0, 2]


def test_a_column_that_every_row_has_names_no_rows(buffer: RowBuffer) -> None:
    log(buffer, 0, 1.0)
    log(buffer, 1, 2.0)
    [piece] = columns(buffer)
    assert piece.scalars["loss"].rows is None


def test_a_logged_array_may_be_reused_by_its_owner(buffer: RowBuffer) -> None:
    norms = np.array([1.0], np.float32)
    log(buffer, 0, norms=norms)
    norms[0] = 99.0
    [piece] = columns(buffer)
    assert piece.blocks[1].values.tolist() == [[1.0]]


def test_an_unfinished_chunk_stays_until_it_is_old(buffer: RowBuffer) -> None:
    log(buffer, 0, 1.0)
    assert buffer.take(3600.0) is None
    assert buffer.take(0.0) is not None


def test_a_full_chunk_wakes_the_sender_and_an_unfinished_one_does_not(drops: Drops) -> None:
    woken: list[int] = []
    buffer = RowBuffer(drops, lambda: woken.append(1))
    capacity = Chunk(0).capacity
    for step in range(capacity - 1):
        log(buffer, step, 1.0)
    assert woken == []
    log(buffer, capacity, 1.0)
    assert woken == [1]


def test_a_recycled_chunk_remembers_nothing(buffer: RowBuffer) -> None:
    log(buffer, 0, 1.0, accuracy=1.0)
    chunk = buffer.take(0.0)
    assert isinstance(chunk, Chunk)
    buffer.recycle(chunk)
    log(buffer, 1, 2.0)
    buffer.take(0.0)
    log(buffer, 2, 3.0)
    [piece] = columns(buffer)
    assert piece.steps.tolist() == [2]
    assert list(piece.scalars) == ["loss"]


def test_messages_keep_their_place(buffer: RowBuffer) -> None:
    log(buffer, 0, 1.0)
    buffer.put(RunEvent(time=1.0))
    log(buffer, 1, 1.0)
    assert [type(item).__name__ for item in items(buffer)] == ["Chunk", "RunEvent", "Chunk"]


def test_a_new_table_holds_for_the_rows_after_it(buffer: RowBuffer) -> None:
    buffer.put(table("a", "b"))
    log(buffer, 0, norms=[1, 2])
    buffer.put(table("c"))
    log(buffer, 1, norms=[3])
    assert [piece.blocks[1].values.tolist() for piece in columns(buffer)] == [[[1, 2]], [[3]]]


def test_names_are_put_into_the_order_of_the_table(buffer: RowBuffer) -> None:
    buffer.put(table("a", "b", "c"))
    log(buffer, 0, norms={"c": 3, "a": 1, "b": 2})
    [piece] = columns(buffer)
    assert piece.blocks[1].values.tolist() == [[1, 2, 3]]


def test_unnamed_norms_get_a_numbered_table(buffer: RowBuffer) -> None:
    log(buffer, 0, norms=[1, 2])
    description = buffer.take(0.0)
    assert isinstance(description, RunDescription)
    assert [tensor.name for tensor in description.tensors] == ["tensor_0", "tensor_1"]


class LazyTensor:
    """As frameworks have them: numbers behind an object, converted on demand."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value, np.float64)
        self.ndim = self.value.ndim

    def __float__(self) -> float:
        return float(self.value)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.value.astype(dtype or self.value.dtype)


class TorchTensor(LazyTensor):
    """One that requires a gradient: it wants to be detached before it is converted."""

    detached = False

    def detach(self) -> "TorchTensor":
        copy = TorchTensor(self.value)
        copy.detached = True
        return copy

    def cpu(self) -> "TorchTensor":
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if not self.detached:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return super().__array__(dtype)


NUMBERS = [
    1,
    1.0,
    True,
    np.float16(1),
    np.float32(1),
    np.float64(1),
    np.int64(1),
    np.array(1.0),
    LazyTensor(1.0),
    TorchTensor(1.0),
]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: type(number).__name__)
def test_whatever_is_a_number_is_taken_as_one(buffer: RowBuffer, drops: Drops, number: Any) -> None:
    log(buffer, 0, number, other=number)
    [piece] = columns(buffer)
    assert {name: scalar.values.tolist() for name, scalar in piece.scalars.items()} == {"loss": [1.0], "other": [1.0]}
    assert drops.totals() == {}


VECTORS = [
    [1, 2],
    (1.0, 2.0),
    [LazyTensor(1), np.float32(2)],
    np.array([1, 2]),
    np.array([1, 2], ">f8"),
    np.array([9, 1, 9, 2], np.float32)[1::2],
    LazyTensor([1, 2]),
    TorchTensor([1, 2]),
    {"b": LazyTensor(2), "a": 1},
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: type(vector).__name__)
def test_whatever_is_a_vector_is_taken_as_one(buffer: RowBuffer, drops: Drops, vector: Any) -> None:
    buffer.put(table("a", "b"))
    log(buffer, 0, norms=vector)
    [piece] = columns(buffer)
    assert piece.blocks[1].values.tolist() == [[1.0, 2.0]]
    assert drops.totals() == {}


BAD_NUMBERS = ["1.0", b"1", object(), [1.0], np.ones(1), LazyTensor([1.0]), 1j, {}, 10**400]


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=lambda value: type(value).__name__)
def test_what_is_no_number_costs_only_itself(buffer: RowBuffer, drops: Drops, value: Any) -> None:
    log(buffer, 0, value, accuracy=0.5)
    [piece] = columns(buffer)
    assert list(piece.scalars) == ["accuracy"]
    assert drops.totals() == {"invalid_value": 1}


BAD_VECTORS = {
    "text": ("abc", "invalid_value"),
    "texts": (["1", "2"], "invalid_value"),
    "matrix": (np.ones((1, 2)), "invalid_value"),
    "number": (1.0, "invalid_value"),
    "complex": (np.ones(2, complex), "invalid_value"),
    "objects": (np.array([object(), object()]), "invalid_value"),
    "too long": ([1, 2, 3], "wrong_length"),
    "empty": ([], "wrong_length"),
    "missing name": ({"a": 1}, "invalid_value"),
    "other name": ({"a": 1, "z": 2}, "invalid_value"),
    "further name": ({"a": 1, "b": 2, "c": 3}, "invalid_value"),
}


@pytest.mark.parametrize(("value", "reason"), BAD_VECTORS.values(), ids=BAD_VECTORS.keys())
def test_what_is_no_row_of_norms_costs_only_itself(buffer: RowBuffer, drops: Drops, value: Any, reason: str) -> None:
    buffer.put(table("a", "b"))
    log(buffer, 0, 1.0, value)
    [piece] = columns(buffer)
    assert list(piece.scalars) == ["loss"]
    assert not piece.blocks
    assert drops.totals() == {reason: 1}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [[1e300], np.array([1e300]), np.array([np.nan]), np.ones(1, complex)])
def test_conversion_warns_nobody(buffer: RowBuffer, value: Any) -> None:
    log(buffer, 0, norms=value)


BAD_STEPS = [1.0, "1", None, -1, 2**53 + 1, 10**30, object()]


@pytest.mark.parametrize("step", BAD_STEPS, ids=lambda step: type(step).__name__)
def test_a_row_without_a_usable_step_is_left_out(buffer: RowBuffer, drops: Drops, step: Any) -> None:
    log(buffer, step, 1.0)
    log(buffer, 5, 1.0)
    assert steps(columns(buffer)) == [5]
    assert drops.totals() == {"invalid_step": 1}


def test_steps_may_repeat_and_never_decrease(buffer: RowBuffer, drops: Drops) -> None:
    for step in (np.int64(3), 3, 2, 4):
        log(buffer, step, 1.0)
    assert steps(columns(buffer)) == [3, 3, 4]
    assert drops.totals() == {"step_backwards": 1}


@pytest.mark.parametrize("name", ["", "x" * 257, "line\nbreak", "\ud800"], ids=repr)
def test_a_name_that_cannot_travel_costs_only_its_value(buffer: RowBuffer, drops: Drops, name: str) -> None:
    log(buffer, 0, 1.0, **{name: 2.0})
    [piece] = columns(buffer)
    assert list(piece.scalars) == ["loss"]
    assert drops.totals() == {"invalid_signal": 1}


def test_ever_new_names_are_bounded(buffer: RowBuffer, drops: Drops) -> None:
    for step in range(2000):
        log(buffer, step, **{f"name_{step}": 1.0})
    names = {name for piece in columns(buffer) for name in piece.scalars}
    assert len(names) == 1024
    assert drops.totals() == {"invalid_signal": 976}


def test_beyond_its_bound_the_oldest_rows_go_and_messages_stay(drops: Drops) -> None:
    buffer = RowBuffer(drops, nothing, limit=200_000)
    buffer.put(table("a"))
    for step in range(100_000):
        log(buffer, step, 1.0)
    taken = list(items(buffer))
    assert isinstance(taken[0], RunDescription)
    kept = steps(item.columns() for item in taken if isinstance(item, Chunk))
    assert kept == list(range(kept[0], 100_000))
    assert drops.totals() == {"buffer_full": kept[0]}


def test_several_threads_may_log(buffer: RowBuffer) -> None:
    def work() -> None:
        for _ in range(2000):
            log(buffer, 7, 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert steps(columns(buffer)) == [7] * 8000


ACTIONS = st.one_of(
    st.tuples(st.just("log"), st.integers(1, 700)),
    st.tuples(st.just("take"), st.just(0)),
    st.tuples(st.just("describe"), st.integers(1, 3)),
    st.tuples(st.just("event"), st.just(0)),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTIONS, max_size=20))
def test_every_row_comes_out_once_and_in_order(actions: list[tuple[str, int]]) -> None:
    drops = Drops("p/r")
    buffer = RowBuffer(drops, nothing)
    expected: list[tuple[int, float, list[float]]] = []
    got: list[tuple[int, float, list[float]]] = []
    width, step = 1, 0
    buffer.put(table("t0"))

    def collect(piece: Columns) -> None:
        rows = zip(piece.steps.tolist(), piece.scalars["loss"].values, piece.blocks[1].values.tolist(), strict=True)
        got.extend((row_step, float(loss), norms) for row_step, loss, norms in rows)

    def take_all() -> None:
        for item in items(buffer):
            if isinstance(item, Chunk):
                collect(item.columns())
                buffer.recycle(item)

    for action, argument in actions:
        if action == "log":
            for _ in range(argument):
                norms = [float(step + tensor) for tensor in range(width)]
                log(buffer, step, step / 2, np.array(norms, np.float32))
                expected.append((step, step / 2, norms))
                step += 1
        elif action == "take":
            take_all()
        elif action == "describe":
            width = argument
            buffer.put(table(*(f"t{tensor}" for tensor in range(width))))
        else:
            buffer.put(RunEvent())
    take_all()
    assert got == expected
    assert drops.totals() == {}
