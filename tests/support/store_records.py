"""Short ways to write store records in tests."""

from paramedic_service.store.records import FindingRecord, LogRecord, RunKey


def entry(run: int, sequence: int | None, step: int | None = None, body: bytes = b"body", rows: int = 1) -> LogRecord:
    """A log entry whose rows all have one step."""
    return LogRecord(run, sequence, rows, step, step, body)


def finding(
    key: RunKey, rule: str, changed_at: float, *, severity: int = 2, is_open: bool = True, body: bytes = b"finding"
) -> FindingRecord:
    """A finding of a rule."""
    return FindingRecord(key, rule, severity, is_open, changed_at, body)
