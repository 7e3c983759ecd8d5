// The first application, with the official Node SDK, unchanged but for its host and port.
//
// It makes an organization, a user, roles and a membership, checks a permission, signs the user in, verifies the
// access token with the SDK's own helper, and reads the event log. Every step is asserted. It may run against a
// server that already holds data: all names are new on each run, and it deletes what the API lets it delete.
//
// It also receives a webhook, claims a domain, gives out API keys, asks for a feature flag, and invites people.
//
// Needs VESTIBULE_URL, VESTIBULE_API_KEY, VESTIBULE_CLIENT_ID and, for the flag, VESTIBULE_ADMIN_TOKEN; and a server that may
// send webhooks to 127.0.0.1.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  AuthenticationException,
  BadRequestException,
  ConflictException,
  GenericServerException,
  NotFoundException,
  OauthException,
  UnauthorizedException,
  UnprocessableEntityException,
} from '@workos-inc/node';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { newFlag, receive } from './operated.mjs';
import { client, CLIENT_ID, ids, ISSUER } from './sdk.mjs';
import { eventually, newWorld, rejects, runStory, step } from './story.mjs';

const RUN = randomBytes(5).toString('hex');
const PASSWORD = `violet-harbour-${RUN}-Lantern!`;
const [READ, WRITE, UNUSED] = ['read', 'write', 'unused'].map((verb) => `posts:${verb}:${RUN}`);
const [EDITOR, REVIEWER, SPARE] = [`editor-${RUN}`, `org-reviewer-${RUN}`, `org-spare-${RUN}`];
const [AGENT, ADDRESS] = ['first-application/1.0', '203.0.113.7'];

const { equal, deepEqual, ok } = assert;

/** The token's claims, after the SDK's key set has verified its signature, its times and its issuer. */
async function claims({ workos }, accessToken) {
  const { payload } = await jwtVerify(accessToken, await workos.userManagement.getJWKS(), { issuer: ISSUER, algorithms: ['RS256'] });
  return payload;
}

// --- organizations ----------------------------------------------------------------------------------------------

step('an organization is created with metadata, an external id and a domain', async (world) => {
  world.domain = `acme-${RUN}.example.com`;
  const made = await world.workos.organizations.createOrganization({
    name: `Acme ${RUN}`,
    externalId: `acme-${RUN}`,
    metadata: { tier: 'gold', region: 'eu' },
    domainData: [{ domain: world.domain, state: 'verified' }],
  });
  world.organization = made;
  ok(made.id.startsWith('org_'), made.id);
  deepEqual([made.name, made.externalId, made.metadata], [`Acme ${RUN}`, `acme-${RUN}`, { tier: 'gold', region: 'eu' }]);
  deepEqual(made.domains.map((d) => [d.domain, d.state, d.organizationId]), [[world.domain, 'verified', made.id]]);
});

step('an organization is read by its id and by its external id', async ({ workos, organization }) => {
  deepEqual(await workos.organizations.getOrganization(organization.id), organization);
  deepEqual(await workos.organizations.getOrganizationByExternalId(`acme-${RUN}`), organization);
});

step('an external id may hold any ASCII character, and goes when it is set to null', async (world) => {
  const { organizations } = world.workos;
  const externalId = `a/b c?d=%2F#${RUN}`;
  const made = await organizations.createOrganization({ name: `Odd ${RUN}`, externalId });
  world.odd = made.id;
  equal((await organizations.getOrganizationByExternalId(externalId)).id, made.id);
  equal((await organizations.updateOrganization({ organization: made.id, externalId: null })).externalId, null);
  await rejects(NotFoundException, organizations.getOrganizationByExternalId(externalId));
});

step('an update changes what it names, merges metadata and leaves the rest', async ({ workos, organization, domain }) => {
  const updated = await workos.organizations.updateOrganization({
    organization: organization.id, name: `Acme Inc ${RUN}`, metadata: { tier: 'silver', seats: '12', region: null },
  });
  deepEqual([updated.name, updated.externalId], [`Acme Inc ${RUN}`, `acme-${RUN}`]);
  deepEqual(updated.metadata, { tier: 'silver', seats: '12' });
  deepEqual(updated.domains.map((d) => d.domain), [domain]);
  ok(updated.updatedAt >= updated.createdAt, 'updated_at went backwards');
});

step('organizations are listed page by page, in both directions and in every order', async (world) => {
  const { organizations } = world.workos;
  const page = (where = {}) => organizations.listOrganizations({ search: `pages ${RUN}`, limit: 2, ...where });
  const made = [];
  for (let n = 0; n < 5; n += 1) made.push((await organizations.createOrganization({ name: `Pages ${RUN} ${n}` })).id);
  world.pages = made;
  const newest = made.toReversed();
  const first = await page();
  deepEqual([ids(first), first.listMetadata], [newest.slice(0, 2), { before: null, after: newest[1] }]);
  const second = await page({ after: first.listMetadata.after });
  deepEqual([ids(second), second.listMetadata], [newest.slice(2, 4), { before: newest[2], after: newest[3] }]);
  const last = await page({ after: second.listMetadata.after });
  deepEqual([ids(last), last.listMetadata], [newest.slice(4), { before: newest[4], after: null }]);
  deepEqual(ids(await page({ before: last.listMetadata.before })), newest.slice(2, 4));
  deepEqual(ids(await page({ before: second.listMetadata.before })), newest.slice(0, 2));
  deepEqual(ids(await page({ order: 'asc' })), made.slice(0, 2));
  deepEqual(ids(await page({ order: 'asc', after: made[1] })), made.slice(2, 4));
  deepEqual(ids(await page({ order: 'normal', before: newest[1] })), newest.slice(2, 4));
  const all = await (await organizations.listOrganizations({ search: `pages ${RUN}` })).autoPagination();
  deepEqual(all.map((o) => o.id), newest);
});

step('organizations are found by domain', async ({ workos, domain, organization }) => {
  const found = await workos.organizations.listOrganizations({ domains: ['nowhere.example.org', domain] });
  deepEqual(ids(found), [organization.id]);
});

// --- users ------------------------------------------------------------------------------------------------------

step('a user is created with a password', async (world) => {
  world.email = `Ada.${RUN}@example.com`;
  const made = await world.workos.userManagement.createUser({
    email: world.email,
    firstName: 'Ada',
    lastName: 'Byron',
    emailVerified: true,
    externalId: `user-${RUN}`,
    metadata: { team: 'engines', floor: '2' },
    password: PASSWORD,
  });
  world.user = made;
  ok(made.id.startsWith('user_'), made.id);
  deepEqual([made.email, made.firstName, made.emailVerified, made.lastSignInAt], [world.email, 'Ada', true, null]);
  deepEqual(made.metadata, { team: 'engines', floor: '2' });
  ok(!JSON.stringify(made).includes('password'), 'the user shows something of the password');
});

step('a user is read, updated and found by e-mail address in any case', async ({ workos, user, email }) => {
  const users = workos.userManagement;
  equal((await users.getUser(user.id)).email, email);
  equal((await users.getUserByExternalId(`user-${RUN}`)).id, user.id);
  const updated = await users.updateUser({ userId: user.id, lastName: 'Lovelace', metadata: { floor: null }, locale: 'en-GB' });
  deepEqual([updated.firstName, updated.lastName, updated.locale], ['Ada', 'Lovelace', 'en-GB']);
  deepEqual(updated.metadata, { team: 'engines' });
  deepEqual(ids(await users.listUsers({ email: email.toUpperCase() })), [user.id]);
  deepEqual(await users.getUserIdentities(user.id), []);
});

step('users are listed page by page', async (world) => {
  const users = world.workos.userManagement;
  const others = [];
  for (const n of [0, 1]) others.push((await users.createUser({ email: `other-${n}-${RUN}@example.com` })).id);
  world.others = others;
  const newest = await users.listUsers({ limit: 1 });
  deepEqual(ids(newest), [others[1]]);
  deepEqual(ids(await users.listUsers({ limit: 1, after: newest.listMetadata.after })), [others[0]]);
});

// --- permissions and roles --------------------------------------------------------------------------------------

step('permissions are created, read, updated, listed and deleted', async ({ workos: { authorization } }) => {
  for (const slug of [READ, WRITE, UNUSED]) {
    const made = await authorization.createPermission({ slug, name: `Posts ${slug.slice(0, 12)}`, description: 'About posts' });
    deepEqual([made.slug, made.system, made.resourceTypeSlug], [slug, false, 'organization']);
  }
  const updated = await authorization.updatePermission(READ, { name: 'Read posts', description: null });
  deepEqual([updated.name, updated.description], ['Read posts', null]);
  deepEqual(await authorization.getPermission(READ), updated);
  await authorization.deletePermission(UNUSED);
  await rejects(NotFoundException, authorization.getPermission(UNUSED));
  const listed = await (await authorization.listPermissions()).autoPagination();
  deepEqual(listed.map((p) => p.slug).filter((slug) => slug.endsWith(RUN)), [WRITE, READ]);
});

step('an environment role takes permissions', async ({ workos: { authorization } }) => {
  const made = await authorization.createEnvironmentRole({ slug: EDITOR, name: 'Editor', description: 'Writes' });
  deepEqual([made.slug, made.type, made.permissions], [EDITOR, 'EnvironmentRole', []]);
  deepEqual((await authorization.setEnvironmentRolePermissions(EDITOR, { permissions: [WRITE] })).permissions, [WRITE]);
  const added = await authorization.addEnvironmentRolePermission(EDITOR, { permissionSlug: READ });
  deepEqual(added.permissions.toSorted(), [READ, WRITE]);
  equal((await authorization.updateEnvironmentRole(EDITOR, { description: 'Writes posts' })).description, 'Writes posts');
  deepEqual((await authorization.getEnvironmentRole(EDITOR)).permissions.toSorted(), [READ, WRITE]);
  const slugs = (await authorization.listEnvironmentRoles()).data.map((r) => r.slug);
  ok(slugs.includes('member') && slugs.includes(EDITOR), `environment roles are ${slugs}`);
});

step('an organization has roles of its own', async ({ workos, organization: { id } }) => {
  const { authorization } = workos;
  const made = await authorization.createOrganizationRole(id, { slug: REVIEWER, name: 'Reviewer' });
  deepEqual([made.slug, made.type, made.permissions], [REVIEWER, 'OrganizationRole', []]);
  equal((await authorization.updateOrganizationRole(id, REVIEWER, { name: 'Reads' })).name, 'Reads');
  await authorization.setOrganizationRolePermissions(id, REVIEWER, { permissions: [WRITE] });
  const both = await authorization.addOrganizationRolePermission(id, REVIEWER, { permissionSlug: READ });
  deepEqual(both.permissions.toSorted(), [READ, WRITE]);
  await authorization.removeOrganizationRolePermission(id, REVIEWER, { permissionSlug: WRITE });
  deepEqual((await authorization.getOrganizationRole(id, REVIEWER)).permissions, [READ]);
  const listed = Object.fromEntries((await authorization.listOrganizationRoles(id)).data.map((r) => [r.slug, r.type]));
  deepEqual([listed[EDITOR], listed[REVIEWER]], ['EnvironmentRole', 'OrganizationRole']);
  const older = await workos.get(`/organizations/${id}/roles`);
  deepEqual(older.data.data.map((r) => r.slug), Object.keys(listed));
  await authorization.createOrganizationRole(id, { slug: SPARE, name: 'Spare' });
  await authorization.deleteOrganizationRole(id, SPARE);
  await rejects(NotFoundException, authorization.getOrganizationRole(id, SPARE));
});

// --- memberships and checks -------------------------------------------------------------------------------------

step('the user becomes a member with a role', async (world) => {
  const users = world.workos.userManagement;
  const where = { userId: world.user.id, organizationId: world.organization.id };
  const made = await users.createOrganizationMembership({ ...where, roleSlug: EDITOR });
  world.membership = made;
  ok(made.id.startsWith('om_'), made.id);
  deepEqual([made.status, made.role.slug, made.roles.map((r) => r.slug)], ['active', EDITOR, [EDITOR]]);
  deepEqual([made.userId, made.organizationName, made.directoryManaged], [world.user.id, `Acme Inc ${RUN}`, false]);
  deepEqual(await users.getOrganizationMembership(made.id), made);
  deepEqual(ids(await users.listOrganizationMemberships({ userId: world.user.id })), [made.id]);
  deepEqual(ids(await users.listUsers({ organizationId: world.organization.id })), [world.user.id]);
});

async function allowed({ workos, membership, organization }, permissionSlug, resourceExternalId = organization.id) {
  const question = { organizationMembershipId: membership.id, permissionSlug, resourceExternalId, resourceTypeSlug: 'organization' };
  return (await workos.authorization.check(question)).authorized;
}

step("a permission of the member's role is granted on the organization, another is not", async (world) => {
  deepEqual([await allowed(world, READ), await allowed(world, WRITE)], [true, true]);
  await world.workos.authorization.setEnvironmentRolePermissions(EDITOR, { permissions: [READ] });
  deepEqual([await allowed(world, READ), await allowed(world, WRITE)], [true, false]);
  equal(await allowed(world, READ, `acme-${RUN}`), true);
});

step('a check about an unknown membership or resource is not found', async (world) => {
  const { workos, organization } = world;
  await rejects(NotFoundException, allowed({ workos, organization, membership: { id: 'om_unknown' } }, READ));
  await rejects(NotFoundException, allowed(world, READ, 'org_unknown'));
});

step('a membership is deactivated and reactivated, and its role changes', async (world) => {
  const users = world.workos.userManagement;
  const organizationId = world.organization.id;
  equal((await users.deactivateOrganizationMembership(world.membership.id)).status, 'inactive');
  equal((await users.deactivateOrganizationMembership(world.membership.id)).status, 'inactive');
  deepEqual(ids(await users.listOrganizationMemberships({ organizationId })), []);
  const inactive = await users.listOrganizationMemberships({ organizationId, statuses: ['inactive', 'pending'] });
  deepEqual(ids(inactive), [world.membership.id]);
  equal(await allowed(world, READ), false);
  const again = await users.reactivateOrganizationMembership(world.membership.id);
  deepEqual([again.status, again.role.slug], ['active', EDITOR]);
  const changed = await users.updateOrganizationMembership(world.membership.id, { roleSlug: REVIEWER });
  deepEqual([changed.role.slug, changed.roles.map((r) => r.slug)], [REVIEWER, [REVIEWER]]);
  equal(await allowed(world, READ), true);
});

// --- sign-in ----------------------------------------------------------------------------------------------------

step('the user signs in with the password, into the only organization', async (world) => {
  world.cookiePassword = randomBytes(32).toString('hex');
  const auth = await world.workos.userManagement.authenticateWithPassword({
    email: world.email.toLowerCase(),
    password: PASSWORD,
    ipAddress: ADDRESS,
    userAgent: AGENT,
    session: { sealSession: true, cookiePassword: world.cookiePassword },
  });
  world.auth = auth;
  deepEqual([auth.user.id, auth.organizationId, auth.authenticationMethod], [world.user.id, world.organization.id, 'Password']);
  ok((await world.workos.userManagement.getUser(world.user.id)).lastSignInAt, 'last_sign_in_at is not set');
});

step('the access token is verified with the published keys and carries its claims', async (world) => {
  const got = await claims(world, world.auth.accessToken);
  world.sessionId = got.sid;
  deepEqual([got.sub, got.org_id, got.role], [world.user.id, world.organization.id, REVIEWER]);
  deepEqual([got.roles, got.permissions, got.client_id], [[REVIEWER], [READ], CLIENT_ID]);
  equal(got.exp - got.iat, 300);
  ok(got.sid.startsWith('session_') && Number.isInteger(got.auth_time) && got.jti && !('aud' in got), JSON.stringify(got));
  const answer = await fetch(world.workos.userManagement.getJwksUrl(CLIENT_ID));
  const { keys } = await answer.json();
  ok(keys.some((key) => key.kid === decodeProtectedHeader(world.auth.accessToken).kid), 'kid is not published');
  for (const key of keys) deepEqual([key.alg, key.kty, key.use, typeof key['x5t#S256'], key.x5c.length > 0], ['RS256', 'RSA', 'sig', 'string', true]);
});

step('the issuer publishes its discovery document', async ({ workos }) => {
  const document = await (await fetch(`${ISSUER}/.well-known/openid-configuration`)).json();
  deepEqual([document.issuer, document.jwks_uri], [ISSUER, workos.userManagement.getJwksUrl(CLIENT_ID)]);
});

step("the SDK's session helper accepts the session and refreshes it", async (world) => {
  const session = world.workos.userManagement.loadSealedSession({
    sessionData: world.auth.sealedSession, cookiePassword: world.cookiePassword,
  });
  const seen = await session.authenticate();
  deepEqual([seen.authenticated, seen.sessionId ?? seen.reason], [true, world.sessionId]);
  deepEqual([seen.organizationId, seen.role, seen.permissions], [world.organization.id, REVIEWER, [READ]]);
  const renewed = await session.refresh();
  deepEqual([renewed.authenticated, renewed.sessionId ?? renewed.reason], [true, world.sessionId]);
});

step('a refresh keeps the session and its time of sign-in, and a repeated one gives the same successor', async (world) => {
  const refresh = (refreshToken) => world.workos.userManagement.authenticateWithRefreshToken({ refreshToken });
  const first = await refresh(world.auth.refreshToken);
  ok(first.refreshToken !== world.auth.refreshToken, 'the refresh token did not rotate');
  equal((await refresh(world.auth.refreshToken)).refreshToken, first.refreshToken);
  const second = await refresh(first.refreshToken);
  const [was, is] = [await claims(world, world.auth.accessToken), await claims(world, second.accessToken)];
  deepEqual([is.sid, is.auth_time, second.organizationId], [was.sid, was.auth_time, world.organization.id]);
  equal(second.authenticationMethod, 'Password');
  world.auth = second;
});

step('with a second organization the user must choose, and the choice completes the sign-in', async (world) => {
  const { organizations, userManagement: users } = world.workos;
  world.second = await organizations.createOrganization({ name: `Second ${RUN}` });
  await users.createOrganizationMembership({ userId: world.user.id, organizationId: world.second.id });
  const choice = await rejects(AuthenticationException, users.authenticateWithPassword({ email: world.email, password: PASSWORD }));
  deepEqual([choice.status, choice.code], [403, 'organization_selection_required']);
  const offered = Object.fromEntries(choice.rawData.organizations.map((o) => [o.id, o.name]));
  deepEqual(offered, { [world.organization.id]: `Acme Inc ${RUN}`, [world.second.id]: `Second ${RUN}` });
  const auth = await users.authenticateWithOrganizationSelection({
    pendingAuthenticationToken: choice.pendingAuthenticationToken, organizationId: world.second.id,
  });
  const chosen = await claims(world, auth.accessToken);
  deepEqual([auth.organizationId, chosen.org_id, chosen.role], [world.second.id, world.second.id, 'member']);
  world.otherSessionId = chosen.sid;
  const switched = await users.authenticateWithRefreshToken({ refreshToken: auth.refreshToken, organizationId: world.organization.id });
  const { sid, org_id: organization, role } = await claims(world, switched.accessToken);
  deepEqual([sid, organization, role], [world.otherSessionId, world.organization.id, REVIEWER]);
});

step('sessions are listed, and a revoked one can no longer be refreshed', async (world) => {
  const users = world.workos.userManagement;
  const active = async () => (await users.listSessions(world.user.id)).data.filter((s) => s.status === 'active');
  const sessions = await active();
  deepEqual(sessions.map((s) => s.id).toSorted(), [world.sessionId, world.otherSessionId].toSorted());
  const mine = sessions.find((s) => s.id === world.sessionId);
  deepEqual([mine.authMethod, mine.ipAddress, mine.userAgent, mine.endedAt], ['password', ADDRESS, AGENT, null]);
  await users.revokeSession({ sessionId: world.sessionId });
  deepEqual((await active()).map((s) => s.id), [world.otherSessionId]);
  const refused = await rejects(OauthException, users.authenticateWithRefreshToken({ refreshToken: world.auth.refreshToken }));
  deepEqual([refused.status, refused.error], [400, 'invalid_grant']);
});

// --- groups, keys, domains, flags and webhooks ------------------------------------------------------------------

step('an endpoint is told of what happens from now on', async (world) => {
  world.receiver = await receive();
  world.endpoint = await world.workos.webhooks.createWebhookEndpoint({
    endpointUrl: world.receiver.url, events: ['group.created', 'group.member_added', 'api_key.created'],
  });
  ok(world.endpoint.secret.startsWith('whsec_'), world.endpoint.id);
  ok(ids(await world.workos.webhooks.listWebhookEndpoints()).includes(world.endpoint.id), 'the endpoint is not listed');
});

step('a group is made, changed, filled and emptied', async (world) => {
  const { groups, userManagement: users } = world.workos;
  const organizationId = world.organization.id;
  const made = await groups.createGroup({ organizationId, name: `Group ${RUN}`, description: 'Of people' });
  world.group = made;
  deepEqual([made.name, made.description, made.organizationId], [`Group ${RUN}`, 'Of people', organizationId]);
  const groupId = made.id;
  equal((await groups.updateGroup({ organizationId, groupId, description: null })).description, null);
  const member = { organizationId, groupId, organizationMembershipId: world.membership.id };
  await groups.addOrganizationMembership(member);
  await groups.addOrganizationMembership(member);
  deepEqual(ids(await groups.listOrganizationMemberships({ organizationId, groupId })), [world.membership.id]);
  const mine = await users.listGroupsForOrganizationMembership({ organizationMembershipId: world.membership.id });
  deepEqual(ids(mine), [groupId]);
  await groups.removeOrganizationMembership(member);
  await rejects(NotFoundException, groups.removeOrganizationMembership(member));
  deepEqual(ids(await groups.listOrganizationMemberships({ organizationId, groupId })), []);
});

step('an API key of an organization is valid until it is deleted', async ({ workos: { apiKeys }, organization }) => {
  const organizationId = organization.id;
  const made = await apiKeys.createOrganizationApiKey({ organizationId, name: `Key ${RUN}`, permissions: [READ] });
  ok(made.value.startsWith('sk_') && made.obfuscatedValue.endsWith(made.value.slice(-4)), made.obfuscatedValue);
  const { apiKey: found } = await apiKeys.createValidation({ value: made.value });
  deepEqual([found.id, found.owner.id, found.permissions], [made.id, organizationId, [READ]]);
  deepEqual(ids(await apiKeys.listOrganizationApiKeys({ organizationId })), [made.id]);
  await rejects(UnauthorizedException, client(made.value).organizations.listOrganizations());
  await apiKeys.deleteApiKey(made.id);
  equal((await apiKeys.createValidation({ value: made.value })).apiKey, null);
  await rejects(NotFoundException, apiKeys.deleteApiKey(made.id));
});

step('an API key of a user stands on the membership', async ({ workos, user, organization, membership }) => {
  const { userManagement: users, apiKeys } = workos;
  const made = await users.createUserApiKey(user.id, { name: 'Laptop', organizationId: organization.id });
  deepEqual([made.owner.id, made.owner.organizationId], [user.id, organization.id]);
  await users.deactivateOrganizationMembership(membership.id);
  equal((await apiKeys.createValidation({ value: made.value })).apiKey, null);
  await users.reactivateOrganizationMembership(membership.id);
  equal((await apiKeys.createValidation({ value: made.value })).apiKey.id, made.id);
});

step('a webhook arrives, signed, and the SDK knows what it says', async ({ workos, receiver, endpoint, group, membership }) => {
  const secret = endpoint.secret;
  const told = await eventually(async () => {
    const read = await Promise.all(receiver.deliveries.map(({ payload, sigHeader }) =>
      workos.webhooks.constructEvent({ payload, sigHeader, secret })));
    const events = Object.fromEntries(read.map((event) => [event.event, event]));
    return Object.keys(events).length === 3 ? events : undefined;
  }, 30_000);
  equal(told['group.created'].data.id, group.id);
  equal(told['group.member_added'].data.organizationMembershipId, membership.id);
  const [{ payload, sigHeader }] = receiver.deliveries;
  const forged = workos.webhooks.constructEvent({ payload: `${payload} `, sigHeader, secret });
  await assert.rejects(forged);
  await workos.webhooks.deleteWebhookEndpoint({ id: endpoint.id });
  receiver.close();
});

step('a domain is claimed, looked for and given up', async ({ workos: { organizationDomains: domains }, organization }) => {
  const domain = `claimed-${RUN}.example.com`;
  const made = await domains.createOrganizationDomain({ domain, organizationId: organization.id });
  deepEqual([made.domain, made.state, made.verificationStrategy], [domain, 'pending', 'dns']);
  equal((await domains.verifyOrganizationDomain(made.id)).id, made.id);
  equal((await domains.getOrganizationDomain(made.id)).domain, domain);
  await domains.deleteOrganizationDomain(made.id);
  await rejects(NotFoundException, domains.getOrganizationDomain(made.id));
});

step('a feature flag is on for those who are its targets', async ({ workos: { featureFlags: flags }, organization }) => {
  const slug = `flag-${RUN}`;
  await newFlag(slug);
  const on = async () => (await flags.listOrganizationFeatureFlags({ organizationId: organization.id })).data
    .filter((flag) => flag.slug === slug).length;
  equal((await flags.enableFeatureFlag(slug)).enabled, true);
  await flags.addFlagTarget({ slug, targetId: organization.id });
  equal(await on(), 1);
  await flags.removeFlagTarget({ slug, targetId: organization.id });
  equal(await on(), 0);
});

// --- invitations and waitlists ----------------------------------------------------------------------------------

step('an invitation is sent, sent again and accepted, which makes a member', async (world) => {
  const users = world.workos.userManagement;
  const email = `Invited-${RUN}@example.com`;
  const where = { organizationId: world.organization.id, roleSlug: EDITOR };
  const made = await users.sendInvitation({ email, ...where, expiresInDays: 3, inviterUserId: world.user.id });
  deepEqual([made.email, made.state, made.organizationId], [email, 'pending', where.organizationId]);
  deepEqual([made.roleSlug, made.inviterUserId], [EDITOR, world.user.id]);
  ok(made.acceptInvitationUrl.includes(made.token), 'the link does not carry the token');
  equal((await users.findInvitationByToken(made.token)).id, made.id);
  const resent = await users.resendInvitation(made.id);
  await rejects(NotFoundException, users.findInvitationByToken(made.token));
  equal((await users.findInvitationByToken(resent.token)).id, made.id);
  const accepted = await users.acceptInvitation(made.id);
  equal(accepted.state, 'accepted');
  world.others = [...world.others, accepted.acceptedUserId];
  const { data: joined } = await users.listOrganizationMemberships({ userId: accepted.acceptedUserId });
  deepEqual(joined.map((m) => [m.organizationId, m.status, m.role.slug]), [[where.organizationId, 'active', EDITOR]]);
});

step('an address is invited once, until the invitation is revoked', async ({ workos: { userManagement: users } }) => {
  const email = `guest-${RUN}@example.com`;
  const made = await users.sendInvitation({ email });
  equal((await rejects(GenericServerException, users.sendInvitation({ email }))).code, 'email_already_invited');
  deepEqual(ids(await users.listInvitations({ email: email.toUpperCase() })), [made.id]);
  equal((await users.revokeInvitation(made.id)).state, 'revoked');
  equal((await users.getInvitation(made.id)).state, 'revoked');
  equal((await rejects(GenericServerException, users.acceptInvitation(made.id))).code, 'invite_not_pending');
  equal((await rejects(GenericServerException, users.resendInvitation(made.id))).code, 'invite_revoked');
});

step('who waits to be let in is approved, denied or forgotten', async ({ workos: { userManagement: users } }) => {
  const additionalFields = { company: 'Acme', seats: '12' };
  const email = `ann-${RUN}@example.com`;
  const made = await users.createWaitlistEntry('default', { email, additionalFields, sendConfirmationEmail: true });
  const [waitlist] = (await users.listWaitlists()).data;
  equal((await users.getWaitlist('default')).id, waitlist.id);
  deepEqual([made.state, made.additionalFields, made.waitlistId], ['pending', additionalFields, waitlist.id]);
  const other = await users.createWaitlistEntry('default', { email: `ben-${RUN}@example.com` });
  const found = await users.listWaitlistEntries('default', { state: 'pending', email: `BEN-${RUN}@example.com` });
  deepEqual(ids(found), [other.id]);
  equal((await users.denyWaitlistEntry(other.id)).state, 'denied');
  await rejects(UnprocessableEntityException, users.denyWaitlistEntry(other.id));
  const approved = await users.approveWaitlistEntry(made.id);
  ok(approved.state === 'approved' && approved.approvedAt, 'it is not approved');
  // Who is approved is invited.
  deepEqual((await users.listInvitations({ email })).data.map((i) => i.state), ['pending']);
  for (const entry of [made, other]) {
    await users.deleteWaitlistEntry(entry.id);
    await rejects(NotFoundException, users.deleteWaitlistEntry(entry.id));
  }
});

// --- errors -----------------------------------------------------------------------------------------------------

step('a wrong password and an unknown user get the same answer', async ({ workos, email }) => {
  for (const who of [email, `nobody-${RUN}@example.com`]) {
    const attempt = workos.userManagement.authenticateWithPassword({ email: who, password: 'not the password' });
    const refused = await rejects(GenericServerException, attempt);
    deepEqual([refused.status, refused.code, refused.message], [400, 'invalid_credentials', `Invalid credentials for '${who}'.`]);
  }
});

step('a key that does not exist is refused', async () => {
  const refused = await rejects(UnauthorizedException, client('sk_test_no_such_key').organizations.listOrganizations());
  ok(refused.requestID, 'no X-Request-ID on an error');
});

step('what does not exist is not found', async ({ workos }) => {
  await rejects(NotFoundException, workos.organizations.getOrganization('org_01HZZZZZZZZZZZZZZZZZZZZZZZ'));
  await rejects(NotFoundException, workos.organizations.getOrganizationByExternalId(`none-${RUN}`));
  await rejects(NotFoundException, workos.userManagement.getUser('user_01HZZZZZZZZZZZZZZZZZZZZZZZ'));
  await rejects(NotFoundException, workos.authorization.getEnvironmentRole(`none-${RUN}`));
  await rejects(NotFoundException, workos.get('/no_such_route'));
});

step('a body that does not fit is unprocessable', async ({ workos, membership }) => {
  const { organizations, userManagement: users } = workos;
  await rejects(UnprocessableEntityException, organizations.createOrganization({ name: '  ' }));
  const refused = await rejects(UnprocessableEntityException, users.createUser({ email: 'no address' }));
  equal(refused.code, 'invalid_request_parameters');
  await rejects(UnprocessableEntityException, organizations.listOrganizations({ limit: 1000 }));
  const unknown = users.updateOrganizationMembership(membership.id, { roleSlug: `none-${RUN}` });
  equal((await rejects(UnprocessableEntityException, unknown)).code, 'invalid_role');
});

step('what a rule forbids is a bad request or a conflict with its code', async ({ workos, email }) => {
  const { organizations, userManagement: users, authorization } = workos;
  const twin = await rejects(GenericServerException, organizations.createOrganization({ name: 'Twin', externalId: `acme-${RUN}` }));
  deepEqual([twin.status, twin.code], [400, 'external_id_already_used']);
  const taken = await rejects(BadRequestException, users.createUser({ email: email.toLowerCase() }));
  deepEqual([taken.code, taken.errors.length], ['user_creation_error', 1]);
  const open = await rejects(GenericServerException, users.listOrganizationMemberships({}));
  deepEqual([open.status, open.code], [400, 'missing_user_id_or_organization_id']);
  const conflict = await rejects(ConflictException, authorization.createPermission({ slug: READ, name: 'Twin' }));
  equal(conflict.code, 'permission_slug_conflict');
});

// --- events -----------------------------------------------------------------------------------------------------

const EXPECTED = [
  'organization.created',
  'user.created',
  'organization_membership.created',
  'session.created',
  'authentication.password_succeeded',
  'session.revoked',
  'authentication.password_failed',
];

/** All events after the cursor, five at a time, and the cursor to keep: the id of the last one read. */
async function readOn({ workos, started }, cursor) {
  const read = [];
  for (;;) {
    const where = cursor ? { after: cursor } : { rangeStart: started };
    const page = await workos.events.listEvents({ events: EXPECTED, limit: 5, ...where });
    read.push(...page.data);
    cursor = page.data.at(-1)?.id ?? cursor;
    if (page.listMetadata.after === null) return { read, cursor };
    equal(page.listMetadata.after, cursor);
  }
}

step('the event log tells all of it once, oldest first, page by page from a cursor', async (world) => {
  const { read, cursor } = await eventually(async () => {
    const log = await readOn(world);
    const mine = log.read.filter((e) => [world.user.id, world.organization.id].some((id) => JSON.stringify(e).includes(id)));
    return EXPECTED.every((name) => mine.some((e) => e.event === name)) ? log : undefined;
  });
  world.cursor = cursor;
  equal(new Set(read.map((e) => e.id)).size, read.length);
  const times = read.map((e) => e.createdAt);
  deepEqual(times, times.toSorted());
  const find = (name, is) => read.find((e) => e.event === name && is(e.data))?.data ?? assert.fail(`no ${name}`);
  const created = find('organization.created', (o) => o.id === world.organization.id);
  deepEqual([created.name, created.externalId], [`Acme ${RUN}`, `acme-${RUN}`]);
  const succeeded = find('authentication.password_succeeded', (a) => a.userId === world.user.id);
  deepEqual([succeeded.ipAddress, succeeded.userAgent], [ADDRESS, AGENT]);
  equal(succeeded.email.toLowerCase(), world.email.toLowerCase());
  equal(find('authentication.password_failed', (a) => a.userId === world.user.id).error.code, 'invalid_credentials');
  const revoked = find('session.revoked', (s) => s.id === world.sessionId);
  deepEqual([revoked.status, revoked.userId], ['revoked', world.user.id]);
});

step('a cursor at the end waits there and goes on when something happens', async (world) => {
  deepEqual(await readOn(world, world.cursor), { read: [], cursor: world.cursor });
  const made = await world.workos.organizations.createOrganization({ name: `Later ${RUN}` });
  world.pages = [...world.pages, made.id];
  const later = await eventually(async () => {
    const { read } = await readOn(world, world.cursor);
    return read.length ? read : undefined;
  });
  deepEqual(later.map((e) => [e.event, e.data.id]), [['organization.created', made.id]]);
});

step('events are filtered by organization', async ({ workos, second }) => {
  const events = ['organization.created', 'organization.updated', 'organization_membership.created'];
  const { data } = await workos.events.listEvents({ events, organizationId: second.id });
  deepEqual(data.map((e) => e.event), ['organization.created', 'organization_membership.created']);
});

// --- the end ----------------------------------------------------------------------------------------------------

step('what is deleted is gone, and with a user go the memberships', async (world) => {
  const { organizations, userManagement: users, events } = world.workos;
  const [second] = ids(await users.listOrganizationMemberships({ organizationId: world.second.id }));
  await users.deleteOrganizationMembership(second);
  await rejects(NotFoundException, users.getOrganizationMembership(second));
  for (const id of [world.user.id, ...world.others]) await users.deleteUser(id);
  await rejects(NotFoundException, users.getUser(world.user.id));
  await rejects(NotFoundException, users.getOrganizationMembership(world.membership.id));
  for (const id of [world.organization.id, world.second.id, world.odd, ...world.pages]) await organizations.deleteOrganization(id);
  await rejects(NotFoundException, organizations.getOrganization(world.organization.id));
  await eventually(async () => {
    const { data } = await events.listEvents({ events: ['user.deleted'], rangeStart: world.started });
    return data.find((e) => e.data.id === world.user.id);
  });
});

const started = new Date(Date.now() - 1000).toISOString();
process.exitCode = await runStory(newWorld({ workos: client(), started }));
