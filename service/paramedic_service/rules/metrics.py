"""Rules on epochs: what training and validation, loss and accuracy say of each other.

- Overfit: the validation loss rises while the training loss falls on; or the training loss is gone and validation
  never gained from it. A gap alone is health: every model fits best what it has seen.
- Suspicious validation: a model that does better on what it has not seen has seen it, or the two sets differ. Dropout
  and augmentation make training harder than validation, so models that have them are not judged.
- Loss and metric disagree: the loss falls and the accuracy does not follow, so that minimising the one does not buy
  the other.
- Constant prediction: the accuracy is that of always naming the most frequent class, and the loss is that of knowing
  the frequencies alone, the entropy of the prior, H = -sum p ln p.
- Underfit: a network that learned and then stopped high, with a layer so narrow that what the classes differ in
  does not fit through it.

They abstain without the metric they compare, and are silent until there are enough epochs to tell a trend from noise.
"""

import math

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.metrics_history import SMOOTHED, EpochHistory
from paramedic_service.rules.telemetry import ACCURACY, LOSS, VALIDATION_ACCURACY, VALIDATION_LOSS

_RESOLVE = Parameter("resolve_after", 3, "epochs in a row without it that resolve it", unit="epochs")

OVERFIT = RuleDeclaration(
    id="overfit",
    family="metrics",
    severity=Severity.WARNING,
    summary="The validation loss rises while the training loss falls on.",
    requires=(LOSS, VALIDATION_LOSS),
    parameters=(
        Parameter("gap", 0.1, "(validation - training) / training loss", "SageMaker Debugger Overfit", "ratio"),
        Parameter("rise", 0.1, "relative rise of the validation loss over its best", unit="ratio"),
        Parameter("height", 0.05, "that rise over the losses of the first epoch: a converged loss may double in noise"),
        Parameter("accuracy", 0.1, "training over validation accuracy that is too much once validation is done"),
        Parameter(
            "memorised", 0.5, "share of the first training loss that must be gone where validation gained nothing"
        ),
        Parameter("gained", 0.05, "relative decrease of the first validation loss that counts as gain", unit="ratio"),
        Parameter("patience", 2, f"epochs in a row, each as the mean of {SMOOTHED}", unit="epochs"),
        _RESOLVE,
    ),
    remedies=(
        "Stop early and keep the weights of the best validation loss.",
        "Add dropout or weight decay, or augment the data.",
        "Use fewer units or layers, or more data.",
    ),
)

SUSPICIOUS_VALIDATION = RuleDeclaration(
    id="suspicious_validation",
    family="metrics",
    severity=Severity.WARNING,
    summary="The model does better on validation data than on what it trains on.",
    requires=(LOSS, ACCURACY, VALIDATION_ACCURACY, "model"),
    parameters=(
        Parameter("margin", 0.05, "validation over training accuracy", "UMLAUT"),
        Parameter("errors", 1.25, "share of errors in training over that in validation", unit="ratio"),
        Parameter("patience", 3, "epochs in a row", unit="epochs"),
        _RESOLVE,
    ),
    remedies=(
        "Look for samples that are in both sets, and for groups or times that were split apart.",
        "Split at random and by class, and validate on enough samples.",
        "Preprocess both sets alike.",
    ),
)

DISAGREEMENT = RuleDeclaration(
    id="loss_metric_disagreement",
    family="metrics",
    severity=Severity.WARNING,
    summary="The loss falls and the accuracy does not follow.",
    requires=(LOSS, ACCURACY),
    parameters=(
        Parameter("correlation", 0.5, "of the ranks of loss and accuracy, which should be negative", "TheDeepChecker"),
        Parameter("epochs", 6, "epochs over which they are compared", unit="epochs"),
        Parameter("decrease", 0.1, "relative decrease of the loss over them, without which nothing can follow"),
        Parameter("movement", 0.03, "range of the accuracy over them above which it moves, against the loss"),
        Parameter(
            "noise",
            2.0,
            "that range over what two accuracies over so many samples differ by",
            unit="standard deviations",
        ),
        Parameter("nothing", 0.01, "accuracy that is none at all, although half of the first loss is gone"),
        _RESOLVE,
    ),
    remedies=(
        "Use a metric that fits the task: accuracy says nothing of a regression.",
        "Use the accuracy that fits the labels: binary, categorical (one-hot) or sparse categorical (integers).",
        "Use a loss that fits the task: cross-entropy for classes.",
    ),
)

CONSTANT_PREDICTION = RuleDeclaration(
    id="constant_prediction",
    family="metrics",
    severity=Severity.WARNING,
    summary="The model names the most frequent class whatever it sees.",
    requires=(LOSS, ACCURACY, "loss config", "target statistics"),
    parameters=(
        Parameter("tolerance", 0.005, "accuracy above the share of the most frequent class"),
        Parameter("entropy", 0.03, "loss below the entropy of the class frequencies", unit="ratio"),
        Parameter("patience", 3, "epochs in a row", unit="epochs"),
        Parameter("losses", 300, "losses that a training is given to begin", unit="steps"),
        Parameter("resolve_after", 1, "epochs in a row without it that resolve it", unit="epochs"),
    ),
    remedies=(
        "Look at the gradients: a network that is dead or saturated can only learn its last bias.",
        "Weight the classes or resample them when one is far more frequent.",
        "Check that labels belong to their inputs: overfit a single batch first.",
    ),
)

UNDERFIT = RuleDeclaration(
    id="underfit",
    family="metrics",
    severity=Severity.WARNING,
    summary="The training loss stopped high in a model with too narrow a layer.",
    requires=(LOSS, ACCURACY, "loss config", "model"),
    parameters=(
        Parameter("left", 0.4, "share of the first loss that is left", unit="ratio"),
        Parameter("missing", 0.15, "share of the training samples that are told wrong"),
        Parameter("improvement", 0.1, "relative decrease over the last epochs below which the loss is flat"),
        Parameter("epochs", 5, "epochs over which it is taken", unit="epochs"),
        Parameter("width", 4, "units of the narrowest hidden layer, or as many as classes when these are fewer"),
        Parameter("patience", 2, "epochs in a row", unit="epochs"),
        _RESOLVE,
    ),
    remedies=(
        "Give the narrowest layer more units: at least as many as there are classes.",
        "Train longer, or with a higher learning rate.",
        "Add features that tell the classes apart.",
    ),
)

RULES = (OVERFIT, SUSPICIOUS_VALIDATION, DISAGREEMENT, CONSTANT_PREDICTION, UNDERFIT)


def overfit(rule: RuleDeclaration, history: EpochHistory, step: int) -> Verdict | None:
    """Judges the end of an epoch: the training loss is bought by losing on what was not seen."""
    now, best, first, epoch = history.validation_loss, history.best, history.first, history.epochs[-1]
    loss, loss_at_best = history.loss, history.loss_at_best
    if now is None or best is None or loss_at_best is None or first is None or first.validation_loss is None:
        return None
    # A loss at or below zero has no ratios, and one that is no number fails every comparison.
    if not (loss > 0 and best > 0 and now - loss > rule["gap"] * loss):
        return None
    height = rule["height"] * max(first.loss, first.validation_loss)
    rises = now >= (1 + rule["rise"]) * best and now - best >= height and loss < loss_at_best
    gained = (1 - rule["gained"]) * min(first.loss, first.validation_loss)
    memorises = loss <= (1 - rule["memorised"]) * first.loss and now > gained
    ahead = (epoch.accuracy or 0.0) - (1.0 if epoch.validation_accuracy is None else epoch.validation_accuracy)
    if not (rises or ((memorises or ahead >= rule["accuracy"]) and history.validation_done)):
        return None
    return Verdict(
        f"The validation loss is {now:.4g} by step {step}, after {best:.4g} at best; the training loss is {loss:.4g}.",
        (
            Evidence(VALIDATION_LOSS, step, now, f"mean of the last {SMOOTHED} epochs", threshold=best),
            Evidence(LOSS, step, loss, f"mean of the last {SMOOTHED} epochs"),
        ),
    )


def suspicious_validation(rule: RuleDeclaration, history: EpochHistory, step: int) -> Verdict | None:
    """Judges the end of an epoch: worse in all of its training than in the validation before it."""
    if len(history.epochs) < 2:
        return None
    before, accuracy = history.epochs[-2].validation_accuracy, history.epochs[-1].accuracy
    if before is None or accuracy is None or not before > accuracy + rule["margin"]:
        return None
    if 1 - accuracy < rule["errors"] * (1 - before):
        return None
    return Verdict(
        f"The validation accuracy was {before:.3f}; the training accuracy of the epoch after it, to step {step}, is "
        f"{accuracy:.3f}.",
        (Evidence(VALIDATION_ACCURACY, step, before, "accuracy", threshold=accuracy + rule["margin"]),),
    )


def disagreement(rule: RuleDeclaration, history: EpochHistory, step: int, samples: int | None) -> Verdict | None:
    """Judges the end of an epoch: the accuracy falls with the loss. By ranks, so that no single epoch decides it."""
    epochs = history.epochs[-int(rule["epochs"]) :]
    accuracies = [epoch.accuracy for epoch in epochs if epoch.accuracy is not None]
    losses = [epoch.loss for epoch in epochs]
    if len(accuracies) < rule["epochs"] or history.first is None or not min(losses) > 0:
        return None
    if history.first.loss >= 2 * history.loss and max(accuracies) <= rule["nothing"]:
        return Verdict(
            f"The loss fell from {history.first.loss:.4g} to {history.loss:.4g} by step {step} and the accuracy is "
            f"still {max(accuracies):.3f}.",
            (Evidence(ACCURACY, step, max(accuracies), "highest of the last epochs", threshold=rule["nothing"]),),
        )
    fell = losses[0] - losses[-1] >= rule["decrease"] * losses[0]
    noise = _accuracy_noise(accuracies, samples)
    if not fell or not max(accuracies) - min(accuracies) >= max(rule["movement"], rule["noise"] * noise):
        return None
    correlation = _rank_correlation(losses, accuracies)
    if not correlation > rule["correlation"] or accuracies[-1] >= accuracies[0]:
        return None
    return Verdict(
        f"Over the last {len(epochs)} epochs to step {step} the loss fell from {losses[0]:.4g} to {losses[-1]:.4g} and "
        f"the accuracy from {accuracies[0]:.3f} to {accuracies[-1]:.3f}.",
        (Evidence(ACCURACY, step, correlation, "rank correlation with the loss", threshold=rule["correlation"]),),
    )


def constant_prediction(
    rule: RuleDeclaration, history: EpochHistory, step: int, frequencies: tuple[float, ...]
) -> Verdict | None:
    """Judges the end of an epoch.

    Args:
        rule: With its parameters.
        history: Up to the epoch.
        step: At its end.
        frequencies: Of the classes, sum 1; empty when unknown.
    """
    epoch = history.epochs[-1]
    if len(frequencies) < 2 or epoch.accuracy is None or history.observed < rule["losses"]:
        return None
    share = max(frequencies)
    entropy = -sum(p * math.log(p) for p in frequencies if p)
    if not (epoch.accuracy <= share + rule["tolerance"] and epoch.loss >= (1 - rule["entropy"]) * entropy):
        return None
    return Verdict(
        f"The accuracy is {epoch.accuracy:.3f} by step {step}, no better than naming the most frequent class "
        f"({share:.3f} of the samples), and the loss is {epoch.loss:.4g}; the frequencies alone give {entropy:.4g}.",
        (
            Evidence(ACCURACY, step, epoch.accuracy, "accuracy of the epoch", threshold=share + rule["tolerance"]),
            Evidence(LOSS, step, epoch.loss, "mean of the epoch", threshold=(1 - rule["entropy"]) * entropy),
        ),
    )


def underfit(
    rule: RuleDeclaration, history: EpochHistory, step: int, narrowest: tuple[str, int] | None, classes: int
) -> Verdict | None:
    """Judges the end of an epoch.

    Args:
        rule: With its parameters.
        history: Up to the epoch.
        step: At its end.
        narrowest: Hidden layer with the fewest units, and these; None when unknown.
        classes: That are told apart; 0 when unknown.
    """
    span = int(rule["epochs"])
    if narrowest is None or narrowest[1] >= min(rule["width"], classes) or len(history.epochs) <= span:
        return None
    epoch, before, first = history.epochs[-1], history.epochs[-1 - span], history.first
    if epoch.accuracy is None or first is None or not (first.loss > 0 and epoch.loss >= rule["left"] * first.loss):
        return None
    improvement = (before.loss - epoch.loss) / before.loss
    if not (improvement < rule["improvement"] and 1 - epoch.accuracy >= rule["missing"]):
        return None
    layer, units = narrowest
    return Verdict(
        f"The loss is flat at {epoch.loss:.4g} by step {step} with {1 - epoch.accuracy:.0%} of the training samples "
        f"told wrong; layer {layer} has {units} unit{'s' if units > 1 else ''} for {classes} classes.",
        (
            Evidence(LOSS, step, improvement, f"relative decrease over {span} epochs", threshold=rule["improvement"]),
            Evidence(ACCURACY, step, epoch.accuracy, "accuracy of the epoch", threshold=1 - rule["missing"]),
        ),
    )


def _accuracy_noise(accuracies: list[float], samples: int | None) -> float:
    """Standard deviation of the difference of two such accuracies, each over so many samples: binomial counts."""
    if samples is None:
        return 0.0
    mean = sum(accuracies) / len(accuracies)
    return math.sqrt(2 * max(0.0, mean * (1 - mean)) / max(1, samples))


def _rank_correlation(xs: list[float], ys: list[float]) -> float:
    """Spearman's; 0 where one of them is constant."""
    mean = (len(xs) - 1) / 2
    pairs = [(x - mean, y - mean) for x, y in zip(_ranks(xs), _ranks(ys), strict=True)]
    scale = math.sqrt(sum(x * x for x, _ in pairs) * sum(y * y for _, y in pairs))
    return sum(x * y for x, y in pairs) / scale if scale else 0.0


def _ranks(values: list[float]) -> list[float]:
    """Place of each value among all, from 0; equal ones share theirs."""
    return [sum(other < value for other in values) + (values.count(value) - 1) / 2 for value in values]
