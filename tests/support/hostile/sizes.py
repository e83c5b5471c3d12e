"""What would not fit into any memory, at once or multiplied."""

from collections.abc import Iterator

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from support.hostile.case import FIRST, SECOND, Hostile, modelled
from support.specs import given, layer, model, spec


def sizes() -> Iterator[Hostile]:
    """What would not fit into any memory."""
    for units in (8_193, 2**31, 2**53, 2**63, 2**64 - 1):
        yield modelled(f"{units} units", f"{FIRST}.units", layer("Dense", "a", units))
    yield modelled("no units", f"{FIRST}.units", layer("LSTM", "a", 0))
    yield modelled("2^60 filters", f"{FIRST}.units", layer("Conv1D", "a", 2**60, kernel_size=3))
    shape = f"{FIRST}.input_shape"
    for what, sizes, field in (
        ("a billion steps", (10**9, 3), f"{shape}[1]"), ("2^62 features", (10, 2**62), f"{shape}[2]"),
        ("a negative size", (10, -7), f"{shape}[2]"), ("no features", (10, 0), f"{shape}[2]"),
        ("3000 steps", (3_000, 3), f"{shape}[1]"), ("a large square", (1_500, 1_500), shape),
    ):  # fmt: skip
        yield modelled(f"an input with {what}", field, layer("LSTM", "a", 4), shape=sizes)
    yield modelled("an input with fifty axes", shape, layer("Dense", "a", 4), shape=(2,) * 50)
    yield modelled(
        "a billion words", f"{FIRST}.settings.input_dim", layer("Embedding", "a", input_dim=1e9, output_dim=4)
    )
    yield modelled(
        "words of a million numbers",
        f"{FIRST}.settings.output_dim",
        layer("Embedding", "a", input_dim=9, output_dim=1e6),
    )
    yield modelled("a vector repeated for ever", "description.model.layers[1].settings.n",
                    layer("Flatten", "f"), layer("RepeatVector", "a", n=1e12))  # fmt: skip
    yield modelled(
        "a million heads",
        f"{SECOND}.settings.num_heads",
        given(10, 3),
        layer("MultiHeadAttention", "a", num_heads=1e6, key_dim=8),
    )
    yield modelled(
        "keys of 2^40 numbers",
        f"{SECOND}.settings.key_dim",
        given(10, 3),
        layer("MultiHeadAttention", "a", num_heads=1, key_dim=2**40),
    )
    yield modelled(
        "a reshape to nothing", f"{FIRST}.settings.target_shape[0]", layer("Reshape", "a", target_shape=[0, 30])
    )
    yield modelled("a reshape to more", f"{FIRST}.settings.target_shape", layer("Reshape", "a", target_shape=[10, 4]))
    yield modelled(
        "a reshape to 10^18", f"{FIRST}.settings.target_shape[0]", layer("Reshape", "a", target_shape=[1e18])
    )
    yield modelled(
        "a reshape to -1 twice", f"{FIRST}.settings.target_shape", layer("Reshape", "a", target_shape=[-1, -1])
    )
    yield modelled("padding of 2^31 rows", f"{FIRST}.settings.padding", layer("ZeroPadding1D", "a", padding=2**31))
    yield modelled("cropping of everything", f"{FIRST}.settings.cropping", layer("Cropping1D", "a", cropping=[5, 5]))
    yield modelled("2^40 times as large", f"{FIRST}.settings.size", layer("UpSampling1D", "a", size=2**40))
    yield modelled("a window larger than its input", f"{FIRST}.input_shape", layer("Conv1D", "a", 4, kernel_size=11))
    yield modelled("a pool larger than its input", f"{FIRST}.input_shape", layer("MaxPooling1D", "a", pool_size=1000))


def overflows() -> Iterator[Hostile]:
    """What is within bounds one by one, and too large together."""
    wide = [layer("Dense", f"dense_{place}", 8_192) for place in range(6)]
    yield modelled("layers of 8192 units", "description.model.layers[1]", *wide)
    yield modelled("a wide layer on many features", FIRST, layer("Dense", "a", 8_192), shape=(8_000,))
    yield modelled("a large LSTM", FIRST, layer("LSTM", "a", 8_192))
    yield modelled(
        "a large embedding", FIRST, layer("Embedding", "a", input_dim=200_000, output_dim=8_192), shape=(10,)
    )
    yield modelled(
        "large attention", SECOND, given(10, 3), layer("MultiHeadAttention", "a", num_heads=256, key_dim=8_192)
    )
    grown = [layer("UpSampling1D", f"up_{place}", size=1_024) for place in range(8)]
    yield modelled("growth by 1024, again and again", FIRST, *grown, shape=(200, 3))
    yield modelled("a kernel of 60 x 60", FIRST, layer("Conv2D", "a", 512, kernel_size=[60, 60]), shape=(64, 64, 8))
    yield modelled("padding of an image", FIRST, layer("ZeroPadding2D", "a", padding=1_000), shape=(8, 8, 1))
    for batch in (4_096, 8_192):
        yield Hostile(
            f"long sequences in batches of {batch}", "description.model.layers",
            lambda batch=batch: _with_batch(spec(model(layer("LSTM", "a", 64, return_sequences=True),
             shape=(2_000, 8))), batch),
        )  # fmt: skip
    many = [layer("Dense", f"d{place}", 900) for place in range(8)]
    yield modelled("many layers of 900 units", "description.model.layers[7]", *many)
    yield modelled(
        "a bidirectional layer of wide layers", FIRST,
        layer("Bidirectional", "a", layer={"class_name": "LSTM", "config": {"units": 1_500}}),
    )  # fmt: skip
    yield modelled(
        "cells upon cells", FIRST,
        layer("RNN", "a", cell=[{"class_name": "LSTMCell", "config": {"units": 700}}] * 32),
    )  # fmt: skip
    yield modelled("outputs multiplied", FIRST, layer("Dense", "a", 8_000), shape=(2_000, 3))


def _with_batch(message: ReproductionSpec, batch: int) -> ReproductionSpec:
    message.description.training.batch_size = batch
    return message
