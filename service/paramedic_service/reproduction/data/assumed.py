"""What data looks like that nobody described: as the model wants it, standardised."""

from dataclasses import replace

from paramedic_service.reproduction.data.samples import DataError
from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer

_NUMBERS = ArrayProfile(dtype="float32", mean=0.0, deviation=1.0, lowest=-4.0, highest=4.0)


def assumed(description: Description) -> Data:
    """A profile made from shapes of the model and from its loss; what was reported of the inputs or targets is kept.

    Raises:
        DataError: The model's shapes are not known either.
    """
    known = description.data or Data()
    layers = description.model.layers if description.model is not None else ()
    shaped = [layer for layer in layers if layer.input_shape or layer.output_shape]
    if not shaped:
        raise DataError(
            "description.data: neither the data nor the shapes of the model are known; describe the data by "
            "paramedic.describe.data.data_profile, or share a sample by run.share_sample(x, y)"
        )
    loss = description.losses[0].name if description.losses else ""
    return replace(
        known,
        inputs=known.inputs or (_input(shaped),),
        targets=known.targets or (_target(shaped[-1], loss),),
    )


def _input(layers: list[Layer]) -> ArrayProfile:
    first = layers[0]
    shape = first.input_shape or first.output_shape
    words = next((layer.settings.get("input_dim") for layer in layers if layer.kind == "Embedding"), None)
    if isinstance(words, int | float) and words >= 1:
        highest = float(words) - 1
        return ArrayProfile(
            shape=shape, dtype="int32", mean=highest / 2, deviation=highest / 12**0.5, lowest=0.0, highest=highest,
            whole_share=1.0,
        )  # fmt: skip
    return replace(_NUMBERS, shape=shape)


def _target(last: Layer, loss: str) -> ArrayProfile:
    shape = last.output_shape
    classes = shape[-1] if len(shape) > 1 else 1
    if loss == "sparse_categorical_crossentropy":
        highest = float(max(1, classes - 1))
        return ArrayProfile(shape=shape[:-1], dtype="int64", lowest=0.0, highest=highest, encoding="integer")
    if loss in ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence"):
        return ArrayProfile(shape=shape, dtype="float32", encoding="one_hot")
    if loss in ("binary_crossentropy", "binary_focal_crossentropy", "hinge", "squared_hinge"):
        encoding = "binary" if classes == 1 else "multi_hot"
        return ArrayProfile(shape=shape, dtype="float32", mean=0.5, encoding=encoding)
    return replace(_NUMBERS, shape=shape, encoding="continuous")
