"""A synthetic training that reports every signal, into which tests plant faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from paramedic_service.rules.description import Description, Layer, Model, Optimizer, Tensor
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change, Finding
from paramedic_service.rules.noise_scale import SIGNALS as NOISE
from paramedic_service.rules.telemetry import Block, Column, Path, Rows
from support.telemetry import healthy_loss, spans

PROBE_EVERY = 50
NOISE_EVERY = 50
TIME_STEPS = np.arange(0, 20, 2)

TENSORS = (
    Tensor("first/kernel", 400, "first", "kernel", (20, 20)),
    Tensor("first/bias", 20, "first", "bias", (20,)),
    Tensor("middle/kernel", 400, "middle", "recurrent_kernel", (20, 20)),
    Tensor("last/kernel", 200, "last", "kernel", (20, 10)),
    Tensor("last/bias", 10, "last", "bias", (10,)),
)
PROBED = ("first", "middle", "last")
MODEL = Model(
    (Layer("first", "Dense", "tanh", 20), Layer("middle", "LSTM", "tanh", 20), Layer("last", "Dense", "softmax", 10))
)


@dataclass
class Training:
    """Signals of one training.

    Attributes:
        loss: float64 [rows]
        rates: float64 [rows], learning rates.
        gradients: float32 [rows, tensors], as the next two.
        weights: Norms.
        updates: Norms.
        times: float64 [rows], seconds.
        layers: float32 [probes, layers] by signal; a probe every PROBE_EVERY rows.
        paths: float32 [probes, time steps] by recurrent layer.
        noise: float64 [measurements, 4], columns of the noise scale; a measurement every NOISE_EVERY rows.
        description: Of the training.
    """

    loss: np.ndarray
    rates: np.ndarray
    gradients: np.ndarray
    weights: np.ndarray
    updates: np.ndarray
    times: np.ndarray
    layers: dict[str, np.ndarray]
    paths: dict[str, np.ndarray]
    noise: np.ndarray
    description: Description = field(
        default_factory=lambda: Description(TENSORS, PROBED, MODEL, Optimizer("sgd", 0.01, clipnorm=1.0))
    )

    def stuck(self, at: float = 2.3, since: int = 0) -> "Training":
        """The same with a loss that does not move."""
        self.loss[since:] = at * np.exp(np.random.default_rng(1).normal(0, 0.01, len(self.loss) - since))
        return self

    def described(self, **fields: object) -> "Training":
        """The same with another description."""
        self.description = replace(self.description, **fields)
        return self

    def rows(self, start: int, stop: int) -> Rows:
        """Rows [start, stop)."""
        index = np.arange(start, stop)
        scalars = {"loss": Column(self.loss[start:stop]), "learning_rate": Column(self.rates[start:stop])}
        measured = index[index % NOISE_EVERY == 0]
        if len(measured):
            for column, name in enumerate(NOISE):
                scalars[name] = Column(self.noise[measured // NOISE_EVERY, column], measured - start)
        probed = index[index % PROBE_EVERY == 0]
        layers, paths = {}, {}
        if len(probed):
            probes, where = probed // PROBE_EVERY, probed - start
            layers = {name: Block(values[probes], where) for name, values in self.layers.items()}
            paths = {name: Path(TIME_STEPS, values[probes], where) for name, values in self.paths.items()}
        blocks = {
            "gradient_norm": Block(self.gradients[start:stop]),
            "weight_norm": Block(self.weights[start:stop]),
            "update_norm": Block(self.updates[start:stop]),
        }
        return Rows(index, self.times[start:stop], scalars, blocks, layers, paths)

    def diagnose(self, cuts: Sequence[int] = ()) -> tuple[Diagnosis, list[Finding]]:
        """Diagnoses the whole training, whose rows arrive in batches that end at the cuts."""
        diagnosis = Diagnosis()
        found = list(diagnosis.describe(self.description))
        for start, stop in spans(len(self.loss), cuts):
            found += diagnosis.observe(self.rows(start, stop))
        return diagnosis, found

    def opened(self) -> dict[str, int]:
        """Step at which each rule first opened a finding."""
        found = self.diagnose()[1]
        return {finding.rule: finding.opened_step for finding in reversed(found) if finding.change is Change.OPENED}


def healthy(rows: int = 600, seed: int = 0) -> Training:
    """A training that learns."""
    rng = np.random.default_rng(seed)

    def noisy(*shape: int, scale: float = 0.2) -> np.ndarray:
        return np.exp(rng.normal(0, scale, shape))

    initial = np.array([0.22 * 20, 0.01, 0.22 * 20, 0.26 * 14.1, 0.01])
    weights = initial * (1 + 0.5 * np.arange(rows)[:, None] / rows)
    probes, measurements = -(-rows // PROBE_EVERY), -(-rows // NOISE_EVERY)
    usual = {
        "activation_mean": (0.1, 0.1, 0.1),
        "activation_deviation": (0.6, 0.5, 0.2),
        "dead_share": (0.1, 0.2, 0.0),
        "saturated_share": (0.1, 0.3, np.nan),
        "sample_deviation": (0.5, 0.4, 0.15),
    }
    return Training(
        loss=healthy_loss(rows, seed),
        rates=np.full(rows, 0.01),
        gradients=(0.3 * noisy(rows, 5)).astype(np.float32),
        weights=weights.astype(np.float32),
        updates=(2e-3 * weights * noisy(rows, 5)).astype(np.float32),
        times=1e9 + np.cumsum(0.25 * noisy(rows, scale=0.05)),
        layers={name: np.tile(np.float32(values), (probes, 1)) for name, values in usual.items()},
        paths={"lstm": np.tile(np.logspace(-1, 0, len(TIME_STEPS)).astype(np.float32), (probes, 1))},
        noise=np.tile([1.6, 1.0, 8.0, 32.0], (measurements, 1)) * noisy(measurements, 1, scale=0.05),
    )
