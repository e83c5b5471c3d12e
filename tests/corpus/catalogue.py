"""Every run of the corpus."""

from dataclasses import dataclass
from zlib import crc32

from corpus.faults import architecture, inputs, optimisation, output, recurrence
from corpus.faults import high_starts as high_start_faults
from corpus.faults import second_draw as second_faults
from corpus.programs import high_starts, images, second_draw, sequences, tables, texts
from corpus.programs.program import HEALTHY, Fault, Program

SEEDS = (0, 1, 2)

PROGRAMS: tuple[Program, ...] = (
    *images.PROGRAMS, *tables.PROGRAMS, *sequences.PROGRAMS, *texts.PROGRAMS,
    *high_starts.PROGRAMS, *second_draw.PROGRAMS,
)  # fmt: skip
FAULTS: tuple[Fault, ...] = (
    *optimisation.FAULTS, *architecture.FAULTS, *recurrence.FAULTS, *output.FAULTS, *inputs.FAULTS,
    *high_start_faults.FAULTS, *second_faults.FAULTS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planned:
    """One run.

    Attributes:
        program: As it is healthy.
        fault: Its edit; None for a healthy run.
        seed: Of everything that is random.
    """

    program: Program
    fault: Fault | None
    seed: int

    @property
    def id(self) -> str:
        """Unique: program, fault and seed."""
        return f"{self.program.id}.{self.fault.id if self.fault else HEALTHY}.{self.seed}"

    @property
    def trained(self) -> Program:
        """The program as it is trained."""
        return self.fault.edited if self.fault else self.program


def planned() -> dict[str, Planned]:
    """All runs by id: every program with every seed, and every fault in every program with one of them."""
    runs = [Planned(program, None, seed) for program in PROGRAMS for seed in SEEDS]
    runs += [Planned(fault.program, fault, SEEDS[_drawn(fault) % len(SEEDS)]) for fault in FAULTS]
    found = {run.id: run for run in runs}
    if len(found) < len(runs):
        raise ValueError("two runs of the corpus have the same id")
    return found


def _drawn(fault: Fault) -> int:
    """A number that stays the same whatever is added to the catalogue."""
    return crc32(f"{fault.program.id}.{fault.id}".encode())
