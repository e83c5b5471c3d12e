"""Causes in the training process itself: it stalled, or it raised. Those among many processes: `causes_ranks`."""

from paramedic_service.incidents import remedies
from paramedic_service.incidents.evidence import CauseDeclaration, found, raised
from paramedic_service.rules.errors_messages import Fault

OUT_OF_MEMORY = CauseDeclaration(
    id="out_of_memory",
    title="The training ran out of memory",
    clues=(raised(5.0, Fault.MEMORY), found(1.0, "lost_rank"), found(0.5, "stalled_run")),
    remedies=(remedies.smaller_batches, remedies.widen(0.5), remedies.shorten),
)

TRAINING_ERROR = CauseDeclaration(
    id="training_error",
    title="The training raised an error",
    clues=(
        found(2.0, "training_error"),
        raised(-2.0, Fault.MEMORY, Fault.SHAPE, Fault.RAGGED, Fault.LABEL_RANGE, Fault.NONFINITE, Fault.DISCONNECTED),
        raised(-3.0, Fault.PEER),
        found(-1.0, "input_shape", "label_range", "output_layer"),
    ),
    remedies=(remedies.words("Do what the error's finding says."),),
)

STALLED = CauseDeclaration(
    id="stalled",
    title="The training stalled or slowed down",
    clues=(
        found(4.0, "stalled_run"),
        found(3.0, "slow_first_step", "slow_steps"),
        found(3.0, "restarted_earlier"),
    ),
    remedies=(
        remedies.words("Look at the process: its log, its data pipeline, its accelerator, other users of the machine."),
    ),
)

CAUSES = (OUT_OF_MEMORY, TRAINING_ERROR, STALLED)
