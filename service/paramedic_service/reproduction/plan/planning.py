"""From a specification to a plan."""

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.plans import Plan, WorkloadPlan


def plan(spec: ReproductionSpec, limits: Limits) -> Plan:
    """Checks a specification that has a description, and plans its trainings.

    Raises:
        SpecError: It names what is not known, holds nonsense, or asks for more than the limits; also where only the
            training as reported does not fit. A remedy that does not fit is told by its arm's `error`.
    """
    raise SpecError("description", "planning is being written")


def plan_workload(spec: ReproductionSpec, limits: Limits) -> WorkloadPlan:
    """Checks a specification that names a workload; an arm's patch replaces fields of its arguments.

    Raises:
        SpecError: As with `plan`.
    """
    raise SpecError("workload", "planning is being written")
