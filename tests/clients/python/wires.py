"""How the SDKs of Go, Ruby, PHP and .NET write their requests, byte for byte where they differ.

These SDKs are not run here, for their languages need not be installed. What each puts on the wire was read in its source:

- Go 10: `Content-Type: application/json` on every request, with and without a body; no body at all where a call has no
  parameters, and `null` where they are a nil pointer; a new `Idempotency-Key` on each POST; lists repeat their key, and
  the keys of a query are in the order of the alphabet; a client without a key sends `Authorization: Bearer` and a space;
  `$&+=:@` stay as they are in a path, where the others encode them.
- Ruby 10: an empty body with `Content-Type` where a call has none; lists repeat their key; a space in a query is `+`; no
  key of idempotency at first, and one when it asks again, which it does after 409 as well; taking a role from a
  membership it puts the resource in the query and the role in the body.
- PHP 9: `Content-Type` on every request; lists carry an index (`domains%5B0%5D`), a space is `%20`; `{}` for a body
  without fields, but `[]` for an empty map within one; moments end in `+00:00`; no key of idempotency; what is true is
  `1` in a query.
- .NET 6: lists carry brackets that are not encoded (`domains[]`), a moment in a body has seven digits of a second and an
  offset; `{}` for a call without a body; a key of idempotency on each POST; `Accept-Encoding: utf-8`, which is no
  encoding of content; a client without a key sends the word `Bearer` alone; no body ever comes with a DELETE, and what
  belongs there is in the query.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from story import Story, World, equal, holds

URL = urlsplit(os.environ["VESTIBULE_URL"])
API_KEY = os.environ["VESTIBULE_API_KEY"]
RUN = secrets.token_hex(5)
JSON = {"Content-Type": "application/json"}


@dataclass
class Answer:
    """What came back: the body is None where there was none."""

    status: int
    body: Any
    kind: str | None

    def expect(self, status: int) -> Any:
        """The body, if this is the status."""
        holds(self.status == status, f"status {self.status}, want {status}: {self.body}")
        if status == 204 or self.body is None:
            equal((self.body, self.kind), (None, None))
        return self.body


def send(method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
    """Sends exactly this, with nothing added but the host and the length of a body."""
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        raw, request_id = answer.read(), answer.getheader("X-Request-ID")
        holds(request_id, f"no X-Request-ID on {method} {target}")
        return Answer(answer.status, json.loads(raw) if raw else None, answer.getheader("Content-Type"))
    finally:
        connection.close()


class Go:
    """The Go SDK."""

    @staticmethod
    def moment(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def query(fields: list[tuple[str, Any]]) -> str:
        pairs = [(k, one) for k, v in sorted(fields) for one in (v if isinstance(v, list) else [v])]
        return "&".join(f"{quote_plus(k)}={quote_plus(str(v))}" for k, v in pairs)

    @staticmethod
    def headers(method: str, has_body: bool, key: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "workos-go/10.1.1", **JSON}
        return headers | ({"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {})

    @staticmethod
    def body(method: str, body: Any) -> bytes | None:
        if body is None:
            return b"" if method in ("POST", "PUT", "PATCH") else None
        return json.dumps(body, separators=(",", ":")).encode()

    @staticmethod
    def flag(value: bool) -> str:
        return "true" if value else "false"

    @staticmethod
    def segment(text: str) -> str:
        return quote(text, safe="$&+=:@")

    @staticmethod
    def removal(role: str, target: dict[str, str], of_group: bool) -> tuple[dict[str, str] | None, dict[str, str]]:
        """The body and the query of a request that takes this role on this resource away."""
        return {"role_slug": role, **target}, {}


class Ruby(Go):
    """The Ruby SDK."""

    @staticmethod
    def query(fields: list[tuple[str, Any]]) -> str:
        pairs = [(k, one) for k, v in fields for one in (v if isinstance(v, list) else [v])]
        return "&".join(f"{quote_plus(k)}={quote_plus(str(v))}" for k, v in pairs)

    @staticmethod
    def headers(method: str, has_body: bool, key: str) -> dict[str, str]:
        headers = {"Accept": "*/*", "User-Agent": "WorkOS; ruby/3.4.1; x86_64-linux; v10.2.1"}
        headers["Authorization"] = f"Bearer {key}"
        return headers | (JSON if has_body or method in ("POST", "PUT", "PATCH") else {})

    @staticmethod
    def segment(text: str) -> str:
        return quote(text, safe="")

    @staticmethod
    def removal(role: str, target: dict[str, str], of_group: bool) -> tuple[dict[str, str] | None, dict[str, str]]:
        return ({"role_slug": role, **target}, {}) if of_group else ({"role_slug": role}, target)


class Php(Go):
    """The PHP SDK."""

    @staticmethod
    def moment(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}+00:00"

    @staticmethod
    def query(fields: list[tuple[str, Any]]) -> str:
        pairs = []
        for key, value in fields:
            indexed = [(f"{key}[{i}]", one) for i, one in enumerate(value)] if isinstance(value, list) else [(key, value)]
            pairs += indexed
        return "&".join(f"{quote(k, safe='')}={quote(str(v), safe='')}" for k, v in pairs)

    @staticmethod
    def headers(method: str, has_body: bool, key: str) -> dict[str, str]:
        return {"User-Agent": "workos-php/9.0.0", "Authorization": f"Bearer {key}", **JSON}

    @staticmethod
    def body(method: str, body: Any) -> bytes | None:
        if body is None:
            return b"" if method in ("POST", "PUT") else None
        # An array without entries is a list to PHP, except that the whole body is made an object.
        text = json.dumps({k: [] if v == {} else v for k, v in body.items()}, separators=(",", ":"))
        return text.replace("/", "\\/").encode()

    @staticmethod
    def flag(value: bool) -> str:
        return "1" if value else "0"

    @staticmethod
    def segment(text: str) -> str:
        return quote(text, safe="")


class DotNet(Go):
    """The .NET SDK."""

    @staticmethod
    def moment(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "7+00:00"

    @staticmethod
    def query(fields: list[tuple[str, Any]]) -> str:
        clean = lambda text: quote_plus(str(text), safe="@:[]")  # noqa: E731
        pairs = []
        for key, value in fields:
            pairs += [(f"{key}[]", one) for one in value] if isinstance(value, list) else [(key, value)]
        return "&".join(f"{clean(k)}={clean(v)}" for k, v in pairs)

    @staticmethod
    def headers(method: str, has_body: bool, key: str) -> dict[str, str]:
        headers = {"Accept-Encoding": "utf-8", "Authorization": f"Bearer {key}".rstrip(), "User-Agent": "workos-dotnet/6.2.0"}
        headers |= {"Idempotency-Key": str(uuid.uuid4())} if method == "POST" else {}
        return headers | (JSON if has_body else {})

    @staticmethod
    def body(method: str, body: Any) -> bytes | None:
        if method in ("GET", "DELETE"):
            return None
        return json.dumps({k: v for k, v in (body or {}).items() if v is not None}, separators=(",", ":")).encode()

    @staticmethod
    def segment(text: str) -> str:
        return quote(text, safe="")

    @staticmethod
    def removal(role: str, target: dict[str, str], of_group: bool) -> tuple[dict[str, str] | None, dict[str, str]]:
        return None, {"role_slug": role, **target}


class Sdk:
    """An SDK, as it calls the server."""

    def __init__(self, wire: type[Go]) -> None:
        self.wire, self.name = wire, wire.__name__.lower()
        self.unique = f"{self.name}-{RUN}"

    def call(self, method: str, path: str, body: Any = None, *, key: str = API_KEY, **query: Any) -> Answer:
        """A request with this body and these fields in its query; None is a call without a body."""
        target = path + ("?" + self.wire.query(list(query.items())) if query else "")
        raw = self.wire.body(method, body)
        return send(method, target, self.wire.headers(method, raw is not None, key), raw)


class StoryOfEach(Story):
    """A story whose steps may be told once for each SDK."""

    def each(self, sentence: str) -> Callable[[Callable[[Sdk, World], None]], None]:
        """Registers a step for every SDK. Each has a world of its own, for what its steps know."""

        def register(function: Callable[[Sdk, World], None]) -> None:
            for wire in (Go, Ruby, Php, DotNet):
                sdk = Sdk(wire)
                own = lambda world, sdk=sdk: function(sdk, world.__dict__.setdefault(sdk.name, World()))  # noqa: E731
                self.step(f"{wire.__name__}: {sentence}")(own)

        return register


def ids(page: dict[str, Any]) -> list[str]:
    """The ids of a list."""
    return [one["id"] for one in page["data"]]
