"""Rules on one rank of a distributed training beside the others: it is slow, its weights are others, or it is gone.

A rule folds the log of one rank and sees no other. Whoever sees them all compares them, and writes what came of it into
the log of the rank concerned; from there the rule sees it, live and in every replay.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paramedic_service.rules import availability
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor

NAMED = 8
"""Ranks that a sentence names."""

STRAGGLING_RANK = RuleDeclaration(
    id="straggling_rank",
    family="ranks",
    severity=Severity.WARNING,
    summary="A rank takes much longer for a step than the others, which wait for it.",
    requires=(availability.PACE,),
    parameters=(
        Parameter("ratio", 0.75, "median time a step over the rank's own, below which it straggles", "NVRx", "ratio"),
        Parameter("shortest", 0.005, "what it takes longer, below which the machine's own noise rules", unit="seconds"),
        Parameter(
            "patience", 3, "such comparisons in a row, of 16 steps each: checkpoints are single gaps", unit="checks"
        ),
        Parameter("resolve_after", 3, "comparisons in a row without one that resolve it", unit="checks"),
    ),
    remedies=(
        "Look at the rank's input: a slow disk, too few data loader workers, longer sequences than other ranks get.",
        "Look at its machine: clocks throttled by heat or power (nvidia-smi -q -d PERFORMANCE), other processes, swap.",
        "Give all ranks equal batches: a DistributedSampler with drop_last=True, sequences sorted by length.",
        "Move the rank to another machine, or leave the machine out, if it is slow again after a restart.",
    ),
)

DIVERGING_REPLICAS = RuleDeclaration(
    id="diverging_replicas",
    family="ranks",
    severity=Severity.CRITICAL,
    summary="Replicas that should have the same weights have different ones.",
    requires=(availability.REPLICAS,),
    parameters=(
        # Replicas that apply the same averaged gradient to the same weights stay equal to the last bit. Sums of squares
        # in another order differ by rounding: log2(n) units of 6e-8 for n elements added in a tree, 2e-6 for a billion.
        Parameter("tolerance", 1e-5, "difference of a tensor's norms over the larger one", unit="ratio"),
        Parameter("patience", 2, "such comparisons in a row", unit="checks"),
        Parameter("resolve_after", 2, "comparisons in a row without one that resolve it", unit="checks"),
    ),
    remedies=(
        "Wrap the model (DistributedDataParallel) and call the wrapped model, so that gradients are averaged.",
        "Begin from one set of weights: broadcast rank 0's, or load the same checkpoint on every rank.",
        "Change weights in the same way everywhere: no rank-dependent clipping, freezing, skipped step or seed.",
        "Average gradients at the step itself: leave no_sync before the last backward pass of an accumulation.",
    ),
)

LOST_RANK = RuleDeclaration(
    id="lost_rank",
    family="ranks",
    severity=Severity.CRITICAL,
    summary="A rank is gone without having ended, while others go on or failed.",
    requires=(),
    parameters=(),
    remedies=(
        "Look for who killed it: dmesg and the memory's high-water mark, the scheduler's log, exit code 137 or -9.",
        "Use less memory on that rank: smaller batches, fewer data loader workers, no list that grows.",
        "Restart from the last checkpoint; torchrun --max-restarts and paramedic.init(resume=...) do so by themselves.",
    ),
)

RULES = (STRAGGLING_RANK, DIVERGING_REPLICAS, LOST_RANK)

RANK_WISE = frozenset(rule.id for rule in RULES)
"""Rules whose findings are about one rank; those of others are about the training, in every rank that has them."""


@dataclass(slots=True)
class RankState:
    """State of the rules of one run: nothing beyond their episodes."""


class RankMonitor(Monitor[RankState]):
    """The rules on one rank beside the others."""

    rules = RULES
    state_type = RankState

    @property
    def lost(self) -> bool:
        """Whether the rank is gone."""
        return self[LOST_RANK].episode.open

    @property
    def tolerance(self) -> float:
        """Relative difference of norms that says nothing."""
        return self[DIVERGING_REPLICAS].rule["tolerance"]

    def pace_matters(self, seconds: float, median: float) -> bool:
        """Whether times a step change anything: the rank's own median and that over the ranks."""
        return self._straggles(seconds, median) or not self[STRAGGLING_RANK].idle

    def difference_matters(self, difference: float) -> bool:
        """Whether a difference of replicas changes anything."""
        return difference > self.tolerance or not self[DIVERGING_REPLICAS].idle

    def pace(self, rank: int, seconds: float, median: float, ranks: int, step: int, changes: Changes) -> None:
        """Takes in times a step up to some step: the rank's own median and that over so many ranks, seconds."""
        condition = self[STRAGGLING_RANK]
        verdict = None
        if self._straggles(seconds, median):
            threshold = condition.rule["ratio"]
            verdict = Verdict(
                f"Rank {rank} takes {seconds:.3g} s a step, {seconds / median:.2g} times the median of {ranks} ranks"
                f" ({median:.3g} s): the others wait for it.",
                (
                    Evidence("busy_seconds", step, median / seconds, "median over the rank's own", threshold=threshold),
                    Evidence("busy_seconds", step, seconds, f"seconds a step of rank {rank}"),
                    Evidence("busy_seconds", step, median, f"seconds a step, median of {ranks} ranks"),
                ),
            )
        condition.judged(changes, 0, step, verdict)

    def difference(
        self, tensor: str, difference: float, differing: Sequence[int], ranks: int, step: int, changes: Changes
    ) -> None:
        """Takes in how far the weights of so many replicas are apart at a step, relatively, and which differ."""
        condition = self[DIVERGING_REPLICAS]
        verdict = None
        if difference > self.tolerance:
            far = "in whether it is finite" if math.isinf(difference) else f"by {difference:.2g} of its norm"
            verdict = Verdict(
                f"{tensor} of {_named(differing)} differs from that of the other replicas, {ranks} in all,"
                f" {far} at step {step}.",
                (
                    Evidence(
                        "weight_norm",
                        step,
                        difference,
                        "difference over the larger norm",
                        tensor=tensor,
                        threshold=self.tolerance,
                    ),
                    *(
                        Evidence("weight_norm", step, float(rank), "rank that differs", tensor=tensor)
                        for rank in differing[:NAMED]
                    ),
                ),
            )
        condition.judged(changes, 0, step, verdict)

    def lose(self, rank: int, seconds: float, reporting: int, failed: int, step: int | None, changes: Changes) -> None:
        """Takes in that the rank's stream broke off so many seconds ago, while so many others report or failed."""
        when = "before its first step" if step is None else f"after step {step}"
        others = " and ".join(
            f"{count} other{'s' if count > 1 else ''} {what}"
            for count, what in ((reporting, "still reporting"), (failed, "failed since"))
            if count
        )
        verdict = Verdict(
            f"Rank {rank} is gone {when}: its stream broke off without an end, with {others}.",
            (Evidence("report", step or 0, seconds, f"seconds since the stream of rank {rank} broke off"),),
        )
        self[LOST_RANK].judged(changes, 0, step or 0, verdict)

    def back(self, step: int | None, changes: Changes) -> None:
        """Takes in that the rank is back, or no longer expected."""
        self[LOST_RANK].assessed(changes, step or 0, None)

    def _straggles(self, seconds: float, median: float) -> bool:
        rule = self[STRAGGLING_RANK].rule
        return median < rule["ratio"] * seconds and seconds - median >= rule["shortest"]


def _named(ranks: Sequence[int]) -> str:
    """The ranks in words."""
    names = [str(rank) for rank in ranks[:NAMED]]
    if len(ranks) > NAMED:
        names.append(f"{len(ranks) - NAMED} more")
    if len(names) == 1:
        return f"rank {names[0]}"
    return f"ranks {', '.join(names[:-1])} and {names[-1]}"
