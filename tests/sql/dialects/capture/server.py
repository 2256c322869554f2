"""A provider on the loopback interface that answers every call with the same known usage.

OpenAI-shaped: 10,000 input tokens, 6,000 of them cached, and 2,000 output tokens, 500 of them
reasoning. Anthropic-shaped: 2,000 uncached, 10,000 read, 5,000 written for five minutes and 3,000
for an hour, 1,000 output tokens. Gemini-shaped: a prompt of 4,500, 2,000 of it cached, 500 of tool
use, 700 of candidates, 200 of thoughts. All of them also stream.
"""

import gzip
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

GEMINI_USAGE = {
    "promptTokenCount": 4_500,
    "toolUsePromptTokenCount": 500,
    "cachedContentTokenCount": 2_000,
    "candidatesTokenCount": 700,
    "thoughtsTokenCount": 200,
    "totalTokenCount": 5_900,
}


def gemini(model: str) -> dict[str, Any]:
    return {
        "responseId": "resp-gemini-1",
        "modelVersion": model,
        "candidates": [
            {
                "index": 0,
                "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": "Yes."}]},
            }
        ],
        "usageMetadata": GEMINI_USAGE,
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


def response_events(model: str) -> list[dict[str, Any]]:
    whole = responses(model)
    (item,) = whole["output"]
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    place = {"output_index": 0}
    text = {**place, "item_id": "msg_1", "content_index": 0}
    return [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", **place, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", **text, "delta": "Yes."},
        {"type": "response.output_item.done", **place, "item": item},
        {"type": "response.completed", "response": whole},
    ]


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
    ":generateContent": gemini,
    ":streamGenerateContent": gemini,
}
# What was exported: the path and the body of each request.
EXPORTED: list[tuple[str, bytes]] = []


class Provider(BaseHTTPRequestHandler):
    """Answers the calls of clients and swallows what they export."""

    def do_GET(self) -> None:
        self.send(b"{}", "application/json")

    def do_POST(self) -> None:
        body = self.body()
        path = self.path.partition("?")[0]
        if path in ("/v1/logs", "/v1/traces"):
            EXPORTED.append((path, body))
        answer = next((a for end, a in ANSWERS.items() if path.endswith(end)), None)
        if answer is None:
            self.send(b"{}", "application/json")
            return
        asked = json.loads(body or b"{}")
        if answer is gemini:
            made = json.dumps(gemini(self.path.split("/models/")[1].split(":")[0]))
            if "streamGenerateContent" in self.path:
                self.send(f"data: {made}\n\n".encode(), "text/event-stream")
            else:
                self.send(made.encode(), "application/json")
        elif asked.get("stream") and answer is responses:
            events = [
                f"event: {e['type']}\ndata: {json.dumps({**e, 'sequence_number': number})}\n\n"
                for number, e in enumerate(response_events(asked["model"]))
            ]
            self.send("".join(events).encode(), "text/event-stream")
        elif asked.get("stream") and answer is messages:
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

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

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
