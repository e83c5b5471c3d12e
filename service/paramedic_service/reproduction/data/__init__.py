"""Samples for reproductions: made up from a reported profile, shared by the run's author, or bundled.

Samples that are made up follow the profile: shapes, marginals, padding, missing values, frequencies of classes. A few
hidden factors lie behind each of them; what is drawn of the inputs shows these factors in the way that suits their kind
(over time, in patches, by words), and a teacher network reads the targets off the factors. So a model that fits the
inputs can learn the targets, which it never could if they were drawn on their own.
"""

from paramedic_service.reproduction.data.bundled import BUNDLED
from paramedic_service.reproduction.data.drawing import draw
from paramedic_service.reproduction.data.samples import DataError, Samples
from paramedic_service.reproduction.data.transforming import transform
from paramedic_service.reproduction.data.weights import class_weights

__all__ = ["BUNDLED", "DataError", "Samples", "class_weights", "draw", "transform"]
