"""Tollbook's SDK: one line meters every model call of a program."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from tollbook.instrumentation import instrument
from tollbook.process import flush
from tollbook.tag import tags

if TYPE_CHECKING:
    from tollbook.agent_run import Run, run
    from tollbook.baggage import inject, remote
    from tollbook.budgets import Budget, BudgetExceeded, budget
    from tollbook.circuit import CircuitOpen, breaker
    from tollbook.evaluation import score
    from tollbook.flushed import Flushed
    from tollbook.guard import Refused
    from tollbook.loop import LoopDetected
    from tollbook.own_call import OwnCall, call
    from tollbook.served import Killed, LimitReached, LimitsUnknown
    from tollbook.settings import SettingInvalid
    from tollbook.vector import embedding

__all__ = [
    "Budget",
    "BudgetExceeded",
    "CircuitOpen",
    "Flushed",
    "Killed",
    "LimitReached",
    "LimitsUnknown",
    "LoopDetected",
    "OwnCall",
    "Refused",
    "Run",
    "SettingInvalid",
    "breaker",
    "budget",
    "call",
    "embedding",
    "flush",
    "inject",
    "instrument",
    "remote",
    "run",
    "score",
    "tags",
]

# The module of each name that a program need not use; imported when it is.
MODULES: Final = {
    "Budget": "budgets",
    "BudgetExceeded": "budgets",
    "CircuitOpen": "circuit",
    "Flushed": "flushed",
    "Killed": "served",
    "LimitReached": "served",
    "LimitsUnknown": "served",
    "LoopDetected": "loop",
    "OwnCall": "own_call",
    "Refused": "guard",
    "Run": "agent_run",
    "SettingInvalid": "settings",
    "breaker": "circuit",
    "budget": "budgets",
    "call": "own_call",
    "embedding": "vector",
    "inject": "baggage",
    "remote": "baggage",
    "run": "agent_run",
    "score": "evaluation",
}


def __getattr__(name: str) -> object:
    """Import a name of the surface when somebody asks for it."""
    module = MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'tollbook' has no attribute {name!r}")
    value: object = getattr(import_module(f"tollbook.{module}"), name)
    globals()[name] = value
    return value
