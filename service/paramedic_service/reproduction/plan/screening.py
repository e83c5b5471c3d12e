"""Bounds on a specification as it lies on the wire: counts and sizes, before anything reads what it says."""

from collections.abc import Iterator

from google.protobuf.struct_pb2 import Struct, Value

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.plan.checks import readable, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.profiles import FEATURES, MOST_FEATURES

_LONG_TEXT = 2_000
"""Characters of a text for people, and of a text within settings: a client cuts those at 1,024."""
_TABLE = 10_000
"""Rows of tables that are not built from: tensors, probed layers."""


def screen(spec: ReproductionSpec, limits: Limits) -> None:
    """Refuses a specification that is too large to be read.

    Raises:
        SpecError: It names the part that is.
    """
    _check_bytes(spec, limits)
    readable(spec.title, "title", _LONG_TEXT)
    readable(spec.workload, "workload", limits.text)
    _check_count(len(spec.arms), limits.arms, "arms")
    _check_count(len(spec.rules), limits.rules, "rules")
    for field, struct in _structs(spec):
        _check_struct(struct, field, limits)
    for place, arm in enumerate(spec.arms):
        readable(arm.text, f"arms[{place}].text", _LONG_TEXT)
        _check_count(len(arm.patch.fields), limits.operations, f"arms[{place}].patch")
    if spec.HasField("description"):
        _check_description(spec.description, limits)


def _check_bytes(spec: ReproductionSpec, limits: Limits) -> None:
    serialised = len(spec.description.model.framework_json)
    if serialised > limits.spec_bytes:
        raise SpecError(
            "description.model.framework_json",
            f"got {serialised:,} characters, expected at most {limits.spec_bytes:,}; it is not read, leave it out",
        )
    try:
        size = spec.ByteSize()
    except Exception as error:  # how a message that nests too deeply fails is each protobuf's own affair
        raise SpecError("spec", f"it cannot be measured ({type(error).__name__}); nest settings less deeply") from error
    if size > limits.spec_bytes:
        raise SpecError("spec", f"got {size:,} bytes, expected at most {limits.spec_bytes:,}")


def _structs(spec: ReproductionSpec) -> Iterator[tuple[str, Struct]]:
    description = spec.description
    yield "workload_arguments", spec.workload_arguments
    yield "description.optimizer.settings", description.optimizer.settings
    for place, layer in enumerate(description.model.layers[:_TABLE]):
        yield f"description.model.layers[{place}].settings", layer.settings
    for place, node in enumerate(description.model.nodes[:_TABLE]):
        yield f"description.model.nodes[{place}].arguments", node.arguments
    for place, loss in enumerate(description.losses[:_TABLE]):
        yield f"description.losses[{place}].settings", loss.settings
    for place, arm in enumerate(spec.arms):
        yield f"arms[{place}].patch", arm.patch


def _check_struct(struct: Struct, field: str, limits: Limits) -> None:
    """Goes through a tree without recursion, which a deep one would exhaust."""
    pending: list[tuple[Struct | Value, int, str]] = [(struct, 0, field)]
    values = 0
    while pending:
        tree, depth, path = pending.pop()
        if depth > limits.nesting:
            raise SpecError(field, f"settings within settings more than {limits.nesting} deep, from {path[-200:]} on")
        if isinstance(tree, Struct):
            items = [(f"{path}.{shown(key)[1:-1]}", value) for key, value in _named(tree, path, limits)]
        elif tree.WhichOneof("kind") == "struct_value":
            pending.append((tree.struct_value, depth, path))
            continue
        elif tree.WhichOneof("kind") == "list_value":
            items = [(path, value) for value in tree.list_value.values]
        else:
            if len(tree.string_value) > _LONG_TEXT:
                raise SpecError(path, f"got {len(tree.string_value):,} characters, expected at most {_LONG_TEXT:,}")
            continue
        values += len(items)
        if values > limits.values:
            raise SpecError(field, f"got more than {limits.values:,} values, expected fewer")
        pending += [(value, depth + 1, where) for where, value in items]


def _named(struct: Struct, path: str, limits: Limits) -> list[tuple[str, Value]]:
    if len(struct.fields) > limits.values:
        raise SpecError(path, f"got {len(struct.fields):,} settings, expected at most {limits.values:,}")
    for key in struct.fields:
        readable(key, f"{path}.{shown(key)}", limits.text + 64)
    return list(struct.fields.items())


def _check_description(description: RunDescription, limits: Limits) -> None:
    model, data = description.model, description.data
    for count, most, field in (
        (len(description.tensors), _TABLE, "tensors"),
        (len(description.probed_layers), _TABLE, "probed_layers"),
        (len(description.losses), limits.arrays, "losses"),
        (len(description.training.metrics), _TABLE, "training.metrics"),
        (len(model.layers), limits.layers, "model.layers"),
        (len(model.nodes), 2 * limits.layers, "model.nodes"),
        (len(model.outputs), limits.arrays, "model.outputs"),
        (len(data.inputs), limits.arrays, "data.inputs"),
        (len(data.targets), limits.arrays, "data.targets"),
    ):
        _check_count(count, most, f"description.{field}")
    for place, layer in enumerate(model.layers):
        path = f"description.model.layers[{place}]"
        _check_count(len(layer.inputs), limits.layers, f"{path}.inputs")
        _check_count(len(layer.input_shape), limits.rank, f"{path}.input_shape")
        _check_count(len(layer.output_shape), limits.rank, f"{path}.output_shape")
    for group, arrays in (("inputs", data.inputs), ("targets", data.targets)):
        for place, array in enumerate(arrays):
            path = f"description.data.{group}[{place}]"
            _check_count(len(array.shape), limits.rank, f"{path}.shape")
            _check_count(len(array.class_counts), limits.classes, f"{path}.class_counts")
            for field in FEATURES:
                _check_count(len(getattr(array, field)), MOST_FEATURES, f"{path}.{field}")
    for place, node in enumerate(model.nodes):
        _check_count(len(node.inputs), limits.layers, f"description.model.nodes[{place}].inputs")


def _check_count(count: int, most: int, field: str) -> None:
    if count > most:
        raise SpecError(field, f"got {count:,}, expected at most {most:,}")
