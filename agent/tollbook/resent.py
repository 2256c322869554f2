"""How often a library sent a call again: its own retries run inside of its request method."""

import functools
from collections.abc import Callable
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any, Final

# Of the call that is under way in this context; libraries say so by `sent_again`.
RESENT: Final[ContextVar[int]] = ContextVar("tollbook_resent", default=0)


def sent_again(again: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a library calls to send a call again, counted and otherwise `again`.

    It stays a coroutine function where it is one, as what repeats it may look at that.
    """

    @functools.wraps(again)
    def counted(*args: Any, **kwargs: Any) -> Any:
        RESENT.set(RESENT.get() + 1)
        return again(*args, **kwargs)

    @functools.wraps(again)
    async def counted_async(*args: Any, **kwargs: Any) -> Any:
        RESENT.set(RESENT.get() + 1)
        return await again(*args, **kwargs)

    return counted_async if iscoroutinefunction(again) else counted
