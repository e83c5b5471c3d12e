"""What is wrong with a specification, and where."""


class SpecError(ValueError):
    """A specification cannot be reproduced as it stands.

    Attributes:
        field: Path of what is wrong, in the words of the contract: "description.model.layers[3].settings.rate".
        reason: What is wrong with it, and what would be right.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
