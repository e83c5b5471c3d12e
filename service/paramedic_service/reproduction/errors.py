"""What can go wrong with a call about reproductions; `api.errors` turns these into statuses."""


class ReproductionNotFoundError(Exception):
    """There is no reproduction of this id."""


class QueueFullError(Exception):
    """As many reproductions wait as may."""
