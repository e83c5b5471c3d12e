"""How far a loop is with its step: when its row is complete."""


class Step:
    """What a loop did since its last row.

    A step is an update by every optimizer. Loops say what their loss was before or after it, once or at each of several
    backward passes; so a row waits for as many logs as there were backward passes, but only until the next one begins.
    A loop that says less than that is waited for once.

    Attributes:
        complete: Whether every optimizer has updated what it trains.
        updating: Whether an optimizer is at it.
        ended: When they had, seconds since the Unix epoch.
        rested: Whether nothing was measured of it.
    """

    def __init__(self, optimizers: int) -> None:
        """Nothing was done yet.

        Args:
            optimizers: How many there are.
        """
        self.complete = False
        self.updating = False
        self.ended = 0.0
        self.rested = False
        self._optimizers = optimizers
        self._measurements = 0
        self._used = [0] * optimizers
        self._updated: set[int] = set()
        self._backwards = 0
        self._usual_backwards = 1
        self._logs = 0
        self._one_suffices = False

    def measured(self) -> None:
        """Gradients were measured, and wait for their optimizers."""
        self._measurements += 1

    def forget_measured(self) -> None:
        """What was measured of gradients is lost."""
        self._used = [self._measurements] * self._optimizers

    def is_measured(self, optimizer: int) -> bool:
        """Whether gradients were measured since an optimizer's last update."""
        return self._used[optimizer] < self._measurements

    def went_back(self) -> None:
        """A backward pass ended."""
        self._backwards += 1

    def end(self, now: float) -> None:
        """Every optimizer has updated.

        Args:
            now: When that was, seconds since the Unix epoch.
        """
        self.complete = True
        self.ended = now

    def rest(self, now: float) -> None:
        """The only optimizer has updated, and nothing was measured; the loop went back as often as it did before.

        Args:
            now: When that was, seconds since the Unix epoch.
        """
        self.end(now)
        self.rested = True
        self._backwards = self._usual_backwards

    def said(self) -> None:
        """The loop logged its loss."""
        self._logs += 1

    def updated(self, optimizer: int) -> bool:
        """An optimizer has updated; whether it was the last one."""
        self._used[optimizer] = self._measurements
        self._updated.add(optimizer)
        return len(self._updated) == self._optimizers

    def has_updated(self, optimizer: int) -> bool:
        """Whether an optimizer has updated: when it does again, that is another step."""
        return optimizer in self._updated

    @property
    def may_close(self) -> bool:
        """Whether nothing more is to come for its row."""
        return self.complete and self._logs >= (1 if self._one_suffices else max(1, self._backwards))

    def close(self) -> None:
        """Its row is written; what follows belongs to the next."""
        if self._logs and not self.may_close:
            self._one_suffices = True
        if not self.rested:
            self._usual_backwards = self._backwards
        self.complete = False
        self.rested = False
        self._updated.clear()
        self._backwards = self._logs = 0
