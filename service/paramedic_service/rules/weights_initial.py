"""How kernels begin, against what initialisers would give them.

Glorot and Bengio (2010) draw with variance 2 / (fan in + fan out), He et al. (2015) with 2 / fan in. The norm of n
elements with standard deviation s is about s sqrt(n), so the first weight norm tells s.
"""

import math

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Tensor
from paramedic_service.rules.telemetry import Floats, Integers


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan in and fan out of a kernel: the last two axes are inputs and outputs, those before are receptive field."""
    receptive = math.prod(shape[:-2])
    return shape[-2] * receptive, shape[-1] * receptive


def oddity(rule: RuleDeclaration, tensor: Tensor, norm: float, last: bool) -> str:
    """How a kernel's beginning is odd: "zero", "small", "large", or empty.

    Args:
        rule: With its parameters.
        tensor: A kernel or recurrent kernel with at least two axes and an element count.
        norm: Of its first row.
        last: Whether it is the last kernel: heads often begin small or at zero, on purpose.
    """
    assert tensor.element_count
    if not math.isfinite(norm):
        return ""
    if norm == 0:
        return "" if last else "zero"
    deviation = norm / math.sqrt(tensor.element_count)
    inputs, outputs = fans(tensor.shape)
    he, glorot = math.sqrt(2 / inputs), math.sqrt(2 / (inputs + outputs))
    high, low = deviation / max(he, glorot), deviation / min(he, glorot)
    if high > rule["factor"] or (deviation**2 > rule["highest"] and high > rule["explained"]):
        return "large"
    if low < 1 / rule["factor"] or (deviation**2 < rule["lowest"] and low < 1 / rule["explained"]):
        return "" if last else "small"
    return ""


def odd_kernels(rule: RuleDeclaration, tensors: tuple[Tensor, ...], kernels: Integers, norms: Floats) -> dict[int, str]:
    """How kernels began oddly, by column of the tensor table.

    Args:
        rule: With its parameters.
        tensors: The table.
        kernels: int64 [kernels], their columns.
        norms: float32 [tensors], the first row.
    """
    odd: dict[int, str] = {}
    for column in kernels.tolist():
        tensor = tensors[column]
        if len(tensor.shape) > 1 and tensor.element_count:
            kind = oddity(rule, tensor, float(norms[column]), column == kernels[-1])
            if kind:
                odd[column] = kind
    return odd
