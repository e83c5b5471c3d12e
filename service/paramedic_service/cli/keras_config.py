"""Saved Keras models in neutral terms, read from their JSON: nothing is imported, built or unpickled.

What Keras writes, `model.to_json()` or the config.json of a .keras archive, names the layers, what feeds each, what
each was built for, and what the model was compiled with. Shapes of outputs are not in it and are derived for the layers
whose shape follows from their settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import LayerConfig, LossConfig, ModelConfig, OptimizerConfig, RunDescription
from paramedic_service.cli.layer_shapes import output_shape

_GRAPHS = ("Sequential", "Functional", "Model")
_SAID_ELSEWHERE = ("name", "trainable", "activation", "units", "filters", "batch_shape", "batch_input_shape")
_OPTIMIZER_FIELDS = ("name", "clipnorm", "clipvalue", "global_clipnorm")


def is_keras_config(document: Mapping[str, Any]) -> bool:
    """Whether a document is what Keras writes of a model."""
    return "class_name" in document and isinstance(document.get("config"), Mapping)


def read_keras_config(document: Mapping[str, Any]) -> RunDescription:
    """Describes a saved model.

    Args:
        document: As Keras writes it, version 2 or 3.

    Raises:
        ValueError: It is no sequential or functional model.
    """
    if not _is_graph(document):
        raise ValueError(f"{document['class_name']} has a forward pass of its own, which its configuration leaves out")
    model = ModelConfig(name=str(document["config"].get("name", "")))
    _add(document, "", [], model)
    description = RunDescription(model=model)
    compiled = document.get("compile_config")
    if isinstance(compiled, Mapping):
        description.losses.extend(_losses(compiled.get("loss")))
        if (optimizer := _optimizer(compiled.get("optimizer"))) is not None:
            description.optimizer.CopyFrom(optimizer)
    return description


def _add(graph: Mapping[str, Any], path: str, outer: list[str], model: ModelConfig) -> list[str]:
    """Adds the layers of a graph that `outer` feeds; returns the names of the layers it ends in."""
    ends: dict[str, list[str]] = {}
    previous = outer
    sequential = graph["class_name"] == "Sequential"
    for layer in map(_mapping, graph["config"]["layers"]):
        config = _mapping(layer.get("config"))
        name = str(layer.get("name") or config.get("name") or f"layer_{len(ends)}")
        kind = str(layer.get("class_name", ""))
        sources = [end for source in _sources(layer.get("inbound_nodes")) for end in ends.get(source, [])]
        if sequential:
            sources = previous
        elif kind == "InputLayer":
            sources = outer
        sources = list(dict.fromkeys(sources))
        place = f"{path}/{name}" if path else name
        if _is_graph(layer):
            previous = _add(layer, place, sources, model)
        elif ".ops." in str(layer.get("module", "")):
            _note_operation(model, sources, kind)
            previous = sources
        else:
            before = [model.layers[-1].name] if model.layers else []
            model.layers.append(_layer(place, kind, layer, config, sources if sources != before else [], model))
            previous = [place]
        ends[name] = previous
    if sequential:
        return previous
    return [end for name in _histories(graph["config"].get("output_layers")) for end in ends.get(name, [])]


def _layer(
    place: str, kind: str, layer: Mapping[str, Any], config: Mapping[str, Any], inputs: list[str], model: ModelConfig
) -> LayerConfig:
    described = LayerConfig(
        name=place,
        kind=kind,
        activation=_activation(config.get("activation")),
        frozen=config.get("trainable") is False,
        inputs=inputs,
        settings=settings(config, without=_SAID_ELSEWHERE),
    )
    width = config.get("units", config.get("filters"))
    if isinstance(width, int) and width > 0:
        described.units = width
    given = _shape(config.get("batch_shape", config.get("batch_input_shape")))
    if kind == "InputLayer":
        described.output_shape.extend(given)
        return described
    known = {each.name: each.output_shape for each in model.layers}
    source = inputs or ([model.layers[-1].name] if model.layers else [])
    fed = list(known.get(source[0], ())) if len(source) == 1 else []
    built_for = _shape(_mapping(layer.get("build_config")).get("input_shape")) or given or fed
    described.input_shape.extend(built_for)
    described.output_shape.extend(output_shape(kind, config, tuple(built_for)))
    return described


def _note_operation(model: ModelConfig, sources: Sequence[str], kind: str) -> None:
    for layer in model.layers:
        if layer.name in sources:
            applied = layer.settings.get_or_create_list("operations")
            applied.append(kind)


def _sources(nodes: Any) -> Iterator[str]:
    """Names of the layers whose outputs enter a layer: Keras 3 tells them by tensors, Keras 2 by lists."""
    if isinstance(nodes, Mapping):
        history = _mapping(nodes.get("config")).get("keras_history")
        if isinstance(history, list) and history:
            yield str(history[0])
            return
        for value in nodes.values():
            yield from _sources(value)
    elif isinstance(nodes, list):
        if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
            yield nodes[0]
            return
        for value in nodes:
            yield from _sources(value)


def _histories(outputs: Any) -> list[str]:
    return list(_sources(list(outputs.values()) if isinstance(outputs, Mapping) else outputs))


def _losses(loss: Any) -> list[LossConfig]:
    if isinstance(loss, Mapping) and "class_name" not in loss:
        return [_loss(each, str(output)) for output, each in loss.items() if each]
    if isinstance(loss, list):
        return [_loss(each, "") for each in loss if each]
    return [_loss(loss, "")] if loss else []


def _loss(loss: Any, output: str) -> LossConfig:
    config = _mapping(_mapping(loss).get("config"))
    from_logits = config.get("from_logits")
    described = LossConfig(output=output, name=_loss_name(loss), settings=settings(config, without=("from_logits",)))
    if isinstance(from_logits, bool):
        described.from_logits = from_logits
    return described


def _loss_name(loss: Any) -> str:
    if not isinstance(loss, Mapping):
        return str(loss)
    if loss.get("class_name") == "function":
        return str(loss.get("config", ""))
    name = str(loss.get("class_name", ""))
    snake = "".join(f"_{letter.lower()}" if letter.isupper() and place else letter for place, letter in enumerate(name))
    return snake.lower()


def _optimizer(optimizer: Any) -> OptimizerConfig | None:
    if isinstance(optimizer, str):
        return OptimizerConfig(name=optimizer.lower())
    config = _mapping(_mapping(optimizer).get("config"))
    if not config:
        return None
    described = OptimizerConfig(
        name=str(optimizer.get("class_name", "")).lower(), settings=settings(config, without=_OPTIMIZER_FIELDS)
    )
    rate = config.get("learning_rate")
    if isinstance(rate, Mapping):
        described.schedule = str(rate.get("class_name", ""))
        rate = _mapping(rate.get("config")).get("initial_learning_rate")
    if isinstance(rate, int | float):
        described.learning_rate = rate
    for bound in ("clipnorm", "clipvalue", "global_clipnorm"):
        if isinstance(config.get(bound), int | float):
            setattr(described, bound, config[bound])
    return described


def _activation(activation: Any) -> str:
    if isinstance(activation, Mapping):
        named = activation.get("config")
        return str(named if isinstance(named, str) else activation.get("class_name", "")).lower()
    return str(activation or "")


def _is_graph(layer: Any) -> bool:
    config = _mapping(_mapping(layer).get("config"))
    return _mapping(layer).get("class_name") in _GRAPHS and isinstance(config.get("layers"), list)


def _shape(shape: Any) -> list[int]:
    if not isinstance(shape, list) or not all(size is None or isinstance(size, int) for size in shape):
        return []
    return [-1 if size is None else size for size in shape]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
