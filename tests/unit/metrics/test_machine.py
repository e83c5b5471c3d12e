from paramedic_service.metrics.machine import MachineCollector


def sizes(url):
    return {family.name: family.samples[0].value for family in MachineCollector(url).collect()}


def test_a_file_has_a_size_and_room_beside_it(tmp_path):
    (tmp_path / "paramedic.db").write_bytes(b"x" * 1000)
    (tmp_path / "paramedic.db-wal").write_bytes(b"x" * 24)
    read = sizes(f"sqlite:///{tmp_path / 'paramedic.db'}")
    assert read["paramedic_store_bytes"] == 1024
    assert read["paramedic_store_free_bytes"] > 0


def test_a_store_elsewhere_has_neither_here():
    assert sizes("postgresql+psycopg://user@host/database").keys() == {"paramedic_memory_limit_bytes"}


def test_memory_is_bounded_by_the_container_or_the_machine():
    assert 2**20 < sizes("sqlite:////tmp/nothing.db")["paramedic_memory_limit_bytes"] < 2**50
