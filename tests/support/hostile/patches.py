"""Patches whose paths, operations or arguments are none, or that grow a model."""

from collections.abc import Iterator

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from support.hostile.case import CODE, INF, NAN, Hostile, armed, patched
from support.hostile.names import keyed
from support.specs import arm, layer, model, spec, struct


def patches() -> Iterator[Hostile]:
    """Patches whose paths, operations or arguments are none."""
    for path in (
        "", "optimizer", "optimizer.", "__class__", "optimizer.__class__", "optimizer.settings", "model",
        "model.layers",
        "model.layers[]", "model.layers[nowhere].units", "model.layers[nowhere]", "model.layers[lstm].__dict__",
        "model.layers[(a+)+$].units", "model.layers[[[[[[[[[[.units", "model.layers[" + "]" * 600, "training.__init__",
        "training.steps", "losses[99].name", "losses[-1].name", "losses[1e9].name", "data", "data.samples",
        "../optimizer.name", "/etc/passwd", "description.optimizer.name", "model.layers[*]", "x" * 700,
        "\u202eoptimizer.name",
        CODE,
    ):  # fmt: skip
        field = "arms[1].patch" if path.isprintable() and len(path) < 577 else keyed("arms[1].patch", path)
        yield patched(f"a patch of {path[:40]!r} {len(path)}", {path: {"set": 1.0}}, field)
    for what, operation in (
        ("nothing", {}), ("two words", {"set": 1.0, "multiply": 2.0}), ("a word of one's own", {"exec": CODE}),
        ("no operation", 0.1), ("text", CODE), ("a list", [1.0]), ("multiply by 1e308", {"multiply": 1e308}),
        ("multiply by NaN", {"multiply": NAN}), ("multiply by infinity", {"multiply": INF}),
        ("multiply by -1", {"multiply": -1.0}),
        ("multiply by 0", {"multiply": 0.0}), ("multiply by text", {"multiply": "2"}),
        ("multiply by true", {"multiply": True}),
        ("set to NaN", {"set": NAN}), ("set to infinity", {"set": INF}), ("set to text", {"set": "1e-3"}),
        ("set to a list", {"set": [1.0]}), ("set to -1", {"set": -1.0}), ("replace by a number", {"replace": 3.0}),
    ):  # fmt: skip
        yield patched(f"a learning rate: {what}", {"optimizer.learning_rate": operation})
    for what, patch in (
        ("units by 1e308", {"model.layers[*].units": {"multiply": 1e308}}),
        ("units by 1e6", {"model.layers[dense].units": {"multiply": 1e6}}),
        ("units set to text", {"model.layers[dense].units": {"set": "many"}}),
        ("units set to a list", {"model.layers[dense].units": {"set": [3.0]}}),
        ("units set to 2^53", {"model.output": {"set": {"units": 2.0**53}}}),
        ("the output set to code", {"model.output": {"set": {"activation": CODE}}}),
        ("the output set to NaN units", {"model.output": {"set": {"units": NAN}}}),
        ("a kind set to Lambda", {"model.layers[lstm].kind": {"set": "Lambda"}}),
        ("kinds replaced by Lambda", {"model.layers[*].kind": {"replace": {"LSTM": "Lambda"}}}),
        ("a kind set to a list", {"model.layers[lstm].kind": {"set": ["LSTM"]}}),
        ("a kind replaced by a list", {"model.layers[*].kind": {"replace": {"LSTM": ["Dense"]}}}),
        ("a name changed", {"model.layers[lstm].name": {"set": "../x"}}),
        ("inputs rewired", {"model.layers[lstm].inputs": {"set": ["dense"]}}),
        ("shapes rewritten", {"model.layers[lstm].input_shape": {"set": [1.0]}}),
        ("weights rewritten", {"model.layers[lstm].parameters": {"set": 0.0}}),
        ("frozen by text", {"model.layers[lstm].frozen": {"set": "yes"}}),
        ("an activation set to code", {"model.layers[lstm].activation": {"set": CODE}}),
        ("an activation set to settings", {"model.layers[lstm].activation": {"set": {"class_name": "Lambda"}}}),
        ("an initialiser set to code", {"model.layers[lstm].kernel_initializer": {"set": CODE}}),
        ("a foreign setting", {"model.layers[lstm].code": {"set": CODE}}),
        ("an optimizer of one's own", {"optimizer.name": {"set": "evil"}}),
        ("an optimizer that is a list", {"optimizer.name": {"set": ["adam"]}}),
        ("a foreign setting of the optimizer", {"optimizer.code": {"set": CODE}}),
        ("a loss of one's own", {"losses[0].name": {"set": "evil"}}),
        ("a loss that is a list", {"losses[*].name": {"set": ["mse"]}}),
        ("batches of 2^53", {"training.batch_size": {"set": 2.0**53}}),
        ("batches by 1e300", {"training.batch_size": {"multiply": 1e300}}),
        ("batches of text", {"training.batch_size": {"set": "32"}}),
        ("weights of classes by code", {"training.class_weights": {"set": CODE}}),
        ("sequences cut to nothing", {"data.inputs": {"truncate": 0.0}}),
        ("sequences padded to 2^53", {"data.inputs": {"pad": 2.0**53}}),
        ("windows of 2^53", {"data.inputs": {"window": 2.0**53}}),
        ("samples reshaped to 10^15", {"data.inputs": {"reshape": [1e15]}}),
        ("samples opened from a file", {"data.inputs": {"load": "/etc/passwd"}}),
        ("an encoding of one's own", {"data.targets": {"encode": CODE}}),
        ("inputs of 2^53 numbers", {"model.input": {"set": {"shape": [2.0**53]}}}),
        ("inputs with fifty axes", {"model.input": {"set": {"shape": [2.0] * 50}}}),
        ("everything removed", {"model.layers[lstm]": {"remove": True}, "model.layers[dense]": {"remove": True}}),
        ("a Lambda inserted", {"model.layers[lstm]": {"insert_after": {"kind": "Lambda"}}}),
        ("a kind with code inserted", {"model.layers[lstm]": {"insert_after": {"kind": CODE}}}),
        ("a path inserted", {"model.layers[lstm]": {"insert_after": {"kind": "../../x"}}}),
        ("a layer inserted with settings", {"model.layers[lstm]": {"insert_after": {"kind": "Dense", "units": 3.0}}}),
        ("a layer without units inserted", {"model.layers[lstm]": {"insert_after": {"kind": "Dense"}}}),
    ):  # fmt: skip
        yield patched(f"a patch: {what}", patch)
    yield Hostile("a first arm that does not fit", "arms[0].patch",
                  lambda: armed(Arm(name="a", patch=struct({"optimizer.x": {"exec": 1.0}}))))  # fmt: skip


def growth() -> Iterator[Hostile]:
    """Patches that grow a model."""

    def make(count: int) -> ReproductionSpec:
        layers = [layer("Dense", f"d{place}", 3) for place in range(count)]
        grown = {f"model.layers[d{place}]": {"insert_after": {"kind": "LayerNormalization"}} for place in range(count)}
        return spec(model(*layers), arm(grown))

    yield Hostile("a layer behind each of 120", "arms[1].patch", lambda: make(120))
    yield Hostile("a layer behind each of 200", "arms[1].patch", lambda: make(200))
    yield Hostile(
        "a layer inserted under a name that is taken", "arms[1].patch",
        lambda: spec(
            model(layer("Dense", "a", 3), layer("Identity", "a/dropout")),
            arm({"model.layers[a]": {"insert_after": {"kind": "Dropout"}}}),
        ),
    )  # fmt: skip
    yield Hostile(
        "values without end in a patch", "arms[1].patch", lambda: spec(None, arm({"a": {"set": [1.0] * 5_000}}))
    )
    yield Hostile(
        "operations without end in a patch", "arms[1].patch",
        lambda: spec(None, arm({f"optimizer.x{n}": {"set": 1.0} for n in range(1_000)})),
    )  # fmt: skip
