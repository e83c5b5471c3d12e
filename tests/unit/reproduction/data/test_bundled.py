import numpy as np
import pytest

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.data import BUNDLED, DataError, Samples, draw
from paramedic_service.reproduction.plan import Limits
from paramedic_service.rules.description import Description
from support.profiles import array, classes, described, numbers


def drawn(name: str, description: Description | None = None, seed: int = 0) -> Samples:
    return draw(DataSource(bundled=name), description or Description(), seed, Limits())


def flat(array: np.ndarray) -> np.ndarray:
    """All values, also of sequences of unequal length."""
    return np.concatenate([np.ravel(sample) for sample in array])


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_every_set_is_finite_split_and_the_same_for_a_seed(name: str) -> None:
    first, second, other = drawn(name), drawn(name), drawn(name, seed=1)

    x, same, different = (flat(samples.inputs[0]) for samples in (first, second, other))
    assert np.array_equal(x, same)
    assert first.count < 10 or not np.array_equal(x, different)
    assert np.isfinite(x).all()
    assert len(first.held_inputs[0]) == len(first.held_targets[0]) == pytest.approx(first.count / 4, abs=2)
    assert BUNDLED[name].summary.endswith(".")


def test_a_set_takes_the_shapes_and_the_encoding_of_the_description() -> None:
    images = described(array((8, 8, 1)), targets=classes((100,) * 10, "one_hot", (10,), "float32"))

    samples = drawn("digits", images)

    assert samples.inputs[0].shape[1:] == (8, 8, 1)
    assert samples.targets[0].shape[1:] == (10,)


@pytest.mark.parametrize("steps", [10, 200])
def test_sequences_are_as_long_as_the_description_says(steps: int) -> None:
    samples = drawn("recall", described(array((steps, 1)), targets=numbers()))

    assert samples.inputs[0].shape[1:] == (steps, 1)
    assert samples.targets[0] == pytest.approx(samples.inputs[0][:, :2].sum(1))


def test_a_set_that_there_is_not_is_said_with_those_that_there_are() -> None:
    with pytest.raises(DataError, match=r"there is no data set '\.\./etc'; there are adding, .*wine"):
        drawn("../etc")


def test_sequences_beyond_all_bounds_are_refused() -> None:
    with pytest.raises(DataError, match="100000 time steps, at most"):
        drawn("adding", described(array((100_000, 2)), targets=numbers()))
