"""Past runs: what other loggers wrote down, as runs of Paramedic."""
