"""Probes: what a training cannot tell of itself as it goes, measured in one of its own steps now and then.

Hooks are on during such a step alone, and keep copies of what passes. Nothing runs again, no random number is drawn.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from paramedic.describe.torch import CELLS, RECURRENT, Entry, is_compiled, layers_of, named_leaves, unwrapped
from paramedic.integrations.recorded import Probed
from paramedic.integrations.schedule import Schedule
from paramedic.integrations.time_steps import reported
from paramedic.integrations.torch import through_time
from paramedic.integrations.torch.activations import SIGNALS, is_probed, sample_axis, sampled, spread, statistics
from paramedic.integrations.torch.entrances import entrances
from paramedic.integrations.torch.hook import Hook
from paramedic.integrations.torch.observer import Observer
from paramedic.integrations.torch.through_time import CellPath, Path, can_follow, capture, paths

_LOG = logging.getLogger("paramedic")

SHARE = 0.01
"""Of the training's time that probes may take."""

ALLOWANCE = 0.5
"""Seconds that they may take besides."""


class Probes:
    """The probes of one model. Of a model that runs as compiled code only the gradients can be measured."""

    def __init__(self, model: Any, on_layers: Callable[[list[str]], None], observer: Observer) -> None:
        """Prepares them.

        Args:
            model: The torch.nn.Module that is trained; it may be wrapped.
            on_layers: Told the names of the layers that are probed, before the first measurement.
            observer: Who looks at the first step, and knows the layers from then on.
        """
        self._model = model
        self._on_layers = on_layers
        self._observer = observer
        self._announced: list[str] = []
        self._layers: list[Entry] | None = None
        self._seen: Any = None
        self._time_major: set[tuple[int, ...]] = set()
        self._passes = Schedule((1, 5, 20, 50), 100, SHARE, ALLOWANCE)
        self._armed = False
        self._handles: list[Any] = []
        self._spent = 0.0
        self._forget()
        self._places = entrances(model)
        self._entrances: list[Any] = []
        self._watch_entrances()

    def begin(self) -> None:
        """The training begins."""
        self._passes.begin()

    def end(self) -> None:
        """The training ended."""
        self._passes.end()

    def due(self, step: int) -> bool:
        """Whether the step that comes next is to be probed."""
        return self._passes.due(step)

    def ahead(self, step: int) -> int:
        """How many steps after one the next that may be probed is."""
        return self._passes.ahead(step)

    def attach(self) -> None:
        """Looks at the next forward pass that a gradient is wanted of."""
        self._forget()
        self._spent = 0.0
        self._armed = True
        self._watch_entrances()

    def take_gradients(self, parameters: Sequence[Any], scale: Any) -> None:
        """Measures gradients, at the end of a backward pass.

        Args:
            parameters: Whose `.grad` it brought.
            scale: What the loss was multiplied by, a tensor; None for nothing.
        """
        began = time.perf_counter()
        try:
            with torch.no_grad():
                shares = [_zero_share(parameter.grad) for parameter in parameters]
            self._zero_shares.update(zip(map(id, parameters), shares, strict=True))
        except Exception:
            _LOG.debug("the zeros of the gradients cannot be counted", exc_info=True)
        self._follow(scale)
        self._spent += time.perf_counter() - began

    def result(self, step: int, parameters: Sequence[Any]) -> Probed | None:
        """Returns what was measured in a step, and takes the hooks off; waits for the device.

        Args:
            step: The step.
            parameters: In the order of the tensor table.
        """
        began = time.perf_counter()
        self._armed = False
        self._take_off()
        if self._observer.entered:
            # Elsewhere they stay, and do nothing: a model that was compiled with hooks on it would be compiled again.
            self._leave_entrances()
        probed = Probed()
        try:
            self._measure(probed, parameters)
        except Exception:
            _LOG.debug("the model cannot be probed", exc_info=True)
        self._forget()
        self._spent += time.perf_counter() - began
        self._passes.ran(step, self._spent)
        probed.scalars["probe_seconds"] = self._spent
        return probed

    def remove(self) -> None:
        """Takes the hooks off for good."""
        self._armed = False
        self._take_off()
        self._forget()
        self._leave_entrances()

    def _watch_entrances(self) -> None:
        if not self._entrances:
            hooks = [place.register_forward_pre_hook(Hook(self._enter), prepend=True) for place in self._places]
            self._entrances = hooks

    def _leave_entrances(self) -> None:
        for handle in self._entrances:
            handle.remove()
        self._entrances.clear()

    def _forget(self) -> None:
        self._calls: dict[int, int] = {}
        self._samples: dict[tuple[int, int], Any] = {}
        self._captured: dict[str, Any] = {}
        self._cells: dict[str, CellPath] = {}
        self._paths: dict[str, Path] | None = None
        self._zero_shares: dict[int, Any] = {}

    def _enter(self, module: Any, args: Any) -> None:
        if torch.compiler.is_compiling():
            return
        if not self._armed or not torch.is_grad_enabled():
            return
        self._armed = False
        try:
            self._hook(module)
        except Exception:
            _LOG.debug("the model cannot be probed", exc_info=True)
            self._take_off()

    def _hook(self, entrance: Any) -> None:
        if is_compiled(self._model) or isinstance(self._model, torch.nn.DataParallel):
            return
        recurrent = 0
        for path, leaf in named_leaves(unwrapped(self._model)):
            if is_compiled(leaf):
                continue
            recurrent += isinstance(leaf, (*RECURRENT, *CELLS))

            def hook(
                module: Any,
                args: Any,
                kwargs: Any,
                output: Any,
                path: str = path,
                follow: bool = recurrent <= through_time.MAX_LAYERS,
            ) -> None:
                self._called(path, follow, module, args, kwargs, output)

            self._handles.append(leaf.register_forward_hook(Hook(hook), with_kwargs=True))
        if entrance is self._model:
            self._handles.append(entrance.register_forward_hook(Hook(lambda *_: self._take_off())))

    def _take_off(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _called(self, path: str, follow: bool, module: Any, args: Any, kwargs: Any, output: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            nth = self._calls.get(id(module), 0)
            self._calls[id(module)] = nth + 1
            first = output[0] if isinstance(output, tuple) and output else output
            with torch.no_grad():
                samples = sampled(first, sample_axis(module, first, self._time_major))
                if samples is not None and (nth == 0 or not isinstance(module, CELLS)):
                    self._samples[id(module), nth] = samples
            if not follow:
                return
            if isinstance(module, CELLS):
                self._cells.setdefault(path, CellPath()).add(output)
            elif isinstance(module, RECURRENT) and can_follow(module):
                # Called again, its time steps cannot be told apart.
                self._captured[path] = capture(module, args, kwargs, output) if nth == 0 else None
        except Exception:
            _LOG.debug("%s cannot be probed", path, exc_info=True)

    def _follow(self, scale: Any) -> None:
        """Leads the gradient through time, while the weights are still those that it was computed with."""
        if self._paths is not None or not (self._captured or self._cells):
            return
        self._paths = {}
        for path, captured in self._captured.items():
            if captured is None:
                continue
            several = captured.module.num_layers > 1
            names = [f"{path}.l{level}" if several else path for level in range(captured.module.num_layers)]
            try:
                self._paths |= {each.name: each for each in paths(captured, names)}
            except Exception:
                _LOG.debug("the gradient's path through %s cannot be followed", path, exc_info=True)
        for path, cell in self._cells.items():
            found = cell.path(path)
            if found is not None:
                self._paths[path] = found
        if scale is not None:
            self._paths = {name: Path(name, each.norms / scale, each.present) for name, each in self._paths.items()}
        self._captured.clear()
        self._cells.clear()

    def _measure(self, probed: Probed, parameters: Sequence[Any]) -> None:
        with torch.no_grad():
            names, rows = self._activations()
            shares = [self._zero_shares.get(id(parameter)) for parameter in parameters]
            missing = torch.tensor(float("nan"))
            parts = list(rows)
            if self._zero_shares:
                parts.append(torch.stack([missing if share is None else share.cpu() for share in shares]))
            followed = list((self._paths or {}).values())
            host = [part.detach().float().cpu().numpy() for part in parts]
            if self._zero_shares:
                probed.zero_shares = host.pop()
            for path in followed:
                steps, chosen = reported(path.norms.float().cpu().numpy(), path.present.cpu().numpy())
                if steps:
                    probed.paths[path.name] = steps, chosen
        if names:
            if names != self._announced:
                self._on_layers(names)
                self._announced = names
            probed.layers = dict(zip(SIGNALS, np.stack(host).T, strict=True))

    def _activations(self) -> tuple[list[str], list[Any]]:
        names, rows = [], []
        for layer in spread([entry for entry in self._known_layers() if is_probed(entry)]):
            samples = self._samples.get((id(layer.module), layer.place))
            last = not isinstance(layer.module, RECURRENT) or layer.level + 1 == layer.module.num_layers
            if samples is not None and last:
                names.append(layer.name)
                rows.append(statistics(layer, samples))
        return names, rows

    def _known_layers(self) -> list[Entry]:
        if self._layers is None or self._observer.seen.forward is not self._seen:
            self._seen = self._observer.seen.forward
            self._layers = layers_of(unwrapped(self._model), self._seen).entries
        return self._layers


def _zero_share(gradient: Any) -> Any:
    if gradient is None:
        return None
    if gradient.layout is torch.sparse_coo:
        values = gradient.coalesce().values()
        return 1 - torch.count_nonzero(values).float() / gradient.numel()
    return 1 - torch.count_nonzero(gradient).float() / gradient.numel()
