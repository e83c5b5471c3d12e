"""What the state of a diagnosis goes through when it is kept."""

import msgpack
import numpy as np


def through_storage(state: dict) -> dict:
    """What a snapshot goes through: plain values by msgpack, arrays by their bytes."""

    def pack(value: object) -> object:
        assert isinstance(value, np.ndarray)
        return {"dtype": value.dtype.str, "shape": list(value.shape), "bytes": value.tobytes()}

    def unpack(value: dict) -> object:
        if value.keys() == {"dtype", "shape", "bytes"}:
            return np.frombuffer(value["bytes"], value["dtype"]).reshape(value["shape"]).copy()
        return value

    return msgpack.unpackb(msgpack.packb(state, default=pack), object_hook=unpack)
