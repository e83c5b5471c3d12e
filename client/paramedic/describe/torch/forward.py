"""The calls of one forward pass, and the layers that they come down to.

In torch an activation is always a call of its own, be it of a module or of a function. Told as Keras tells it, a layer
with weights has an activation: one that follows it, and that nothing else reads past, becomes the layer's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn

from paramedic.describe.names import MAX_NAME, unique
from paramedic.describe.torch.kinds import (
    ACTIVATIONS,
    CHANNELS_FIRST,
    RECURRENT,
    Neutral,
    base_name,
    is_compiled,
    is_known,
    levels,
    neutral,
    neutral_level,
    takes_activation,
    with_activation,
)
from paramedic.describe.torch.operations import ACTIVATIONS as FUNCTIONS
from paramedic.describe.torch.operations import LAYERS, MOVING, ONE_STEP, is_product

_SCALING = ("Mul", "Div")

INPUT = -1
"""Place of what the model is given."""


@dataclass(slots=True)
class Call:
    """A call of a module, or an operation that is none.

    Attributes:
        path: Of the module within the model; of an operation, its name.
        module: None for an operation.
        sources: Places of the calls that it reads; INPUT for what the model is given. Empty: unknown.
        input_shape: Of the first tensor that it reads, as torch has it.
        output_shape: Of the first tensor that it puts out.
    """

    path: str
    module: Any = None
    sources: list[int] = field(default_factory=list)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()


@dataclass(slots=True)
class Forward:
    """The calls of one forward pass, each behind those that it reads.

    Attributes:
        calls: Of modules that are one layer each, and of operations between them.
        ends: Places of the calls that the losses read, one a loss.
    """

    calls: list[Call] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One layer.

    Attributes:
        name: Unique within the model.
        neutral: What it is.
        module: None where it has none.
        inputs: Names of the layers that feed it; empty for the one before it.
        input_shape: With the batch first and the channels last; -1 for the batch. Empty when unknown.
        output_shape: Likewise.
        parameters: Elements in its tensors.
        frozen: Whether none of them trains.
        place: Which call of its module it is, counted from 0.
        functions: What is applied to its module's output before it is the layer's.
        level: Which of the layers that a recurrent module stacks it is, counted from 0.
        in_product: Whether its output is a factor of a product of activations, as queries and keys are.
        channels_first: Whether torch has the units of its output on the second axis rather than the last.
    """

    name: str
    neutral: Neutral
    module: Any = None
    inputs: list[str] = field(default_factory=list)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    parameters: int = 0
    frozen: bool = False
    place: int = 0
    functions: list[Callable[[Any], Any]] = field(default_factory=list)
    level: int = 0
    in_product: bool = False
    channels_first: bool = False


def named_leaves(model: Any) -> list[tuple[str, Any]]:
    """The modules that are one layer each, with their paths, in the order of their registration."""
    found: list[tuple[str, Any]] = []

    def visit(path: str, module: Any, seen: set[int]) -> None:
        if id(module) in seen:
            return
        seen.add(id(module))
        within = list(module.named_children())
        if is_known(module) or not within or (path and is_compiled(module)):
            if not is_loss(module):
                found.append((path, module))
            return
        for name, child in within:
            visit(f"{path}.{name}" if path else name, child, seen)

    visit("", model, set())
    return [(path or type(module).__name__, module) for path, module in found]


def is_loss(module: Any) -> bool:
    """Whether a module computes a loss."""
    return isinstance(module, nn.modules.loss._Loss) or type(module).__name__.endswith("Loss")


def declared(model: Any) -> Forward | None:
    """The forward pass of a model that is a chain of modules by declaration; None for any other."""

    def chained(module: Any) -> bool:
        if is_known(module):
            return True
        return type(module) is nn.Sequential and all(chained(each) for each in module)

    leaves = named_leaves(model)
    if not chained(model) or len({id(module) for _, module in leaves}) < len(list(model.modules())) - sum(
        isinstance(module, nn.Sequential) for module in model.modules()
    ):
        return None
    calls = [Call(path, module, [place - 1]) for place, (path, module) in enumerate(leaves)]
    return Forward(calls, [len(calls) - 1] if calls else [])


class Layers(NamedTuple):
    """The layers of a model.

    Attributes:
        entries: In forward order, as far as that is known.
        ends: Names of those that the losses read.
        connected: Whether who feeds whom is known.
        whole: Whether they tell all of the forward pass.
    """

    entries: list[Entry]
    ends: list[str]
    connected: bool
    whole: bool


def layers_in(forward: Forward) -> Layers:
    """Returns the layers of a forward pass."""
    return _Entries(forward).made()


class _Entries:
    def __init__(self, forward: Forward) -> None:
        self._calls = forward.calls
        self._ends = forward.ends
        self._is: dict[int, int] = {INPUT: INPUT}
        self._activation: dict[int, str] = {}
        self._functions: dict[int, list[Callable[[Any], Any]]] = {}
        self._readers: dict[int, list[int]] = {}
        self._last_only: set[int] = set()
        self._time_major = {
            call.input_shape[:2]
            for call in self._calls
            if isinstance(call.module, RECURRENT) and not call.module.batch_first and len(call.input_shape) == 3
        }
        self._channels_first = self._with_channels_first()

    def made(self) -> Layers:
        self._find_last_only()
        self._drop_moving()
        self._readers = self._read_by()
        self._fold_activations()
        kept = [place for place in range(len(self._calls)) if self._stands_for(place) == place]
        names = dict(zip(kept, unique([self._name(place) for place in kept], MAX_NAME), strict=True))
        made: list[Entry] = []
        last_of: dict[int, str] = {}
        reads_input = [place for place in kept if self._sources(place) == [INPUT]]
        first = [place for place in reads_input if place != kept[0]]
        if first:
            shape = self._shape(self._calls[kept[0]], self._calls[kept[0]].input_shape, kept[0])
            made.append(Entry("input", Neutral("InputLayer"), output_shape=shape))
            last_of[INPUT] = "input"
        counts: dict[int, int] = {}
        for place in kept:
            sources = [last_of[source] for source in self._sources(place) if source in last_of]
            before = made[-1].name if made else None
            inputs = [] if sources == [before] else sources
            made += self._entries(place, names[place], inputs, counts)
            last_of[place] = made[-1].name
        ends = [last_of[end] for end in map(self._stands_for, self._ends) if end in last_of]
        return Layers(made, ends, connected=True, whole=all(map(self._is_told, range(len(self._calls)))))

    def _is_told(self, place: int) -> bool:
        """Whether the layers say all that happened in a call."""
        call, stands_for = self._calls[place], self._stands_for(place)
        if call.module is not None:
            again = stands_for != place and call.module is self._calls[stands_for].module
            return is_known(call.module) and not again
        return call.path in FUNCTIONS or (call.path in MOVING and stands_for in self._last_only)

    def _stands_for(self, place: int) -> int:
        while (other := self._is.get(place, place)) != place:
            place = other
        return place

    def _sources(self, place: int) -> list[int]:
        """What the call at a place reads, besides what was merged into it reading."""
        merged = [place, *(other for other, into in self._is.items() if into == place and self._same(other, place))]
        found = [self._stands_for(source) for each in merged for source in self._calls[each].sources]
        return list(dict.fromkeys(source for source in found if source != place))

    def _same(self, one: int, other: int) -> bool:
        return one >= 0 and self._calls[one].module is not None and self._calls[one].module is self._calls[other].module

    def _find_last_only(self) -> None:
        """Recurrent layers of which nobody reads more than single time steps."""
        readers = self._read_by()
        for place, call in enumerate(self._calls):
            if isinstance(call.module, RECURRENT):
                read = [reader for reader in readers.get(place, []) if reader >= 0]
                ended = place in self._ends
                if read and not ended and all(self._takes_one_step(reader, readers) for reader in read):
                    self._last_only.add(place)

    def _takes_one_step(self, place: int, readers: Mapping[int, list[int]]) -> bool:
        call = self._calls[place]
        if call.module is not None or call.path not in MOVING:
            return False
        if call.path in ONE_STEP:
            return True
        further = readers.get(place, [])  # x[:, -1, :] is a slice of the batch first
        if not further or place in self._ends:
            return False
        return all(self._takes_one_step(each, readers) for each in further)

    def _drop_moving(self) -> None:
        first: dict[int, int] = {}
        for place, call in enumerate(self._calls):
            if call.module is None and call.path in MOVING and call.sources:
                self._is[place] = call.sources[0]
            elif call.module is not None and any(True for _ in call.module.parameters()):
                if id(call.module) in first:
                    self._is[place] = first[id(call.module)]
                first.setdefault(id(call.module), place)

    def _read_by(self) -> dict[int, list[int]]:
        readers: dict[int, list[int]] = {}
        for place, call in enumerate(self._calls):
            if self._stands_for(place) != place and call.module is None:
                continue
            for source in call.sources:
                readers.setdefault(self._stands_for(source), []).append(place)
        return readers

    def _fold_activations(self) -> None:
        readers = {place: list(read) for place, read in self._readers.items()}
        for end in self._ends:
            readers.setdefault(self._stands_for(end), []).append(INPUT)
        for place, call in enumerate(self._calls):
            if self._stands_for(place) != place or call.module is None or isinstance(call.module, RECURRENT):
                continue
            read = list(dict.fromkeys(readers.get(place, [])))
            if not takes_activation(neutral(call.module)) or not read or INPUT in read:
                continue
            found = [self._function(reader) for reader in read]
            told = {each[0] for each in found if each is not None}
            if len(told) == 1 and None not in found:
                self._activation[place] = told.pop()
                self._functions[place] = [each[1] for each in found[:1] if each is not None]
                for reader in read:
                    self._is[reader] = place

    def _function(self, place: int) -> tuple[str, Callable[[Any], Any]] | None:
        """Name and function of a call that is nothing but an activation."""
        call = self._calls[place]
        if call.module is None:
            return FUNCTIONS.get(call.path)
        name = ACTIVATIONS.get(base_name(call.module))
        return None if name is None else (name, call.module.forward)

    def _is_factor(self, place: int) -> bool:
        """Whether a product reads what a call puts out, scaled or not."""
        readers = [reader for reader in self._readers.get(place, []) if self._calls[reader].module is None]
        return any(
            is_product(self._calls[reader].path) or (self._calls[reader].path in _SCALING and self._is_factor(reader))
            for reader in readers
        )

    def _name(self, place: int) -> str:
        call = self._calls[place]
        return call.path if call.module is not None else LAYERS.get(call.path, call.path).lower()

    def _entries(self, place: int, name: str, inputs: list[str], counts: dict[int, int]) -> list[Entry]:
        """The layers that one call comes down to: several where a recurrent module stacks them."""
        call = self._calls[place]
        source = self._shape(call, call.input_shape, place)
        output = self._shape(call, call.output_shape, place)
        module = call.module
        if module is None:
            return [Entry(name, _operation(call.path), inputs=inputs)]
        nth = counts.get(id(module), 0)
        counts[id(module)] = nth + 1
        if not isinstance(module, RECURRENT):
            described = neutral(module)
            if place in self._activation:
                described = with_activation(described, self._activation[place])
            return [
                Entry(
                    name,
                    described,
                    module,
                    inputs,
                    source,
                    output,
                    *_sizes([*module.parameters(), *_statistics(module)]),
                    nth,
                    self._functions.get(place, []),
                    channels_first=place in self._channels_first,
                    in_product=isinstance(module, nn.MultiheadAttention) or self._is_factor(place),
                )
            ]
        stack = []
        for level in range(levels(module)):
            sequences = level < levels(module) - 1 or place not in self._last_only
            shape = output if sequences or len(output) != 3 else (output[0], output[2])
            suffix = f".l{level}" if levels(module) > 1 else ""
            within = f"_l{level}", f"_l{level}_reverse"
            weights = [weight for key, weight in module.named_parameters() if key.endswith(within)]
            if not isinstance(module, nn.GRU):  # of two biases that are added, one says it all
                weights = [weight for weight in weights if not any(weight is bias for bias in _second_biases(module))]
            stack.append(
                Entry(
                    name + suffix,
                    neutral_level(module, sequences),
                    module,
                    inputs if level == 0 else [],
                    source,
                    shape,
                    *_sizes(weights),
                    nth,
                    level=level,
                )
            )
            source = output
        return stack

    def _shape(self, call: Call, shape: Sequence[int], place: int) -> tuple[int, ...]:
        if not shape:
            return ()
        if isinstance(call.module, RECURRENT) and len(shape) != 3:
            return ()  # one sequence without a batch
        if len(shape) >= 3 and tuple(shape[:2]) in self._time_major:
            shape = (shape[1], shape[0], *shape[2:])
        elif len(shape) >= 3 and place in self._channels_first:
            shape = (shape[0], *shape[2:], shape[1])
        return (-1, *shape[1:])

    def _with_channels_first(self) -> set[int]:
        found: set[int] = set()
        for place, call in enumerate(self._calls):
            after = any(source in found for source in call.sources)
            if call.module is None:
                keeps = call.path not in MOVING
            else:
                keeps = base_name(call.module) in ACTIVATIONS or isinstance(call.module, nn.Dropout | nn.Identity)
            if (isinstance(call.module, CHANNELS_FIRST) and len(call.output_shape) >= 3) or (after and keeps):
                found.add(place)
        return found


def _operation(name: str) -> Neutral:
    if name in FUNCTIONS:
        activation = FUNCTIONS[name][0]
        return Neutral("Softmax") if activation == "softmax" else Neutral("Activation", activation)
    return Neutral(LAYERS.get(name, name))


def _statistics(module: Any) -> list[Any]:
    """What a normalisation knows of the batches before."""
    kept = [getattr(module, name, None) for name in ("running_mean", "running_var")]
    return [each for each in kept if isinstance(each, torch.Tensor)]


def _second_biases(module: Any) -> list[Any]:
    return [weight for name, weight in module.named_parameters() if name.startswith("bias_hh")]


def _sizes(parameters: Sequence[Any]) -> tuple[int, bool]:
    """Elements, and whether they are frozen."""
    weights = [parameter for parameter in parameters if isinstance(parameter, nn.Parameter)]
    frozen = bool(weights) and not any(parameter.requires_grad for parameter in weights)
    return sum(parameter.numel() for parameter in parameters), frozen
