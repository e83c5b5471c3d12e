"""What jobs ask of a Ray cluster, and how many of them it has room for."""

from paramedic_service.reproduction.executors.devices import GPU_MEMORY
from paramedic_service.reproduction.executors.ray_cluster import Cluster, asked, count_slots

GIBIBYTE = 1024.0**3
CLUSTER = Cluster("10.0.0.1:6379", memory=2 * 1024**3, framework_memory=3 * 1024**3, jobs=2)
PLAIN = {"CPU": 16.0, "memory": 64 * GIBIBYTE}
WITH_GPUS = PLAIN | {"GPU": 4.0}


def slots(cluster: Cluster, *nodes: dict[str, float]) -> int:
    return count_slots(cluster, nodes, asked(cluster, nodes))


def test_a_job_asks_for_a_gpu_where_there_is_any_and_for_the_memory_that_it_takes() -> None:
    assert asked(CLUSTER, [PLAIN]) == {"CPU": 1.0, "memory": 5 * GIBIBYTE}
    assert asked(CLUSTER, [PLAIN, WITH_GPUS]) == {"CPU": 1.0, "memory": 5 * GIBIBYTE + GPU_MEMORY, "GPU": 1.0}


def test_with_gpus_there_is_room_for_one_job_on_each() -> None:
    assert slots(CLUSTER, PLAIN, WITH_GPUS, WITH_GPUS) == 8


def test_without_gpus_a_node_has_room_for_as_many_as_one_machine() -> None:
    assert slots(CLUSTER, PLAIN, PLAIN) == 4


def test_a_node_without_the_memory_or_the_processors_has_no_room() -> None:
    assert slots(CLUSTER, PLAIN | {"memory": 4 * GIBIBYTE}, PLAIN | {"CPU": 0.0}, PLAIN | {"CPU": 1.0}) == 1


def test_a_custom_resource_keeps_jobs_to_the_nodes_that_have_it() -> None:
    cluster = Cluster("10.0.0.1:6379", memory=1, framework_memory=1, jobs=2, resource="paramedic")

    assert asked(cluster, [PLAIN])["paramedic"] == 1.0
    assert slots(cluster, PLAIN, PLAIN | {"paramedic": 1.0}) == 1


def test_a_cluster_without_nodes_has_no_room() -> None:
    assert slots(CLUSTER) == 0


def test_a_cluster_travels_as_an_argument() -> None:
    cluster = Cluster("10.0.0.1:6379", memory=1, framework_memory=2, jobs=3, resource="r", command=("python", "-P"))

    assert Cluster.from_json(cluster.to_json()) == cluster
