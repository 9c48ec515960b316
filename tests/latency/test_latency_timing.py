"""Readings in turns, and what is said of them; the clock is imagined."""

import pytest

from nas.latency.timing import Pace, chosen_clock, interleave, summarise


class Clock:
    """Time that passes only where a network runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ran: list[str] = []

    def __call__(self) -> float:
        return self.now

    def network(self, name: str, seconds: float):
        def run(count: int) -> None:
            self.ran.append(name)
            self.now += seconds * count

        return run


def test_a_reading_is_milliseconds_of_one_run() -> None:
    clock = Clock()
    runs = [clock.network("fast", 0.0005), clock.network("slow", 0.02)]
    fast, slow = interleave(runs, Pace(rounds=7, reading_seconds=0.01), clock)
    assert fast == pytest.approx([0.5] * 7)
    assert slow == pytest.approx([20.0] * 7)


def test_every_network_runs_in_every_round_and_in_changing_order() -> None:
    clock = Clock()
    names = ["a", "b", "c", "d"]
    interleave([clock.network(name, 0.01) for name in names], Pace(rounds=12), clock)
    # Two calls each to warm up, then one untimed and one timed call each a round.
    rounds = [clock.ran[8 + 8 * i : 16 + 8 * i] for i in range(12)]
    orders = [tuple(each[::2]) for each in rounds]
    assert all(sorted(order) == names for order in orders)
    assert all(each[::2] == each[1::2] for each in rounds)
    assert len(set(orders)) > 1


def test_it_stops_when_the_time_is_up_but_not_before_five_rounds() -> None:
    (readings,) = interleave([Clock().network("a", 0.1)], Pace(rounds=30, seconds=0.0), Clock())
    assert len(readings) == 5


def test_a_slowing_machine_does_not_favour_who_was_first() -> None:
    clock = Clock()

    def throttled(count: int) -> None:
        clock.now += count * 0.001 * (1 + clock.now)

    readings = interleave([throttled, throttled], Pace(rounds=40, reading_seconds=0.004), clock)
    first, second = (summarise(each).median_ms for each in readings)
    assert first == pytest.approx(second, rel=0.02)


def test_quiet_readings_are_no_noise() -> None:
    said = summarise([2.0, 2.02, 2.1, 2.3, 2.05, 2.1])
    assert said.noise == ""
    assert (said.minimum_ms, said.median_ms) == (2.0, pytest.approx(2.075))
    assert said.spread == pytest.approx(0.0375)


@pytest.mark.parametrize(
    ("readings", "reason"),
    [
        ([2.0, 2.0, 2.0, 2.0], "only 4 rounds"),
        ([2.0, 2.2, 2.0, 2.2, 2.0, 2.2], "halves of the rounds differ by 10%"),
        ([2.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0], "median is 100% above"),
    ],
)
def test_readings_that_mean_little_are_called_noisy(readings: list[float], reason: str) -> None:
    assert reason in summarise(readings).noise


def test_the_thread_s_own_time_is_read_only_where_one_cpu_thread_works() -> None:
    assert chosen_clock("auto", "onnxruntime", 1) == "cpu"
    assert chosen_clock("auto", "cpu", 2) == "wall"
    assert chosen_clock("auto", "cuda:0", 1) == "wall"
    assert chosen_clock("wall", "cpu", 1) == "wall"
    for name, device, threads in (("cpu", "cpu", 2), ("cpu", "cuda", 1), ("sun", "cpu", 1)):
        with pytest.raises(ValueError, match=name):
            chosen_clock(name, device, threads)
