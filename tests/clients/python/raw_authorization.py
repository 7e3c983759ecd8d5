"""An application with a tree of folders, by requests as the SDKs of Go, Ruby, PHP and .NET write them.

Needs VESTIBULE_URL and VESTIBULE_API_KEY, and VESTIBULE_CLIENT_ID and VESTIBULE_ADMIN_TOKEN for the types of resources.
"""

from __future__ import annotations

import sys
from typing import Any

from operated import forget, new_resource_type
from story import World, equal
from wires import RUN, Sdk, StoryOfEach, ids

# Legal in an external id, and everything in it means something in a path or a query.
ODD = f"f/1 ?a=%2F&b=$;+:@#{RUN}"

story = StoryOfEach("raw authorization")


def named(world: World, external_id: str) -> dict[str, str]:
    """A folder, by what the application calls it."""
    return {"resource_external_id": external_id, "resource_type_slug": world.folder}


def path(sdk: Sdk, world: World, external_id: str) -> str:
    """Where the folder of this external id is."""
    segments = [sdk.wire.segment(part) for part in (world.organization, world.folder, external_id)]
    return f"/authorization/organizations/{segments[0]}/resources/{segments[1]}/{segments[2]}"


def allowed(sdk: Sdk, world: World, external_id: str) -> bool:
    """Whether the member may open the folder."""
    body = {"permission_slug": world.permission, **named(world, external_id)}
    answer = sdk.call("POST", f"/authorization/organization_memberships/{world.membership}/check", body).expect(200)
    return answer["authorized"]


def take(sdk: Sdk, at: str, role: str, target: dict[str, str], of_group: bool) -> Any:
    """Takes a role away by what it is, in the way of the SDK."""
    body, query = sdk.wire.removal(role, target, of_group)
    return sdk.call("DELETE", at, body, **query)


@story.each("an organization with a member in a group, and a type of resources that lie in one another")
def _(sdk: Sdk, world: World) -> None:
    world.folder, world.permission, world.role = (f"{name}-{sdk.unique}" for name in ("folder", "open", "opener"))
    new_resource_type(world.folder, "organization", world.folder)
    world.organization = sdk.call("POST", "/organizations", {"name": "Acme"}).expect(201)["id"]
    world.user = sdk.call("POST", "/user_management/users", {"email": f"{sdk.unique}@example.com"}).expect(201)["id"]
    body = {"user_id": world.user, "organization_id": world.organization}
    world.membership = sdk.call("POST", "/user_management/organization_memberships", body).expect(201)["id"]
    groups = f"/organizations/{world.organization}/groups"
    world.group = sdk.call("POST", groups, {"name": "Openers"}).expect(201)["id"]
    body = {"organization_membership_id": world.membership}
    sdk.call("POST", f"{groups}/{world.group}/organization-memberships", body).expect(200)
    body = {"slug": world.permission, "name": "Open", "resource_type_slug": world.folder}
    sdk.call("POST", "/authorization/permissions", body).expect(201)
    body = {"slug": world.role, "name": "Opener", "resource_type_slug": world.folder}
    sdk.call("POST", "/authorization/roles", body).expect(201)
    sdk.call("POST", f"/authorization/roles/{world.role}/permissions", {"slug": world.permission}).expect(200)


@story.each("resources are created, and found by external ids that a path cannot hold as they are")
def _(sdk: Sdk, world: World) -> None:
    body = {"organization_id": world.organization, "resource_type_slug": world.folder, "name": "Folder"}
    world.top = sdk.call("POST", "/authorization/resources", {"external_id": ODD, **body}).expect(201)
    body |= {"parent_resource_external_id": ODD, "parent_resource_type_slug": world.folder}
    world.leaf = sdk.call("POST", "/authorization/resources", {"external_id": "leaf", **body}).expect(201)
    equal(world.leaf["parent_resource_id"], world.top["id"])
    equal(sdk.call("GET", path(sdk, world, ODD)).expect(200), world.top)
    changed = sdk.call("PATCH", path(sdk, world, ODD), {"name": "Top"}).expect(200)
    equal((changed["name"], changed["external_id"]), ("Top", ODD))
    equal(sdk.call("PATCH", path(sdk, world, "leaf"), {}).expect(200), world.leaf)
    where = {"parent_resource_type_slug": world.folder, "parent_external_id": ODD}
    page = sdk.call("GET", "/authorization/resources", limit=10, order="desc", resource_type_slug=world.folder, **where)
    equal(ids(page.expect(200)), [world.leaf["id"]])
    found = sdk.call("GET", "/authorization/resources", resource_type_slug=world.folder, resource_external_id=ODD)
    equal(ids(found.expect(200)), [world.top["id"]])


@story.each("a role is given to a member and taken away by what it is")
def _(sdk: Sdk, world: World) -> None:
    at = f"/authorization/organization_memberships/{world.membership}/role_assignments"
    sdk.call("POST", at, {"role_slug": world.role, **named(world, ODD)}).expect(201)
    equal((allowed(sdk, world, ODD), allowed(sdk, world, "leaf")), (True, True))
    equal(len(sdk.call("GET", at, limit=10, order="desc", **named(world, ODD)).expect(200)["data"]), 1)
    take(sdk, at, world.role, named(world, ODD), False).expect(204)
    equal((allowed(sdk, world, ODD), allowed(sdk, world, "leaf")), (False, False))
    take(sdk, at, world.role, {"resource_id": world.top["id"]}, False).expect(404)
    sdk.call("POST", at, {"role_slug": world.role, "resource_id": world.leaf["id"]}).expect(201)
    take(sdk, at, world.role, {"resource_id": world.leaf["id"]}, False).expect(204)
    equal(allowed(sdk, world, "leaf"), False)


@story.each("a role is given to a group, replaced, and taken away by what it is")
def _(sdk: Sdk, world: World) -> None:
    at = f"/authorization/groups/{world.group}/role_assignments"
    made = sdk.call("POST", at, {"role_slug": world.role, **named(world, ODD)}).expect(201)
    # One of the SDKs sends a conflict again, which must change nothing.
    for _ in range(2):
        sdk.call("POST", at, {"role_slug": world.role, **named(world, ODD)}).expect(409)
    equal(allowed(sdk, world, "leaf"), True)
    take(sdk, at, world.role, named(world, ODD), True).expect(204)
    take(sdk, at, world.role, named(world, ODD), True).expect(404)
    equal(allowed(sdk, world, "leaf"), False)
    entries = [{"role_slug": world.role, **named(world, ODD)}, {"role_slug": "member"}]
    replaced = sdk.call("PUT", at, {"role_assignments": entries}).expect(200)
    equal([one["role"]["slug"] for one in replaced["data"]], ["member", world.role])
    # Without a resource it is the organization.
    take(sdk, at, "member", {}, True).expect(204)
    left = sdk.call("GET", at, limit=10, order="desc").expect(200)["data"]
    equal([one["role"]["slug"] for one in left], [world.role])
    sdk.call("GET", f"{at}/{made['id']}").expect(404)


@story.each("what a member reaches, who reaches a resource, and what may be done there")
def _(sdk: Sdk, world: World) -> None:
    page = {"limit": 10, "order": "desc"}
    at = f"/authorization/organization_memberships/{world.membership}/resources"
    root = {"parent_resource_type_slug": "organization", "parent_resource_external_id": world.organization}
    found = sdk.call("GET", at, permission_slug=world.permission, **page, **root).expect(200)
    equal(ids(found), [world.leaf["id"], world.top["id"]])
    found = sdk.call("GET", at, permission_slug=world.permission, parent_resource_id=world.top["id"]).expect(200)
    equal(ids(found), [world.leaf["id"]])
    who = f"{path(sdk, world, 'leaf')}/organization_memberships"
    equal(ids(sdk.call("GET", who, permission_slug=world.permission, **page).expect(200)), [])
    everybody = sdk.call("GET", who, permission_slug=world.permission, assignment="indirect", **page).expect(200)
    equal([one["user"]["id"] for one in everybody["data"]], [world.user])
    held = sdk.call("GET", f"{at}/{world.folder}/{sdk.wire.segment(ODD)}/permissions", **page).expect(200)
    equal([one["slug"] for one in held["data"]], [world.permission])
    on_top = sdk.call("GET", f"{path(sdk, world, ODD)}/role_assignments", role_slug=world.role, **page).expect(200)
    equal([one["source"]["type"] for one in on_top["data"]], ["group"])


@story.each("a resource with something below it is deleted when that is wanted")
def _(sdk: Sdk, world: World) -> None:
    for fields in ({}, {"cascade_delete": sdk.wire.flag(False)}):
        refused = sdk.call("DELETE", path(sdk, world, ODD), **fields).expect(409)
        equal(refused["code"], "resource_has_dependents")
    sdk.call("DELETE", f"/authorization/resources/{world.top['id']}", cascade_delete=sdk.wire.flag(True)).expect(204)
    sdk.call("GET", path(sdk, world, "leaf")).expect(404)
    sdk.call("DELETE", f"/organizations/{world.organization}").expect(202)
    sdk.call("DELETE", f"/user_management/users/{world.user}").expect(200)
    sdk.call("DELETE", f"/authorization/permissions/{world.permission}").expect(204)
    forget([world.role], [world.folder])


if __name__ == "__main__":
    sys.exit(story.run(World()))
