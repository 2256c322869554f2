"""Tags: who a call is for, carried by the context of a thread or task."""

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Final

from tollbook.process import PROCESS
from tollbook.scope import CURRENT, enter, leave
from tollbook.tally import FAULT, TAG_CUT, TAG_DROPPED, Losses

TAGS_MAX: Final = 32  # tags of one call
TAG_NAME_CHARS_MAX: Final = 64
TAG_VALUE_CHARS_MAX: Final = 256


class Tagged:
    """The context manager that `tags()` returns: its tags hold inside, and the outer ones too."""

    __slots__ = ("_tags",)

    def __init__(self, tags: Mapping[str, object]) -> None:
        self._tags = tags

    def __enter__(self) -> None:
        try:
            enter(self, tags=limited(CURRENT.get().tags, self._tags, PROCESS.losses))
        except Exception:
            PROCESS.losses.count(FAULT)

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # An async generator that is closed elsewhere leaves in another context: its copy of the
        # tags ended with it, so there is nothing to restore.
        if not leave(self):
            PROCESS.losses.count(FAULT)


def tags(**tags: object) -> Tagged:
    """Tag every model call made inside the `with` block, in this thread or task.

    Blocks nest: inner tags add to outer ones and win over equal names. A value is text or becomes
    it (`str`). At most 32 tags a call, 64 characters a name, 256 a value; what is over is dropped
    or cut, and counted. Three names are those of a person's doing and not of a cost centre, so they
    become the attributes that the OpenTelemetry conventions have for them: `user` is `user.id`,
    `session` is `session.id` and `conversation` is `gen_ai.conversation.id`. Never raises.
    """
    return Tagged(tags)


def limited(
    outer: Mapping[str, str], inner: Mapping[str, object], losses: Losses
) -> Mapping[str, str]:
    """Return `outer` with `inner` over it, within the limits; what is lost is counted.

    Args:
        outer: Tags that are within the limits already.
        inner: Tags to add, of any type.
        losses: Where dropped and cut tags are counted.
    """
    merged = dict(outer)
    for name, value in inner.items():
        text = _text(value, losses)
        if text is None or not name or (name not in merged and len(merged) >= TAGS_MAX):
            losses.count(TAG_DROPPED)
            continue
        if len(name) > TAG_NAME_CHARS_MAX or len(text) > TAG_VALUE_CHARS_MAX:
            losses.count(TAG_CUT)
        merged[name[:TAG_NAME_CHARS_MAX]] = text[:TAG_VALUE_CHARS_MAX]
    return MappingProxyType(merged)


def _text(value: object, losses: Losses) -> str | None:
    if type(value) is str or value is None:
        return value
    try:
        return str(value)
    except Exception:  # the caller's own __str__ fails: the tag is counted as dropped
        losses.count(FAULT)
        return None
