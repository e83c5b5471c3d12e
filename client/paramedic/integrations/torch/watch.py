"""The watch of a PyTorch loop.

The parts it is made of, and what it asks of them:

- `paramedic.integrations.torch.observer.Observer(model, loss)` puts hooks on the model (and on `loss`, where that is a
  module) and sees the first step: order of the layers, inputs, outputs, targets. `remove()` takes the hooks off; this
  file calls it after the first step, or when the run ends before it.
- `paramedic.describe.torch.describe(model, optimizers, parameters, observer, loss=None) ->
  tuple[RunDescription, list[Parameter]]`: all parts of the description with the tensor table, and the parameters in the
  table's order (forward order). `optimizers`: tuple of torch.optim.Optimizer. `parameters`: those that are trained, in
  any order; all of them come back, tied ones once, those that the model does not have last. `observer` may have seen
  nothing. A part that cannot be described is left out and logged at debug level; the tensor table is always there.
  `model` may be wrapped (DistributedDataParallel, torch.compile). `training.replicas` and
  `optimizer.dynamic_loss_scale` are filled in here.
- `paramedic.integrations.torch.probes.Probes(model, on_layers, observer)`: `on_layers(names)` is called before the
  first result, as in Keras; the observer knows the layers. `begin()` once when the training begins; `end()`.
  `due(step)`: whether the step that comes next is to be probed; then `attach()` puts the hooks on, before its forward
  pass. `take_gradients(parameters, scale)` at the end of every backward pass of such a step, before anything clips
  `.grad`; the loss scale is a tensor, or None. `result(step, parameters) -> Probed | None` right after the optimizers'
  step, with the parameters in the table's order: takes the hooks off, returns what they saw (this may wait for the
  device). `remove()` takes hooks off for good.
"""

import functools
import logging
from typing import Any

import torch
from torch.autograd import Variable

from paramedic.describe.torch import describe
from paramedic.integrations.guarded import guarded
from paramedic.integrations.recorded import Probed, Recorded
from paramedic.integrations.torch.norms import SAMPLED, Norms, placed
from paramedic.integrations.torch.observer import Observer
from paramedic.integrations.torch.pace import SIGNAL as PACE
from paramedic.integrations.torch.pace import Pace
from paramedic.integrations.torch.probes import Probes
from paramedic.integrations.torch.ring import fetched
from paramedic.integrations.torch.said import Said
from paramedic.integrations.watch import EVERY, Watch
from paramedic.run import Run
from paramedic.v1.description_pb2 import RunDescription

_LOG = logging.getLogger("paramedic")


class TorchWatch(Watch):
    """Watches a PyTorch loop.

    A step is one update by the optimizer; with several, one by each of them, or by as many as there were when one
    begins again. Gradients are measured at the end of the last backward pass before it: before they are clipped,
    without the loss scale, after ranks have averaged them. Gradients that no backward pass brought, but the loop
    itself, are measured when the optimizer begins. Losses of several backward passes before one step are averaged.
    Weights and updates are measured every 8th step.

    Example:
        >>> watch = run.watch(model, optimizer, loss=criterion, scaler=scaler)
        >>> for x, y in loader:
        ...     optimizer.zero_grad()
        ...     loss = criterion(model(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     watch.log(loss=loss)
    """

    def __init__(
        self,
        run: Run,
        model: Any,
        optimizer: Any,
        *,
        loss: Any = None,
        step: int = 0,
        every: int = EVERY,
        probes: bool = True,
        scaler: Any = None,
        known: RunDescription | None = None,
    ) -> None:
        """Puts hooks on the parameters and the optimizers.

        Args:
            run: Where to report.
            model: A torch.nn.Module.
            optimizer: A torch.optim.Optimizer, or a sequence of several.
            loss: The loss function, a module or a function; it says what the outputs mean.
            step: The last step before the loop, where a checkpoint left off.
            every: Steps between two fetches. Slow steps are fetched once a second.
            probes: Whether to measure activations and the gradient's path through time every 100 steps or less often.
            scaler: The GradScaler of mixed precision.
            known: What the caller knows of the training, such as its number of epochs; it adds to the description.

        Raises:
            TypeError: There is no optimizer, or it is of another kind.
        """
        self._optimizers = _optimizers(optimizer)
        super().__init__(run, step, every)
        self._model = model
        self._loss = loss
        self._scaler = scaler
        self._known = known
        self._norms: Norms | None = None
        self._said = Said()
        self._pace: Pace | None = None
        self._described = False
        self._observer = Observer(model, loss)
        self._probes = Probes(model, self._layers_known, self._observer) if probes else None
        self._probed: tuple[int, Probed | None] | None = None
        self._attached = False
        self._hooked: list[Any] = []
        self._handles: list[Any] = []
        # Of the step under way:
        self._task: int | None = None
        self._fresh = [False] * len(self._optimizers)
        self._updated: set[int] = set()
        self._stepping = False
        self._complete = False
        self._one_suffices = False
        self._backwards = 0
        self._logs = 0
        self._done = self._step
        self._hook()
        if self._probes is not None:
            self._probes.begin()
            self._arm()

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        self._said.say("loss", loss)
        for name, value in scalars.items():
            self._said.say(name, value)
        self._logs += 1
        if self._complete and self._enough_said():
            self._close()

    def _recorded(self) -> Recorded | None:
        if not self._described:
            self._describe()
        norms = self._norms
        if norms is None:
            return None
        gradients, sampled, *said = fetched([*norms.take(), *self._said.take()])
        scalars = self._said.columns(said)
        if self._pace is not None:
            seconds, rows = self._pace.take()
            scalars |= {PACE: (seconds, rows)} if rows else {}
        recorded = Recorded(len(gradients), scalars, norms.blocks(gradients, sampled)) if len(gradients) else None
        if placed(self._optimizers) != norms.places:
            self._norms = None
        return recorded

    def _detach(self) -> None:
        for handle in self._hooked:
            handle.remove()
        if not self._stepping:  # a hook that is removed while hooks are called would be an error in the training
            for handle in self._handles:
                handle.remove()
        for part in (self._observer, self._probes):
            if part is not None:
                part.remove()

    def _due(self, step: int) -> bool:
        return self._probed is not None

    def _probe(self, step: int) -> Probed | None:
        probed, self._probed = self._probed, None
        return None if probed is None else probed[1]

    def _remark(self, scalars: dict[str, Any]) -> None:
        self._close_if_complete()
        super()._remark(scalars)

    def _fetch(self, probe: int | None) -> None:
        if probe is None:
            self._close_if_complete()
        super()._fetch(probe)

    # A backward pass.

    def _gradient_came(self, _parameter: Any) -> None:
        # Called for every parameter in every backward pass.
        task = torch._C._current_graph_task_id()
        if task != self._task:
            self._task = task
            self._backward_began()

    @guarded
    def _backward_began(self) -> None:
        if not self._run.recording:
            return
        if not self._stepping:
            self._close_if_complete()
        Variable._execution_engine.queue_callback(self._gradients_came)

    @guarded
    def _gradients_came(self) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            if self._pace is None and torch.distributed.get_world_size() > 1:
                self._pace = Pace(next(iter(self._prepared().places)).device)
            if self._pace is not None:
                self._pace.computed()
            # DistributedDataParallel averages gradients in a callback of its own, which was queued behind this one.
            Variable._execution_engine.queue_callback(self._backward_ended)
        else:
            self._backward_ended()

    @guarded
    def _backward_ended(self) -> None:
        self._backwards += 1
        if self._pace is not None:
            self._pace.averaged()
        self._measure_gradients(None if self._scaler is None else self._scaler._scale)

    # An update.

    @guarded
    def _before_update(self, position: int, _optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._run.recording:
            return
        if position in self._updated:
            self._close_if_complete(True)
        self._stepping = True
        if not self._fresh[position] and not (args or kwargs.get("closure")):  # else the backward pass is to come
            # Nobody scales what the loop assigns by itself, but for an optimizer that takes the scale away by itself.
            self._measure_gradients(getattr(self._optimizers[position], "grad_scale", None))
        if self._done % SAMPLED == 0:
            with torch.no_grad():
                self._prepared().remember(position)

    @guarded
    def _after_update(self, position: int, *_: Any) -> None:
        self._stepping = False
        if not self._run.recording or self._norms is None:
            return
        with torch.no_grad():
            self._norms.updated(position)
        self._fresh[position] = False
        self._updated.add(position)
        for place, group in enumerate(self._optimizers[position].param_groups):
            self._said.say(self._rate_name(position, place), group["lr"])
        if len(self._updated) == len(self._optimizers):
            self._updates_done()
            if self._enough_said():
                self._close()

    def _rate_name(self, position: int, group: int) -> str:
        before = sum(len(optimizer.param_groups) for optimizer in self._optimizers[:position])
        return f"learning_rate/{before + group}" if before + group else "learning_rate"

    def _updates_done(self) -> None:
        self._complete = True
        self._done += 1
        if self._attached and self._probes is not None:
            self._attached = False
            if not self._described:
                self._describe()  # the table gives the order of what was measured
            self._probed = self._done, self._probes.result(self._done, self._norms.ordered if self._norms else [])
        self._arm()

    def _arm(self) -> None:
        if self._probes is not None and self._probes.due(self._done + 1):
            self._probes.attach()
            self._attached = True

    # A row.

    def _enough_said(self) -> bool:
        """Whether the loop has said what there is to say of its step, so that its row need not wait."""
        return self._logs >= (1 if self._one_suffices else max(1, self._backwards))

    def _close_if_complete(self, at_any_rate: bool = False) -> None:
        if self._updated and at_any_rate and not self._complete:
            self._updates_done()
        if self._complete:
            self._one_suffices = self._one_suffices or self._logs > 0
            self._close()

    def _close(self) -> None:
        self._complete = False
        self._updated.clear()
        self._backwards = self._logs = 0
        if self._norms is not None:
            with torch.no_grad():
                self._norms.write()
        self._said.write()
        if self._pace is not None:
            self._pace.write()
        if not self._described:
            self._describe()
        self._stepped()

    # Preparations.

    def _hook(self) -> None:
        for position, optimizer in enumerate(self._optimizers):
            self._handles.append(optimizer.register_step_pre_hook(functools.partial(self._before_update, position)))
            self._handles.append(optimizer.register_step_post_hook(functools.partial(self._after_update, position)))
        self._hook_parameters(placed(self._optimizers))

    def _hook_parameters(self, places: Any) -> None:
        for handle in self._hooked:
            handle.remove()
        parameters = [parameter for parameters in places.values() for parameter in parameters]
        self._hooked = [p.register_post_accumulate_grad_hook(self._gradient_came) for p in parameters]

    def _prepared(self) -> Norms:
        if self._norms is None:
            places = placed(self._optimizers)
            self._norms = Norms(places, self._every)
            self._hook_parameters(places)
            self._described = False
        return self._norms

    def _measure_gradients(self, scale: Any) -> None:
        norms = self._prepared()
        with torch.no_grad():
            norms.measure_gradients(scale)
        if self._attached and self._probes is not None:
            self._probes.take_gradients(norms.parameters, scale)
        self._fresh = [True] * len(self._optimizers)

    def _describe(self) -> None:
        self._described = True
        parameters = self._norms.parameters if self._norms is not None else []
        description, ordered = describe(self._model, self._optimizers, parameters, self._observer, self._loss)
        if self._norms is not None:
            self._norms.arrange(ordered)
        if self._known is not None:
            description.MergeFrom(self._known)
        self._run.describe(description)

    def _layers_known(self, names: list[str]) -> None:
        self._run.describe(probed_layers=names)


def _optimizers(given: Any) -> tuple[Any, ...]:
    optimizers = []
    for optimizer in given if isinstance(given, list | tuple) else [given]:
        while isinstance(getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
            optimizer = optimizer.optimizer  # what accelerators of training wrap theirs in
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer: expected a torch.optim.Optimizer, or several, got {type(optimizer).__name__}")
        optimizers.append(optimizer)
    if not optimizers:
        raise TypeError("optimizer: expected a torch.optim.Optimizer, or several, got none")
    return tuple(optimizers)
