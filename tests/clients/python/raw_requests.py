"""The first application, by requests as the SDKs of Go, Ruby, PHP and .NET write them.

Needs VESTIBULE_URL, VESTIBULE_API_KEY and VESTIBULE_CLIENT_ID, and VESTIBULE_ADMIN_TOKEN for a flag.
"""

from __future__ import annotations

import os
import sys
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, quote_plus

from operated import new_flag
from story import World, equal, eventually, holds
from wires import API_KEY, RUN, Go, Ruby, Sdk, StoryOfEach, ids, send

CLIENT_ID = os.environ["VESTIBULE_CLIENT_ID"]
PASSWORD = f"violet-harbour-{RUN}-Lantern!"

story = StoryOfEach("raw")


# --- what the applications of all languages begin with ---------------------------------------------------------


@story.each("an organization is made, changed and found by its domains, as lists are written")
def _(sdk: Sdk, world: World) -> None:
    domains = [f"one-{sdk.unique}.example.com", f"two-{sdk.unique}.example.com"]
    made = []
    for name, domain in zip(("One / and", "Two é"), domains, strict=True):
        body = {"name": f"{name} {sdk.unique}", "metadata": {}, "domain_data": [{"domain": domain, "state": "verified"}]}
        made.append(sdk.call("POST", "/organizations", body).expect(201))
    world.organization, world.other = made[0]["id"], made[1]["id"]
    equal((made[0]["name"], made[0]["metadata"]), (f"One / and {sdk.unique}", {}))
    found = sdk.call("GET", "/organizations", domains=domains, limit=10, order="desc").expect(200)
    equal(ids(found), [world.other, world.organization])
    found = sdk.call("GET", "/organizations", search=f"one / AND {sdk.unique}", order="asc").expect(200)
    equal(ids(found), [world.organization])
    changed = sdk.call("PUT", f"/organizations/{world.organization}", {"metadata": {"tier": "gold"}}).expect(200)
    equal((changed["metadata"], changed["name"]), ({"tier": "gold"}, made[0]["name"]))


@story.each("a call without fields is one without changes, however its body is left out")
def _(sdk: Sdk, world: World) -> None:
    same = sdk.call("GET", f"/organizations/{world.organization}").expect(200)
    equal(sdk.call("PUT", f"/organizations/{world.organization}").expect(200), same)
    equal(sdk.call("PUT", f"/organizations/{world.organization}", {}).expect(200), same)
    refused = sdk.call("POST", "/organizations").expect(422)
    equal([fault["field"] for fault in refused["errors"]], ["name"])


@story.each("a user joins, rests and comes back, by calls without a body")
def _(sdk: Sdk, world: World) -> None:
    body = {"email": f"{sdk.unique}@example.com", "password": PASSWORD, "email_verified": True, "metadata": {}}
    world.user = sdk.call("POST", "/user_management/users", body).expect(201)["id"]
    all_of = "/user_management/organization_memberships"
    body = {"user_id": world.user, "organization_id": world.organization}
    world.membership = sdk.call("POST", all_of, body).expect(201)["id"]
    for verb, status in (("deactivate", "inactive"), ("reactivate", "active"), ("deactivate", "inactive")):
        equal(sdk.call("PUT", f"{all_of}/{world.membership}/{verb}").expect(200)["status"], status)
    where = {"organization_id": world.organization, "limit": 10}
    equal(ids(sdk.call("GET", all_of, **where).expect(200)), [])
    equal(ids(sdk.call("GET", all_of, statuses=["inactive", "pending"], **where).expect(200)), [world.membership])
    sdk.call("PUT", f"{all_of}/{world.membership}/reactivate").expect(200)


@story.each("a sign-in without a key in the header, and a refresh by the token alone")
def _(sdk: Sdk, world: World) -> None:
    body = {"grant_type": "password", "client_id": CLIENT_ID, "client_secret": API_KEY, "email": f"{sdk.unique}@example.com"}
    signed_in = sdk.call("POST", "/user_management/authenticate", body | {"password": PASSWORD}, key="").expect(200)
    equal((signed_in["user"]["id"], signed_in["organization_id"]), (world.user, world.organization))
    body = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": signed_in["refresh_token"]}
    equal(sdk.call("POST", "/user_management/authenticate", body, key="").expect(200)["user"]["id"], world.user)
    holds(sdk.call("GET", f"/sso/jwks/{CLIENT_ID}", key="").expect(200)["keys"], "no keys are published")
    sdk.call("GET", "/organizations", key="").expect(401)


@story.each("roles, permissions and a check")
def _(sdk: Sdk, world: World) -> None:
    world.permission, role = f"posts:read:{sdk.unique}", f"editor-{sdk.unique}"
    body = {"slug": world.permission, "name": "Read"}
    sdk.call("POST", "/authorization/permissions", body).expect(201)
    # One of the SDKs sends a conflict again, which must change nothing.
    for _ in range(2):
        sdk.call("POST", "/authorization/permissions", body).expect(409)
    sdk.call("POST", "/authorization/roles", {"slug": role, "name": "Editor"}).expect(201)
    sdk.call("PUT", f"/authorization/roles/{role}/permissions", {"permissions": [world.permission]}).expect(200)
    path = f"/user_management/organization_memberships/{world.membership}"
    equal(sdk.call("PUT", path, {"role_slug": role}).expect(200)["role"]["slug"], role)
    body = {"permission_slug": world.permission, "resource_external_id": world.organization}
    body["resource_type_slug"] = "organization"
    check = f"/authorization/organization_memberships/{world.membership}/check"
    equal(sdk.call("POST", check, body).expect(200), {"authorized": True})
    slug = quote(world.permission, safe="")
    equal(sdk.call("GET", f"/authorization/permissions/{slug}").expect(200)["slug"], world.permission)


# --- what the platform adds ------------------------------------------------------------------------------------


@story.each("a group with its members")
def _(sdk: Sdk, world: World) -> None:
    groups = f"/organizations/{world.organization}/groups"
    group = sdk.call("POST", groups, {"name": "Group", "description": "Of people"}).expect(201)
    one = f"{groups}/{group['id']}"
    equal(sdk.call("PATCH", one).expect(200), group)
    equal(sdk.call("PATCH", one, {"name": "Others"}).expect(200)["name"], "Others")
    members = f"{one}/organization-memberships"
    sdk.call("POST", members, {"organization_membership_id": world.membership}).expect(200)
    equal(ids(sdk.call("GET", members, limit=10, order="desc").expect(200)), [world.membership])
    sdk.call("DELETE", f"{members}/{world.membership}").expect(204)
    of_membership = f"/user_management/organization_memberships/{world.membership}/groups"
    equal(ids(sdk.call("GET", of_membership).expect(200)), [])
    sdk.call("DELETE", one).expect(204)


@story.each("API keys, with moments as it writes them, and an expiration without a body")
def _(sdk: Sdk, world: World) -> None:
    keys = f"/organizations/{world.organization}/api_keys"
    later = datetime.now(timezone.utc) + timedelta(days=1)
    body = {"name": "Key", "permissions": [world.permission], "expires_at": sdk.wire.moment(later)}
    made = sdk.call("POST", keys, body).expect(201)
    shown = datetime.fromisoformat(made["expires_at"])
    holds(made["expires_at"].endswith("Z") and abs(shown - later) < timedelta(seconds=1), made["expires_at"])
    equal(ids(sdk.call("GET", keys, limit=10, order="desc").expect(200)), [made["id"]])
    value = {"value": made["value"]}
    equal(sdk.call("POST", "/api_keys/validations", value).expect(200)["api_key"]["id"], made["id"])
    sdk.call("POST", f"/api_keys/{made['id']}/expire").expect(200)
    equal(sdk.call("POST", "/api_keys/validations", value).expect(200), {"api_key": None})
    sdk.call("POST", f"/api_keys/{made['id']}/expire", {}).expect(409)
    sdk.call("DELETE", f"/api_keys/{made['id']}").expect(204)
    of_user = f"/user_management/users/{world.user}/api_keys"
    made = sdk.call("POST", of_user, {"name": "Laptop", "organization_id": world.organization}).expect(201)
    equal(ids(sdk.call("GET", of_user, organization_id=world.organization).expect(200)), [made["id"]])


@story.each("a domain, verified by a call without a body")
def _(sdk: Sdk, world: World) -> None:
    body = {"domain": f"claimed-{sdk.unique}.example.com", "organization_id": world.organization}
    domain = sdk.call("POST", "/organization_domains", body).expect(201)["id"]
    equal(sdk.call("POST", f"/organization_domains/{domain}/verify").expect(201)["id"], domain)
    sdk.call("DELETE", f"/organization_domains/{domain}").expect(204)


@story.each("a feature flag, enabled and aimed by calls without a body")
def _(sdk: Sdk, world: World) -> None:
    slug = f"flag-{sdk.unique}"
    new_flag(slug)
    equal(sdk.call("PUT", f"/feature-flags/{slug}/enable").expect(200)["enabled"], True)
    sdk.call("POST", f"/feature-flags/{slug}/targets/{world.user}").expect(204)
    on = sdk.call("GET", f"/user_management/users/{world.user}/feature-flags", limit=100).expect(200)
    holds(slug in [flag["slug"] for flag in on["data"]], f"{slug} is not on")
    sdk.call("DELETE", f"/feature-flags/{slug}/targets/{world.user}").expect(204)
    equal(sdk.call("PUT", f"/feature-flags/{slug}/disable").expect(200)["enabled"], False)


@story.each("an endpoint for webhooks")
def _(sdk: Sdk, world: World) -> None:
    body = {"endpoint_url": f"http://127.0.0.1:9/{sdk.unique}", "events": ["user.created", "user.deleted"]}
    made = sdk.call("POST", "/webhook_endpoints", body).expect(201)
    changed = sdk.call("PATCH", f"/webhook_endpoints/{made['id']}", {"status": "disabled"}).expect(200)
    equal((changed["status"], changed["events"]), ("disabled", made["events"]))
    holds(made["id"] in ids(sdk.call("GET", "/webhook_endpoints", limit=100).expect(200)), "it is not listed")
    sdk.call("DELETE", f"/webhook_endpoints/{made['id']}").expect(204)


@story.each("the event log, with the names of events as lists are written")
def _(sdk: Sdk, world: World) -> None:
    where = {"events": ["organization.created", "group.created"], "organization_id": world.organization, "limit": 100}

    def told() -> bool | None:
        page = sdk.call("GET", "/events", **where).expect(200)
        return [event["event"] for event in page["data"]] == where["events"] or None

    eventually(told)


@story.each("what was made is deleted")
def _(sdk: Sdk, world: World) -> None:
    sdk.call("DELETE", f"/user_management/users/{world.user}").expect(200)
    for organization in (world.organization, world.other):
        sdk.call("DELETE", f"/organizations/{organization}").expect(202)
        sdk.call("GET", f"/organizations/{organization}").expect(404)


# --- what only one of them does --------------------------------------------------------------------------------


@story.step("Go: parameters that are a nil pointer are the word null")
def _(_: World) -> None:
    sdk = Sdk(Go)
    headers = sdk.wire.headers("POST", True, API_KEY)
    made = send("POST", "/organizations", headers, b'{"name":"Nil"}').expect(201)
    path = f"/organizations/{made['id']}"
    equal(send("PUT", path, sdk.wire.headers("PUT", True, API_KEY), b"null").expect(200), made)
    key = send("POST", f"{path}/api_keys", headers, b'{"name":"Key"}').expect(201)["id"]
    send("POST", f"/api_keys/{key}/expire", headers, b"null").expect(200)
    sdk.call("DELETE", path).expect(202)


@story.step("Ruby: a request that is sent again brings a key of idempotency, and is one of its own")
def _(_: World) -> None:
    sdk = Sdk(Ruby)
    again = {"Idempotency-Key": str(uuid.uuid4())}
    body = b'{"name":"Again"}'
    made = []
    for extra in ({}, again, again):
        made.append(send("POST", "/organizations", sdk.wire.headers("POST", True, API_KEY) | extra, body).expect(201)["id"])
    equal(len(set(made)), 3)
    for organization in made:
        sdk.call("DELETE", f"/organizations/{organization}").expect(202)


@story.step("older clients: a sign-in as a form, with the character set in its type")
def _(_: World) -> None:
    fields = {"grant_type": "password", "client_id": CLIENT_ID, "client_secret": API_KEY, "email": "nobody@example.com"}
    form = "&".join(f"{k}={quote_plus(v)}" for k, v in (fields | {"password": "wrong horse"}).items()).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    equal(send("POST", "/user_management/authenticate", headers, form).expect(400)["code"], "invalid_credentials")


if __name__ == "__main__":
    sys.exit(story.run(World()))
