"""All rules, in the order in which their findings are told."""

from typing import Any

from paramedic_service.rules.accumulation import AccumulationMonitor
from paramedic_service.rules.activations_monitor import ActivationMonitor
from paramedic_service.rules.clipping import ClippingMonitor
from paramedic_service.rules.config_monitor import ConfigMonitor
from paramedic_service.rules.data_monitor import DataMonitor
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.errors import ErrorMonitor
from paramedic_service.rules.gradient_monitor import GradientMonitor
from paramedic_service.rules.learning_monitor import LearningMonitor
from paramedic_service.rules.loss_monitor import LossMonitor
from paramedic_service.rules.metrics_monitor import MetricsMonitor
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.noise_scale import NoiseMonitor
from paramedic_service.rules.ranks import RankMonitor
from paramedic_service.rules.rhythm import RhythmMonitor
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.steps import StepMonitor
from paramedic_service.rules.through_time import ThroughTimeMonitor
from paramedic_service.rules.weights_monitor import WeightMonitor

MONITORS: tuple[type[Monitor[Any]], ...] = (
    LossMonitor,
    LearningMonitor,
    MetricsMonitor,
    GradientMonitor,
    RhythmMonitor,
    ErrorMonitor,
    ConfigMonitor,
    DataMonitor,
    ThroughTimeMonitor,
    ActivationMonitor,
    WeightMonitor,
    AccumulationMonitor,
    ClippingMonitor,
    NoiseMonitor,
    StepMonitor,
    RankMonitor,
)
"""One a family."""

RULES: tuple[RuleDeclaration, ...] = tuple(rule for monitor in MONITORS for rule in monitor.rules)

PRECEDENCE: dict[str, int] = {rule.id: place for place, rule in enumerate(RULES)}
"""Place of each rule in the catalogue."""

DEFAULTS = Rulebook(RULES)
"""Every rule with its defaults."""
