"""What an application does not do by the SDK: it listens for webhooks, people read mail, its operator makes things."""

from __future__ import annotations

import json
import mailbox
import os
import threading
import urllib.request
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, HTTPServer

URL = os.environ["VESTIBULE_URL"].rstrip("/")
CLIENT_ID = os.environ["VESTIBULE_CLIENT_ID"]
TOKEN = os.environ["VESTIBULE_ADMIN_TOKEN"]


class Receiver:
    """A listener on this machine that keeps what was sent to it: the signature and the raw body of each delivery."""

    def __init__(self) -> None:
        received = self.received = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.headers["WorkOS-Signature"], body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


def letter(recipient: str, words: str) -> EmailMessage | None:
    """A message that has arrived for this address and says this, as text and as HTML."""
    parser = BytesParser(policy=policy.default)
    for key in (box := mailbox.Maildir(os.environ["VESTIBULE_MAILBOX"])).keys():
        mail = parser.parsebytes(box.get_bytes(key))
        parts = [mail.get_body((form,)) for form in ("plain", "html")]
        if mail["To"] == recipient and all(part and words in part.get_content() for part in parts):
            return mail
    return None


def operator(method: str, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """A request of the operator's API, and what it answers."""
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"{}")


def _environment() -> str:
    """Where the operator finds the environment of this application."""
    environments = operator("GET", "/admin/v1/environments?limit=100")["data"]
    mine = next(one["id"] for one in environments if one["client_id"] == CLIENT_ID)
    return f"/admin/v1/environments/{mine}"


def new_flag(slug: str) -> dict[str, object]:
    """A new feature flag in the environment of this application."""
    return operator("POST", f"{_environment()}/feature_flags", {"slug": slug, "name": slug})


def new_resource_type(slug: str, *parents: str) -> dict[str, object]:
    """A new type of resources, which lie below those of its parents."""
    body = {"slug": slug, "name": slug.capitalize(), "parents": list(parents)}
    return operator("POST", f"{_environment()}/resource_types", body)


def forget(roles: list[str], types: list[str]) -> None:
    """Deletes roles of the environment and types of resources, which the API does not let an application do."""
    for path in [f"roles/{slug}" for slug in roles] + [f"resource_types/{slug}" for slug in types]:
        operator("DELETE", f"{_environment()}/{path}")
