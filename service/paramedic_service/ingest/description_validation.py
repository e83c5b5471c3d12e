"""Checks descriptions of trainings."""

from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.ingest.refusal import MAX_COUNT, MAX_NAME_CHARACTERS, InvalidRequestError, Problem, check_name


def check_description(description: RunDescription, max_tensors: int) -> None:
    """Refuses tables that nothing can be indexed by.

    Args:
        description: As received.
        max_tensors: Most tensors, and most probed layers, taken.

    Raises:
        InvalidRequestError: The description is refused.
    """
    _check_tensors(description, max_tensors)
    _check_probed_layers(description, max_tensors)


def _check_tensors(description: RunDescription, max_tensors: int) -> None:
    if len(description.tensors) > max_tensors:
        raise InvalidRequestError(
            "description.tensors",
            f"got {len(description.tensors)}, and this service takes {max_tensors} at most",
            Problem.LIMIT,
        )
    names: set[str] = set()
    for index, tensor in enumerate(description.tensors):
        path = f"description.tensors[{index}]"
        check_name(tensor.name, f"{path}.name", MAX_NAME_CHARACTERS)
        if tensor.name in names:
            raise InvalidRequestError(f"{path}.name", f"{tensor.name!r} came already in this table", Problem.DUPLICATE)
        names.add(tensor.name)
        if tensor.layer:
            check_name(tensor.layer, f"{path}.layer", MAX_NAME_CHARACTERS)
        if tensor.element_count > MAX_COUNT:
            raise InvalidRequestError(
                f"{path}.element_count", f"got {tensor.element_count}, expected at most 2^53", Problem.RANGE
            )
        if any(size < 0 for size in tensor.shape):
            raise InvalidRequestError(
                f"{path}.shape", f"got {list(tensor.shape)}, expected sizes from 0", Problem.RANGE
            )


def _check_probed_layers(description: RunDescription, max_layers: int) -> None:
    if len(description.probed_layers) > max_layers:
        raise InvalidRequestError(
            "description.probed_layers",
            f"got {len(description.probed_layers)}, and this service takes {max_layers} at most",
            Problem.LIMIT,
        )
    names: set[str] = set()
    for index, name in enumerate(description.probed_layers):
        path = f"description.probed_layers[{index}]"
        check_name(name, path, MAX_NAME_CHARACTERS)
        if name in names:
            raise InvalidRequestError(path, f"{name!r} came already in this table", Problem.DUPLICATE)
        names.add(name)
