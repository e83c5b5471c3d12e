"""Rules on weights and on what updates do to them: too small or too large steps, growth, spikes, odd beginnings.

The ratio of an update's norm to that of the weights tells how far a step goes, whatever the optimizer: about 1e-3 is
usual, and below or above a range nothing, or nothing good, is learned. Biases begin at zero and embeddings move a few
rows a step, so kernels alone are judged. Norms are compared over windows of rows, counted from the start of the run.
"""

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS, UPDATE_NORM, WEIGHT_NORM

_RESOLVE = Parameter("resolve_after", 2, "other windows in a row that resolve it", unit="checks")

_CALM = (
    "Lower the learning rate by a factor of 10.",
    "Clip gradients by global norm 1.0.",
    "Warm the learning rate up over the first few hundred steps.",
)

UPDATE_RATIO = RuleDeclaration(
    id="update_ratio",
    family="weights",
    severity=Severity.WARNING,
    summary="Updates are far too small or far too large for the weights, and the loss is stuck or gets no better.",
    requires=(WEIGHT_NORM, UPDATE_NORM, LOSS),
    parameters=(
        Parameter(
            "lowest",
            1e-5,
            "update over weights, of the kernel that moves most; fine-tuning goes down to it",
            unit="ratio",
        ),
        Parameter("highest", 0.1, "update over weights, of any kernel", "TheDeepChecker", "ratio"),
        Parameter("first", 32, "rows before the first judgement: a loss needs some to fall", unit="steps"),
        Parameter("patience", 2, "windows in a row", unit="checks"),
        _RESOLVE,
    ),
    remedies=(
        "Where updates are too small: raise the learning rate by a factor of 10, or raise the clipping bound.",
        "Where they are too large: lower the learning rate by a factor of 10.",
    ),
)

UNCHANGED_TENSOR = RuleDeclaration(
    id="unchanged_tensor",
    family="weights",
    severity=Severity.WARNING,
    summary="A trainable tensor has a gradient and does not change, while others do.",
    requires=(WEIGHT_NORM, UPDATE_NORM, GRADIENT_NORM),
    parameters=(
        Parameter("change", 1e-5, "all updates of a window over the weights", "TheDeepChecker", "ratio"),
        Parameter("gradient", 1e-3, "its gradient over the largest one: less explains itself", unit="ratio"),
        Parameter("patience", 3, "windows in a row", "TheDeepChecker", "checks"),
        _RESOLVE,
    ),
    remedies=(
        "Give the optimizer all of the model's trainable variables, also those of layers built later.",
        "Look whether something writes the old values back: tied weights, a constraint, a restored checkpoint.",
    ),
)

WEIGHT_GROWTH = RuleDeclaration(
    id="weight_growth",
    family="weights",
    severity=Severity.WARNING,
    summary="The norm of all kernels doubles from check to check while the loss gets no better.",
    requires=(WEIGHT_NORM, LOSS),
    parameters=(
        Parameter("ratio", 2.0, "norm at the end of a window over that at the end of the one before", "TheDeepChecker"),
        Parameter("patience", 4, "windows in a row", "TheDeepChecker", "checks"),
        _RESOLVE,
    ),
    remedies=_CALM,
)

EXPLODING_WEIGHTS = RuleDeclaration(
    id="exploding_weights",
    family="weights",
    severity=Severity.CRITICAL,
    summary="A kernel is many times what it was at the start, or no number, and the loss is no better.",
    requires=(WEIGHT_NORM, LOSS),
    parameters=(
        Parameter("growth", 10.0, "norm over that of the first row", unit="ratio"),
        Parameter("rms", 1.0, "root mean square that weights must reach as well: small beginnings grow"),
        Parameter("patience", 2, "windows in a row", unit="checks"),
        _RESOLVE,
    ),
    remedies=(*_CALM, "Add weight decay or a norm constraint."),
)

UPDATE_SPIKE = RuleDeclaration(
    id="update_spike",
    family="weights",
    severity=Severity.WARNING,
    summary="An update is many times the recent largest one, and the learning rate does not explain it.",
    requires=(UPDATE_NORM, LOSS),
    parameters=(
        Parameter("ratio", 10.0, "norm of an update over the recent largest", unit="ratio"),
        Parameter("settled", 64, "rows before the first that is judged, while learning sets in", unit="steps"),
        Parameter("resolve_after", 50, "rows in a row without a violation that resolve it", unit="steps"),
    ),
    remedies=(
        "Inspect the batch of that step: labels, outliers, sequence lengths.",
        "Clip gradients by global norm 1.0.",
        "Raise the optimizer's epsilon: where second moments are tiny, one batch makes a huge step.",
    ),
)

INITIAL_WEIGHTS = RuleDeclaration(
    id="initial_weights",
    family="weights",
    severity=Severity.WARNING,
    summary="Kernels began far from what He or Glorot would give them, or at zero, and the loss is stuck.",
    requires=(WEIGHT_NORM, LOSS, "element counts"),
    parameters=(
        Parameter("lowest", 1e-5, "variance", "TheDeepChecker"),
        Parameter("highest", 10.0, "variance", "TheDeepChecker"),
        Parameter("factor", 10.0, "standard deviation over, or under, both He's and Glorot's", unit="ratio"),
        Parameter("explained", 3.0, "the same within which no variance is odd: wide layers begin small", unit="ratio"),
        Parameter("first", 32, "rows before the first judgement", unit="steps"),
        Parameter("last", 512, "rows after which other rules know more", unit="steps"),
        _RESOLVE,
    ),
    remedies=(
        "Initialise kernels by He (ReLU) or Glorot (tanh, sigmoid), recurrent kernels orthogonally.",
        "Begin only biases at zero: kernels that are all the same stay all the same.",
    ),
)

RULES = (UPDATE_RATIO, UNCHANGED_TENSOR, WEIGHT_GROWTH, EXPLODING_WEIGHTS, UPDATE_SPIKE, INITIAL_WEIGHTS)
