"""The watch of a PyTorch loop."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Variable

from paramedic.describe.torch import describe
from paramedic.integrations.cadence import FIRST, Cadence, timed
from paramedic.integrations.guarded import guarded
from paramedic.integrations.recorded import Probed, Recorded
from paramedic.integrations.torch.arrivals import Arrivals
from paramedic.integrations.torch.norms import Norms, placed
from paramedic.integrations.torch.observer import Observer
from paramedic.integrations.torch.optimizers import optimizers_of, rate_names
from paramedic.integrations.torch.pace import SIGNAL as PACE
from paramedic.integrations.torch.pace import Pace
from paramedic.integrations.torch.probes import Probes
from paramedic.integrations.torch.rest import Rest
from paramedic.integrations.torch.said import Said, values_of
from paramedic.integrations.torch.step import Step
from paramedic.integrations.torch.transfer import fetched
from paramedic.integrations.watch import EVERY, MAX_DELAY, Watch
from paramedic.run import Run
from paramedic.v1.description_pb2 import RunDescription

SAMPLED = 16
"""Every so many steps weights and updates are measured: both together take three times as long as gradients do."""


class TorchWatch(Watch):
    """Watches a PyTorch loop.

    A step is one update by the optimizer; with several, one by each of them, or by as many as there were when one
    begins again. Gradients are measured at the end of the last backward pass before it: before they are clipped,
    without the loss scale, after ranks have averaged them. Gradients that no backward pass brought, but the loop
    itself, are measured when the optimizer begins. Losses of several backward passes before one step are averaged.
    The first 64 steps are measured whole. From there on gradients are measured as often as `Cadence` says, which is at
    every step unless steps are short, and weights and updates at multiples of 16; of a loop with several optimizers or
    ranks, at every step. Losses are of every step. Steps that are replayed from a CUDA graph are not seen.

    Attributes:
        cadence: Which steps are measured.

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
        every: int = 16 * EVERY,
        probes: bool = True,
        scaler: Any = None,
        known: RunDescription | None = None,
        wrapper: Any = None,
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
            wrapper: The DistributedDataParallel around the model, where it is not that itself.

        Raises:
            TypeError: There is no optimizer, or it is of another kind.
        """
        self._optimizers = optimizers_of(optimizer)
        super().__init__(run, step, every)
        self._model = model
        self._loss = loss
        self._scaler = None if scaler is None or not scaler.is_enabled() else scaler
        self._known = known
        self._wrapper = model if wrapper is None else wrapper
        self._norms: Norms | None = None
        self._rates: list[list[str]] = []
        self._said = Said()
        self._pace: Pace | None = None
        self._under_way = Step(len(self._optimizers))
        self._done = self._begun = self._step
        self._described = False
        self._observer = Observer(model, loss)
        self._probes = Probes(model, self._layers_known, self._observer) if probes else None
        self._probing = False
        self._probed: Probed | None = None
        self.cadence = Cadence()
        self._rest: Rest | None = None
        self._arrivals = Arrivals(placed(self._optimizers), self.backward_began)
        self._arrivals.listen()
        self._on_optimizers: list[Any] = []
        for position, each in enumerate(self._optimizers):
            before, after = self._optimizer_hooks(position)
            self._on_optimizers += [each.register_step_pre_hook(before), each.register_step_post_hook(after)]
        if self._probes is not None:
            self._probes.begin()
            self._arm()

    def switch_off(self, problem: Exception) -> None:
        """Does nothing from here on, and says why once."""
        if not self.off:
            super().switch_off(problem)

    @property
    def step(self) -> int:
        """The last step that was completed."""
        return self._done + (0 if self._rest is None else self._rest.updates)

    def log(self, /, loss: Any = None, **scalars: Any) -> None:
        """Takes in what the loop says of its step; see `Watch.log`."""
        noted = self._rest is not None and self._run.recording and loss is not None and self._rest.said(loss, scalars)
        if not noted:
            super().log(loss, **scalars)

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        self._catch_up()
        self._hear(values_of(loss, scalars))

    def _hear(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self._said.put(name, value)
        self._under_way.said()
        if self._under_way.may_close:
            self._close()

    def _recorded(self) -> Recorded | None:
        if not self._described:
            self._describe()
        norms = self._norms
        if norms is None:
            return None
        measured, said = norms.take(), self._said.take()
        arrays = fetched([*measured, *said])
        count, blocks = norms.blocks(arrays[: len(measured)])
        scalars = self._said.columns(arrays[len(measured) :])
        if self._pace is not None:
            seconds, rows = self._pace.take()
            scalars |= {PACE: (seconds, rows)} if rows else {}
        if not norms.serves(placed(self._optimizers)):
            self._arise()  # to measure what is to be measured now
            self._norms = None
            self._under_way.forget_measured()
        return Recorded(count, scalars, blocks) if count else None

    def _detach(self) -> None:
        self._rest = None
        self._arrivals.ignore()
        if not self._under_way.updating:  # to remove a hook while hooks are called is an error in the training
            for handle in self._on_optimizers:
                handle.remove()
        self._observer.remove()
        if self._pace is not None:
            self._pace.remove()
        if self._probes is not None:
            self._probes.end()
            self._probes.remove()

    def _due(self, step: int) -> bool:
        return self._probed is not None

    def _probe(self, step: int) -> Probed | None:
        probed, self._probed = self._probed, None
        return probed

    def _remark(self, scalars: dict[str, Any]) -> None:
        self._catch_up()
        self._close_if_complete()
        super()._remark(scalars)

    def _fetch(self, probe: int | None) -> None:
        if probe is None:
            self._catch_up()
            self._close_if_complete()
        super()._fetch(probe)

    # A backward pass.

    @guarded
    def backward_began(self) -> None:
        """A backward pass has brought its first gradient."""
        if not self._run.recording or _captured():
            return
        if not self._under_way.updating:
            self._close_if_complete()
        Variable._execution_engine.queue_callback(self._gradients_came)

    @guarded
    def _gradients_came(self) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            if self._pace is None and torch.distributed.get_world_size() > 1:
                self._pace = Pace(self._wrapper, self._prepared().device)
            if self._pace is not None:
                self._pace.waits()
            # DistributedDataParallel averages gradients in a callback of its own, which was queued behind this one.
            Variable._execution_engine.queue_callback(self._backward_ended)
        else:
            self._backward_ended()

    @guarded
    @timed
    def _backward_ended(self) -> None:
        self._under_way.went_back()
        if self._pace is not None:
            self._pace.waited()
        self._measure_gradients(None if self._scaler is None else self._scaler._scale)

    # An update.

    def _optimizer_hooks(self, position: int) -> tuple[Callable[..., None], Callable[..., None]]:
        """Returns what is called before and after the steps of an optimizer, and stays out of compiled ones."""

        def before(optimizer: Any, args: Any, kwargs: Any) -> None:
            if self._rest is not None:
                return
            # What is around every hook that is not to be compiled costs more than to ask for it.
            update = outside[0] if torch.compiler.is_compiling() else self._before_update
            update(position, optimizer, args, kwargs)

        def after(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            if self._rest is not None:
                if self._rest.updated():
                    self._arise()
            elif torch.compiler.is_compiling():
                outside[1](position, optimizer)
            else:
                self._after_update(position, optimizer)
                self._lie_down()

        outside = torch.compiler.disable(self._before_update), torch.compiler.disable(self._after_update)
        return before, after

    @guarded
    @timed
    def _before_update(self, position: int, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self._run.recording or _captured():
            return
        step = self._under_way
        if step.has_updated(position):
            if not step.complete:
                self._complete()
            self._close()
        step.updating = True
        closure = len(args) > 1 or kwargs.get("closure") is not None  # the optimizer itself is the first argument
        if not step.is_measured(position) and not closure:  # else a backward pass is to come
            # Nobody scales what a loop assigns itself, unless for an optimizer that takes the scale away itself.
            self._measure_gradients(getattr(optimizer, "grad_scale", None))
        if (self._done + 1) % SAMPLED == 0 or self._done - self._begun < FIRST:
            self._prepared().remember(position)

    @guarded
    @timed
    def _after_update(self, position: int, optimizer: Any) -> None:
        step = self._under_way
        if step.updating and self._run.recording:
            self._prepared().updated(position)
            for name, group in zip(self._rates[position], optimizer.param_groups, strict=False):
                self._said.say(name, group["lr"])
            if step.updated(position):
                self._complete()
                if step.may_close:
                    self._close()
        step.updating = False

    # A step.

    def _complete(self) -> None:
        """Every optimizer has updated: what is probed is measured now, whenever the loop says its loss."""
        self._under_way.end(time.time())
        self._done += 1
        if self._probing and self._probes is not None:
            self._probing = False
            if not self._described:
                self._describe()  # the table gives the order of what was measured
            self._probed = self._probes.result(self._done, self._prepared().ordered)
        self._arm()

    def _arm(self) -> None:
        if self._probes is not None and self._probes.due(self._done + 1):
            self._probes.attach()
            self._probing = True

    def _close_if_complete(self) -> None:
        if self._under_way.complete:
            self._close()

    def _close(self) -> None:
        ended, measured = self._under_way.ended, not self._under_way.rested
        self._under_way.close()
        self._prepared().write(measured)
        self._said.write()
        if self._pace is not None:
            self._pace.write()
        if not self._described:
            self._describe()
        self._stepped(ended)

    # Rest.

    @guarded
    def _lie_down(self) -> None:
        """Measures none of the steps that follow, if it is time for that."""
        if not self._run.recording or len(self._optimizers) > 1 or self._pace is not None:
            return  # steps of several optimizers differ, and pace is of every step
        if self._probed is not None:
            self.cadence.spent = 0.0  # what probes cost is another matter
        steps = self.cadence.rest(self._done)
        if self._probes is not None:
            steps = min(steps, self._probes.ahead(self._done) - 1)
        if steps > 0 and not self._probing:
            self._arrivals.ignore()
            self._rest = Rest(steps, self._fetched_at + MAX_DELAY)

    @guarded
    @timed
    def _arise(self) -> None:
        """Measures what follows."""
        if self._rest is not None:
            self._catch_up()
            self._rest = None
            self._arrivals.listen()
            self._arm()

    def _catch_up(self) -> None:
        """Goes through what the loop did while nothing was measured."""
        for event in self._rest.take() if self._rest is not None and self._run.recording else []:
            if isinstance(event, dict):
                self._hear(event)
                continue
            self._close_if_complete()
            self._done += 1
            self._under_way.rest(event)
            if self._under_way.may_close:
                self._close()

    # What is measured.

    def _prepared(self) -> Norms:
        if self._norms is None:
            places = placed(self._optimizers)
            self._norms = Norms(places)
            self._rates = rate_names(self._optimizers)
            self._arrivals.ignore()
            self._arrivals = Arrivals(places, self.backward_began)
            self._arrivals.listen()
            self._described = False
        return self._norms

    def _measure_gradients(self, scale: Any) -> None:
        norms = self._prepared()
        try:
            norms.measure_gradients(scale)
        except RuntimeError:
            if norms.serves(placed(self._optimizers)):
                raise
            self._fetch(None)  # the model was moved to another device
            norms = self._prepared()
            norms.measure_gradients(scale)
        if self._probing and self._probes is not None:
            self._probes.take_gradients(norms.parameters, scale)
        self._under_way.measured()

    def _describe(self) -> None:
        self._described = True
        norms = self._norms
        parameters = [] if norms is None else norms.parameters
        if norms is not None:
            self._observer.finish()
        description, ordered = describe(self._model, self._optimizers, parameters, self._observer, self._loss)
        if norms is not None:
            norms.arrange(ordered)
        if self._scaler is not None and description.HasField("optimizer"):
            description.optimizer.dynamic_loss_scale = True
        if isinstance(self._model, torch.nn.parallel.DistributedDataParallel):
            description.training.replicas = torch.distributed.get_world_size(self._model.process_group)
        if self._known is not None:
            description.MergeFrom(self._known)
        self._run.describe(description)

    def _layers_known(self, names: list[str]) -> None:
        self._run.describe(probed_layers=names)


def _captured() -> bool:
    """Whether what happens here only goes into a CUDA graph: to wait for the device would be an error there."""
    return bool(torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing())
