"""The example of a loop in JAX trains, and its run says all there is to say."""

from pathlib import Path

from support.examples import example


def test_a_loop_in_jax_reports_its_steps_its_layers_and_its_loss(tmp_path: Path) -> None:
    (told,) = example("jax_optax", tmp_path)
    assert told.steps() == list(range(1, 101))
    assert told.norms("gradient_norm").shape == (100, 4)
    assert [(layer.name, layer.kind, layer.activation) for layer in told.description.model.layers] == [
        ("hidden", "Dense", "relu"),
        ("output", "Dense", "linear"),
    ]
    assert [loss.name for loss in told.description.losses] == ["sparse_categorical_crossentropy"]
    assert told.description.optimizer.name == "adam"
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert told.description.environment.framework == "jax"
