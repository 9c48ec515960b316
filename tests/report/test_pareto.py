from matplotlib.figure import Figure

from nas.report.pareto import leave_out_stragglers

CLOUD = [(400.0 - number, 66.0 - number / 100) for number in range(57)]


def test_stragglers_get_no_room_and_are_counted() -> None:
    axes = Figure().add_subplot()
    assert leave_out_stragglers(axes, [*CLOUD, (50.0, 10.0), (60.0, 20.0)], []) == 2
    assert axes.get_xlim()[0] > 340
    assert axes.get_ylim()[0] > 65


def test_a_marked_network_stays_in_the_picture() -> None:
    axes = Figure().add_subplot()
    assert leave_out_stragglers(axes, [*CLOUD, (50.0, 10.0), (60.0, 20.0)], [(500.0, 40.0)]) == 2
    assert axes.get_xlim()[1] > 500
    assert axes.get_ylim()[0] < 40


def test_nothing_is_cut_where_nothing_is_squeezed_or_little_is_judged() -> None:
    axes = Figure().add_subplot()
    before = axes.get_xlim(), axes.get_ylim()
    assert leave_out_stragglers(axes, CLOUD, []) == 0
    assert leave_out_stragglers(axes, [*CLOUD[:30], (50.0, 10.0)], []) == 0
    assert leave_out_stragglers(axes, [], []) == 0
    assert (axes.get_xlim(), axes.get_ylim()) == before
