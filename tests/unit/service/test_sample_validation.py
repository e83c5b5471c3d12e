import pytest

from paramedic.v1.telemetry_pb2 import SampleArray, SampleHeader
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.sample_validation import validate_sample


def header(
    *inputs: SampleArray, targets: tuple[SampleArray, ...] = (SampleArray(shape=[10], dtype="int64"),)
) -> SampleHeader:
    return SampleHeader(inputs=inputs or (SampleArray(shape=[10, 4], dtype="float32"),), targets=targets)


def test_a_sound_header_tells_how_many_bytes_follow() -> None:
    assert validate_sample(header(), 1000) == 10 * 4 * 4 + 10 * 8


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (header(targets=()), "header.targets"),
        (SampleHeader(targets=[SampleArray(shape=[1], dtype="bool")]), "header.inputs"),
        (header(SampleArray(shape=[10], dtype="object")), "header.inputs[0].dtype"),
        (header(SampleArray(shape=[10], dtype="float32\n; import os")), "header.inputs[0].dtype"),
        (header(SampleArray(shape=[], dtype="bool")), "header.inputs[0].shape"),
        (header(SampleArray(shape=[10] + [1] * 8, dtype="bool")), "header.inputs[0].shape"),
        (header(SampleArray(shape=[10, 0], dtype="bool")), "header.inputs[0].shape"),
        (header(SampleArray(shape=[10, -1], dtype="bool")), "header.inputs[0].shape"),
        (header(SampleArray(shape=[-10, -4], dtype="bool")), "header.inputs[0].shape"),
        (header(SampleArray(shape=[10], dtype="bool"), SampleArray(shape=[9], dtype="bool")), "header.inputs[1].shape"),
        (header(SampleArray(shape=[10, 2**62, 2**62], dtype="bool")), "header"),
        (header(SampleArray(name="a\x00b", shape=[10], dtype="bool")), "header.inputs[0].name"),
        (header(*[SampleArray(shape=[10], dtype="bool")] * 65), "header.inputs"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_is_refused_by_its_field(bad: SampleHeader, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        validate_sample(bad, 1000)
    assert refused.value.field == field
