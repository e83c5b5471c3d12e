"""Causes in a training of many processes: one is gone, one is slow, or they do not train the same model."""

from paramedic_service.incidents import readings, remedies
from paramedic_service.incidents.evidence import CauseDeclaration, fact, found, raised
from paramedic_service.rules.errors_messages import Fault

KILLED = CauseDeclaration(
    id="killed_process",
    title="The process was killed, or died without a word",
    clues=(found(4.0, "lost_rank"), found(0.7, "stalled_run"), raised(-3.0, Fault.MEMORY)),
    effects=("straggling_rank",),
    remedies=(
        remedies.words(
            "Look for who killed it: `dmesg -T | grep -i -E 'killed process|oom'` on its machine, the scheduler's log"
            " (sacct, kubectl describe pod), exit code 137 or -9."
        ),
        remedies.words("Where memory ran out: smaller batches, fewer data loader workers, no list that grows."),
        remedies.words(
            "Restart from the last checkpoint: with run.checkpoint() in it, paramedic.init(resume=...) goes on with the"
            " run as its next attempt; torchrun --max-restarts restarts by itself."
        ),
    ),
)

LOST_PEER = CauseDeclaration(
    id="lost_peer",
    title="Another rank died or stalled, and took this one with it",
    clues=(raised(4.5, Fault.PEER),),
    effects=("stalled_run",),
    remedies=(
        remedies.words(
            "Look at the rank that went first, not at this one: `paramedic findings --rule lost_rank` names it and its"
            " last step."
        ),
        remedies.words("Where no rank is lost, look for one that stalls: its log, py-spy dump, its data loader."),
    ),
)

UNEVEN_INPUT = CauseDeclaration(
    id="uneven_input",
    title="A rank has more to do for its input than the others",
    clues=(found(3.0, "straggling_rank"), found(-1.5, "slow_steps")),
    remedies=(
        remedies.words("Give the rank's data loader more workers, and its data a disk that is as fast as the others'."),
        remedies.words("Give all ranks equal batches: a DistributedSampler, sequences sorted or bucketed by length."),
        remedies.words("Write checkpoints, logs and validation on a thread, or share them out: rank 0 often does all."),
    ),
)

SLOW_MACHINE = CauseDeclaration(
    id="slow_machine",
    title="A rank's machine is slow: heat, power, or others that use it",
    clues=(found(2.2, "straggling_rank"), found(1.5, "slow_steps")),
    effects=("slow_first_step",),
    remedies=(
        remedies.words("Look for throttled clocks (nvidia-smi -q -d PERFORMANCE, dmesg) and for other processes."),
        remedies.words("Compare with the rank on another machine; leave the machine out if it stays slow."),
        remedies.words("Pin each rank to processor cores of its own, near its accelerator (numactl, --cpu-bind)."),
    ),
)

NOT_AVERAGED = CauseDeclaration(
    id="replicas_not_averaged",
    title="The replicas do not train one model: gradients are not averaged, or weights began apart",
    clues=(found(3.0, "diverging_replicas"), fact(-2.0, readings.replicas_parted_late)),
    remedies=(
        remedies.words("Wrap the model, and call the wrapped one: model = DistributedDataParallel(model)."),
        remedies.words("Begin from one set of weights: the same seed, rank 0's broadcast, or one checkpoint for all."),
        remedies.words("Leave no_sync before the last backward pass of an accumulation."),
    ),
)

DRIFTED = CauseDeclaration(
    id="replica_drift",
    title="A replica changes its weights in its own way",
    clues=(found(2.0, "diverging_replicas"), fact(1.5, readings.replicas_parted_late)),
    remedies=(
        remedies.words(
            "Look for what only some ranks do: a step skipped for NaN, clipping before the gradients are averaged, a"
            " learning rate or a frozen layer that depends on the rank, buffers that are not synchronised."
        ),
        remedies.words("Look for draws from rank-dependent seeds, and for algorithms that are not deterministic."),
        remedies.words("Broadcast the weights at every checkpoint. The same rank every time: suspect its accelerator."),
    ),
)

CAUSES = (KILLED, LOST_PEER, UNEVEN_INPUT, SLOW_MACHINE, NOT_AVERAGED, DRIFTED)
