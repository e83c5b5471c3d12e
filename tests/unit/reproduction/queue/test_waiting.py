from paramedic_service.reproduction.waiting import WaitingLine


def everybody(line: WaitingLine) -> list[str]:
    names = []
    while (name := line.next()) is not None:
        names.append(name)
    return names


def test_higher_priorities_come_first_and_equal_ones_in_the_order_of_their_numbers() -> None:
    line = WaitingLine()
    for name, priority, number in [("d", 0, 4), ("a", 5, 3), ("e", -1, 1), ("c", 0, 2), ("b", 5, 9)]:
        line.join(name, priority, number)

    assert everybody(line) == ["a", "b", "c", "d", "e"]


def test_who_leaves_is_not_called() -> None:
    line = WaitingLine()
    line.join("a", 0, 1)
    line.join("b", 0, 2)

    assert line.leave("a")
    assert not line.leave("a")
    assert len(line) == 1
    assert everybody(line) == ["b"]


def test_who_comes_back_is_called_once_and_keeps_its_place() -> None:
    line = WaitingLine()
    line.join("a", 0, 1)
    line.join("b", 0, 2)
    line.leave("a")
    line.join("a", 0, 1)

    assert everybody(line) == ["a", "b"]
