"""The optimizer and the batch: learning rates, epsilon, and updates for the samples there are.

Adaptive optimizers divide each update by the gradient's recent size, so that their learning rate is nearly the size of
a step (Kingma and Ba 2015); for SGD it multiplies gradients of any size, and good values lie anywhere between 1e-6 and
1 (Bengio 2012, section 3.1). With a schedule the first learning rate may be 0: how low it begins is then not judged.
"""

from collections.abc import Mapping

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import ATTENTION, RECURRENT, number

_ADAPTIVE = frozenset({"adam", "adamw", "nadam", "adamax", "rmsprop", "lamb"})

LEARNING_RATE_RANGE = RuleDeclaration(
    id="learning_rate_range",
    family="config",
    severity=Severity.WARNING,
    summary="The learning rate lies outside the range in which this optimizer usually works.",
    requires=("optimizer",),
    parameters=(
        Parameter("adaptive_lowest", 2e-6, "of Adam and its kin, RMSprop; fine-tuning of transformers uses 1e-5"),
        Parameter("adaptive_highest", 0.05, "of the same; the default is 0.001", "Kingma and Ba 2015; margin ours"),
        Parameter("sgd_lowest", 1e-6, "of SGD", "Bengio 2012"),
        Parameter("sgd_highest", 1.0, "of SGD", "Bengio 2012"),
        Parameter("lion_highest", 0.005, "of Lion, whose steps are signs", "Chen et al. 2023; margin ours"),
        Parameter("adadelta_lowest", 0.005, "of Adadelta, which was published with 1", "Zeiler 2012; margin ours"),
        Parameter("adagrad_lowest", 0.005, "of Adagrad; Keras's default, 0.001, is a tenth of the usual", "Keras"),
        Parameter("adagrad_highest", 1.0, "of Adagrad and Ftrl, whose steps shrink", "Duchi et al. 2011; margin ours"),
        Parameter("frozen_lowest", 1e-7, "of any optimizer where layers are frozen", "UMLAUT"),
        Parameter("any_highest", 2.0, "of optimizers not named here"),
    ),
    remedies=(
        "Adam, AdamW, Nadam, RMSprop: begin with 0.001.",
        "SGD: begin with 0.01 and momentum=0.9.",
        "Raise it by factors of 3 from 1e-5 over a few hundred steps and take a third of where the loss turns up.",
    ),
)

OPTIMIZER_CHOICE = RuleDeclaration(
    id="optimizer_choice",
    family="config",
    severity=Severity.INFO,
    summary="Plain SGD on a network whose gradients differ much from layer to layer.",
    requires=("optimizer", "model"),
    parameters=(),
    remedies=("Use RMSprop or Adam with 0.001, or SGD with momentum=0.9 and gradients clipped by global norm 1.0.",),
)

ADAM_EPSILON = RuleDeclaration(
    id="adam_epsilon",
    family="config",
    severity=Severity.WARNING,
    summary="Epsilon of an adaptive optimizer rules its steps, or does not keep the division from zero.",
    requires=("optimizer",),
    parameters=(
        Parameter("lowest", 1e-15, "below it a gradient of zero divides by zero in single precision"),
        Parameter(
            "highest", 0.1, "of Adam and its kin: above it they are SGD with a tiny rate", "TensorFlow; margin ours"
        ),
        Parameter("rmsprop_highest", 1.0, "of RMSprop, with which Inception was trained", "Szegedy et al. 2016"),
    ),
    remedies=("Use epsilon=1e-7; up to 1e-3 where gradients are very noisy.",),
)

BATCH_SIZE = RuleDeclaration(
    id="batch_size",
    family="config",
    severity=Severity.WARNING,
    summary="The batch size does not suit the number of samples.",
    requires=("training config", "data profile"),
    parameters=(
        Parameter("share", 0.5, "share of all samples in one batch from which it is large"),
        Parameter("updates", 200, "updates in the whole training from which a large batch does no harm", unit="steps"),
        Parameter("samples", 256, "samples below which any batch size is as good", unit="samples"),
        Parameter(
            "smallest", 2, "samples a batch of a model of vectors below which gradients are noise", unit="samples"
        ),
    ),
    remedies=("Use 32 samples a batch (16 to 256); scale the learning rate along with it.",),
)


def learning_rate_range(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the learning rate at the first step by the optimizer's own range."""
    optimizer = facts.description.optimizer
    if optimizer is None or optimizer.learning_rate is None:
        return None
    lowest, highest = _range(rule, optimizer.name)
    model = facts.description.model
    if model is not None and model.frozen_parameters and any(layer.frozen for layer in model.layers):
        lowest = min(lowest, rule["frozen_lowest"])
    rate, name = optimizer.learning_rate, optimizer.name or "this optimizer"
    if rate > highest:
        return Verdict(
            f"Learning rate {rate:g} is far above what {name} usually works with (up to {highest:g}); "
            f"begin with {_usual(optimizer.name):g}.",
            (fact("optimizer", rate, "learning rate", threshold=highest),),
        )
    if rate < lowest and not optimizer.schedule:
        return Verdict(
            f"Learning rate {rate:g} is far below what {name} usually works with (from {lowest:g}); "
            f"begin with {_usual(optimizer.name):g}.",
            (fact("optimizer", rate, "learning rate", threshold=lowest),),
        )
    return None


def _range(rule: RuleDeclaration, name: str) -> tuple[float, float]:
    if name in _ADAPTIVE:
        return rule["adaptive_lowest"], rule["adaptive_highest"]
    ranges: Mapping[str, tuple[float, float]] = {
        "sgd": (rule["sgd_lowest"], rule["sgd_highest"]),
        "lion": (rule["frozen_lowest"], rule["lion_highest"]),
        "adadelta": (rule["adadelta_lowest"], rule["any_highest"]),
        "adagrad": (rule["adagrad_lowest"], rule["adagrad_highest"]),
        "ftrl": (rule["sgd_lowest"], rule["adagrad_highest"]),
    }
    return ranges.get(name, (rule["frozen_lowest"], rule["any_highest"]))


def _usual(name: str) -> float:
    return {"sgd": 0.01, "lion": 1e-4, "adadelta": 1.0, "adagrad": 0.01}.get(name, 0.001)


def optimizer_choice(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges SGD without momentum where recurrent or attention layers train."""
    optimizer = facts.description.optimizer
    if optimizer is None or optimizer.name != "sgd" or number(optimizer.settings, "momentum"):
        return None
    hard = [layer for layer in facts.graph.layers if layer.kind in RECURRENT | ATTENTION and not layer.frozen]
    if not hard or number(optimizer.settings, "momentum") is None:
        return None
    return Verdict(
        f"SGD without momentum trains {hard[0].kind} layers slowly; use RMSprop or Adam, or momentum=0.9.",
        (fact("optimizer", 0.0, f"momentum with {hard[0].kind} layers", threshold=0.9),),
    )


def adam_epsilon(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges epsilon where it is added to the square root of the second moment."""
    optimizer = facts.description.optimizer
    epsilon = number(optimizer.settings, "epsilon") if optimizer is not None else None
    if optimizer is None or optimizer.name not in _ADAPTIVE or epsilon is None:
        return None
    highest = rule["rmsprop_highest" if optimizer.name == "rmsprop" else "highest"]
    if rule["lowest"] <= epsilon <= highest:
        return None
    what = "rules every step" if epsilon > highest else "does not keep the division from zero"
    bound = highest if epsilon > highest else rule["lowest"]
    return Verdict(
        f"epsilon={epsilon:g} of {optimizer.name} {what}; use 1e-7.",
        (fact("optimizer", epsilon, "epsilon", threshold=bound),),
    )


def batch_size(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the batch size by the samples, and by the updates that the whole training will make."""
    training, samples = facts.description.training, facts.samples
    if training is None or not training.batch_size or not samples or samples < rule["samples"]:
        return None
    size = training.batch_size
    updates = -(-samples // size) * (training.epochs or 0)
    if size >= rule["share"] * samples and 0 < updates < rule["updates"]:
        return Verdict(
            f"Batches of {size} of {samples} samples make {updates} updates in {training.epochs} epoch(s); use 32 "
            f"samples a batch.",
            (fact("training", size / samples, "share of all samples in a batch", threshold=rule["share"]),),
        )
    if size < rule["smallest"] and _of_vectors(facts):
        return Verdict(
            f"Batches of {size} sample(s) make gradients that are mostly noise; use 32 samples a batch.",
            (fact("training", size, "samples a batch", threshold=rule["smallest"]),),
        )
    return None


def _of_vectors(facts: Facts) -> bool:
    """Whether every output is one vector a sample: an image or a sequence holds many predictions in one sample."""
    stateful = any(layer.settings.get("stateful") is True for layer in facts.graph.layers)
    return bool(facts.outputs) and not stateful and all(output.rank == 2 for output in facts.outputs)
