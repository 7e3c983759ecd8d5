"""An application that keeps documents and lets people at them, with the official Python SDK.

Workspaces hold projects, and projects documents. Ann has a role on one project, Ben has what his group was given on a
workspace. The story calls every operation of the SDK's family `authorization`, and its last step says which one it forgot.

Needs VESTIBULE_URL, VESTIBULE_API_KEY and VESTIBULE_CLIENT_ID, and VESTIBULE_ADMIN_TOKEN for the types of resources.
"""

from __future__ import annotations

import inspect
import secrets
import sys
from typing import Any
from urllib.error import HTTPError

from workos import AuthorizationError, ConflictError, NotFoundError, UnprocessableEntityError
from workos.authorization import (
    Authorization,
    ParentByExternalId,
    ParentById,
    ParentResourceByExternalId,
    ParentResourceById,
    ReplaceGroupRoleAssignmentEntry,
    ResourceTargetByExternalId,
    ResourceTargetById,
)

from operated import forget, new_resource_type
from sdk import client, root_of
from story import Story, World, equal, holds, raises

RUN = secrets.token_hex(5)
WORKSPACE, PROJECT, DOCUMENT = (f"{kind}-{RUN}" for kind in ("workspace", "project", "document"))
READ, EDIT, OPEN, SPARE = (f"{name}:{RUN}" for name in ("project:read", "project:edit", "document:open", "spare"))
OWNER, READER, OPENER = (f"{name}-{RUN}" for name in ("owner", "reader", "opener"))
WRITER = f"org-writer-{RUN}"
# Legal in an external id, and everything in it means something in a path or a query.
ODD = f"w/1 ?a=%2F#{RUN}"

story = Story("python authorization")


class Called:
    """The family, which notes what is called of it."""

    def __init__(self, family: Authorization) -> None:
        self._family = family
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self._family, name)


def ids(page: Any) -> list[str]:
    """The ids of a page."""
    return [one.id for one in page.data]


def named(external_id: str, kind: str = PROJECT) -> ResourceTargetByExternalId:
    """A resource, by what the application calls it."""
    return ResourceTargetByExternalId(resource_external_id=external_id, resource_type_slug=kind)


def allowed(world: World, member: str, permission: str, *resources: object) -> list[bool]:
    """Whether the member may do it on each of these resources; every one is asked about by its id and by its name."""
    answers = []
    for resource in resources:
        by_id = ResourceTargetById(resource_id=resource.id)
        by_name = named(resource.external_id, resource.resource_type_slug)
        got = [
            world.api.check(member, permission_slug=permission, resource_target=target).authorized
            for target in (by_id, by_name)
        ]
        equal(got[0], got[1])
        answers.append(got[0])
    return answers


# --- what there is, and who -------------------------------------------------------------------------------------


@story.step("the operator declares the types of resources")
def _(_: World) -> None:
    equal(new_resource_type(WORKSPACE, "organization")["parents"], ["organization"])
    new_resource_type(PROJECT, WORKSPACE)
    new_resource_type(DOCUMENT, PROJECT)


@story.step("an organization has two members, one of them in a group")
def _(world: World) -> None:
    workos = world.workos
    world.organization = workos.organizations.create_organization(name=f"Acme {RUN}").id
    users = [workos.user_management.create_user(email=f"{name}-{RUN}@example.com") for name in ("ann", "ben")]
    world.users = [user.id for user in users]
    world.ann, world.ben = (
        workos.organization_membership.create_organization_membership(
            user_id=user, organization_id=world.organization
        ).id
        for user in world.users
    )
    world.group = workos.groups.create_organization_group(world.organization, name="Owners").id
    workos.groups.create_group_organization_membership(
        world.organization, world.group, organization_membership_id=world.ben
    )


@story.step("a permission belongs to a type of resources")
def _(world: World) -> None:
    for slug, kind in ((READ, PROJECT), (EDIT, PROJECT), (OPEN, DOCUMENT), (SPARE, DOCUMENT)):
        made = world.api.create_permission(slug=slug, name="May", resource_type_slug=kind)
        equal((made.slug, made.resource_type_slug), (slug, kind))
    updated = world.api.update_permission(READ, name="Read", description="Sees the project")
    equal((updated.name, updated.resource_type_slug), ("Read", PROJECT))
    equal(world.api.get_permission(READ).to_dict(), updated.to_dict())
    world.api.delete_permission(SPARE)
    raises(NotFoundError, lambda: world.api.get_permission(SPARE))
    listed = [p.slug for p in world.api.list_permissions(limit=2).auto_paging_iter()]
    equal([slug for slug in listed if slug.endswith(RUN)], [OPEN, EDIT, READ])


@story.step("a role of the environment belongs to a type, and takes permissions of the types below it alone")
def _(world: World) -> None:
    api = world.api
    for slug, kind in ((OWNER, WORKSPACE), (READER, PROJECT), (OPENER, DOCUMENT)):
        made = api.create_environment_role(slug=slug, name="Role", resource_type_slug=kind)
        equal((made.slug, made.type, made.resource_type_slug), (slug, "EnvironmentRole", kind))
    equal(api.update_environment_role(OWNER, name="Owner", description=None).name, "Owner")
    api.set_environment_role_permissions(OWNER, permissions=[READ, EDIT])
    equal(sorted(api.add_environment_role_permission(OWNER, body_slug=OPEN).permissions), [OPEN, EDIT, READ])
    api.set_environment_role_permissions(READER, permissions=[READ, OPEN])
    raises(
        UnprocessableEntityError, lambda: api.set_environment_role_permissions(OPENER, permissions=[OPEN, READ])
    )
    equal(api.get_environment_role(OPENER).permissions, [])
    kinds = {role.slug: role.resource_type_slug for role in api.list_environment_roles().data}
    wanted = {OWNER: WORKSPACE, READER: PROJECT, OPENER: DOCUMENT, "member": "organization"}
    equal({slug: kinds.get(slug) for slug in wanted}, wanted)


@story.step("so does a role of an organization")
def _(world: World) -> None:
    api, organization, spare = world.api, world.organization, f"org-spare-{RUN}"
    made = api.create_organization_role(organization, slug=WRITER, name="Writer", resource_type_slug=PROJECT)
    equal((made.slug, made.type, made.resource_type_slug), (WRITER, "OrganizationRole", PROJECT))
    equal(api.update_organization_role(organization, WRITER, description="Writes").description, "Writes")
    api.set_organization_role_permissions(organization, WRITER, permissions=[OPEN])
    equal(sorted(api.add_organization_role_permission(organization, WRITER, body_slug=EDIT).permissions), [OPEN, EDIT])
    api.remove_organization_role_permission(organization, WRITER, OPEN)
    equal(api.get_organization_role(organization, WRITER).permissions, [EDIT])
    api.create_organization_role(organization, slug=spare, name="Spare", resource_type_slug=WORKSPACE)
    listed = {role.slug: role.resource_type_slug for role in api.list_organization_roles(organization).data}
    equal([listed.get(slug) for slug in (OWNER, WRITER, spare)], [WORKSPACE, PROJECT, WORKSPACE])
    api.delete_organization_role(organization, spare)
    raises(NotFoundError, lambda: api.get_organization_role(organization, spare))


# --- resources --------------------------------------------------------------------------------------------------


@story.step("resources are created below the organization, below one by its id and below one by its external id")
def _(world: World) -> None:
    def create(kind: str, external_id: str, **fields: object) -> object:
        fields |= {"organization_id": world.organization, "resource_type_slug": kind}
        return world.api.create_resource(external_id=external_id, name=f"{kind[:8]} {external_id[:9]}", **fields)

    world.root = world.api.get_resource_by_external_id(world.organization, "organization", world.organization)
    equal((world.root.parent_resource_id, world.root.organization_id), (None, world.organization))
    world.first, world.second = create(WORKSPACE, ODD, description="Odd"), create(WORKSPACE, "w2")
    equal((world.first.external_id, world.first.description), (ODD, "Odd"))
    equal(world.first.parent_resource_id, world.root.id)
    by_id = ParentResourceById(parent_resource_id=world.first.id)
    by_name = ParentResourceByExternalId(parent_resource_type_slug=WORKSPACE, parent_resource_external_id=ODD)
    world.one, world.two = create(PROJECT, "p1", parent_resource=by_id), create(PROJECT, "p2", parent_resource=by_name)
    equal({world.one.parent_resource_id, world.two.parent_resource_id}, {world.first.id})
    by_name = ParentResourceByExternalId(parent_resource_type_slug=WORKSPACE, parent_resource_external_id="w2")
    world.three = create(PROJECT, "p3", parent_resource=by_name)
    by_id = ParentResourceById(parent_resource_id=world.one.id)
    world.paper = create(DOCUMENT, "d1", parent_resource=by_id)
    twin = raises(ConflictError, lambda: create(DOCUMENT, "d1", parent_resource=by_id))
    equal(twin.code, "authorization_resource_external_id_conflict")
    # A type says what its resources may lie in.
    raises(UnprocessableEntityError, lambda: create(DOCUMENT, "d2"))
    raises(NotFoundError, lambda: create(f"none-{RUN}", "n1"))


@story.step("a resource is read by its id and by its external id, whatever that holds")
def _(world: World) -> None:
    by_name = world.api.get_resource_by_external_id(world.organization, WORKSPACE, ODD)
    equal(by_name.to_dict(), world.first.to_dict())
    equal(world.api.get_resource(world.first.id).to_dict(), by_name.to_dict())
    raises(NotFoundError, lambda: world.api.get_resource_by_external_id(world.organization, PROJECT, ODD))


@story.step("resources are listed by organization, by type, by parent and by external id")
def _(world: World) -> None:
    listing, where = world.api.list_resources, {"organization_id": world.organization}
    projects = [world.three.id, world.two.id, world.one.id]
    everything = [world.paper.id, *projects, world.second.id, world.first.id, world.root.id]
    equal([r.id for r in listing(**where, limit=2).auto_paging_iter()], everything)
    equal(ids(listing(**where, order="asc", limit=100)), everything[::-1])
    equal(ids(listing(resource_type_slug=PROJECT)), projects)
    page = listing(resource_type_slug=PROJECT, limit=1, after=world.three.id)
    equal((ids(page), page.before, page.after), ([world.two.id], world.two.id, world.two.id))
    equal(ids(listing(parent=ParentById(parent_resource_id=world.first.id))), projects[1:])
    parent = ParentByExternalId(parent_resource_type_slug=WORKSPACE, parent_external_id=ODD)
    equal(ids(listing(**where, parent=parent)), projects[1:])
    equal(ids(listing(resource_type_slug=PROJECT, resource_external_id="p2")), [world.two.id])


@story.step("a resource is changed under both of its names")
def _(world: World) -> None:
    changed = world.api.update_resource(world.one.id, name="First", description="Project")
    equal((changed.name, changed.description, changed.external_id), ("First", "Project", "p1"))
    changed = world.api.update_resource_by_external_id(world.organization, PROJECT, "p1", description=None)
    equal((changed.name, changed.description, changed.parent_resource_id), ("First", None, world.first.id))
    equal(world.api.get_resource(world.one.id).to_dict(), changed.to_dict())


# --- roles on them ----------------------------------------------------------------------------------------------


@story.step("a member is given a role on a resource, once")
def _(world: World) -> None:
    by_id = ResourceTargetById(resource_id=world.one.id)
    made = world.api.assign_role(world.ann, role_slug=READER, resource_target=by_id)
    equal((made.organization_membership_id, made.role.slug), (world.ann, READER))
    on = made.resource
    equal((on.id, on.external_id, on.resource_type_slug), (world.one.id, "p1", PROJECT))
    equal((made.source.type, made.source.group_role_assignment_id, made.source.group), ("direct", None, None))
    again = world.api.assign_role(world.ann, role_slug=READER, resource_target=named("p1"))
    equal(again.id, made.id)
    world.assignment = made
    wrong = ResourceTargetById(resource_id=world.first.id)
    raises(UnprocessableEntityError, lambda: world.api.assign_role(world.ann, role_slug=READER, resource_target=wrong))


@story.step("the role holds there and below, and nowhere else")
def _(world: World) -> None:
    equal(allowed(world, world.ann, READ, world.one, world.two, world.first, world.root), [True, False, False, False])
    equal(allowed(world, world.ann, OPEN, world.one, world.paper), [True, True])
    equal(allowed(world, world.ann, EDIT, world.one, world.paper), [False, False])
    equal(allowed(world, world.ben, READ, world.one), [False])
    equal(allowed(world, world.ann, f"none:{RUN}", world.one), [False])
    members = world.workos.organization_membership
    members.deactivate_organization_membership(world.ann)
    equal(allowed(world, world.ann, READ, world.one), [False])
    members.reactivate_organization_membership(world.ann)
    equal(allowed(world, world.ann, READ, world.one), [True])


@story.step("a group is given a role, and its member has it")
def _(world: World) -> None:
    api, group = world.api, world.group
    made = api.create_group_role_assignment(group, role_slug=OWNER, resource_id=world.first.id)
    equal((made.group_id, made.role.slug, made.resource.external_id), (group, OWNER, ODD))
    twin = raises(
        ConflictError,
        lambda: api.create_group_role_assignment(
            group, role_slug=OWNER, resource_external_id=ODD, resource_type_slug=WORKSPACE
        ),
    )
    equal(twin.code, "duplicate_group_role_assignment")
    equal(api.get_group_role_assignment(group, made.id).to_dict(), made.to_dict())
    equal(allowed(world, world.ben, EDIT, world.first, world.two, world.three), [True, True, False])
    equal(allowed(world, world.ben, OPEN, world.paper), [True])
    derived = next(a for a in api.list_role_assignments(world.ben).data if a.role.slug == OWNER)
    source = derived.source
    equal((source.type, source.group_role_assignment_id, source.group.id), ("group", made.id, group))
    equal(source.group.name, "Owners")
    # It is the group's, and nobody takes it from its member alone.
    raises(AuthorizationError, lambda: api.remove_role_assignment(world.ben, derived.id))


@story.step("the roles of a group are replaced, and changed by what is added and removed")
def _(world: World) -> None:
    api, group, entry = world.api, world.group, ReplaceGroupRoleAssignmentEntry
    owner, everywhere = entry(role_slug=OWNER, resource_id=world.first.id), entry(role_slug="member")
    reader = entry(role_slug=READER, resource_external_id="p2", resource_type_slug=PROJECT)
    replaced = api.update_group_role_assignments(group, role_assignments=[everywhere, reader])
    # Newest first, as in the list.
    wanted = [(READER, world.two.id), ("member", world.root.id)]
    equal([(one.role.slug, one.resource.id) for one in replaced.data], wanted)
    equal(allowed(world, world.ben, READ, world.one, world.two), [False, True])
    equal(allowed(world, world.ben, EDIT, world.one, world.two), [False, False])
    listed = [one.role.slug for one in api.list_group_role_assignments(group, limit=1).auto_paging_iter()]
    equal(listed, [READER, "member"])
    equal(api.patch_group_role_assignments(group, add=[owner, reader], remove=[everywhere]), None)
    equal({one.role.slug for one in api.list_group_role_assignments(group).data}, {OWNER, READER})
    equal(allowed(world, world.ben, EDIT, world.one, world.two), [True, True])


@story.step("a role is taken from a group by what it is and by the id of its assignment")
def _(world: World) -> None:
    api, group = world.api, world.group
    where = {"role_slug": READER, "resource_external_id": "p2", "resource_type_slug": PROJECT}
    api.delete_group_role_assignments(group, **where)
    raises(NotFoundError, lambda: api.delete_group_role_assignments(group, **where))
    extra = api.create_group_role_assignment(group, role_slug=OWNER, resource_id=world.second.id)
    equal(allowed(world, world.ben, EDIT, world.three), [True])
    api.delete_group_role_assignment(group, extra.id)
    equal(allowed(world, world.ben, EDIT, world.three), [False])
    raises(NotFoundError, lambda: api.get_group_role_assignment(group, extra.id))
    equal([one.role.slug for one in api.list_group_role_assignments(group).data], [OWNER])


@story.step("the assignments of a member are listed, all of them and those on a resource")
def _(world: World) -> None:
    def listed(**where: object) -> list[str]:
        page = world.api.list_role_assignments(world.ann, **where)
        return [one.role.slug for one in page.auto_paging_iter()]

    equal(listed(limit=1), [READER, "member"])
    equal(listed(order="asc"), ["member", READER])
    equal(listed(resource_id=world.one.id), [READER])
    equal(listed(resource_external_id="p1", resource_type_slug=PROJECT), [READER])
    equal(listed(resource_type_slug=PROJECT), [READER])
    equal(listed(resource_id=world.two.id), [])


@story.step("the assignments on a resource are listed, under both of its names")
def _(world: World) -> None:
    api, organization = world.api, world.organization
    on_one = api.list_role_assignments_for_resource(world.one.id)
    equal([(one.id, one.organization_membership_id) for one in on_one.data], [(world.assignment.id, world.ann)])
    equal(ids(api.list_role_assignments_for_resource(world.one.id, role_slug=OWNER)), [])
    named_one = api.list_role_assignments_for_resource_by_external_id(organization, PROJECT, "p1")
    equal([one.to_dict() for one in named_one.data], [one.to_dict() for one in on_one.data])
    on_first = api.list_role_assignments_for_resource_by_external_id(organization, WORKSPACE, ODD, role_slug=OWNER)
    equal([(one.organization_membership_id, one.source.type) for one in on_first.data], [(world.ben, "group")])


@story.step("a role is taken from a member by what it is and by the id of its assignment, at once")
def _(world: World) -> None:
    api, target = world.api, ResourceTargetById(resource_id=world.one.id)
    api.remove_role(world.ann, role_slug=READER, resource_target=named("p1"))
    equal(allowed(world, world.ann, READ, world.one), [False])
    raises(NotFoundError, lambda: api.remove_role(world.ann, role_slug=READER, resource_target=target))
    again = api.assign_role(world.ann, role_slug=READER, resource_target=target)
    api.remove_role_assignment(world.ann, again.id)
    equal(allowed(world, world.ann, READ, world.one), [False])
    raises(NotFoundError, lambda: api.remove_role_assignment(world.ann, again.id))
    api.assign_role(world.ann, role_slug=READER, resource_target=target)
    equal(allowed(world, world.ann, READ, world.one), [True])


@story.step("a role of the organization is given on a resource, and stays while somebody has it")
def _(world: World) -> None:
    api, organization, target = world.api, world.organization, named("p2")
    api.assign_role(world.ann, role_slug=WRITER, resource_target=target)
    equal(allowed(world, world.ann, EDIT, world.two, world.one), [True, False])
    refused = raises(ConflictError, lambda: api.delete_organization_role(organization, WRITER))
    equal(refused.code, "role_has_assignments")
    api.remove_role(world.ann, role_slug=WRITER, resource_target=target)
    api.delete_organization_role(organization, WRITER)
    equal(allowed(world, world.ann, EDIT, world.two), [False])


# --- what somebody may reach, and who may reach it --------------------------------------------------------------


@story.step("a member's resources are found below the organization and below any other")
def _(world: World) -> None:
    def found(member: str, permission: str, parent: object, **page: object) -> list[str]:
        where = {"permission_slug": permission, "parent_resource": parent, **page}
        return [r.id for r in world.api.list_resources_for_membership(member, **where).auto_paging_iter()]

    root = ParentResourceById(parent_resource_id=world.root.id)
    first = ParentResourceByExternalId(parent_resource_type_slug=WORKSPACE, parent_resource_external_id=ODD)
    second = ParentResourceById(parent_resource_id=world.second.id)
    equal(found(world.ann, READ, root), [world.one.id])
    equal(found(world.ann, OPEN, first), [world.paper.id])
    equal(found(world.ben, READ, root, limit=1), [world.two.id, world.one.id])
    equal(found(world.ben, EDIT, first, order="asc"), [world.one.id, world.two.id])
    equal(found(world.ben, READ, second), [])


@story.step("who may is told for those who were given it there, and for everybody")
def _(world: World) -> None:
    api = world.api
    direct = api.list_memberships_for_resource(world.one.id, permission_slug=READ)
    equal([(m.id, m.user.id, m.status) for m in direct.data], [(world.ann, world.users[0], "active")])
    page = api.list_memberships_for_resource(world.one.id, permission_slug=READ, assignment="indirect", limit=1)
    equal([m.id for m in page.auto_paging_iter()], [world.ben, world.ann])
    equal(ids(api.list_memberships_for_resource(world.two.id, permission_slug=EDIT, assignment="direct")), [])
    by_name = api.list_memberships_for_resource_by_external_id
    equal(ids(by_name(world.organization, WORKSPACE, ODD, permission_slug=EDIT)), [world.ben])
    everybody = by_name(world.organization, DOCUMENT, "d1", permission_slug=OPEN, assignment="indirect", order="asc")
    equal(ids(everybody), [world.ann, world.ben])


@story.step("what a member may do on a resource is what a check says")
def _(world: World) -> None:
    for member, resource, wanted in (
        (world.ann, world.one, {READ, OPEN}),
        (world.ann, world.two, set()),
        (world.ben, world.paper, {READ, EDIT, OPEN}),
    ):
        by_id = world.api.list_effective_permissions(member, resource.id, limit=1)
        held = [permission.slug for permission in by_id.auto_paging_iter()]
        equal((set(held), len(held)), (wanted, len(wanted)))
        by_name = world.api.list_effective_permissions_by_external_id(
            member, resource.resource_type_slug, resource.external_id, order="asc"
        )
        equal([permission.slug for permission in by_name.data], held[::-1])
        checked = {slug for slug in (READ, EDIT, OPEN) if allowed(world, member, slug, resource) == [True]}
        equal(checked, wanted)


# --- moves and the end ------------------------------------------------------------------------------------------


@story.step("a resource is moved, and what was inherited changes with it")
def _(world: World) -> None:
    to_first = ParentResourceById(parent_resource_id=world.first.id)
    moved = world.api.update_resource(world.three.id, parent_resource=to_first)
    equal((moved.parent_resource_id, moved.name), (world.first.id, world.three.name))
    equal(allowed(world, world.ben, EDIT, world.three), [True])
    to_second = ParentResourceByExternalId(parent_resource_type_slug=WORKSPACE, parent_resource_external_id="w2")
    moved = world.api.update_resource_by_external_id(world.organization, PROJECT, "p3", parent_resource=to_second)
    equal(moved.parent_resource_id, world.second.id)
    equal(allowed(world, world.ben, EDIT, world.three), [False])
    wrong = ParentResourceById(parent_resource_id=world.root.id)
    raises(UnprocessableEntityError, lambda: world.api.update_resource(world.three.id, parent_resource=wrong))


@story.step("a resource with something below it is deleted when that is wanted, with the roles on it")
def _(world: World) -> None:
    api, organization = world.api, world.organization
    equal(raises(ConflictError, lambda: api.delete_resource(world.first.id)).code, "resource_has_dependents")
    refused = raises(ConflictError, lambda: api.delete_resource_by_external_id(organization, WORKSPACE, "w2"))
    equal(refused.code, "resource_has_dependents")
    api.delete_resource(world.three.id)
    api.delete_resource_by_external_id(organization, WORKSPACE, "w2", cascade_delete=False)
    api.delete_resource_by_external_id(organization, WORKSPACE, ODD, cascade_delete=True)
    for resource in (world.first, world.one, world.paper, world.second, world.three):
        raises(NotFoundError, lambda: api.get_resource(resource.id))
    equal(ids(api.list_resources(organization_id=organization)), [world.root.id])
    equal(ids(api.list_group_role_assignments(world.group)), [])
    equal([one.role.slug for one in api.list_role_assignments(world.ann).data], ["member"])
    raises(NotFoundError, lambda: allowed(world, world.ann, READ, world.one))
    raises(AuthorizationError, lambda: api.delete_resource(world.root.id))


@story.step("types go when nothing belongs to them any more")
def _(world: World) -> None:
    workos = world.workos
    workos.organizations.delete_organization(world.organization)
    raises(NotFoundError, lambda: world.api.get_resource(world.root.id))
    for user in world.users:
        workos.user_management.delete_user(user)
    equal(raises(HTTPError, lambda: forget([], [DOCUMENT])).code, 409)
    for permission in (READ, EDIT, OPEN):
        world.api.delete_permission(permission)
    forget([OWNER, READER, OPENER], [DOCUMENT, PROJECT, WORKSPACE])
    raises(NotFoundError, lambda: world.api.get_environment_role(OWNER))


@story.step("every operation of the family has been called")
def _(world: World) -> None:
    of_family = {name for name, _ in inspect.getmembers(Authorization, inspect.isfunction) if not name.startswith("_")}
    holds(len(of_family) > 45, f"the SDK has {len(of_family)} operations")
    equal(sorted(of_family - world.api.names), [])


def main() -> int:
    world = World()
    world.workos = client()
    world.api = Called(world.workos.authorization)
    return story.run(world)


if __name__ == "__main__":
    sys.exit(main())
