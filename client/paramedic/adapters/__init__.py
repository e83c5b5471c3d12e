"""Other loggers' calls, so that one line of a training changes: its import."""
