"""Runs an ordered list of steps and says for each whether it held.

A step is a function that takes the world, which carries what earlier steps made. A step that fails does not
end the story: what depends on it fails by name, what does not is still shown. `../run` counts the lines.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


class Unmet(Exception):
    """A step needs what an earlier, failed step should have made."""


class World:
    """What the steps know so far. Reading what nobody has set names the missing piece."""

    def __getattr__(self, name: str) -> Any:
        raise Unmet(f"needs `{name}` from an earlier step")


Step = Callable[[World], None]


class Story:
    """The steps in the order of their definition."""

    def __init__(self, name: str = "python") -> None:
        self._name = name
        self._steps: list[tuple[str, Step]] = []

    def step(self, sentence: str) -> Callable[[Step], Step]:
        """Registers the function under a sentence, which is what the report prints."""

        def register(function: Step) -> Step:
            self._steps.append((sentence, function))
            return function

        return register

    def run(self, world: World) -> int:
        """Runs all steps and returns the process's exit code: 0 when every step held."""
        failed = 0
        for sentence, function in self._steps:
            try:
                function(world)
            except Unmet as unmet:
                failed += 1
                print(f"FAIL {self._name}: {sentence}: {unmet}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAIL {self._name}: {sentence}: {type(error).__name__}: {error}", flush=True)
                traceback.print_exception(error, limit=-4, chain=False, file=sys.stdout)
            else:
                print(f"ok   {self._name}: {sentence}", flush=True)
        return 1 if failed else 0


def equal(got: object, want: object) -> None:
    """Fails with both values; a bare `assert` shows neither."""
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def holds(condition: object, otherwise: str) -> None:
    """Fails with a sentence when the condition is false."""
    if not condition:
        raise AssertionError(otherwise)


def raises(kind: type[E], call: Callable[[], object]) -> E:
    """The error that the call raises; exactly this class, because the class is what an application catches."""
    try:
        got = call()
    except kind as error:
        equal(type(error), kind)
        return error
    raise AssertionError(f"wanted {kind.__name__}, got an answer of type {type(got).__name__}")


def eventually(look: Callable[[], T | None], seconds: float = 10.0) -> T:
    """What `look` finds, asked again until it finds something: the log shows an event once it cannot be overtaken."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds} s")
        time.sleep(0.05)
    return found
