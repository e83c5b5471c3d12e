"""The gradient's path through time: what the loss would change by, were the output of a recurrent layer to change.

Torch runs a recurrent layer as one operation, so that nobody sees the time steps within. What goes in and what
gradient comes back is seen by hooks; after the backward pass the layer is unrolled by hand over some of the samples,
and the gradient that came is led through the time steps once more. Dropout between stacked layers is left out of it;
layers with projections, and layers that are called several times in one forward pass, have no path. A cell that the
loop calls at every time step hands over each of them by itself.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

MAX_LAYERS = 16
MAX_SAMPLES = 32
MAX_STEPS = 1024
"""Time steps that are unrolled, those of all directions and stacked layers together."""


@dataclass(frozen=True, slots=True)
class Path:
    """The path through one direction of one layer.

    Attributes:
        name: Of the layer, with its direction where it has two: "lstm.l0/forward".
        norms: float32 [time], norm of the gradient at each time step, in the order in which the layer reads its input.
        present: bool [time], whether any sample has the time step.
    """

    name: str
    norms: Any
    present: Any


@dataclass(slots=True)
class Captured:
    """What passed one call of a recurrent layer, and the gradient that came back.

    Attributes:
        module: An nn.RNN, nn.LSTM or nn.GRU.
        inputs: [time, samples, features].
        state: Initial states [layers * directions, samples, units], one, or two of an LSTM; None for zeros.
        lengths: Time steps of each sample; None when all have the same.
        gradients: By place among the outputs: sequence 0, last states from 1 on.
    """

    module: Any
    inputs: Any
    state: Any
    lengths: Any
    gradients: dict[int, Any] = field(default_factory=dict)


def can_follow(module: Any) -> bool:
    """Whether there is a path through a recurrent module."""
    return not module.proj_size


def capture(module: Any, args: Any, kwargs: Any, output: Any) -> Captured | None:
    """Keeps some samples of what passes a recurrent layer, and waits for their gradient.

    Args:
        module: An nn.RNN, nn.LSTM or nn.GRU.
        args: It was called with.
        kwargs: Likewise.
        output: What it put out, with a graph.
    """
    given = args[0] if args else kwargs.get("input")
    state = args[1] if len(args) > 1 else kwargs.get("hx")
    sequence, last = output
    packed = given if isinstance(given, PackedSequence) else None
    inputs, lengths = _time_major(given if packed is None else _repacked(packed, packed.data.detach()), module)
    if inputs is None or inputs.shape[0] * module.num_layers * (1 + module.bidirectional) > MAX_STEPS:
        return None
    stride = -(-inputs.shape[1] // MAX_SAMPLES)
    states = None if state is None else state if isinstance(state, tuple) else (state,)
    captured = Captured(
        module,
        inputs.detach()[:, ::stride].float(),
        None if states is None else [each.detach()[:, ::stride].float() for each in states],
        None if lengths is None else lengths[::stride],
    )

    def keep_sequence(gradient: Any) -> None:
        gradient = gradient.detach()
        padded, _ = _time_major(gradient if packed is None else _repacked(packed, gradient), module)
        captured.gradients[0] = padded[:, ::stride].float()

    def keep_state(place: int, gradient: Any) -> None:
        captured.gradients[place] = gradient.detach()[:, ::stride].float()

    values = sequence.data if packed is not None else sequence
    if not values.requires_grad:
        return None
    values.register_hook(keep_sequence)
    for place, each in enumerate(last if isinstance(last, tuple) else (last,), 1):
        each.register_hook(lambda gradient, place=place: keep_state(place, gradient))
    return captured


def paths(captured: Captured, names: list[str]) -> list[Path]:
    """Leads the gradient that came back through the time steps.

    Args:
        captured: What passed the layer.
        names: Of the layers that it stacks.
    """
    if not captured.gradients:
        return []
    device = captured.inputs.device.type
    with torch.enable_grad(), torch.autocast(device, enabled=False):
        return _paths(captured, names)


def _paths(captured: Captured, names: list[str]) -> list[Path]:
    module = captured.module
    directions = 2 if module.bidirectional else 1
    # Something has to ask for a gradient, or there would be no graph.
    values = captured.inputs.requires_grad_(True)
    time, samples = values.shape[:2]
    present = None
    if captured.lengths is not None:
        steps = torch.arange(time, device=values.device)[:, None]
        present = (steps < captured.lengths.to(values.device)[None])[..., None]
    outputs: list[list[Any]] = []
    last: list[Any] = []
    cells: list[Any] = []
    for level in range(module.num_layers):
        sides = []
        for direction in range(directions):
            place = level * directions + direction
            state = _initial(captured.state, place, values, samples, module)
            run = _unrolled(module, level, bool(direction), values, state, present)
            outputs.append(run[0])
            last.append(run[1][0])
            cells += run[1][1:]
            ordered = run[0][::-1] if direction else run[0]
            whole = torch.stack(ordered)
            sides.append(whole if present is None else torch.where(present, whole, torch.zeros_like(whole)))
        values = torch.cat(sides, -1)
    ends = [values, torch.stack(last), *([torch.stack(cells)] if cells else [])]
    reached = [(end, captured.gradients[place]) for place, end in enumerate(ends) if place in captured.gradients]
    flat = [output for run in outputs for output in run]
    found = torch.autograd.grad(
        [end for end, _ in reached], flat, [gradient for _, gradient in reached], allow_unused=True
    )
    zero = torch.zeros((), device=values.device)
    norms = torch.stack([zero if gradient is None else torch.linalg.vector_norm(gradient) for gradient in found])
    everywhere = torch.ones(time, dtype=torch.bool, device=values.device) if present is None else present.any(1)[:, 0]
    told = []
    for place in range(len(outputs)):
        direction = place % directions
        side = ("/backward" if direction else "/forward") if directions == 2 else ""
        told.append(
            Path(
                names[place // directions] + side,
                norms[place * time : (place + 1) * time],
                everywhere.flip(0) if direction else everywhere,
            )
        )
    return told


def _initial(states: Any, place: int, values: Any, samples: int, module: Any) -> list[Any]:
    if states is not None:
        return [state[place] for state in states]
    zeros = torch.zeros((samples, module.hidden_size), device=values.device)
    return [zeros, zeros] if isinstance(module, nn.LSTM) else [zeros]


def _unrolled(
    module: Any, level: int, backwards: bool, values: Any, state: list[Any], present: Any
) -> tuple[list[Any], list[Any]]:
    """Runs one direction of one layer.

    Returns:
        Its output at each time step, in the order in which it reads its input; and its last states.
    """
    suffix = f"_l{level}{'_reverse' if backwards else ''}"
    weight, recurrent = (getattr(module, f"weight_{each}{suffix}").detach().float() for each in ("ih", "hh"))
    biases = [0, 0]
    if module.bias:
        biases = [getattr(module, f"bias_{each}{suffix}").detach().float() for each in ("ih", "hh")]
    projected = values @ weight.t() + biases[0]
    step = _gru if isinstance(module, nn.GRU) else _lstm if isinstance(module, nn.LSTM) else _plain(module)
    outputs = []
    times = range(len(projected))
    for time in reversed(times) if backwards else times:
        from_state = state[0] @ recurrent.t() + biases[1]
        new = step(projected[time], from_state, state)
        if present is not None:
            new = [torch.where(present[time], each, old) for each, old in zip(new, state, strict=True)]
        state = new
        outputs.append(state[0])
    return outputs, state


def _plain(module: Any) -> Any:
    function = torch.relu if module.nonlinearity == "relu" else torch.tanh
    return lambda projected, from_state, _: [function(projected + from_state)]


def _lstm(projected: Any, from_state: Any, state: list[Any]) -> list[Any]:
    entering, forgetting, new, leaving = (projected + from_state).chunk(4, -1)
    cell = forgetting.sigmoid() * state[1] + entering.sigmoid() * new.tanh()
    return [leaving.sigmoid() * cell.tanh(), cell]


def _gru(projected: Any, from_state: Any, state: list[Any]) -> list[Any]:
    reset_x, update_x, new_x = projected.chunk(3, -1)
    reset_h, update_h, new_h = from_state.chunk(3, -1)
    update = (update_x + update_h).sigmoid()
    new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
    return [(1 - update) * new + update * state[0]]


def _time_major(sequence: Any, module: Any) -> tuple[Any, Any]:
    """A sequence as [time, samples, features], and the lengths of samples where they differ; None without a batch."""
    if isinstance(sequence, PackedSequence):
        padded, lengths = pad_packed_sequence(sequence)
        return padded, lengths
    if sequence.dim() != 3:
        return None, None
    return (sequence.transpose(0, 1) if module.batch_first else sequence), None


def _repacked(packed: Any, data: Any) -> Any:
    return PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)


class CellPath:
    """The path through a cell that the loop calls at every time step."""

    def __init__(self) -> None:
        """No time step was seen yet."""
        self._norms: dict[int, Any] = {}
        self._steps = 0

    def add(self, output: Any) -> None:
        """Waits for the gradient of one time step's output."""
        state = output[0] if isinstance(output, tuple) else output
        if self._steps >= MAX_STEPS or not state.requires_grad:
            return
        place = self._steps
        self._steps += 1
        stride = -(-state.shape[0] // MAX_SAMPLES) if state.dim() == 2 else 1

        def keep(gradient: Any) -> None:
            self._norms[place] = torch.linalg.vector_norm(gradient.detach()[::stride].float())

        state.register_hook(keep)

    def path(self, name: str) -> Path | None:
        """The path by the cell's name, once the gradient came; None for less than two time steps."""
        if self._steps < 2 or not self._norms:
            return None
        some = next(iter(self._norms.values()))
        norms = torch.stack([self._norms.get(place, torch.zeros_like(some)) for place in range(self._steps)])
        return Path(name, norms, torch.ones(self._steps, dtype=torch.bool, device=norms.device))
