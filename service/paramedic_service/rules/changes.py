"""Changes of findings in the order in which the log brings them about."""

from dataclasses import dataclass, field

from paramedic_service.rules.finding import Finding


@dataclass(slots=True)
class Changes:
    """Collects changes from rules that look at the same rows one after another.

    Rules are evaluated a block of rows at a time, but their findings belong in the order of the rows; within a row,
    in the order of the catalogue. Otherwise the order would depend on how the rows were cut into batches.
    """

    found: list[tuple[int, Finding]] = field(default_factory=list)

    def add(self, row: int, finding: Finding | None) -> None:
        """Notes a change that a row brought about; None is no change."""
        if finding is not None:
            self.found.append((row, finding))

    def in_order(self, precedence: dict[str, int]) -> list[Finding]:
        """All changes by row, then by the rule's place in the catalogue."""
        self.found.sort(key=lambda change: (change[0], precedence[change[1].rule]))
        return [finding for _, finding in self.found]
