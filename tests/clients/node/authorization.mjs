// An application that keeps documents and lets people at them, with the official Node SDK.
//
// Workspaces hold projects, and projects documents. Ann has a role on one project, Ben has what his group was given on a
// workspace. The story calls every operation of the SDK's family `authorization`, and its last step says which one it
// forgot. This SDK cannot move a resource, look for an external id or change a group's roles by what is added and removed.
//
// Needs VESTIBULE_URL, VESTIBULE_API_KEY and VESTIBULE_CLIENT_ID, and VESTIBULE_ADMIN_TOKEN for the types of resources.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ConflictException, GenericServerException, NotFoundException, UnprocessableEntityException } from '@workos-inc/node';
import { forget, newResourceType } from './operated.mjs';
import { client, ids } from './sdk.mjs';
import { newWorld, rejects, runStory, step } from './story.mjs';

const RUN = randomBytes(5).toString('hex');
const [WORKSPACE, PROJECT, DOCUMENT] = ['workspace', 'project', 'document'].map((kind) => `${kind}-${RUN}`);
const [READ, EDIT, OPEN, SPARE] = ['project:read', 'project:edit', 'document:open', 'spare'].map((name) => `${name}:${RUN}`);
const [OWNER, READER, OPENER] = ['owner', 'reader', 'opener'].map((name) => `${name}-${RUN}`);
const WRITER = `org-writer-${RUN}`;
// Legal in an external id, and everything in it means something in a path or a query.
const ODD = `w/1 ?a=%2F#${RUN}`;

const { equal, deepEqual, ok } = assert;

/** The family, which notes what is called of it. */
function noting(family, called) {
  return new Proxy(family, {
    get(target, name) {
      called.add(name);
      return target[name].bind(target);
    },
  });
}

const named = (resourceExternalId, resourceTypeSlug = PROJECT) => ({ resourceExternalId, resourceTypeSlug });
const parentNamed = (externalId, kind) => ({ parentResourceExternalId: externalId, parentResourceTypeSlug: kind });
const roleSlugs = (list) => list.data.map((one) => one.role.slug);

/** Whether the member may do it on each of these resources; every one is asked about by its id and by its name. */
async function allowed({ api }, organizationMembershipId, permissionSlug, ...resources) {
  const answers = [];
  for (const resource of resources) {
    const question = { organizationMembershipId, permissionSlug };
    const byId = await api.check({ ...question, resourceId: resource.id });
    const byName = await api.check({ ...question, ...named(resource.externalId, resource.resourceTypeSlug) });
    deepEqual(byId, byName);
    answers.push(byId.authorized);
  }
  return answers;
}

// --- what there is, and who -------------------------------------------------------------------------------------

step('the operator declares the types of resources', async () => {
  deepEqual((await newResourceType(WORKSPACE, 'organization')).parents, ['organization']);
  await newResourceType(PROJECT, WORKSPACE);
  await newResourceType(DOCUMENT, PROJECT);
});

step('an organization has two members, one of them in a group', async (world) => {
  const { organizations, userManagement, groups } = world.workos;
  const organizationId = (await organizations.createOrganization({ name: `Acme ${RUN}` })).id;
  world.organization = organizationId;
  world.users = [];
  const members = [];
  for (const name of ['ann', 'ben']) {
    const userId = (await userManagement.createUser({ email: `${name}-${RUN}@example.com` })).id;
    world.users = [...world.users, userId];
    members.push((await userManagement.createOrganizationMembership({ userId, organizationId })).id);
  }
  [world.ann, world.ben] = members;
  world.group = (await groups.createGroup({ organizationId, name: 'Owners' })).id;
  await groups.addOrganizationMembership({ organizationId, groupId: world.group, organizationMembershipId: world.ben });
});

step('a permission belongs to a type of resources', async ({ api }) => {
  for (const [slug, resourceTypeSlug] of [[READ, PROJECT], [EDIT, PROJECT], [OPEN, DOCUMENT], [SPARE, DOCUMENT]]) {
    const made = await api.createPermission({ slug, name: 'May', resourceTypeSlug });
    deepEqual([made.slug, made.resourceTypeSlug], [slug, resourceTypeSlug]);
  }
  const updated = await api.updatePermission(READ, { name: 'Read', description: 'Sees the project' });
  deepEqual([updated.name, updated.resourceTypeSlug], ['Read', PROJECT]);
  deepEqual(await api.getPermission(READ), updated);
  await api.deletePermission(SPARE);
  await rejects(NotFoundException, api.getPermission(SPARE));
  const listed = await (await api.listPermissions()).autoPagination();
  deepEqual(listed.map((p) => p.slug).filter((slug) => slug.endsWith(RUN)), [OPEN, EDIT, READ]);
});

step('a role of the environment belongs to a type, and takes permissions of the types below it alone', async ({ api }) => {
  for (const [slug, resourceTypeSlug] of [[OWNER, WORKSPACE], [READER, PROJECT], [OPENER, DOCUMENT]]) {
    const made = await api.createEnvironmentRole({ slug, name: 'Role', resourceTypeSlug });
    deepEqual([made.slug, made.type, made.resourceTypeSlug], [slug, 'EnvironmentRole', resourceTypeSlug]);
  }
  equal((await api.updateEnvironmentRole(OWNER, { name: 'Owner', description: null })).name, 'Owner');
  await api.setEnvironmentRolePermissions(OWNER, { permissions: [READ, EDIT] });
  const added = await api.addEnvironmentRolePermission(OWNER, { permissionSlug: OPEN });
  deepEqual(added.permissions.toSorted(), [OPEN, EDIT, READ]);
  await api.setEnvironmentRolePermissions(READER, { permissions: [READ, OPEN] });
  await rejects(UnprocessableEntityException, api.setEnvironmentRolePermissions(OPENER, { permissions: [OPEN, READ] }));
  deepEqual((await api.getEnvironmentRole(OPENER)).permissions, []);
  const kinds = new Map((await api.listEnvironmentRoles()).data.map((role) => [role.slug, role.resourceTypeSlug]));
  const wanted = [[OWNER, WORKSPACE], [READER, PROJECT], [OPENER, DOCUMENT], ['member', 'organization']];
  for (const [slug, kind] of wanted) equal(kinds.get(slug), kind);
});

step('so does a role of an organization', async ({ api, organization }) => {
  const made = await api.createOrganizationRole(organization, { slug: WRITER, name: 'Writer', resourceTypeSlug: PROJECT });
  deepEqual([made.slug, made.type, made.resourceTypeSlug], [WRITER, 'OrganizationRole', PROJECT]);
  equal((await api.updateOrganizationRole(organization, WRITER, { description: 'Writes' })).description, 'Writes');
  await api.setOrganizationRolePermissions(organization, WRITER, { permissions: [OPEN] });
  const added = await api.addOrganizationRolePermission(organization, WRITER, { permissionSlug: EDIT });
  deepEqual(added.permissions.toSorted(), [OPEN, EDIT]);
  await api.removeOrganizationRolePermission(organization, WRITER, { permissionSlug: OPEN });
  deepEqual((await api.getOrganizationRole(organization, WRITER)).permissions, [EDIT]);
  const listed = new Map((await api.listOrganizationRoles(organization)).data.map((r) => [r.slug, r.resourceTypeSlug]));
  deepEqual([listed.get(OWNER), listed.get(WRITER)], [WORKSPACE, PROJECT]);
});

// --- resources --------------------------------------------------------------------------------------------------

step('resources are created below the organization, below one by its id and below one by its external id', async (world) => {
  const { api, organization: organizationId } = world;
  const create = (resourceTypeSlug, externalId, fields = {}) => api.createResource({
    organizationId, resourceTypeSlug, externalId, name: externalId.slice(0, 9), ...fields,
  });
  const root = { organizationId, resourceTypeSlug: 'organization', externalId: organizationId };
  world.root = await api.getResourceByExternalId(root);
  deepEqual([world.root.parentResourceId, world.root.organizationId], [null, organizationId]);
  world.first = await create(WORKSPACE, ODD, { description: 'Odd' });
  world.second = await create(WORKSPACE, 'w2', { parentResourceId: world.root.id });
  deepEqual([world.first.externalId, world.first.description], [ODD, 'Odd']);
  deepEqual([world.first.parentResourceId, world.second.parentResourceId], [world.root.id, world.root.id]);
  world.one = await create(PROJECT, 'p1', { parentResourceId: world.first.id });
  world.two = await create(PROJECT, 'p2', parentNamed(ODD, WORKSPACE));
  deepEqual([world.one.parentResourceId, world.two.parentResourceId], [world.first.id, world.first.id]);
  world.three = await create(PROJECT, 'p3', { parentResourceId: world.second.id });
  world.paper = await create(DOCUMENT, 'd1', parentNamed('p1', PROJECT));
  const twin = await rejects(ConflictException, create(DOCUMENT, 'd1', parentNamed('p1', PROJECT)));
  equal(twin.code, 'authorization_resource_external_id_conflict');
  // A type says what its resources may lie in.
  await rejects(UnprocessableEntityException, create(DOCUMENT, 'd2'));
  await rejects(NotFoundException, create(`none-${RUN}`, 'n1'));
});

step('a resource is read by its id and by its external id, whatever that holds', async ({ api, organization, first }) => {
  const where = { organizationId: organization, externalId: ODD };
  deepEqual(await api.getResourceByExternalId({ ...where, resourceTypeSlug: WORKSPACE }), first);
  deepEqual(await api.getResource(first.id), first);
  await rejects(NotFoundException, api.getResourceByExternalId({ ...where, resourceTypeSlug: PROJECT }));
});

step('resources are listed by organization, by type and by parent', async (world) => {
  const { api, organization: organizationId, root, first, second, one, two, three, paper } = world;
  const list = async (where) => ids(await api.listResources({ organizationId, ...where }));
  const everything = [paper, three, two, one, second, first, root].map((resource) => resource.id);
  deepEqual(await list({}), everything);
  deepEqual(await list({ order: 'asc', limit: 100 }), everything.toReversed());
  const all = await (await api.listResources({ resourceTypeSlug: PROJECT })).autoPagination();
  deepEqual(all.map((resource) => resource.id), [three.id, two.id, one.id]);
  const page = await api.listResources({ resourceTypeSlug: PROJECT, limit: 1, after: three.id });
  deepEqual([ids(page), page.listMetadata], [[two.id], { before: two.id, after: two.id }]);
  deepEqual(await list({ parentResourceId: first.id }), [two.id, one.id]);
  deepEqual(await list({ parentResourceTypeSlug: WORKSPACE, parentExternalId: ODD }), [two.id, one.id]);
});

step('a resource is changed under both of its names', async ({ api, organization, first, one }) => {
  const changed = await api.updateResource({ resourceId: one.id, name: 'First', description: 'Project' });
  deepEqual([changed.name, changed.description, changed.externalId], ['First', 'Project', 'p1']);
  const where = { organizationId: organization, resourceTypeSlug: PROJECT, externalId: 'p1' };
  const again = await api.updateResourceByExternalId({ ...where, description: null });
  deepEqual([again.name, again.description, again.parentResourceId], ['First', null, first.id]);
  deepEqual(await api.getResource(one.id), again);
});

// --- roles on them ----------------------------------------------------------------------------------------------

step('a member is given a role on a resource, once', async (world) => {
  const { api, ann, first, one } = world;
  const role = { organizationMembershipId: ann, roleSlug: READER };
  world.assignment = await api.assignRole({ ...role, resourceId: one.id });
  const { organizationMembershipId, role: { slug }, resource, source } = world.assignment;
  deepEqual([organizationMembershipId, slug], [ann, READER]);
  deepEqual(resource, { id: one.id, externalId: 'p1', resourceTypeSlug: PROJECT });
  deepEqual(source, { type: 'direct', groupRoleAssignmentId: null });
  equal((await api.assignRole({ ...role, ...named('p1') })).id, world.assignment.id);
  await rejects(UnprocessableEntityException, api.assignRole({ ...role, resourceId: first.id }));
});

step('the role holds there and below, and nowhere else', async (world) => {
  const { ann, ben, root, first, one, two, paper } = world;
  deepEqual(await allowed(world, ann, READ, one, two, first, root), [true, false, false, false]);
  deepEqual(await allowed(world, ann, OPEN, one, paper), [true, true]);
  deepEqual(await allowed(world, ann, EDIT, one, paper), [false, false]);
  deepEqual(await allowed(world, ben, READ, one), [false]);
  deepEqual(await allowed(world, ann, `none:${RUN}`, one), [false]);
});

step('a group is given a role, and its member has it', async (world) => {
  const { api, ben, group: groupId, first, two, three, paper } = world;
  const made = await api.createGroupRoleAssignment({ groupId, roleSlug: OWNER, resourceId: first.id });
  deepEqual([made.groupId, made.role.slug, made.resource.externalId], [groupId, OWNER, ODD]);
  const twin = api.createGroupRoleAssignment({ groupId, roleSlug: OWNER, ...named(ODD, WORKSPACE) });
  equal((await rejects(ConflictException, twin)).code, 'duplicate_group_role_assignment');
  deepEqual(await api.getGroupRoleAssignment({ groupId, roleAssignmentId: made.id }), made);
  deepEqual(await allowed(world, ben, EDIT, first, two, three), [true, true, false]);
  deepEqual(await allowed(world, ben, OPEN, paper), [true]);
  const { data } = await api.listRoleAssignments({ organizationMembershipId: ben });
  const derived = data.find((one) => one.role.slug === OWNER);
  deepEqual(derived.source, { type: 'group', groupRoleAssignmentId: made.id });
  // It is the group's, and nobody takes it from its member alone.
  const taken = api.removeRoleAssignment({ organizationMembershipId: ben, roleAssignmentId: derived.id });
  equal((await rejects(GenericServerException, taken)).status, 403);
});

step('the roles of a group are replaced as a whole', async (world) => {
  const { api, ben, group: groupId, root, first, one, two } = world;
  const entries = [{ roleSlug: 'member' }, { roleSlug: READER, ...named('p2') }];
  const replaced = await api.replaceGroupRoleAssignments({ groupId, roleAssignments: entries });
  // Newest first, as in the list.
  deepEqual(replaced.data.map((got) => [got.role.slug, got.resource.id]), [[READER, two.id], ['member', root.id]]);
  deepEqual(await allowed(world, ben, READ, one, two), [false, true]);
  deepEqual(await allowed(world, ben, EDIT, one, two), [false, false]);
  deepEqual(roleSlugs(await api.listGroupRoleAssignments({ groupId, limit: 1 })), [READER]);
  const again = [{ roleSlug: READER, ...named('p2') }, { roleSlug: OWNER, resourceId: first.id }];
  await api.replaceGroupRoleAssignments({ groupId, roleAssignments: again });
  const all = await (await api.listGroupRoleAssignments({ groupId })).autoPagination();
  deepEqual(roleSlugs({ data: all }), [OWNER, READER]);
  deepEqual(await allowed(world, ben, EDIT, one, two), [true, true]);
});

step('a role is taken from a group by what it is and by the id of its assignment', async (world) => {
  const { api, ben, group: groupId, second, three } = world;
  const where = { groupId, roleSlug: READER, ...named('p2') };
  await api.removeGroupRoleAssignments(where);
  await rejects(NotFoundException, api.removeGroupRoleAssignments(where));
  const extra = await api.createGroupRoleAssignment({ groupId, roleSlug: OWNER, resourceId: second.id });
  deepEqual(await allowed(world, ben, EDIT, three), [true]);
  await api.removeGroupRoleAssignment({ groupId, roleAssignmentId: extra.id });
  deepEqual(await allowed(world, ben, EDIT, three), [false]);
  await rejects(NotFoundException, api.getGroupRoleAssignment({ groupId, roleAssignmentId: extra.id }));
  deepEqual(roleSlugs(await api.listGroupRoleAssignments({ groupId })), [OWNER]);
});

step('the assignments of a member are listed, all of them and those on a resource', async ({ api, ann, one, two }) => {
  const list = async (where) => roleSlugs(await api.listRoleAssignments({ organizationMembershipId: ann, ...where }));
  deepEqual(await list({}), [READER, 'member']);
  deepEqual(await list({ order: 'asc', limit: 1 }), ['member']);
  deepEqual(await list({ resourceId: one.id }), [READER]);
  deepEqual(await list(named('p1')), [READER]);
  deepEqual(await list({ resourceTypeSlug: PROJECT }), [READER]);
  deepEqual(await list({ resourceId: two.id }), []);
});

step('the assignments on a resource are listed, under both of its names', async (world) => {
  const { api, ann, ben, organization: organizationId, one, assignment } = world;
  const onOne = await api.listRoleAssignmentsForResource({ resourceId: one.id });
  deepEqual(onOne.data.map((got) => [got.id, got.organizationMembershipId]), [[assignment.id, ann]]);
  deepEqual(ids(await api.listRoleAssignmentsForResource({ resourceId: one.id, roleSlug: OWNER })), []);
  const named = await api.listResourceRoleAssignments({ organizationId, resourceTypeSlug: PROJECT, externalId: 'p1' });
  deepEqual(named.data, onOne.data);
  const where = { organizationId, resourceTypeSlug: WORKSPACE, externalId: ODD, roleSlug: OWNER };
  const onFirst = await api.listResourceRoleAssignments(where);
  deepEqual(onFirst.data.map((got) => [got.organizationMembershipId, got.source.type]), [[ben, 'group']]);
});

step('a role is taken from a member by what it is and by the id of its assignment, at once', async (world) => {
  const { api, ann: organizationMembershipId, one } = world;
  const role = { organizationMembershipId, roleSlug: READER };
  await api.removeRole({ ...role, ...named('p1') });
  deepEqual(await allowed(world, organizationMembershipId, READ, one), [false]);
  await rejects(NotFoundException, api.removeRole({ ...role, resourceId: one.id }));
  const again = await api.assignRole({ ...role, resourceId: one.id });
  const where = { organizationMembershipId, roleAssignmentId: again.id };
  await api.removeRoleAssignment(where);
  deepEqual(await allowed(world, organizationMembershipId, READ, one), [false]);
  await rejects(NotFoundException, api.removeRoleAssignment(where));
  await api.assignRole({ ...role, resourceId: one.id });
});

step('a role of the organization is given on a resource, and stays while somebody has it', async (world) => {
  const { api, ann: organizationMembershipId, organization, one, two } = world;
  const role = { organizationMembershipId, roleSlug: WRITER, ...named('p2') };
  await api.assignRole(role);
  deepEqual(await allowed(world, organizationMembershipId, EDIT, two, one), [true, false]);
  const refused = await rejects(ConflictException, api.deleteOrganizationRole(organization, WRITER));
  equal(refused.code, 'role_has_assignments');
  await api.removeRole(role);
  await api.deleteOrganizationRole(organization, WRITER);
  deepEqual(await allowed(world, organizationMembershipId, EDIT, two), [false]);
});

// --- what somebody may reach, and who may reach it --------------------------------------------------------------

step("a member's resources are found below the organization and below any other", async (world) => {
  const { api, ann, ben, root, second, one, two, paper } = world;
  const found = async (organizationMembershipId, permissionSlug, where) =>
    ids(await api.listResourcesForMembership({ organizationMembershipId, permissionSlug, ...where }));
  deepEqual(await found(ann, READ, { parentResourceId: root.id }), [one.id]);
  deepEqual(await found(ann, OPEN, parentNamed(ODD, WORKSPACE)), [paper.id]);
  deepEqual(await found(ben, READ, { parentResourceId: root.id }), [two.id, one.id]);
  deepEqual(await found(ben, EDIT, { ...parentNamed(ODD, WORKSPACE), order: 'asc', limit: 1 }), [one.id]);
  deepEqual(await found(ben, READ, { parentResourceId: second.id }), []);
});

step('who may is told for those who were given it there, and for everybody', async (world) => {
  const { api, ann, ben, users, organization: organizationId, one, two } = world;
  const direct = await api.listMembershipsForResource({ resourceId: one.id, permissionSlug: READ });
  deepEqual(direct.data.map((m) => [m.id, m.userId, m.status]), [[ann, users[0], 'active']]);
  const indirect = { resourceId: one.id, permissionSlug: READ, assignment: 'indirect' };
  deepEqual(ids(await api.listMembershipsForResource(indirect)), [ben, ann]);
  deepEqual(ids(await api.listMembershipsForResource({ ...indirect, limit: 1, after: ben })), [ann]);
  deepEqual(ids(await api.listMembershipsForResource({ resourceId: two.id, permissionSlug: EDIT, assignment: 'direct' })), []);
  const byName = (resourceTypeSlug, externalId, permissionSlug, more = {}) =>
    api.listMembershipsForResourceByExternalId({ organizationId, resourceTypeSlug, externalId, permissionSlug, ...more });
  deepEqual(ids(await byName(WORKSPACE, ODD, EDIT)), [ben]);
  deepEqual(ids(await byName(DOCUMENT, 'd1', OPEN, { assignment: 'indirect', order: 'asc' })), [ann, ben]);
});

step('what a member may do on a resource is what a check says', async (world) => {
  const { api, ann, ben, one, two, paper } = world;
  for (const [member, resource, wanted] of [[ann, one, [OPEN, READ]], [ann, two, []], [ben, paper, [OPEN, EDIT, READ]]]) {
    const where = { organizationMembershipId: member };
    const byId = await api.listEffectivePermissions({ ...where, resourceId: resource.id });
    deepEqual(byId.data.map((permission) => permission.slug), wanted);
    const name = { resourceTypeSlug: resource.resourceTypeSlug, externalId: resource.externalId, order: 'asc' };
    const byName = await api.listEffectivePermissionsByExternalId({ ...where, ...name });
    deepEqual(byName.data, byId.data.toReversed());
    for (const slug of [OPEN, EDIT, READ]) deepEqual(await allowed(world, member, slug, resource), [wanted.includes(slug)]);
  }
});

// --- the end ----------------------------------------------------------------------------------------------------

step('a resource with something below it is deleted when that is wanted, with the roles on it', async (world) => {
  const { api, ann, organization: organizationId, root, first, second, one, three, paper } = world;
  const refused = await rejects(ConflictException, api.deleteResource({ resourceId: first.id }));
  equal(refused.code, 'resource_has_dependents');
  const byName = (externalId, more) =>
    api.deleteResourceByExternalId({ organizationId, resourceTypeSlug: WORKSPACE, externalId, ...more });
  await rejects(ConflictException, byName('w2', { cascadeDelete: false }));
  await api.deleteResource({ resourceId: second.id, cascadeDelete: true });
  await byName(ODD, { cascadeDelete: true });
  for (const resource of [first, one, paper, second, three]) await rejects(NotFoundException, api.getResource(resource.id));
  deepEqual(ids(await api.listResources({ organizationId })), [root.id]);
  deepEqual(roleSlugs(await api.listRoleAssignments({ organizationMembershipId: ann })), ['member']);
  deepEqual(roleSlugs(await api.listGroupRoleAssignments({ groupId: world.group })), []);
  await rejects(NotFoundException, allowed(world, ann, READ, one));
  equal((await rejects(GenericServerException, api.deleteResource({ resourceId: root.id }))).status, 403);
});

step('types go when nothing belongs to them any more', async ({ workos, api, organization, users, root }) => {
  await workos.organizations.deleteOrganization(organization);
  await rejects(NotFoundException, api.getResource(root.id));
  for (const user of users) await workos.userManagement.deleteUser(user);
  for (const permission of [READ, EDIT, OPEN]) await api.deletePermission(permission);
  await forget([OWNER, READER, OPENER], [DOCUMENT, PROJECT, WORKSPACE]);
  await rejects(NotFoundException, api.getEnvironmentRole(OWNER));
});

step('every operation of the family has been called', async ({ workos, called }) => {
  const family = Object.getOwnPropertyNames(Object.getPrototypeOf(workos.authorization)).filter((name) => name !== 'constructor');
  ok(family.length > 40, `the SDK has ${family.length} operations`);
  deepEqual(family.filter((name) => !called.has(name)), []);
});

const [workos, called] = [client(), new Set()];
const api = noting(workos.authorization, called);
process.exitCode = await runStory(newWorld({ workos, api, called }), 'node authorization');
