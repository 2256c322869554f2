"""The strength at which alarms open, by a tenant's own weeks: moved once a day, and kept."""

from detect import stored
from detect.stored import NOW, row, traffic

from tollbook_collector.detect.portfolio import OPENS_MIN, SHIFT_MAX, shift, shift_of
from tollbook_collector.detect.section import DetectSection
from tollbook_collector.detect.series import day_of, profile
from tollbook_collector.store.client import ClickHouse

SECTION = DetectSection(series=(("team",),))
MIDNIGHT = day_of(NOW)


def test_a_tenant_whose_alarms_are_more_than_it_puts_up_with_is_told_of_stranger_ones_only() -> (
    None
):
    wild, calm = [4.5] * 30, [2.7]

    up = shift_of(wild, usual=3.2, allowed=7.0, series_weeks=400.0)
    down = shift_of(calm, usual=3.2, allowed=7.0, series_weeks=400.0)

    # Four fifths of 1.2 up (4.5 is 1.3 above, the limit is 1.2), and of 0.6 down.
    assert round(up, 6) == round(0.8 * SHIFT_MAX, 6)
    assert round(down, 6) == round(0.8 * (OPENS_MIN - 3.2), 6)


def test_few_series_move_it_little() -> None:
    assert shift_of([9.0] * 30, usual=3.2, allowed=1.0, series_weeks=4.0) < 0.05


def test_the_shift_of_a_day_is_worked_out_once_and_kept(priced: ClickHouse, tenant: str) -> None:
    stored.store(priced, traffic(tenant))
    profile(priced, tenant, ("team",), MIDNIGHT)
    first = shift(priced, SECTION, tenant, MIDNIGHT, 2)

    stored.store(priced, [row(tenant, MIDNIGHT.replace(day=12, hour=3), 9_000)])
    again = shift(priced, SECTION, tenant, MIDNIGHT, 2)

    (kept,) = priced.rows(
        "SELECT shift, series, alarms FROM alarm_shifts WHERE tenant = {tenant:String}",
        {"tenant": tenant},
    )
    assert first == again == kept[0]
    assert kept[1:] == (2, 0)
    assert -0.1 < first < 0
