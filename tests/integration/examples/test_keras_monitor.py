"""The examples of Keras, on each of its backends."""

import pytest

from support.examples import example


@pytest.mark.parametrize(
    ("name", "backend", "steps"),
    [("keras_monitor", "tensorflow", 174), ("keras_on_jax", "jax", 174), ("keras_on_torch", "torch", 192)],
)
def test_a_fit_with_the_monitor(name, backend, steps, tmp_path):
    (told,) = example(name, tmp_path)
    assert told.steps() == list(range(1, steps + 1))
    assert f"({backend} " in told.description.environment.framework_version
    assert told.description.probed_layers
    assert told.scalar("loss")[steps] < told.scalar("loss")[1]
    assert told.order[-2:] == ["training_ended", "finish"]
