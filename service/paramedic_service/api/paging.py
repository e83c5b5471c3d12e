"""What listings have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from paramedic_service.ingest.errors import InvalidArgumentError

DEFAULT_PAGE, LARGEST_PAGE = 100, 1000


@contextmanager
def what_the_caller_got_wrong() -> Iterator[None]:
    """Page tokens and states are judged by whoever reads them; what they refuse is the caller's to mend."""
    try:
        yield
    except ValueError as error:
        raise InvalidArgumentError(str(error)) from error


def page_size(asked: int) -> int:
    """How many items a page has.

    Args:
        asked: As in the request; 0 when it says nothing.

    Raises:
        InvalidArgumentError: More than a page may have.
    """
    if asked > LARGEST_PAGE:
        raise InvalidArgumentError(f"page_size: got {asked}, expected at most {LARGEST_PAGE}")
    return asked or DEFAULT_PAGE
