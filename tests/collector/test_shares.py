"""Shares of the memory for bodies: a tenant that floods is told to wait, and the others are not."""

import pytest

from tollbook_collector.intake.accept import Busy, Door
from tollbook_collector.intake.allowance import AllowanceSpent

LIMIT = 9_000


def test_a_tenant_that_floods_holds_two_thirds_at_most_and_another_finds_room() -> None:
    door = Door({}, bodies_bytes_max=LIMIT, tenants=lambda: 2)

    with door.room(LIMIT // 3, "greedy"), door.room(LIMIT // 3 - 1, "greedy"):
        with pytest.raises(AllowanceSpent, match="5999 B of greedy"), door.room(100, "greedy"):
            pass
        with door.room(LIMIT // 4, "modest"):
            pass
    with door.room(LIMIT // 2, "greedy"):
        pass
    door.close()


def test_a_tenant_alone_may_have_it_all_and_no_more() -> None:
    door = Door({}, bodies_bytes_max=LIMIT, tenants=lambda: 1)

    with (
        door.room(LIMIT - 10, "alone"),
        door.room(10, "alone"),
        pytest.raises(Busy),
        door.room(1, "alone"),
    ):
        pass
    door.close()


def test_one_large_request_of_a_tenant_is_always_let_in() -> None:
    door = Door({}, bodies_bytes_max=LIMIT, tenants=lambda: 2)

    with door.room(LIMIT, "large"):
        pass
    door.close()
