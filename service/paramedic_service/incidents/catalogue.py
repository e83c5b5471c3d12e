"""All causes that are looked for."""

from paramedic_service.incidents import (
    causes_architecture,
    causes_data,
    causes_gradients,
    causes_optimisation,
    causes_ranks,
    causes_run,
)
from paramedic_service.incidents.evidence import CauseDeclaration

CAUSES: tuple[CauseDeclaration, ...] = (
    *causes_optimisation.CAUSES,
    *causes_gradients.CAUSES,
    *causes_architecture.CAUSES,
    *causes_data.CAUSES,
    *causes_run.CAUSES,
    *causes_ranks.CAUSES,
)
