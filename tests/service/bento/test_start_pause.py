"""When a worker may be started again."""

from service.bento.start_pause import LONGEST_SECONDS, MEMORY_SECONDS, StartPause


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_pauses_grow_after_the_first_deaths_up_to_the_longest() -> None:
    clock = Clock()
    pause = StartPause(2, clock)
    pauses = [pause.note_death() for _ in range(9)]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS]


def test_a_pause_is_over_after_its_time() -> None:
    clock = Clock()
    pause = StartPause(0, clock)
    assert pause.over
    assert pause.note_death() == 1
    assert not pause.over
    clock.now += 1
    assert pause.over


def test_deaths_are_forgotten() -> None:
    clock = Clock()
    pause = StartPause(1, clock)
    for _ in range(1000):
        pause.note_death()
    clock.now += MEMORY_SECONDS
    assert pause.note_death() == 0
    assert pause.deaths == 1
