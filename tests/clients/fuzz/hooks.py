"""What the fuzzer knows beyond the documents: things that exist, and words that a field takes.

Made-up ids find nothing, so nothing behind a look-up would be tried. Half of the requests that are meant to be valid
therefore name what earlier answers have shown. Which half follows from the request itself, so that a seed repeats.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from typing import Any

import schemathesis

ID = re.compile(r"([a-z_]+)_[A-Za-z0-9-]{1,64}")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
SHOWN_AT_MOST = 64

# What answers have shown: ids by their prefix, other names by their key, the newest last.
shown: dict[str, list[str]] = defaultdict(list)


def remember(kind: str, value: Any) -> None:
    """Keeps a value that an answer has shown."""
    if isinstance(value, str) and value and value not in shown[kind]:
        shown[kind] = [*shown[kind], value][-SHOWN_AT_MOST:]


def learn(value: Any) -> None:
    """Takes from an answer what later requests may name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("slug", "external_id", "client_id"):
                remember(key, inner)
            elif isinstance(inner, str) and (key == "id" or key.endswith("_id")) and (match := ID.fullmatch(inner)):
                remember(match[1], inner)
            learn(inner)
    elif isinstance(value, list):
        for inner in value:
            learn(inner)


def draw(kind: str, number: int) -> str | None:
    """One of what has been shown."""
    known = shown[kind]
    return known[number % len(known)] if known else None


def better(key: str, value: str, number: int) -> str | None:
    """Something that the field takes, in place of the text that was made up for it."""
    if match := ID.fullmatch(value):
        return draw(match[1], number)
    if key == "slug" or key.endswith(("_slug", "_slugs", "slugs")) or key in ("permission", "permissions"):
        return draw("slug", number) if number % 4 else f"slug-{number % 997}"
    if key in ("external_id", "client_id"):
        return draw(key, number)
    if key == "email" or key.endswith("_email"):
        return f"user{number % 997}@example.test"
    if key == "domain" or key == "domains":
        return f"d{number % 997}.example.test"
    if key == "name" or key.endswith("_name"):
        return f"Name {number % 997}"
    return None


def improved(key: str, value: Any) -> Any:
    """The value with some of its texts exchanged."""
    if isinstance(value, dict):
        return {name: improved(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [improved(key, inner) for inner in value]
    if isinstance(value, str):
        number = zlib.crc32(f"{key}={value}".encode("utf-8", "surrogatepass"))
        return (better(key, value, number) if number % 2 else None) or value
    return value


def homeward(value: Any) -> Any:
    """The value with every URL on this machine: what is sent there must not leave it."""
    if isinstance(value, dict):
        return {name: homeward(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [homeward(inner) for inner in value]
    if isinstance(value, str) and URL.match(value):
        return f"https://127.0.0.1:9/{zlib.crc32(value.encode('utf-8', 'surrogatepass'))}"
    return value


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Last changes of a request."""
    meta = case.meta
    is_free = meta is not None and meta.phase.name == "fuzzing" and meta.generation.mode.is_positive
    for part in ("path_parameters", "query", "body"):
        value = getattr(case, part)
        changed = homeward(improved("", value) if is_free else value)
        # What is set is judged anew, and null wrongly, so nothing is set in vain.
        if changed != value:
            setattr(case, part, changed)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Learns from an answer."""
    if response.status_code in (200, 201):
        try:
            learn(response.json())
        except ValueError:
            pass
