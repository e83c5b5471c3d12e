"""What may be reproduced: specifications checked against an allow-list and bounds, without any framework.

A specification is hostile until proven otherwise. Everything in it is read as data: a kind of layer, an activation or a
loss is looked up in a table here, and what is not in a table is refused with the path of its field. Nothing is
imported, executed or opened, and sizes are computed before anything of that size exists.
"""

from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.planning import plan, plan_workload
from paramedic_service.reproduction.plan.plans import (
    ArmPlan,
    DataOperation,
    LayerPlan,
    LossPlan,
    ModelPlan,
    OptimizerPlan,
    Part,
    Plan,
    WorkloadArm,
    WorkloadPlan,
)

__all__ = [
    "ArmPlan",
    "DataOperation",
    "LayerPlan",
    "Limits",
    "LossPlan",
    "ModelPlan",
    "OptimizerPlan",
    "Part",
    "Plan",
    "SpecError",
    "WorkloadArm",
    "WorkloadPlan",
    "plan",
    "plan_workload",
]
