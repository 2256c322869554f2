"""The examples in the docstrings of the detectors hold."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import tollbook_collector.detect as room

MODULES = [f"{room.__name__}.{found.name}" for found in pkgutil.iter_modules(room.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    module = importlib.import_module(name)

    result = doctest.testmod(module, extraglobs={"np": np})

    assert result.failed == 0
