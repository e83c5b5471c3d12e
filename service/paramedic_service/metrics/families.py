"""The metrics of runs, in the order in which they are exposed."""

from paramedic_service.metrics.text import Family

INFO = Family("paramedic_run_info", "What the run is, in its labels; always 1.")
STEP = Family("paramedic_run_step", "Highest step that the run has reported, in steps.")
LAST_REPORT = Family(
    "paramedic_run_last_report_timestamp_seconds",
    "Client clock of the run's latest report, in seconds since the Unix epoch.",
)
LOSS = Family("paramedic_run_loss", "Latest training loss, in units of the run's loss function; NaN is data.")
GRADIENT_NORM = Family(
    "paramedic_run_gradient_norm",
    "Latest L2 norm of all gradients together, before clipping, in units of the loss per unit of the weights.",
)
FINDINGS = Family("paramedic_run_findings", "1 for each finding of the run that is open.")
INCIDENT = Family(
    "paramedic_run_incident",
    "1 for each open incident of the run, with its likeliest cause and remedy and what a reproduction of it said.",
)
SCALAR = Family("paramedic_run_scalar", "Latest value of any other scalar signal, in the unit in which it was logged.")
TENSOR_GRADIENT_NORM = Family(
    "paramedic_run_tensor_gradient_norm",
    "Latest L2 norm of one tensor's gradient, before clipping, in units of the loss per unit of the weights; of an"
    " attempt's lowest rank.",
)
TENSOR_UPDATE_RATIO = Family(
    "paramedic_run_tensor_update_ratio",
    "Latest L2 norm of what one update added to a tensor, over the L2 norm of the tensor; of an attempt's lowest rank.",
)

RUN_FAMILIES = (
    INFO,
    STEP,
    LAST_REPORT,
    LOSS,
    GRADIENT_NORM,
    FINDINGS,
    INCIDENT,
    SCALAR,
    TENSOR_GRADIENT_NORM,
    TENSOR_UPDATE_RATIO,
)

SERIES_DROPPED = Family(
    "paramedic_exposition_series_dropped",
    "Series of runs that this scrape leaves out because the family is at its bound, by family.",
)
