import numpy as np
import pytest

from paramedic.encoding import MAX_REQUEST_BYTES
from paramedic.sample import Sample, SampleError, sample_of
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import SampleHeader, ShareSampleRequest

RUN = RunIdentity(project="project", id="run")


def sent(sample: Sample) -> tuple[SampleHeader, bytes]:
    """The header and all contents, as the service puts them together."""
    messages = list(sample.requests(RUN))
    assert max(map(len, messages)) <= MAX_REQUEST_BYTES
    header, *parts = map(ShareSampleRequest.FromString, messages)
    assert header.WhichOneof("part") == "header"
    assert {part.WhichOneof("part") for part in parts} == {"contents"}
    return header.header, b"".join(part.contents for part in parts)


def test_everything_is_shared_when_it_fits() -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(10, 3, 2), np.arange(10)

    header, contents = sent(sample_of(x, y))

    assert header.run == RUN
    assert [(list(array.shape), array.dtype) for array in header.inputs] == [([10, 3, 2], "float32")]
    assert [(list(array.shape), array.dtype) for array in header.targets] == [([10], "int64")]
    assert contents == x.astype("<f4").tobytes() + y.astype("<i8").tobytes()


def test_of_more_than_fits_evenly_spaced_samples_are_shared() -> None:
    x, y = np.arange(1000.0).reshape(1000, 1), np.arange(1000.0)

    sample = sample_of(x, y, limit=16 * 11)

    assert sample.count == 11
    assert sample.available == 1000
    assert sample.size <= 16 * 11
    assert sample.targets[0][1].tolist() == [0, 99, 199, 299, 399, 499, 599, 699, 799, 899, 999]
    assert np.array_equal(sample.inputs[0][1][:, 0], sample.targets[0][1])


def test_megabytes_travel_in_messages_of_one() -> None:
    x = np.random.default_rng(0).normal(size=(3000, 200))

    _, contents = sent(sample_of(x, np.zeros(3000)))

    assert contents[: x.nbytes] == x.tobytes()


@pytest.mark.parametrize(
    ("x", "names"),
    [
        ([np.zeros((4, 2)), np.zeros((4, 3))], ["0", "1"]),
        ((np.zeros((4, 2)), np.zeros((4, 3))), ["0", "1"]),
        ({"a": np.zeros((4, 2)), "b": np.zeros((4, 3))}, ["a", "b"]),
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], [""]),
    ],
    ids=["list", "tuple", "mapping", "nested list"],
)
def test_several_inputs_are_shared_together(x: object, names: list[str]) -> None:
    header, _ = sent(sample_of(x, np.zeros(4)))

    assert [array.name for array in header.inputs] == names
    assert {array.shape[0] for array in header.inputs} == {4}


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        ("float16", "float32"),
        ("int8", "int32"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        (">f8", "float64"),
        ("?", "bool"),
    ],
)
def test_types_that_do_not_travel_are_widened(given: str, shared: str) -> None:
    x = np.array([[0], [1], [100]]).astype(given)

    header, contents = sent(sample_of(x, np.zeros(3)))

    assert header.inputs[0].dtype == shared
    read = np.frombuffer(contents, np.dtype(shared).newbyteorder("<"), 3)
    assert np.array_equal(read.astype(np.float64), x[:, 0].astype(np.float64))


def test_what_is_shared_is_a_copy() -> None:
    x = np.zeros((4, 2))
    sample = sample_of(x, np.zeros(4))

    x[:] = 1

    assert not sample.inputs[0][1].any()


def test_a_long_list_is_thinned_before_it_becomes_an_array() -> None:
    class Row(list[float]):
        read = 0

        def __iter__(self):
            Row.read += 1
            return super().__iter__()

    rows = [Row([1.0, 2.0]) for _ in range(10_000)]

    assert sample_of(rows, [0.0] * 10_000, limit=240).count == 10
    assert Row.read < 100


@pytest.mark.parametrize(
    ("x", "y", "limit", "says"),
    [
        (np.zeros((4, 2)), None, 1000, "y: expected an array"),
        (iter([1.0]), np.zeros(4), 1000, "x: expected an array"),
        (np.zeros((4, 2)), np.zeros(5), 1000, r"as many samples in each array, and at least one, got \[4, 5\]"),
        (np.zeros((0, 2)), np.zeros(0), 1000, "at least one"),
        (np.zeros((4, 200)), np.zeros(4), 1000, "one sample takes 1608 bytes, more than the limit of 1000"),
        (np.array([["a"], ["b"]]), np.zeros(2), 1000, "x: arrays of type str32 cannot be shared"),
        ([[1.0], [1.0, 2.0]], np.zeros(2), 1000, "pad samples of unequal length"),
        (np.zeros((4, 2)), np.zeros(4), 0, "limit: expected a number of bytes above 0, got 0"),
        (np.zeros((4, 2)), np.zeros(4), "all", "limit: expected"),
    ],
    ids=["no targets", "iterator", "other counts", "none", "too large", "text", "ragged", "no limit", "no number"],
)
def test_what_cannot_be_shared_is_said(x: object, y: object, limit: int, says: str) -> None:
    with pytest.raises(SampleError, match=says):
        sample_of(x, y, limit)
