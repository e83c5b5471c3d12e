"""Optimizers, losses and loops that are not built, or make no sense."""

from collections.abc import Iterator
from typing import Any

from paramedic.v1.description_pb2 import LossConfig
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from support.hostile.case import CODE, INF, NAN, Hostile, altered
from support.specs import struct


def optimizers() -> Iterator[Hostile]:
    path = "description.optimizer"

    def changed(what: str, field: str, **fields: Any) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            for name, value in fields.items():
                if name == "settings":
                    message.description.optimizer.settings.CopyFrom(struct(value))
                else:
                    setattr(message.description.optimizer, name, value)

        return altered(what, f"{path}.{field}", change)

    for name in (
        "",
        "Adam",
        "mine",
        "keras.optimizers.Adam",
        "os.system",
        "lossscaleoptimizer",
        "multioptimizer",
        CODE,
        "\u0430dam",
    ):
        yield changed(f"the optimizer {name!r}", "name", name=name)
    for rate in (NAN, INF, -INF, -1e-3, 1e300):
        yield changed(f"a learning rate of {rate}", "learning_rate", learning_rate=rate)
    for bound in ("clipnorm", "clipvalue", "global_clipnorm"):
        for value in (NAN, INF, 0.0, -1.0):
            yield changed(f"a {bound} of {value}", bound, **{bound: value})
    yield changed("two ways of clipping at once", "clipnorm", clipnorm=1.0, clipvalue=1.0)
    for setting, value in (
        ("beta_1", NAN), ("beta_1", 2.0), ("beta_1", "0.9"), ("beta_2", True), ("epsilon", -1.0), ("epsilon", INF),
        ("amsgrad", 1), ("momentum", 0.9), ("weight_decay", NAN), ("use_ema", True), ("loss_scale_factor", 1e30),
        ("gradient_accumulation_steps", 1e9), ("module", "os"), ("__reduce__", CODE), ("exclude_layers", ["(a+)+$"]),
    ):  # fmt: skip
        yield changed(f"Adam's {setting}: {value}", f"settings.{setting}", settings={setting: value})
    yield changed("a schedule of one's own", "schedule", schedule="Restarts", settings={"learning_rate": {}})
    yield changed("a schedule without numbers", "settings.learning_rate", schedule="CosineDecay")
    rate = "settings.learning_rate"
    for what, kind, config, field in (
        ("of no steps", "ExponentialDecay", {"initial_learning_rate": 1.0, "decay_steps": 0, "decay_rate": 0.9},
         "decay_steps"),
        ("of NaN", "ExponentialDecay", {"initial_learning_rate": NAN, "decay_steps": 9, "decay_rate": 0.9},
         "initial_learning_rate"),
        ("without an end", "CosineDecay", {"initial_learning_rate": 1.0}, "decay_steps"),
        ("with code", "CosineDecay", {"initial_learning_rate": 1.0, "decay_steps": 9, "fn": CODE}, "fn"),
        ("of ten thousand pieces", "PiecewiseConstantDecay", {"boundaries": list(range(4_000)), "values": [1.0]},
         "boundaries"),
        ("of pieces out of order", "PiecewiseConstantDecay", {"boundaries": [5, 2], "values": [1.0, 2.0, 3.0]},
         "boundaries"),
    ):  # fmt: skip
        yield changed(f"a schedule {what}", f"{rate}.config.{field}", schedule=kind,
                      settings={"learning_rate": {"class_name": kind, "config": config}})  # fmt: skip
    yield changed("a schedule of two names", rate, schedule="CosineDecay",
                  settings={"learning_rate": {"class_name": "ExponentialDecay", "config": {}}})  # fmt: skip
    yield changed("a schedule from a module", f"{rate}.module", schedule="CosineDecay",
                  settings={"learning_rate": {"class_name": "CosineDecay", "module": "os", "config": {}}})  # fmt: skip
    yield altered("no optimizer", path, lambda s: s.description.ClearField("optimizer"))


def losses() -> Iterator[Hostile]:
    path = "description.losses[0]"

    def changed(what: str, field: str, loss: LossConfig) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            del message.description.losses[:]
            message.description.losses.append(loss)

        return altered(what, f"{path}.{field}", change)

    for name in (
        "",
        "my_loss",
        "<lambda>",
        "loss_function_wrapper",
        "keras.losses.mse",
        "os.system",
        CODE,
        "ms\u0435",
        "mean_squared_error\0",
    ):
        yield changed(f"the loss {name!r}", "name", LossConfig(name=name))
    for what, settings, field in (
        ("a delta of NaN", {"delta": NAN}, "delta"), ("a delta of nothing", {"delta": 0.0}, "delta"),
        ("code", {"fn": CODE}, "fn"), ("a module", {"module": "os"}, "module"),
        ("no reduction", {"reduction": "none"}, "reduction"),
        ("a reduction by code", {"reduction": {"class_name": "x"}}, "reduction"),
    ):  # fmt: skip
        yield changed(f"a loss with {what}", f"settings.{field}", LossConfig(name="huber", settings=struct(settings)))
    yield changed("a squared error of logits", "from_logits", LossConfig(name="mse", from_logits=True))
    for weight in (NAN, INF, 1e300):
        yield changed(f"a loss weighted by {weight}", "weight", LossConfig(name="mse", weight=weight))
    yield altered("no loss", "description.losses", lambda s: s.description.ClearField("losses"))
    yield altered("a loss for an output that is not there", "description.losses",
                   lambda s: s.description.losses.append(LossConfig(name="mse")))  # fmt: skip
    yield altered("a thousand losses", "description.losses",
                   lambda s: s.description.losses.extend([LossConfig(name="mse")] * 1_000))  # fmt: skip


def trainings() -> Iterator[Hostile]:
    for batch in (0, 8_193, 2**31, 2**32 - 1):
        yield altered(f"batches of {batch}", "description.training.batch_size",
                       lambda s, batch=batch: setattr(s.description.training, "batch_size", batch))  # fmt: skip
    for precision in ("float8", "mixed_evil", "int8", "../float32", CODE):
        yield altered(f"a precision of {precision!r}", "description.training.precision",
                       lambda s,
                       precision=precision: setattr(s.description.training, "precision", precision))  # fmt: skip
    yield altered("a step of one's own", "description.training.custom_step",
                   lambda s: setattr(s.description.training, "custom_step", True))  # fmt: skip
