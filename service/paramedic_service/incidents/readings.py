"""Facts about a training that speak for or against causes, read from its description as sentences."""

from paramedic_service.incidents.network import LINEAR, RECTIFIERS, SATURATING
from paramedic_service.incidents.situation import Situation

USUAL_RATES = {
    "sgd": (1e-3, 0.5),
    "adam": (1e-5, 1e-2),
    "adamw": (1e-5, 1e-2),
    "nadam": (1e-5, 1e-2),
    "adamax": (1e-5, 2e-2),
    "rmsprop": (1e-5, 1e-2),
    "adagrad": (1e-4, 0.5),
    "adadelta": (1e-3, 2.0),
    "ftrl": (1e-4, 0.5),
    "lion": (1e-6, 3e-3),
}
"""Learning rates that are ordinary for an optimizer: from a hundredth to ten or fifty times the default (ours)."""

_ORDINARY_RATES = {"sgd": 1e-2, "adagrad": 1e-2, "adadelta": 1.0, "ftrl": 1e-2, "lion": 1e-4}
_ORDINARY_RATE = 1e-3

LONG = 30
"""Time steps over which a plain recurrent layer rarely carries a gradient; ours (Bengio et al., 1994: 10 to 20)."""

DEEP = 8
"""Layers behind which gradients fade without normalisation or shortcuts; ours."""

NARROW = 4
"""Units below which a hidden layer is a bottleneck; ours."""

CALM = 50
"""Steps after which a training has settled enough for a spike to be a surprise; ours."""

SMALL_BATCH, LARGE_SHARE = 4, 0.25

TOGETHER = 20
"""Steps that replicas trained alike before they parted, so that they were averaged once; ours."""


def rate_above_usual(situation: Situation) -> str:
    """A learning rate above what is usual for the optimizer."""
    rate, usual = _rates(situation)
    if rate is None or usual is None or rate <= usual[1]:
        return ""
    return f"The learning rate {rate:.3g} is above what is usual for {optimizer_name(situation)}, at most {usual[1]:g}."


def rate_below_usual(situation: Situation) -> str:
    """A learning rate below what is usual for the optimizer; one that a schedule raises is no such."""
    rate, usual = _rates(situation)
    optimizer = situation.network.description.optimizer
    if rate is None or usual is None or rate >= usual[0] or (optimizer is not None and optimizer.schedule):
        return ""
    return (
        f"The learning rate {rate:.3g} is below what is usual for {optimizer_name(situation)}, at least {usual[0]:g}."
    )


def rate_usual(situation: Situation) -> str:
    """A learning rate that is usual for the optimizer."""
    rate, usual = _rates(situation)
    if rate is None or usual is None or not usual[0] <= rate <= usual[1]:
        return ""
    return f"The learning rate {rate:.3g} is usual for {optimizer_name(situation)}."


def ordinary_rate(situation: Situation) -> float | None:
    """The learning rate to begin with that is ordinary for the optimizer; None where that is not known."""
    name = optimizer_name(situation)
    return _ORDINARY_RATES.get(name, _ORDINARY_RATE) if name in USUAL_RATES else None


def optimizer_name(situation: Situation) -> str:
    """Name of the optimizer; empty when unknown."""
    optimizer = situation.network.description.optimizer
    return "" if optimizer is None else optimizer.name


def unclipped(situation: Situation) -> str:
    """Gradients that are not clipped."""
    known = situation.network.description.optimizer is not None
    return "Gradients are not clipped." if known and not situation.network.clipped else ""


def clipped_hard(situation: Situation) -> str:
    """A clipping bound that is far below the usual 1."""
    optimizer = situation.network.description.optimizer
    if optimizer is None:
        return ""
    bounds = [bound for bound in (optimizer.global_clipnorm, optimizer.clipnorm, optimizer.clipvalue) if bound]
    return f"Gradients are clipped at {min(bounds):g}." if bounds and min(bounds) <= 0.05 else ""


def plain_over_long(situation: Situation) -> str:
    """A plain recurrent layer over many time steps."""
    view = situation.network
    steps = view.time_steps
    if not view.plain_recurrent or steps is None or steps < LONG:
        return ""
    return f"{view.plain_recurrent[0].name} has no gates and reads {steps} time steps."


def recurrent(situation: Situation) -> str:
    """Recurrent layers."""
    layers = situation.network.recurrent
    return f"{layers[0].name} is recurrent." if layers else ""


def not_recurrent(situation: Situation) -> str:
    """A model without recurrent layers."""
    view = situation.network
    return "No layer is recurrent." if view.known and not view.recurrent else ""


def recurrent_rectifier(situation: Situation) -> str:
    """A recurrent layer whose activation is not bounded."""
    for layer in situation.network.recurrent:
        if layer.activation in RECTIFIERS | {"linear", "elu", "leaky_relu", "gelu"}:
            return f"{layer.name} is recurrent, and its activation {layer.activation} is not bounded."
    return ""


def deep_and_bare(situation: Situation) -> str:
    """Many layers in a row without normalisation or shortcuts."""
    view = situation.network
    depth = len(view.hidden)
    if depth < DEEP or view.normalised:
        return ""
    return f"{depth} hidden layers follow each other without normalisation or shortcuts."


def saturating_and_deep(situation: Situation) -> str:
    """Several hidden layers with activations whose derivative is small almost everywhere."""
    view = situation.network
    layers = [each for each in view.hidden if each.activation in SATURATING and each not in view.recurrent]
    return f"{len(layers)} hidden layers use {layers[0].activation}, which saturates." if len(layers) >= 3 else ""


def no_rectifier(situation: Situation) -> str:
    """A model in which no unit can be rectified away."""
    view = situation.network
    if not view.known or any(layer.activation in RECTIFIERS for layer in view.layers):
        return ""
    return "No layer uses ReLU."


def no_hidden_activation(situation: Situation) -> str:
    """Hidden layers that are all linear."""
    view = situation.network
    layers = [each for each in view.hidden if each not in view.recurrent]
    nonlinear = [each for each in view.layers if each.activation not in LINEAR or each.kind in ("ReLU", "LeakyReLU")]
    if len(layers) < 2 or any(each is not view.output for each in nonlinear):
        return ""
    return f"None of the {len(layers)} hidden layers has an activation."


def bottleneck(situation: Situation) -> str:
    """A hidden layer that hardly anything fits through."""
    view = situation.network
    narrow = [each for each in view.hidden if each.units is not None and each.units < NARROW]
    return f"{narrow[0].name} has {narrow[0].units} units." if narrow else ""


def more_parameters_than_samples(situation: Situation) -> str:
    """Far more parameters than samples."""
    model, data = situation.network.description.model, situation.network.description.data
    if model is None or data is None or not data.samples or model.trainable_parameters < 30 * data.samples:
        return ""
    return f"The model has {model.trainable_parameters:,} parameters for {data.samples:,} samples."


def tiny_batch(situation: Situation) -> str:
    """A batch of a few samples."""
    size = situation.network.batch_size
    return f"A batch has {size} samples." if size is not None and size <= SMALL_BATCH else ""


def huge_batch(situation: Situation) -> str:
    """A batch that is a large part of all samples."""
    size, data = situation.network.batch_size, situation.network.description.data
    if size is None or data is None or not data.samples or size < LARGE_SHARE * data.samples or size <= 256:
        return ""
    return f"A batch has {size} of {data.samples} samples."


def weighted(situation: Situation) -> str:
    """Classes or samples that are weighted already."""
    training = situation.network.description.training
    return "Classes or samples are weighted already." if training is not None and training.weighted else ""


def has_dropout(situation: Situation) -> str:
    """Dropout, which makes training metrics worse than those of validation."""
    layers = situation.network.dropout
    return f"{layers[0].name} drops units while training only." if layers else ""


def recovered(situation: Situation) -> str:
    """Everything that was found is over."""
    findings = situation.findings.values()
    return "" if any(finding.open for finding in findings) else "The run recovered by itself."


def ruined_at_once(situation: Situation) -> str:
    """A loss or a gradient that was no number from the very first steps on."""
    first = situation.first()
    if first is None or first.rule not in ("nonfinite_loss", "nonfinite_gradient") or first.opened_step > 2:
        return ""
    return f"Nothing was finite from step {first.opened_step} on, and nothing had grown before."


def out_of_the_blue(situation: Situation) -> str:
    """A spike that comes first, after a long calm: the training did nothing new, so that its data did."""
    first = situation.first()
    spikes = ("gradient_spike", "loss_spike", "update_spike")
    if first is None or first.rule not in spikes or first.opened_step < CALM:
        return ""
    return f"Nothing was found for {first.opened_step} steps, and then a spike came first."


def doubled_at_output(situation: Situation) -> str:
    """An activation that is applied twice to the output."""
    view = situation.network
    finding = situation.findings.get("doubled_activation")
    output = view.output
    if finding is None or output is None:
        return ""
    behind = {layer.name for layer in view.layers[view.layers.index(output) :]}
    return "It is the output that two activations are applied to." if finding.evidence[0].layer in behind else ""


def inputs_finite(situation: Situation) -> str:
    """Inputs that were examined and are all finite."""
    data = situation.network.description.data
    if data is None or not data.inputs or not all(each.examined and not each.nonfinite for each in data.inputs):
        return ""
    return f"All values of the {data.inputs[0].examined} samples examined are finite."


def replicas_parted_late(situation: Situation) -> str:
    """Replicas that were equal over the first steps."""
    parted = situation.findings.get("diverging_replicas")
    if parted is None or parted.opened_step < TOGETHER:
        return ""
    return f"The replicas were not yet found apart before step {parted.opened_step}."


def _rates(situation: Situation) -> tuple[float | None, tuple[float, float] | None]:
    return situation.network.learning_rate, USUAL_RATES.get(optimizer_name(situation))
