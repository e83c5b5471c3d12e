"""Which framework a model is of, and its watch. A framework is imported when one of its models comes, never before."""

from typing import Any

from paramedic.integrations.watch import Watch
from paramedic.run import Run


def watch_model(run: Run, model: Any, optimizer: Any, options: dict[str, Any]) -> Watch:
    """Returns the watch of a model.

    Args:
        run: Where it reports.
        model: A torch.nn.Module, keras.Model or tf.Module.
        optimizer: Of the same framework, or several.
        options: As `Run.watch` takes them.

    Raises:
        TypeError: The model is of no framework that is known, or an option is not one of the framework's.
    """
    packages = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "torch" in packages:  # before Keras: on its torch backend a model is of both, and trains as torch's does
        from paramedic.integrations.torch import TorchWatch

        return TorchWatch(run, model, optimizer, **options)
    if packages & {"keras", "tensorflow"}:
        from paramedic.integrations.tensorflow import TensorFlowWatch

        return TensorFlowWatch(run, model, optimizer, **options)
    raise TypeError(
        f"model: a {type(model).__name__} is no torch.nn.Module, keras.Model or tf.Module; for JAX see "
        "paramedic.integrations.jax, for other loops run.log(step, loss=..., gradient_norms=...)"
    )
