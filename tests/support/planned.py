"""Plans of small trainings, as they come out of planning."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paramedic_service.reproduction.data import Samples
from paramedic_service.reproduction.plan import ArmPlan, LayerPlan, LossPlan, ModelPlan, OptimizerPlan
from paramedic_service.rules.description import Description, Training

CLASSES = LossPlan("sparse_categorical_crossentropy", from_logits=True)


def model(shape: Sequence[int], *layers: tuple[str, dict[str, Any]], dtype: str = "float32") -> ModelPlan:
    """Layers one behind the other, each by its kind and arguments; they are called "layer_0" and so on."""
    places = [LayerPlan("input", "InputLayer", {"shape": tuple(shape), "dtype": dtype})]
    for number, (kind, arguments) in enumerate(layers):
        places.append(LayerPlan(f"layer_{number}", kind, arguments, (places[-1].name,)))
    return ModelPlan(tuple(places), (places[-1].name,), 0)


def arm(
    model: ModelPlan,
    *,
    index: int = 0,
    optimizer: OptimizerPlan | None = None,
    loss: LossPlan = CLASSES,
    metrics: Sequence[str] = ("accuracy",),
    batch_size: int = 8,
    validated: bool = False,
    class_weights: bool = False,
) -> ArmPlan:
    """An arm of its own structure: arms of one model, loss and batch size share it."""
    return ArmPlan(
        index=index,
        name=f"arm {index}",
        description=Description(training=Training(validated=validated)),
        model=model,
        optimizer=optimizer or OptimizerPlan("adam", 0.01),
        losses=(loss,),
        metrics=tuple(metrics),
        batch_size=batch_size,
        class_weights=class_weights,
        operations=(),
        structure=(str([(layer.name, layer.kind) for layer in model.layers]), batch_size),
    )


def samples(shape: Sequence[int], *, count: int = 64, held: int = 16, classes: int = 3) -> Samples:
    """Inputs of which the largest of the first features tells the class."""
    x = np.random.default_rng(0).normal(size=(count + held, *shape)).astype(np.float32)
    y = x.reshape(len(x), -1)[:, :classes].argmax(axis=1)
    return Samples((x[:count],), (y[:count],), (x[count:],), (y[count:],))
