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
INCIDENTS = Family("paramedic_run_incidents", "Open incidents of the run, by severity.")
SCALAR = Family("paramedic_run_scalar", "Latest value of any other scalar signal, in the unit in which it was logged.")
TENSOR_GRADIENT_NORM = Family(
    "paramedic_run_tensor_gradient_norm",
    "Latest L2 norm of one tensor's gradient, before clipping, in units of the loss per unit of the weights.",
)

RUN_FAMILIES = (INFO, STEP, LAST_REPORT, LOSS, GRADIENT_NORM, FINDINGS, INCIDENTS, SCALAR, TENSOR_GRADIENT_NORM)

SERIES_DROPPED = Family(
    "paramedic_exposition_series_dropped",
    "Series of runs that this scrape leaves out because the family is at its bound, by family.",
)
