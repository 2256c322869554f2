"""The fuzz targets on what they begin from, and on what they have found; `make fuzz` goes on."""

import pytest
from fuzz import door, spool


@pytest.mark.parametrize("data", list(door.seeds()))
def test_the_door_keeps_or_refuses_with_a_name(data: bytes) -> None:
    door.consume(data)


@pytest.mark.parametrize(
    "data",
    [
        *spool.seeds(),
        pytest.param(b"\x02\x12\x04acme\x1a\x01k\x29" + bytes(8) + b"\x7a\x00", id="no arrival"),
        pytest.param(b"\x02\x12\x01\xff\x21" + bytes(8) + b"\x29" + bytes(8) + b"\x7a", id="cut"),
        pytest.param(
            b"\x02\x12\x01\xff\x21" + bytes(8) + b"\x29" + bytes(8) + b"\x7a\x00", id="not UTF-8"
        ),
        pytest.param(b"\x02\x0b", id="a group"),
        pytest.param(b"\x02\x42\x02\x0a\x7f", id="a rejection that is cut"),
    ],
)
def test_a_segment_is_read_as_whole_requests_or_set_aside(data: bytes) -> None:
    spool.consume(data)
