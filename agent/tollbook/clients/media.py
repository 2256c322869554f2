"""OpenAI's images and audio: one shape of usage, where it says tokens or seconds at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tollbook.clients.field import Beside, field, latest, token_count
from tollbook.meter import Asked, Facts
from tollbook.model_call import Usage

# The events that end a stream of images, of a transcript or of speech, and carry its usage.
TERMINAL_EVENTS: Final = frozenset(
    {
        "image_generation.completed",
        "image_edit.completed",
        "transcript.text.done",
        "speech.audio.done",
    }
)


@dataclass(frozen=True)
class Media:
    """Images, transcription, translation, speech or videos, of which no usage is said.

    Attributes:
        output_type: What is asked for: `image`, `speech`, `text` or `video`.
        provider: Who answers where the host does not tell.
    """

    output_type: str
    provider: str = "openai"
    operation: str = "generate_content"
    api_type: str | None = None
    complete_at_end: bool = False
    ends: None = None

    def asked(self, body: Mapping[str, Any]) -> Asked:
        """Return the plain values of a request body, of a form too."""
        get = body.get
        # A stream of speech is asked for by its format.
        stream = get("stream") or get("stream_format") == "sse" or None
        return Asked(
            get("model"),
            stream,
            temperature=get("temperature"),
            choice_count=get("n"),
            output_type=self.output_type,
            input_characters=spoken_characters(body) if self.output_type == "speech" else None,
        )

    def answer(self, answer: Any) -> Facts:
        """Return the facts of a whole answer."""
        usage, images = field(answer, "usage"), field(answer, "data")
        if self.output_type == "image" and isinstance(images, list):
            # Where no tokens are said the images are billed by their number, quality and size.
            details = {name: field(answer, name) for name in ("quality", "size")}
            usage = Beside(usage, {**details, "images": len(images)})
        return Facts(field(answer, "id"), field(answer, "model"), usage=usage)

    def event(self, event: Any, first: bool) -> Facts | None:
        """Return the facts of the event that ends one image, or the stream."""
        if field(event, "type") not in TERMINAL_EVENTS:
            return Facts() if first else None
        usage = field(event, "usage")
        return Facts(usage=usage, last=usage is not None)

    def usage(self, usages: Sequence[Any], provider: str) -> Usage:
        """Return the tokens, or the seconds where the model is billed by them."""
        inputs = latest(usages, "input_tokens_details") or latest(usages, "input_token_details")
        outputs = latest(usages, "output_tokens_details") or latest(usages, "output_token_details")
        seconds = latest(usages, "seconds") if latest(usages, "type") == "duration" else None
        output = token_count(latest(usages, "output_tokens"))
        image_output = token_count(field(outputs, "image_tokens"))
        return Usage(
            input_tokens=token_count(latest(usages, "input_tokens")),
            cache_read_tokens=token_count(field(inputs, "cached_tokens")),
            input_audio_tokens=token_count(field(inputs, "audio_tokens")),
            input_image_tokens=token_count(field(inputs, "image_tokens")),
            output_tokens=output,
            output_audio_tokens=output if self.output_type == "speech" else None,
            # Without a split, all that an image model puts out is the image.
            output_image_tokens=output
            if image_output is None and self.output_type == "image"
            else image_output,
            input_audio_seconds=float(seconds) if isinstance(seconds, int | float) else None,
            images=token_count(latest(usages, "images")),
            image_quality=word(latest(usages, "quality")),
            image_size=word(latest(usages, "size")),
        )


def spoken_characters(body: Mapping[str, Any]) -> int | None:
    """Return the length of the text that is to be spoken."""
    text = body.get("input")
    return len(text) if type(text) is str else None


def word(value: Any) -> str | None:
    """Return a word of an answer, None for anything else."""
    return value if type(value) is str else None
