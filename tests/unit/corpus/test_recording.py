"""Compact recordings hold the bytes of the client's spool."""

import lzma
from pathlib import Path

import pytest

import paramedic
from corpus.recording import entries, pack
from paramedic.segment import read_segment
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest


def spool(directory: Path) -> None:
    run = paramedic.init("corpus", mode="offline", id="run", spool_dir=directory)
    for step in range(100):
        run.log(step, loss=1 / 3 + step)
    run.finish()


def test_every_entry_comes_back_bit_for_bit(tmp_path: Path) -> None:
    spool(tmp_path / "spool")
    (segment,) = (tmp_path / "spool").rglob("*.spool")
    spooled = [payload for _, payload in read_segment(segment) if isinstance(payload, bytes)]
    pack(tmp_path / "spool", tmp_path / "run.spool.xz")
    read = list(entries(tmp_path / "run.spool.xz", tmp_path))
    assert read == spooled[1:]
    losses = [value for each in read for column in StreamTelemetryRequest.FromString(each).batch.scalars
              for value in column.values]  # fmt: skip
    assert losses == [1 / 3 + step for step in range(100)]


def test_a_decompressed_recording_is_a_spool_file(tmp_path: Path) -> None:
    spool(tmp_path / "spool")
    pack(tmp_path / "spool", tmp_path / "run.spool.xz")
    (segment,) = (tmp_path / "spool").rglob("*.spool")
    assert lzma.decompress((tmp_path / "run.spool.xz").read_bytes()) == segment.read_bytes()


def test_a_recording_is_of_one_run(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    with pytest.raises(ValueError, match="holds 0 recorded runs"):
        pack(tmp_path / "spool", tmp_path / "run.spool.xz")


def test_damage_is_told_rather_than_passed_over(tmp_path: Path) -> None:
    spool(tmp_path / "spool")
    pack(tmp_path / "spool", tmp_path / "run.spool.xz")
    whole = lzma.decompress((tmp_path / "run.spool.xz").read_bytes())
    (tmp_path / "run.spool.xz").write_bytes(lzma.compress(whole[:-3]))
    with pytest.raises(ValueError, match="damaged"):
        list(entries(tmp_path / "run.spool.xz", tmp_path))
