"""What the service measures of itself."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# Reasons a client may give for dropping rows; others are counted as "other", so that no client can add series.
DROP_REASONS = frozenset({"buffer_full", "spool_full", "oversized", "rejected", "disk_error"})

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SLOW = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Instruments:
    """The service's own counters, in a registry of their own.

    Every label takes its values from a fixed set, so the number of series does not grow with use.

    Attributes:
        registry: Holds all of them, ready for exposition.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.rpcs = Counter(
            "paramedic_rpcs", "Calls that ended, by method and status.", ["method", "code"], registry=self.registry
        )
        self.rpc_seconds = Histogram(
            "paramedic_rpc_duration_seconds",
            "Duration of calls that ended, by method; a stream lasts as long as it is open.",
            ["method"],
            buckets=_FAST,
            registry=self.registry,
        )
        self.streams = Gauge("paramedic_open_streams", "Telemetry streams open now.", registry=self.registry)
        self.runs = Gauge("paramedic_runs_in_memory", "Runs held in memory.", registry=self.registry)

        self.entries = Counter(
            "paramedic_ingest_entries", "Log entries made durable, by kind.", ["kind"], registry=self.registry
        )
        self.rows = Counter("paramedic_ingest_rows", "Rows made durable.", registry=self.registry)
        self.bytes = Counter("paramedic_ingest_bytes", "Bytes of entries made durable.", registry=self.registry)
        self.repetitions = Counter(
            "paramedic_ingest_repetitions", "Entries that were stored already when they came.", registry=self.registry
        )
        self.rejections = Counter(
            "paramedic_ingest_rejections", "Entries refused, by reason.", ["reason"], registry=self.registry
        )
        self.rejected_rows = Counter(
            "paramedic_ingest_rejected_rows", "Rows lost in refused entries.", registry=self.registry
        )
        self.queued_bytes = Gauge(
            "paramedic_ingest_queued_bytes", "Bytes of entries that wait to become durable.", registry=self.registry
        )
        self.dropped_rows = Counter(
            "paramedic_client_dropped_rows",
            "Rows that clients reported to have given up, by reason.",
            ["reason"],
            registry=self.registry,
        )

        self.commit_seconds = Histogram(
            "paramedic_commit_duration_seconds",
            "Time to make a group of entries durable.",
            buckets=_FAST,
            registry=self.registry,
        )
        self.commit_entries = Histogram(
            "paramedic_commit_entries", "Entries in a group.", buckets=_SIZES, registry=self.registry
        )
        self.commit_failures = Counter(
            "paramedic_commit_failures", "Groups that the store refused and that are retried.", registry=self.registry
        )
        self.checkpoint_seconds = Histogram(
            "paramedic_checkpoint_duration_seconds",
            "Time to store findings and snapshots of a group of runs.",
            buckets=_FAST,
            registry=self.registry,
        )
        self.checkpoint_failures = Counter(
            "paramedic_checkpoint_failures",
            "Checkpoints that the store refused and that are retried.",
            registry=self.registry,
        )
        self.fold_seconds = Histogram(
            "paramedic_fold_duration_seconds",
            "Time to judge the entries of one run in a group.",
            buckets=_FAST,
            registry=self.registry,
        )
        self.fold_failures = Counter(
            "paramedic_fold_failures",
            "Entries that are durable but that the rules failed to judge: a defect of a rule.",
            registry=self.registry,
        )
        self.findings = Counter(
            "paramedic_findings",
            "Changes of findings, by rule, severity and change.",
            ["rule", "severity", "change"],
            registry=self.registry,
        )
        self.notices = Counter(
            "paramedic_notices",
            "Attempts to tell people of an incident: delivered, failed, held_back by the rate limit, given_up.",
            ["outcome"],
            registry=self.registry,
        )

        self.reproductions = Counter(
            "paramedic_reproductions",
            "Reproductions that ended, by state and verdict.",
            ["state", "verdict"],
            registry=self.registry,
        )
        self.reproduction_seconds = Histogram(
            "paramedic_reproduction_duration_seconds",
            "Duration of reproductions that were started, from their last start to their end, by state.",
            ["state"],
            buckets=_SLOW,
            registry=self.registry,
        )
        self.reproductions_waiting = Gauge(
            "paramedic_reproductions_waiting", "Reproductions that wait for a device.", registry=self.registry
        )
        self.reproductions_running = Gauge(
            "paramedic_reproductions_running", "Reproductions that run now.", registry=self.registry
        )

    def count_dropped(self, reason: str, rows: int) -> None:
        """Counts rows that a client reported to have dropped."""
        self.dropped_rows.labels(reason if reason in DROP_REASONS else "other").inc(rows)
