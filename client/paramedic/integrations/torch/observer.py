"""The first step of a training, looked at from beside: what calls what, what is minimised, what the data is like.

Hooks see the calls of modules. What happens between them is read from the autograd graph, which is there anyway: each
output's node is marked with its call, and a walk from an input's node back to the marks meets the functions between.
Nothing is kept but those marks, which go with the graph. The graph of the loss is read when its backward pass begins,
while it still holds the targets. After the first step nothing of this is left.
"""

import functools
import logging
from collections.abc import Iterator
from typing import Any

import torch

from paramedic.describe.data import MAX_VALUES, array_profile, arrays
from paramedic.describe.torch import (
    RECURRENT,
    STATE,
    Call,
    FoundLoss,
    Seen,
    found_losses,
    is_compiled,
    named_leaves,
    named_loss,
    unwrapped,
)
from paramedic.describe.torch.kinds import CHANNELS_FIRST
from paramedic.integrations.torch import before_backward
from paramedic.integrations.torch.entrances import entrances, redirected
from paramedic.integrations.torch.followed import MAX_CALLS, Followed
from paramedic.integrations.torch.hook import Hook
from paramedic.v1.description_pb2 import LABEL_ENCODING_BINARY, LABEL_ENCODING_INTEGER, ArrayProfile

_LOG = logging.getLogger("paramedic")

_MAX_PASSES = 4
_MAX_ENTRIES = 1000
_TARGETS = frozenset({"labels", "label", "targets", "target"})


class Observer:
    """Looks at one step of a model.

    Attributes:
        seen: What was seen so far.
        entered: Whether a forward pass was seen that was no compiled code.
    """

    def __init__(self, model: Any, loss: Any = None) -> None:
        """Waits for the first forward pass that a gradient is wanted of.

        Args:
            model: The torch.nn.Module that is trained; it may be wrapped.
            loss: The loss, where that is a module: then what it is given is known even when it refuses that.
        """
        self.seen = Seen()
        self._model = model
        self._passes: list[Followed] = []
        self._entries = 0
        self._done = False
        self.entered = False
        self._given: Any = None
        self._pending: list[tuple[list[int], tuple[int, ...]]] = []
        self._handles: list[Any] = []
        self._entrances = [
            entrance.register_forward_pre_hook(Hook(self._enter), prepend=True, with_kwargs=True)
            for entrance in entrances(model)
        ]
        if isinstance(loss, torch.nn.Module) and not is_compiled(loss):
            self._entrances.append(loss.register_forward_pre_hook(Hook(self._before_loss)))
        before_backward.tell(self.see_loss)

    def finish(self) -> None:
        """Looks no further, as the first step is over."""
        if not self._done:
            self._finish()

    def remove(self) -> None:
        """Looks no further, and takes the hooks off."""
        self.finish()
        self._take_off(self._entrances)

    def see_loss(self, loss: Any) -> None:
        """Takes in the loss before its backward pass, unless that was done.

        Args:
            loss: A scalar with its graph; scaled or not.
        """
        if self._done or (not self.entered and not self._trains(loss)):
            return
        try:
            self._read_loss(loss)
        except Exception:
            _LOG.debug("the loss could not be described", exc_info=True)
        self._finish()

    def _enter(self, module: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():
            return
        if self._done or not torch.is_grad_enabled() or redirected(module):
            return
        try:
            self._begin(module, args, kwargs)
        except Exception:
            _LOG.debug("the first step cannot be looked at", exc_info=True)
            self._finish()

    def _begin(self, module: Any, args: Any, kwargs: Any) -> None:
        if self._handles and module is not self._model:
            return  # another part of a model that is called by its parts
        self._take_off(self._handles)
        self.entered = True
        self._entries += 1
        if self._entries > _MAX_ENTRIES:
            raise OverflowError("there are too many forward passes before the first backward pass")
        self._pending.clear()
        self._given = _structure(args, kwargs)
        if torch.is_autocast_enabled(_device_of(self._model)):
            self.seen.precision = f"mixed_{str(torch.get_autocast_dtype(_device_of(self._model))).rpartition('.')[2]}"
        if is_compiled(self._model) or isinstance(self._model, torch.nn.DataParallel):
            return
        # The loss tells which of them is part of the training; one may only have tried the model.
        self._passes = [*self._passes, Followed({id(tensor) for _, tensor in arrays(self._given)})][-_MAX_PASSES:]
        for path, leaf in named_leaves(unwrapped(self._model)):
            if is_compiled(leaf):
                continue
            self._handles.append(leaf.register_forward_pre_hook(Hook(self._before_call), with_kwargs=True))
            self._handles.append(leaf.register_forward_hook(Hook(functools.partial(self._after_call, path))))
            if leaf is module:
                self._before_call(module, args, kwargs)  # its call has begun
        if module is self._model:
            self._handles.append(module.register_forward_hook(Hook(self._leave)))

    def _leave(self, module: Any, args: Any, output: Any) -> None:
        self._take_off(self._handles)
        if self._passes:
            self._passes[-1].left()
            self.seen.forward = self._passes[-1].forward

    def _before_call(self, module: Any, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling() or self._done or not self._passes:
            return
        try:
            # Before the call: one that works in place moves what its input comes from.
            tensors = list(_tensors((args, kwargs)))
            sources = [source for tensor in tensors for source in self._passes[-1].sources(tensor)]
            shape = tuple(tensors[0].shape) if tensors else ()
            self._pending.append((list(dict.fromkeys(sources)), shape))
        except Exception:
            self._fail()

    def _after_call(self, path: str, module: Any, args: Any, output: Any) -> None:
        if torch.compiler.is_compiling() or self._done or not self._passes or not self._pending:
            return
        try:
            sources, shape = self._pending.pop()
            made = list(_tensors(output))
            followed = self._passes[-1]
            place = followed.add(Call(path, module, sources, shape, tuple(made[0].shape) if made else ()))
            for position, tensor in enumerate(made):
                into = place
                if position and isinstance(module, RECURRENT):
                    into = followed.add(Call(STATE, sources=[place]))
                followed.made(tensor, into)
        except Exception:
            self._fail()

    def _trains(self, loss: Any) -> bool:
        """Whether a loss depends on the model, whose forward pass was not seen."""
        if getattr(loss, "grad_fn", None) is None:
            return False
        parameters = {id(parameter) for parameter in self._model.parameters()}
        pending, seen = [loss.grad_fn], {loss.grad_fn}
        while pending and len(seen) < MAX_CALLS:
            node = pending.pop()
            if id(getattr(node, "variable", None)) in parameters:
                return True
            below = [each for each, _ in node.next_functions if each is not None and each not in seen]
            seen.update(below)
            pending += below
        return False

    def _before_loss(self, module: Any, args: Any) -> None:
        if torch.compiler.is_compiling() or self._done or not self._passes or len(args) < 2:
            return
        try:
            prediction, target = args[:2]
            followed = self._passes[-1]
            end = None if prediction.grad_fn is None else followed.resolve(prediction.grad_fn)
            if end is None:
                return
            self.seen.forward = followed.forward
            self.seen.forward.ends = [end]
            self.seen.losses = [named_loss(module)]
            if isinstance(module, torch.nn.CrossEntropyLoss) and target.shape == prediction.shape:
                self.seen.losses[0].name = "categorical_crossentropy"
            judged = FoundLoss(self.seen.losses[0], None, target, ignored=getattr(module, "ignore_index", None))
            known = self._target(judged, followed.module_call(end))
            self.seen.targets = [] if known is None else [known]
        except Exception:
            _LOG.debug("what the loss is given could not be described", exc_info=True)

    def _read_loss(self, loss: Any) -> None:
        if getattr(loss, "grad_fn", None) is None:
            return
        for followed in reversed(self._passes):
            found = found_losses(loss.grad_fn, followed.has_made)
            ends = [None if each.prediction is None else followed.resolve(each.prediction) for each in found]
            if found and None not in ends:
                self.seen.forward = followed.forward
                self.seen.forward.ends = [end for end in ends if end is not None]
                self._take_losses(found, [followed.module_call(end) for end in ends])
                return
        found = [] if self._passes else found_losses(loss.grad_fn, lambda _: False)
        if all(_speaks_for_itself(each) for each in found):
            self._take_losses(found, [None] * len(found))

    def _take_losses(self, found: list[FoundLoss], ends: list[Call | None]) -> None:
        """Takes in losses, each with the call that made what it judges."""
        if not found:
            return
        self.seen.losses = [each.config for each in found]
        self.seen.weighted = any(each.weighted for each in found)
        targets = [self._target(each, end) for each, end in zip(found, ends, strict=True)]
        self.seen.targets = [target for target in targets if target is not None]
        if len(self.seen.targets) != len(targets):
            self.seen.targets = []  # which one is missing could not be told
        for place, target in enumerate(self.seen.targets if len(targets) > 1 else []):
            target.name = str(place)

    def _target(self, loss: FoundLoss, end: Call | None) -> ArrayProfile | None:
        if loss.target is None or not loss.target.dim():
            return None
        target, output = loss.target.detach(), () if end is None else end.output_shape
        if loss.ignored is not None and target.dim() == 3 and target.shape[1] == 1:
            target = target.squeeze(1)  # which is how the loss of sequences is computed
        if len(output) == 3 and target.dim() == 1 and target.numel() == output[0] * output[1]:
            target = target.reshape(output[:2])  # one label a time step, which cross-entropy takes in a row
        channels_first = end is not None and isinstance(end.module, CHANNELS_FIRST)
        if len(output) >= 3 and output == tuple(target.shape) and channels_first:
            target = target.movedim(1, -1)
        if loss.config.name != "sparse_categorical_crossentropy":
            return array_profile(_plain(target), labels=True)
        labels = _plain(target).reshape(-1)
        if loss.ignored is not None:
            labels = labels[labels != loss.ignored]
        if not len(labels):
            return None
        profile = array_profile(labels, labels=True)
        if profile.encoding != LABEL_ENCODING_BINARY:  # one batch shows too few of many classes to tell by them
            profile.encoding = LABEL_ENCODING_INTEGER
        profile.shape[:] = [-1, *target.shape[1:]]
        return profile

    def _finish(self) -> None:
        """Describes what was kept of the data, and lets go of everything."""
        self._take_off(self._handles)
        before_backward.tell_no_more(self.see_loss)
        self._passes.clear()
        given, self._given = self._given, None
        if given is not None and not self.seen.inputs:
            try:
                self._read_inputs(given)
            except Exception:
                _LOG.debug("the first batch could not be described", exc_info=True)
        if self.seen.forward is not None and not self.seen.forward.calls:
            self.seen.forward = None
        self._done = True
        if self.entered:
            # Elsewhere they stay, and do nothing: a model that was compiled with hooks on it would be compiled again.
            self._take_off(self._entrances)

    def _read_inputs(self, given: Any) -> None:
        profiles: list[ArrayProfile] = []
        for name, tensor in arrays(given):
            values = self._batch_first(tensor)
            if values.dim():
                profiles.append(array_profile(_plain(values), name))
                if self.seen.batch_size is None:
                    self.seen.batch_size = len(values)
        self.seen.inputs = profiles
        if not self.seen.precision:
            self.seen.precision = str(next(iter(self._model.parameters())).dtype).rpartition(".")[2]

    def _batch_first(self, values: Any) -> Any:
        """An input with its batch first and its channels last, as layers are described."""
        if self.seen.forward is not None:
            read = [(call.module, call.input_shape) for call in self.seen.forward.calls]
        else:  # nobody saw the calls; what is registered first is called first, more often than not
            read = [(module, tuple(values.shape)) for _, module in named_leaves(unwrapped(self._model))[:1]]
        for module, shape in read:
            if isinstance(module, RECURRENT) and not module.batch_first and shape[:2] == tuple(values.shape[:2]):
                return values.transpose(0, 1)
            if isinstance(module, CHANNELS_FIRST) and shape == tuple(values.shape) and values.dim() >= 3:
                return values.movedim(1, -1)
        return values

    def _fail(self) -> None:
        _LOG.debug("the forward pass cannot be followed", exc_info=True)
        self._take_off(self._handles)
        self._passes.clear()
        self.seen.forward = None

    def _take_off(self, handles: list[Any]) -> None:
        for handle in handles:
            handle.remove()
        handles.clear()


def _tensors(structure: Any) -> Iterator[Any]:
    """The tensors of arguments or outputs."""
    if isinstance(structure, torch.Tensor):
        yield structure
    elif isinstance(structure, torch.nn.utils.rnn.PackedSequence):
        yield structure.data
    elif isinstance(structure, dict):
        for value in structure.values():
            yield from _tensors(value)
    elif isinstance(structure, list | tuple):
        for value in structure:
            yield from _tensors(value)


def _structure(args: Any, kwargs: Any) -> Any:
    """The inputs among the arguments of a model, as `arrays` takes them."""
    named = {name: value for name, value in kwargs.items() if name not in _TARGETS and _holds_tensor(value)}
    positional = [value for value in args if _holds_tensor(value)]
    if not named and len(positional) == 1:
        return positional[0]
    return {str(place): value for place, value in enumerate(positional)} | named


def _holds_tensor(value: Any) -> bool:
    return not isinstance(value, torch.nn.utils.rnn.PackedSequence) and any(True for _ in _tensors(value))


def _plain(tensor: Any) -> Any:
    """A tensor as numpy can have it, on the host; evenly spread samples of one that is large."""
    tensor = tensor.detach()
    if tensor.numel() > MAX_VALUES:
        tensor = tensor[:: -(-tensor.numel() // MAX_VALUES)]
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu()


def _device_of(model: Any) -> str:
    return next((str(parameter.device.type) for parameter in model.parameters()), "cpu")


def _speaks_for_itself(loss: FoundLoss) -> bool:
    """Whether a loss can be told without what the model ends in."""
    return bool(loss.config.from_logits) or loss.config.name not in (
        "sparse_categorical_crossentropy",
        "binary_crossentropy",
    )
