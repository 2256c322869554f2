"""What a key may send: a second's worth at once, a day's worth a day, and when to come back."""

import pytest
from gates import PEPPER

from tollbook_collector.intake.allowance import DAY_S, Allowance, AllowanceSpent
from tollbook_collector.intake.keys import INGEST, Key, Limits, new_key


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.now = 20_000.0 * DAY_S

    def __call__(self) -> float:
        return self.now


def key_with(limits: Limits) -> Key:
    return new_key(PEPPER, "acme", (INGEST,), limits=limits)[0]


def test_requests_over_the_rate_wait_for_the_next_second() -> None:
    clock, key = Clock(), key_with(Limits(requests_per_s=2))
    allowance = Allowance(clock)
    allowance.take_request(key)
    allowance.take_request(key)

    with pytest.raises(AllowanceSpent, match="2 requests a second") as refusal:
        allowance.take_request(key)
    clock.now += refusal.value.retry_after_s
    allowance.take_request(key)

    assert (refusal.value.retry_after_s, allowance.spent) == (1, 1)


def test_a_request_larger_than_a_second_passes_and_the_next_waits_until_it_is_paid() -> None:
    clock, key = Clock(), key_with(Limits(items_per_s=100))
    allowance = Allowance(clock)
    allowance.take_request(key)
    allowance.take(key, 1_000, 1)

    with pytest.raises(AllowanceSpent, match="100 items a second") as refusal:
        allowance.take_request(key)
    clock.now += refusal.value.retry_after_s + 0.1
    allowance.take_request(key)

    assert refusal.value.retry_after_s == (1_000 - 100) / 100


def test_bytes_of_the_day_are_those_of_all_collectors_and_end_at_midnight() -> None:
    clock, key = Clock(), key_with(Limits(bytes_per_day=1_000))
    allowance = Allowance(clock)
    allowance.take(key, 1, 400)
    allowance.put_elsewhere(int(clock.now // DAY_S), {key.id: 599})
    allowance.take_request(key)
    allowance.take(key, 1, 1)
    clock.now += DAY_S - 60

    with pytest.raises(AllowanceSpent, match="1000 B today, the limit is 1000") as refusal:
        allowance.take_request(key)
    clock.now += 60
    allowance.take_request(key)

    assert refusal.value.retry_after_s == 60


def test_one_key_does_not_spend_what_another_may() -> None:
    clock = Clock()
    greedy, modest = key_with(Limits(requests_per_s=1)), key_with(Limits(requests_per_s=1))
    allowance = Allowance(clock)
    allowance.take_request(greedy)

    with pytest.raises(AllowanceSpent):
        allowance.take_request(greedy)

    allowance.take_request(modest)


def test_a_key_without_limits_has_none() -> None:
    allowance, key = Allowance(Clock()), key_with(Limits())

    for _ in range(10_000):
        allowance.take_request(key)
        allowance.take(key, 50_000, 64 * 1024 * 1024)

    used = allowance.used()[key.id]
    assert (used.tenant, used.requests, used.items) == ("acme", 10_000, 10_000 * 50_000)
