"""What a spool has seen and holds, as numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpoolCounts:
    """What the spool has seen since it was opened, and holds now.

    Args:
        requests: Requests made durable.
        spans: Spans made durable.
        request_bytes: Their bytes.
        refused_requests: Requests refused because there was no room.
        resent_requests: Requests sent again, byte for byte, that were on disk already.
        resent_spans: Spans in them.
        forgotten_requests: Requests whose resend would not be known any more, within 24 hours.
        dropped_spans: Spans given up because they waited longer than the spool's age budget.
        failed_requests: Requests not acknowledged because the disk failed.
        torn_bytes: Bytes behind the last whole request of a segment, set aside at start.
        damaged_records: Places where a segment had changed on disk, set aside.
        damaged_spans: Spans in them, as far as it is known how many they were.
        waiting_segments: Sealed segments not yet loaded.
        waiting_spans: Spans that are not loaded yet.
        waiting_bytes: Bytes on disk that are not loaded yet.
        waiting_s: Age of the oldest request that is not loaded yet, by the wall clock; 0: none.
    """

    requests: int = 0
    spans: int = 0
    request_bytes: int = 0
    refused_requests: int = 0
    resent_requests: int = 0
    resent_spans: int = 0
    forgotten_requests: int = 0
    dropped_spans: int = 0
    failed_requests: int = 0
    torn_bytes: int = 0
    damaged_records: int = 0
    damaged_spans: int = 0
    waiting_segments: int = 0
    waiting_spans: int = 0
    waiting_bytes: int = 0
    waiting_s: float = 0.0
