"""Makes a decorator of a context manager: for functions, coroutines and generators of both kinds.

Each call of the function is a block of its own. A generator's block holds while its body runs, and
its reader, between two items, is outside of it.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from tollbook.scope import Steps

Function = TypeVar("Function", bound=Callable[..., Any])
Open = Callable[[], AbstractContextManager[Any]]


def inside(open_block: Open, function: Function) -> Function:
    """Return a function that does the same inside a block that `open_block` opens for each call."""
    if inspect.isasyncgenfunction(function):
        wrapper: Any = _async_generator(open_block, function)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(open_block, function)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(open_block, function)
    else:
        wrapper = _plain(open_block, function)
    return cast(Function, functools.wraps(function)(wrapper))


def _plain(open_block: Open, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with open_block():
            return function(*args, **kwargs)

    return wrapper


def _coroutine(open_block: Open, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with open_block():
            return await function(*args, **kwargs)

    return wrapper


class _Block:
    """A block that is entered and left in a generator's steps."""

    def __init__(self, open_block: Open) -> None:
        self.steps = Steps()
        self._manager = open_block()
        with self.steps:
            self._manager.__enter__()

    def leave(self, error: BaseException | None) -> None:
        with self.steps:
            self._manager.__exit__(
                type(error) if error is not None else None,
                error,
                error.__traceback__ if error is not None else None,
            )


def _generator(open_block: Open, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        block = _Block(open_block)
        body = function(*args, **kwargs)
        advance: Callable[[], Any] = functools.partial(next, body)
        try:
            while True:
                try:
                    with block.steps:
                        item = advance()
                except StopIteration as end:
                    block.leave(None)
                    return end.value
                try:
                    advance = functools.partial(body.send, (yield item))
                except GeneratorExit:
                    with block.steps:
                        body.close()
                    raise
                except BaseException as error:
                    advance = functools.partial(body.throw, error)
        except GeneratorExit:  # the reader had enough: an end like another
            block.leave(None)
            raise
        except BaseException as error:
            block.leave(error)
            raise

    return wrapper


def _async_generator(open_block: Open, function: Callable[..., Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        block = _Block(open_block)
        body = function(*args, **kwargs)
        advance: Callable[[], Any] = body.__anext__
        try:
            while True:
                try:
                    with block.steps:
                        item = await advance()
                except StopAsyncIteration:
                    block.leave(None)
                    return
                try:
                    advance = functools.partial(body.asend, (yield item))
                except GeneratorExit:
                    with block.steps:
                        await body.aclose()
                    raise
                except BaseException as error:
                    advance = functools.partial(body.athrow, error)
        except GeneratorExit:
            block.leave(None)
            raise
        except BaseException as error:
            block.leave(error)
            raise

    return wrapper
