"""The official Python SDK, unchanged but for its base URL, as every application here calls it."""

from __future__ import annotations

import os

from workos import WorkOSClient
from workos.authorization import ResourceTargetByExternalId

URL = os.environ["VESTIBULE_URL"].rstrip("/")
API_KEY = os.environ["VESTIBULE_API_KEY"]
CLIENT_ID = os.environ["VESTIBULE_CLIENT_ID"]
ISSUER = f"{URL}/user_management/{CLIENT_ID}"


def client(api_key: str = API_KEY) -> WorkOSClient:
    """A client that checks the issuer of every token and never repeats a failed request."""
    return WorkOSClient(api_key=api_key, client_id=CLIENT_ID, base_url=URL, jwt_issuer=ISSUER, max_retries=0)


def root_of(organization_id: str) -> ResourceTargetByExternalId:
    """The resource that every organization has of itself."""
    return ResourceTargetByExternalId(resource_external_id=organization_id, resource_type_slug="organization")
