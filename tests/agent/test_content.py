"""Content: off unless chosen, by field, redacted before it leaves, closed when a rule fails."""

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tollbook
from tollbook import disclose
from tollbook.content import Taken, body_in
from tollbook.messages import answered, asked
from tollbook.process import PROCESS
from tollbook.redact import is_card, redacted
from tollbook.settings import SettingInvalid, read_settings

SYSTEM, PROMPT, RESULT = "be short", "where is my order?", "it is in Ulm"
ARGUMENTS = {"order": "A-7", "mail": "ann@example.org"}
CHAT: Any = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "find", "arguments": json.dumps(ARGUMENTS)},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": RESULT},
    ],
}
NAMES = {
    "system": "gen_ai.system_instructions",
    "prompts": "gen_ai.input.messages",
    "answers": "gen_ai.output.messages",
}


def choose(collector: Any, *fields: str, **arguments: Any) -> None:
    tollbook.instrument(service="tests", endpoint=collector.url, content=fields, **arguments)


def content_of(collector: Any) -> dict[str, Any]:
    assert tollbook.flush(10).queued == 0
    (span,) = collector.spans
    return {k: json.loads(span.attributes[v]) for k, v in NAMES.items() if v in span.attributes}


def test_no_content_leaves_unless_it_is_chosen(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    openai_client.chat.completions.create(**CHAT)

    assert content_of(collector) == {}
    assert not any(name.encode() in collector.requests[0] for name in (PROMPT, RESULT, SYSTEM))


def test_the_fields_that_are_chosen_leave_and_no_others(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "prompts")

    openai_client.chat.completions.create(**CHAT)

    assert content_of(collector) == {
        "prompts": [
            {"role": "user", "parts": [{"type": "text", "content": PROMPT}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "find"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "name": None}]},
        ]
    }


def test_all_of_it_leaves_where_all_is_chosen_without_marks_of_persons(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "all")

    openai_client.chat.completions.create(**CHAT)

    found = content_of(collector)
    call, result = found["prompts"][1]["parts"][0], found["prompts"][2]["parts"][0]
    assert found["system"] == [{"type": "text", "content": SYSTEM}]
    assert call["arguments"] == {"order": "A-7", "mail": "[email]"}
    assert result["response"] == RESULT
    assert found["answers"][0]["role"] == "assistant"
    assert found["answers"][0]["finish_reason"] == "stop"
    assert "a-word-that-must-not-leave" in found["answers"][0]["parts"][0]["content"]


@pytest.mark.parametrize("raw", [False, True])
def test_the_answer_of_a_stream_is_put_together(
    raw: bool, openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "answers")
    completions = openai_client.chat.completions

    if raw:
        list(completions.with_raw_response.create(**CHAT, stream=True).http_response.iter_lines())
    else:
        list(completions.create(**CHAT, stream=True))

    (answer,) = content_of(collector)["answers"]
    assert answer["parts"] == [{"type": "text", "content": "a-word-that-must-not-leave " * 8}]


@pytest.mark.parametrize("stream", [False, True])
def test_messages_of_anthropic_have_the_same_form(
    stream: bool, anthropic_client: anthropic.Anthropic, collector: Any
) -> None:
    choose(collector, "all")
    ask: Any = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 9,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": PROMPT}],
    }

    if stream:
        list(anthropic_client.messages.create(**ask, stream=True))
    else:
        anthropic_client.messages.create(**ask)

    found = content_of(collector)
    assert found["system"] == [{"type": "text", "content": SYSTEM}]
    assert found["prompts"] == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    (answer,) = found["answers"]
    assert answer["parts"][0]["content"] in ("xxxxxxxx", "a-word-that-must-not-leave")


@pytest.mark.parametrize("stream", [False, True])
def test_responses_have_the_same_form(
    stream: bool, openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "all")
    ask: Any = {"model": "gpt-4o", "instructions": SYSTEM, "input": PROMPT}

    answer = openai_client.responses.create(**ask, stream=stream)
    if stream:
        list(answer)

    found = content_of(collector)
    assert found["system"] == [{"type": "text", "content": SYSTEM}]
    assert found["prompts"] == [{"role": "user", "parts": [{"type": "text", "content": PROMPT}]}]
    assert "a-word-that-must-not-leave" in json.dumps(found["answers"])


def part(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


@pytest.mark.parametrize(
    ("body", "answer", "system", "messages", "said"),
    [
        (  # Gemini
            {
                "systemInstruction": {"parts": [{"text": "s"}]},
                "contents": [{"role": "user", "parts": [{"text": "q"}, {"inlineData": {}}]}],
            },
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}}]},
            [part("s")],
            [{"role": "user", "parts": [part("q")]}],
            [{"role": "assistant", "parts": [part("a")]}],
        ),
        (  # Bedrock's Converse
            {"system": [{"text": "s"}], "messages": [{"role": "user", "content": [{"text": "q"}]}]},
            {"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}},
            [part("s")],
            [{"role": "user", "parts": [part("q")]}],
            [{"role": "assistant", "parts": [part("a")]}],
        ),
        (  # Cohere, Ollama
            {"messages": [{"role": "user", "content": "q"}]},
            {"message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]}},
            [],
            [{"role": "user", "parts": [part("q")]}],
            [{"role": "assistant", "parts": [part("a")]}],
        ),
        (  # completions
            {"prompt": ["q", "r"]},
            {"choices": [{"text": "a"}]},
            [],
            [{"role": "user", "parts": [part("q")]}, {"role": "user", "parts": [part("r")]}],
            [{"role": "assistant", "parts": [part("a")]}],
        ),
    ],
)
def test_the_shapes_of_other_interfaces_are_read(
    body: Any, answer: Any, system: Any, messages: Any, said: Any
) -> None:
    taken = Taken(body, frozenset({"answers"}))
    taken.answered(answer)

    assert asked(taken) == (system, messages)
    assert answered(taken.answer, []) == said


@pytest.mark.parametrize(
    ("events", "parts"),
    [
        (
            [
                {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
                for call in (
                    {"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}},
                    {"index": 0, "function": {"arguments": '{"a":'}},
                    {"index": 0, "function": {"arguments": "1}"}},
                )
            ],
            [{"type": "tool_call", "id": "t", "name": "f", "arguments": '{"a":1}'}],
        ),
        (
            [
                {"index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "f"}},
                {"index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
                {"index": 2, "delta": {"type": "text_delta", "text": "b"}},
            ],
            [{"type": "tool_call", "id": "t", "name": "f", "arguments": '{"a":1}'}, part("b")],
        ),
        (
            [{"contentBlockIndex": 0, "delta": {"text": "a"}}, {"delta": {"text": "b"}}][:1],
            [part("a")],
        ),
        (
            [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in "ab"],
            [part("ab")],
        ),
        ([{"message": {"role": "assistant", "content": text}} for text in "ab"], [part("ab")]),
        ([{"index": 0, "delta": {"message": {"content": {"text": "a"}}}}], [part("a")]),
    ],
    ids=["chat", "anthropic", "converse", "gemini", "ollama", "cohere"],
)
def test_the_events_of_streams_make_parts(events: Any, parts: Any) -> None:
    (message,) = answered(None, events)

    assert message["parts"] == parts


def test_what_the_caller_changes_later_is_not_what_leaves(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "prompts")
    ask = {**CHAT, "messages": [{"role": "user", "content": "before"}]}

    answer: Any = openai_client.chat.completions.create(**ask)
    ask["messages"][0]["content"] = "after"
    answer.choices[0].message.content = "after"

    assert "after" not in json.dumps(content_of(collector))


class Odd(BaseException):
    """No Exception, and raised all the same."""


def failing(error: BaseException) -> Callable[[str], str]:
    def redact(text: str) -> str:
        raise error

    return redact


@pytest.mark.parametrize("redact", [failing(ValueError()), failing(Odd()), lambda text: None])
def test_content_does_not_leave_where_a_rule_fails_and_the_call_is_recorded(
    redact: Any, openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "all", redact=redact)

    openai_client.chat.completions.create(**CHAT)

    assert content_of(collector) == {}
    assert collector.spans[0].attributes["gen_ai.usage.input_tokens"] == 1207
    assert PROCESS.losses.values()["content_dropped"] == 1


def test_content_that_takes_too_long_does_not_leave(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disclose, "TIME_S_MAX", -1.0)
    choose(collector, "all")

    openai_client.chat.completions.create(**CHAT)

    assert content_of(collector) == {}
    assert PROCESS.losses.values()["content_dropped"] == 1


def test_a_rule_of_the_programs_own_comes_after_the_built_in_ones(
    openai_client: openai.OpenAI, collector: Any
) -> None:
    choose(collector, "prompts", redact=lambda text: text.replace("Ann", "[name]"))
    ask = {**CHAT, "messages": [{"role": "user", "content": "Ann, ann@example.org"}]}

    openai_client.chat.completions.create(**ask)

    (message,) = content_of(collector)["prompts"]
    assert message["parts"][0]["content"] == "[name], [email]"


def test_long_content_is_cut_from_the_oldest_and_counted(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLBOOK_CONTENT_CHARS_MAX", "10")
    choose(collector, "prompts")
    said = [{"role": "user", "content": text} for text in ("oldest", "x" * 8, "newest")]

    openai_client.chat.completions.create(model="gpt-4o", messages=said)  # type: ignore[arg-type]

    texts = [message["parts"][0]["content"] for message in content_of(collector)["prompts"]]
    assert texts == ["xxxx…", "newest"]
    assert PROCESS.losses.values()["content_cut"] == 1


SECRETS = [
    ("mail ann.b+c@mail.example.co.uk now", "mail [email] now"),
    ("card 4111 1111 1111 1111.", "card [card]."),
    ("4111-1111-1111-1111", "[card]"),
    ("amex 378282246310005", "amex [card]"),
    ("order 4111111111111112", "order 4111111111111112"),  # fails Luhn's check
    ("call +49 30 901820-11 today", "call [phone] today"),
    ("(415) 555-0132", "[phone]"),
    ("415-555-0132", "[phone]"),
    ("0049301234567", "[phone]"),
    ("sk-proj-abcdefghijklmnop1234", "[secret]"),
    ("key=AKIAIOSFODNN7EXAMPLE", "key=[secret]"),
    ("ghp_" + "a1B2" * 9, "[secret]"),
    ("xoxb-123456789012-abcdefABCDEF", "[secret]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[secret]"),
    ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: Bearer [secret]"),
    ('{"password": "hunter2hunter2"}', '{"password": "[secret]"}'),
    ("DB_PASSWORD=correcthorse", "DB_PASSWORD=[secret]"),
    ("api_key: 0123456789abcdef", "api_key: [secret]"),
    ("postgres://ann:s3cret@db/x", "postgres://[secret]@db/x"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[secret]"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE and cut off", "[secret]"),
]
HARMLESS = [
    "the order 2026-11-21 cost 12.50 at 14:05:33",
    "version 1.2.3-4, page 1234 of 5678",
    "the token count is 4096 and the secret is kept",
    "192.168.100.200 and 00:1a:2b:3c:4d:5e",
    "a 1700000000000000000 ns clock",
    "see @handle and sk-8",
]


@pytest.mark.parametrize(("text", "clean"), SECRETS)
def test_secrets_and_marks_of_persons_are_taken_out(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_stays(text: str) -> None:
    assert redacted(text) == text


@settings(max_examples=200, deadline=None)
@given(
    before=st.text(max_size=40),
    number=st.integers(0, 10**14),
    mail=st.from_regex(r"[a-z]{1,9}", fullmatch=True),
)
def test_a_card_and_an_address_never_leave_whatever_is_around_them(
    before: str, number: int, mail: str
) -> None:
    digits = f"4{number:014d}"
    check = next(digit for digit in "0123456789" if is_card(digits + digit))
    address = f"{mail}@example.org"

    clean = redacted(f"{before} {digits}{check} {address} {before}")

    assert digits + check not in clean
    assert address not in clean


@pytest.mark.parametrize("text", ["a" * 32_768, "1 " * 16_384, "a@" * 16_384, "key=" * 8192])
def test_a_hostile_text_is_redacted_in_a_time_that_grows_with_its_length(text: str) -> None:
    redacted(text)  # a pattern that backtracks would not end within the time of a test


def test_equal_prompts_have_equal_digests_and_nothing_of_them_leaves(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLBOOK_DIGEST_KEY", "0123456789abcdef")
    tollbook.instrument(endpoint=collector.url)
    other = {**CHAT, "messages": [{"role": "user", "content": "another"}]}

    for ask in (CHAT, CHAT, other):
        openai_client.chat.completions.create(**ask)
    tollbook.flush(10)
    monkeypatch.setenv("TOLLBOOK_DIGEST_KEY", "another key of ours")
    tollbook.instrument(endpoint=collector.url)
    openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    one, two, three, four = (s.attributes["tollbook.prompt.digest"] for s in collector.spans)
    assert one == two
    assert len({one, three, four}) == 3
    assert (len(one), NAMES["prompts"] in collector.spans[0].attributes) == (32, False)


def test_tags_that_are_named_leave_as_pseudonyms(
    openai_client: openai.OpenAI, collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLBOOK_DIGEST_KEY", "0123456789abcdef")
    monkeypatch.setenv("TOLLBOOK_PSEUDONYMS", "user, customer")
    tollbook.instrument(endpoint=collector.url, tags={"customer": "acme"})

    with tollbook.tags(user="ann@example.org", team="search"), tollbook.run("task"):
        openai_client.chat.completions.create(**CHAT)
    tollbook.flush(10)

    call, run = collector.spans
    assert call.attributes["user.id"] == run.attributes["user.id"]
    assert len(call.attributes["user.id"]) == len(call.attributes["tollbook.tags.customer"]) == 32
    assert call.attributes["tollbook.tags.team"] == "search"


@pytest.mark.parametrize(
    ("environment", "arguments", "said"),
    [
        ({"TOLLBOOK_CONTENT": "prompts,everything"}, {}, "'everything'"),
        ({}, {"content": ["prompt"]}, "'prompt'"),
        ({}, {"content": 3}, "must be a list"),
        ({}, {"redact": "x"}, "must be a function"),
        ({"TOLLBOOK_CONTENT_CHARS_MAX": "0"}, {}, "1 to 1000000"),
        ({"TOLLBOOK_CONTENT_CHARS_MAX": "many"}, {}, "1 to 1000000"),
        ({"TOLLBOOK_DIGEST_KEY": "short"}, {}, "openssl rand"),
        ({"TOLLBOOK_PSEUDONYMS": "user"}, {}, "TOLLBOOK_DIGEST_KEY"),
    ],
)
def test_a_choice_that_cannot_be_obeyed_is_refused_at_once(
    environment: dict[str, str], arguments: Any, said: str
) -> None:
    with pytest.raises(SettingInvalid, match=said):
        read_settings(environment, **arguments)


def test_the_body_of_a_request_is_found_wherever_a_library_passes_it() -> None:
    body = {"messages": []}

    class Request:
        json = body

    class Sent:
        _content = b'{"messages": [], "x": 1}'

    assert body_in(("post", "/x", body), {}) is body
    assert body_in(("client",), {"request_parameters": Request()}) is body
    assert body_in((Sent(),), {}) == {"messages": [], "x": 1}
    assert body_in(("InvokeModel", {"modelId": "m", "body": b'{"prompt": "x"}'}), {}) == {
        "prompt": "x"
    }
    assert body_in((), {"messages": []}) == {"messages": []}
    assert body_in((1, "x"), {"timeout": 3}) == {}
