"""The OTLP/gRPC door, through a real client and a real port."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from gates import open_gate
from otlp_requests import Span, request

from tollbook_collector.intake.accept import Door
from tollbook_collector.intake.grpc import AddressInUse, GrpcDoor
from tollbook_collector.intake.signals import TRACES
from tollbook_collector.spool.append import Spool
from tollbook_collector.spool.segment import envelopes

LONG_S = 30.0


@pytest.fixture(name="spool")
def _spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", 100_000_000, segment_age_max_s=0.01, disk_free_bytes_min=0)
    yield spool
    spool.close()


@pytest.fixture(name="address")
async def _address(spool: Spool) -> AsyncIterator[str]:
    door = GrpcDoor(Door({"traces": spool}), open_gate(), "127.0.0.1:0")
    port = await door.start()
    yield f"127.0.0.1:{port}"
    await door.stop()


async def export(address: str, body: bytes) -> bytes:
    async with grpc.aio.insecure_channel(address) as channel:
        answer: bytes = await channel.unary_unary(f"/{TRACES.service}/Export")(body, timeout=LONG_S)
        return answer


async def test_an_accepted_request_is_on_disk_as_it_came(spool: Spool, address: str) -> None:
    body = request([Span(), Span()])

    answer = await export(address, body)

    assert answer == b""
    segment = spool.claim(LONG_S)
    assert segment is not None
    assert [e.request for e in envelopes(segment.path.read_bytes())] == [body]


async def test_what_is_not_otlp_is_an_invalid_argument(address: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await export(address, b"not protobuf at all")

    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "is not an ExportTraceServiceRequest" in str(failure.value.details())


async def test_a_full_spool_is_unavailable_so_that_the_sender_comes_back(tmp_path: Path) -> None:
    full = Spool(tmp_path / "full", bytes_max=1, disk_free_bytes_min=0)
    door = GrpcDoor(Door({"traces": full}), open_gate(), "127.0.0.1:0")
    port = await door.start()

    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await export(f"127.0.0.1:{port}", request([Span()]))
    await door.stop()
    full.close()

    assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(failure.value.trailing_metadata() or ())["grpc-status-details-bin"]
    assert b"type.googleapis.com/google.rpc.RetryInfo" in details


async def test_bad_spans_are_counted_in_the_answer(address: str) -> None:
    body = request([Span(), Span(trace_id=b"short")])

    answer = await export(address, body)

    success = TRACES.response.FromString(answer).partial_success
    assert (success.rejected_spans, success.error_message) == (1, "1 invalid_trace_id")


async def test_too_many_spans_are_refused_without_a_time_to_come_back(address: str) -> None:
    spans = b"\x12\x00" * 60_000
    scope = b"\x12\xc0\xa9\x07" + spans
    body = b"\x0a\xc4\xa9\x07" + scope

    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await export(address, body)

    assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in dict(failure.value.trailing_metadata() or ())


async def test_a_port_that_is_taken_is_named(spool: Spool, address: str) -> None:
    second = GrpcDoor(Door({"traces": spool}), open_gate(), address)

    with pytest.raises(AddressInUse, match=address):
        await second.start()
