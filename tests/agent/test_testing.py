"""`tollbook.testing.captured()`: what users' own tests see."""

from decimal import Decimal
from typing import Any

import openai
import pytest

import tollbook
import tollbook.testing
from tollbook.process import PROCESS

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]}


def test_calls_are_captured_and_not_sent(openai_client: openai.OpenAI, collector: Any) -> None:
    with tollbook.testing.captured() as calls, tollbook.run("task") as run:
        with tollbook.tags(team="search"):
            openai_client.chat.completions.create(**CHAT)
        seen = len(calls)
    openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    assert seen == len(calls) == 1
    (call,) = calls
    assert (call.provider, call.operation, call.model) == ("openai", "chat", "gpt-4o-2024-08-06")
    # 176 at 2.50, 1031 cached at 1.25 and 153 at 10 dollars a million.
    assert call.cost_usd == Decimal("0.00044") + Decimal("0.00128875") + Decimal("0.00153")
    assert call.usage is not None
    assert (call.usage.input_tokens, call.usage.output_tokens) == (1207, 153)
    assert (call.tags, call.run_id, call.run_name) == ({"team": "search"}, run.id, "task")
    assert call.duration_ns > 0
    assert [step.name for step in calls.steps] == ["invoke_agent task"]
    assert not any(calls.lost.values())
    assert len(collector.spans) == 1


def test_failures_are_captured_and_what_was_before_is_back_even_then(
    openai_client: openai.OpenAI, provider: Any
) -> None:
    before = PROCESS.exporter
    provider.statuses = [500]

    with pytest.raises(openai.InternalServerError), tollbook.testing.captured() as calls:
        openai_client.chat.completions.create(**CHAT)

    assert PROCESS.exporter is before
    assert [call.error_type for call in calls] == ["InternalServerError"]
    assert list(calls[:1]) == [calls[0]]
