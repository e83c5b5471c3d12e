"""What is measured in some steps only, by tensors that those steps fetch beside the others."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from paramedic.describe.data import data_profile
from paramedic.integrations.recorded import Probed
from paramedic.integrations.tensorflow1.activations import SIGNALS, probed_layers, statistics
from paramedic.integrations.tensorflow1.building import building, only_reads
from paramedic.integrations.tensorflow1.tap import Tap
from paramedic.integrations.tensorflow1.through_time import MAX_LAYERS, path_norms
from paramedic.integrations.time_steps import reported
from paramedic.v1.description_pb2 import DataProfile

_LOG = logging.getLogger("paramedic")

MAX_SAMPLES = 256
MAX_VALUES = 1_000_000
"""Numbers that are looked at of one array; fewer samples where they are large."""


class Probe:
    """Tensors of one optimizer's network. What cannot be measured is left out.

    Attributes:
        layers: Names of the layers whose activations are measured.
        fetches: Tensors to fetch in a step that is probed, by part.
        sample: Those among them that show the data.
    """

    def __init__(self, graph: Any, tap: Tap, *, everything: bool) -> None:
        """Adds the tensors to the graph.

        Args:
            graph: That is not finalised.
            tap: Of the optimizer.
            everything: Whether to add more than what shows the data.
        """
        self._graph = graph
        self._tap = tap
        self.layers: list[str] = []
        self.sample: dict[str, Any] = {}
        self.fetches: dict[str, Any] = {}
        self._part("data", self._add_sample)
        if not everything:
            return
        self.fetches["zero_shares"] = tap.zero_shares
        self._part("activations", self._add_activations)
        recurrent = [layer for layer in tap.network.layers if layer.cell is not None and layer.cell.units]
        for layer in recurrent[:MAX_LAYERS]:
            self._part(f"path through {layer.name}", functools.partial(self._add_path, layer))

    def probed(self, fetched: dict[str, Any]) -> Probed:
        """Returns what was measured.

        Args:
            fetched: What `fetches` were in a step.
        """
        probed = Probed(zero_shares=fetched.get("zero_shares"))
        if "layers" in fetched:
            probed.layers = dict(zip(SIGNALS, fetched["layers"].T, strict=True))
        for name, values in fetched.items():
            if name.startswith("path/"):
                steps, norms = reported(values[0], values[1] > 0)
                if steps:
                    probed.paths[name.removeprefix("path/")] = steps, norms
        return probed

    def data(self, fetched: dict[str, Any]) -> tuple[DataProfile, int | None]:
        """Describes the data, and tells the number of samples in the step.

        Args:
            fetched: What `sample` was in a step.
        """
        inputs = [value for name, value in fetched.items() if name.startswith("input/")]
        targets = [value for name, value in fetched.items() if name.startswith("target/")]
        profile = data_profile(
            inputs[0] if len(inputs) == 1 else tuple(inputs), targets[0] if len(targets) == 1 else tuple(targets)
        )
        profile.ClearField("samples")  # it has those of one batch
        size = fetched.get("batch_size")
        return profile, None if size is None else int(size)

    def _part(self, name: str, add: Callable[[], None]) -> None:
        try:
            add()
        except Exception:
            _LOG.debug("the graph cannot be probed for the %s", name, exc_info=True)

    def _add_sample(self) -> None:
        network = self._tap.network
        found: dict[str, Any] = {}
        with building(self._graph):
            for role, tensors in (("input", network.inputs), ("target", network.targets)):
                for place, tensor in enumerate(tensors):
                    if tensor.shape.rank and only_reads([tensor], self._tap.sources):
                        found[f"{role}/{place}"] = tensor[: _most(tensor)]
                        found.setdefault("batch_size", tf.shape(tensor)[0])
        self.sample = found
        self.fetches |= found

    def _add_activations(self) -> None:
        layers = [layer for layer in probed_layers(self._tap.network) if only_reads([layer.output], self._tap.sources)]
        if layers:
            with building(self._graph):
                self.fetches["layers"] = tf.stack([statistics(layer) for layer in layers])
            self.layers = [layer.name for layer in layers]

    def _add_path(self, layer: Any) -> None:
        application = self._tap.application
        if application.gradients_scope is None:
            raise ValueError("where the gradients are made cannot be told")
        norms = path_norms(self._graph, layer, application.gradients_scope, application.loss, application.loss_scale)
        if not only_reads([norms], self._tap.sources):
            raise ValueError("it would change the graph's state")
        self.fetches[f"path/{layer.name}"] = norms


def _most(tensor: Any) -> int:
    values = 1
    for size in tensor.shape.as_list()[1:]:
        values *= size or 1
    return max(1, min(MAX_SAMPLES, MAX_VALUES // max(1, values)))
