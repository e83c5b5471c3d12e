"""Rules on the values of the inputs: non-finite, far from unit scale, uneven, constant, or codes taken for quantities.

The gradient of a first layer's kernel is proportional to its input, and so is the curvature of the loss along it (LeCun
et al. 1998, "Efficient BackProp", section 4.3): inputs of hundreds saturate units and want a learning rate thousands of
times smaller; features of different scale want different ones. Published bounds, |mean| > 0.2 (SageMaker Debugger) and
values outside [-1, 1] (UMLAUT), accuse images in [0, 1] and standardised features, which train perfectly well; these
rules ask for a scale that harms. They are silent where an embedding, a normalisation, a frozen layer or a layer of
unknown kind receives the input.
"""

import math

import numpy as np

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import ArrayProfile
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.input_heads import sensitive_heads

_STANDARDISE = (
    "Standardise the features: x = (x - x_train.mean(axis=0)) / x_train.std(axis=0).",
    "Put keras.layers.Normalization, adapted to the training data, in front of the model.",
    "Images: divide by 255, or put keras.layers.Rescaling(1 / 255) in front.",
)

NONFINITE_INPUT = RuleDeclaration(
    id="nonfinite_input",
    family="data",
    severity=Severity.CRITICAL,
    summary="Inputs or targets contain NaN or infinity.",
    requires=("data profile",),
    parameters=(),
    remedies=(
        "Drop or impute the values: numpy.nan_to_num, or pandas fillna with the training median.",
        "Look for divisions by a standard deviation of zero in the preprocessing.",
    ),
)

UNNORMALISED_INPUT = RuleDeclaration(
    id="unnormalised_input",
    family="data",
    severity=Severity.WARNING,
    summary="Inputs are far from unit scale and nothing in the model normalises them.",
    requires=("model", "input statistics"),
    parameters=(
        Parameter("highest", 30.0, "root mean square of all values; raw pixels have 60 to 150"),
        Parameter("feature", 100.0, "root mean square of a single feature"),
        Parameter("lowest", 1e-3, "root mean square of all values below which nothing moves"),
        Parameter("offset", 30.0, "mean over standard deviation: a constant that drowns the signal", unit="deviations"),
    ),
    remedies=_STANDARDISE,
)

FEATURE_SCALE = RuleDeclaration(
    id="feature_scale",
    family="data",
    severity=Severity.WARNING,
    summary="Features differ in scale by orders of magnitude and nothing in the model normalises them.",
    requires=("model", "input statistics"),
    parameters=(
        Parameter("ratio", 100.0, "largest standard deviation over that of the lower quartile", unit="ratio"),
        Parameter("largest", 2.0, "standard deviation from which the largest dominates; rare words in [0, 1] do not"),
    ),
    remedies=_STANDARDISE,
)

CONSTANT_FEATURE = RuleDeclaration(
    id="constant_feature",
    family="data",
    severity=Severity.INFO,
    summary="Input features have the same value in every sample.",
    requires=("input statistics",),
    parameters=(
        Parameter("examined", 50, "samples from which a constant is no chance", unit="samples"),
        Parameter("features", 32, "features above which constant zeros are usual: borders of images, rare words"),
    ),
    remedies=("Remove the feature, or look for the preprocessing step that lost it.",),
)

INTEGER_INPUT = RuleDeclaration(
    id="integer_input",
    family="data",
    severity=Severity.WARNING,
    summary="Whole numbers of a large range enter a layer that takes them for quantities.",
    requires=("model", "input statistics"),
    parameters=(Parameter("highest", 30, "highest value up to which they may well be quantities"),),
    remedies=(
        "Token or category ids: put keras.layers.Embedding(highest + 1, 32) in front, or one-hot encode them.",
        "Quantities: convert to float32 and standardise.",
    ),
)


def nonfinite_input(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges every array, whatever the model does with it."""
    data = facts.description.data
    if data is None:
        return None
    for kind, arrays in (("input", data.inputs), ("target", data.targets)):
        for array in arrays:
            if array.nonfinite:
                return Verdict(
                    f"{_named(kind, array)} has {array.nonfinite:,} values that are NaN or infinite among those of "
                    f"{array.examined or 'some'} samples; drop or impute them.",
                    (fact(kind, array.nonfinite, "values that are NaN or infinite", threshold=0.0),),
                )
    return None


def unnormalised_input(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the size of values that enter a layer with weights, and an offset that drowns their differences."""
    for array in _quantities(facts):
        overall = _root_mean_square(array.mean, array.deviation)
        worst = max(map(_root_mean_square, array.feature_means, array.feature_deviations), default=0.0)
        size, bound = (overall, rule["highest"]) if overall > rule["highest"] else (worst, rule["feature"])
        if size > bound:
            which = "values" if size == overall else "a feature's values"
            return Verdict(
                f"{_named('input', array)} is not normalised: {which} have a root mean square of {size:.4g}"
                f"{_range(array)}; standardise them, or put keras.layers.Normalization in front.",
                (fact("input", size, "root mean square", threshold=bound),),
            )
        if 0 < overall < rule["lowest"]:
            return Verdict(
                f"{_named('input', array)} is tiny: root mean square {overall:.4g}{_range(array)}; standardise it.",
                (fact("input", overall, "root mean square", threshold=rule["lowest"]),),
            )
        if array.deviation and array.mean is not None and abs(array.mean) > 1:
            offset = abs(array.mean) / array.deviation
            if offset > rule["offset"]:
                return Verdict(
                    f"{_named('input', array)} lies {offset:.0f} standard deviations from zero (mean {array.mean:.4g}, "
                    f"standard deviation {array.deviation:.4g}); subtract the mean and divide by the deviation.",
                    (fact("input", offset, "mean over standard deviation", threshold=rule["offset"]),),
                )
    return None


def feature_scale(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the spread of the features' standard deviations, constant features apart."""
    for array in _quantities(facts):
        deviations = np.array([value for value in array.feature_deviations if value > 0])
        if len(deviations) < 2:
            continue
        usual = float(np.sort(deviations)[(len(deviations) - 1) // 4])
        largest = float(deviations.max())
        if largest > rule["largest"] and largest > rule["ratio"] * usual:
            place = int(np.argmax(array.feature_deviations))
            return Verdict(
                f"Feature {place} of {_named('input', array).lower()} varies {largest / usual:,.0f} times as much as "
                f"a quarter of the features (standard deviation {largest:.4g} against {usual:.4g}); standardise each.",
                (fact("input", largest / usual, "ratio of standard deviations", threshold=rule["ratio"]),),
            )
    return None


def constant_feature(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges features without variance; zeros in wide inputs are usual."""
    data = facts.description.data
    for array in data.inputs if data is not None else ():
        if (array.examined or 0) < rule["examined"]:
            continue
        deviations, means = array.feature_deviations, array.feature_means
        narrow = len(deviations) <= rule["features"]
        constant = [place for place, value in enumerate(deviations) if not value and (narrow or means[place])]
        if array.deviation == 0 and array.mean is not None:
            return Verdict(
                f"{_named('input', array)} has the same value, {array.mean:.4g}, everywhere.",
                (fact("input", 0.0, "standard deviation"),),
            )
        if constant:
            return Verdict(
                f"{len(constant)} of {len(deviations)} features of {_named('input', array).lower()} are constant, "
                f"feature {constant[0]} first.",
                (fact("input", len(constant), "constant features", threshold=0.0),),
            )
    return None


def integer_input(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges arrays of an integer type that no embedding receives; images are another matter."""
    for array in _quantities(facts):
        # Bytes are pixels.
        whole = array.dtype.startswith(("int", "uint")) and array.dtype != "uint8" and len(array.shape) in (2, 3)
        if whole and array.highest is not None and array.highest > rule["highest"]:
            head = sensitive_heads(facts)[0]
            return Verdict(
                f"{_named('input', array)} is {array.dtype} with values up to {array.highest:g} and enters {head.kind} "
                f"{head.name} directly; put Embedding({array.highest + 1:.0f}, 32) in front if they are ids, or "
                "standardise them as float32.",
                (fact("input", array.highest, f"highest value, {array.dtype}", threshold=rule["highest"]),),
            )
    return None


def _quantities(facts: Facts) -> tuple[ArrayProfile, ...]:
    """Inputs with statistics, where layers with weights receive all inputs as they are."""
    data = facts.description.data
    if data is None or not sensitive_heads(facts):
        return ()
    return tuple(array for array in data.inputs if array.examined)


def _root_mean_square(mean: float | None, deviation: float | None) -> float:
    return math.hypot(mean or 0.0, deviation or 0.0)


def _named(kind: str, array: ArrayProfile) -> str:
    return f"The {kind} {array.name}".rstrip()


def _range(array: ArrayProfile) -> str:
    if array.lowest is None or array.highest is None:
        return ""
    return f" (from {array.lowest:.4g} to {array.highest:.4g})"
