"""A provider on the loopback interface that answers every call with the same known usage.

OpenAI-shaped: 10,000 input tokens, 6,000 of them cached, and 2,000 output tokens, 500 of them
reasoning. Anthropic-shaped: 2,000 uncached, 10,000 read, 5,000 written for five minutes and 3,000
for an hour, 1,000 output tokens. Chat and messages also stream.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENAI_USAGE = {
    "prompt_tokens": 10_000,
    "completion_tokens": 2_000,
    "total_tokens": 12_000,
    "prompt_tokens_details": {"cached_tokens": 6_000, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 500, "audio_tokens": 0},
}
RESPONSES_USAGE = {
    "input_tokens": 10_000,
    "input_tokens_details": {"cached_tokens": 6_000, "cache_write_tokens": 0},
    "output_tokens": 2_000,
    "output_tokens_details": {"reasoning_tokens": 500},
    "total_tokens": 12_000,
}
ANTHROPIC_USAGE = {
    "input_tokens": 2_000,
    "cache_read_input_tokens": 10_000,
    "cache_creation_input_tokens": 8_000,
    "cache_creation": {"ephemeral_5m_input_tokens": 5_000, "ephemeral_1h_input_tokens": 3_000},
    "output_tokens": 1_000,
    "service_tier": "standard",
}


def chat(model: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_176_000,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": "Yes.", "refusal": None},
            }
        ],
        "usage": OPENAI_USAGE,
    }


def chat_chunks(model: str) -> list[dict[str, Any]]:
    start = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "Yes."}, "finish_reason": None}
    return [
        {**start, "choices": [delta]},
        {**start, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**start, "choices": [], "usage": OPENAI_USAGE, "service_tier": "default"},
    ]


def responses(model: str) -> dict[str, Any]:
    text = {"type": "output_text", "text": "Yes.", "annotations": []}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_795_176_000,
        "status": "completed",
        "model": model,
        "service_tier": "default",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": [
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [text],
            }
        ],
        "usage": RESPONSES_USAGE,
    }


def embeddings(model: str) -> dict[str, Any]:
    return {
        "object": "list",
        "model": model,
        "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}],
        "usage": {"prompt_tokens": 1_234, "total_tokens": 1_234},
    }


def messages(model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def message_events(model: str) -> list[dict[str, Any]]:
    start = {**messages(model), "content": [], "stop_reason": None}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Yes."},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": ANTHROPIC_USAGE},
        {"type": "message_stop"},
    ]


ANSWERS = {
    "/chat/completions": chat,
    "/responses": responses,
    "/embeddings": embeddings,
    "/messages": messages,
}


class Provider(BaseHTTPRequestHandler):
    """Answers the calls of clients and swallows what they export."""

    def do_GET(self) -> None:
        self.send(b"{}", "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = next((a for path, a in ANSWERS.items() if self.path.endswith(path)), None)
        if answer is None:
            self.send(b"{}", "application/json")
            return
        asked = json.loads(body)
        if asked.get("stream") and answer is messages:
            events = [
                f"event: {e['type']}\ndata: {json.dumps(e)}\n\n"
                for e in message_events(asked["model"])
            ]
            self.send("".join(events).encode(), "text/event-stream")
        elif asked.get("stream") and answer is chat:
            events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chat_chunks(asked["model"])]
            self.send("".join([*events, "data: [DONE]\n\n"]).encode(), "text/event-stream")
        else:
            self.send(json.dumps(answer(asked["model"])).encode(), "application/json")

    def send(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-request-id", "req_1")
        self.send_header("request-id", "req_1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def provider() -> Iterator[str]:
    """Serve until the block ends; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
