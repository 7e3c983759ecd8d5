"""The first application, with the official Python SDK, unchanged but for its base URL.

It makes an organization, a user, roles and a membership, checks a permission, signs the user in, verifies the
access token with the SDK's own helper, and reads the event log. Every step is asserted. It may run against a
server that already holds data: all names are new on each run, and it deletes what the API lets it delete.

It also receives a webhook, claims a domain, gives out API keys, asks for a feature flag, invites people and reads the mail
that they get, and keeps the settings of an application.

Needs VESTIBULE_URL, VESTIBULE_API_KEY, VESTIBULE_CLIENT_ID and, for the flag, VESTIBULE_ADMIN_TOKEN; a server that may send
webhooks to 127.0.0.1; and in VESTIBULE_MAILBOX the folder (a Maildir) where the mail that it sends arrives.
"""

from __future__ import annotations

import base64
import json
import secrets
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

import jwt
from workos import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)
from workos._errors import OrganizationSelectionRequiredError
from workos.organization_membership import RoleSingle
from workos.organizations.models import OrganizationDomainData
from workos.session import seal_session_from_auth_response
from workos.user_management import PasswordPlaintext

from operated import Receiver, letter, new_flag
from sdk import CLIENT_ID, ISSUER, client, root_of
from story import Story, World, equal, eventually, holds, raises

RUN = secrets.token_hex(5)
PASSWORD = f"violet-harbour-{RUN}-Lantern!"
READ, WRITE, UNUSED = (f"posts:{verb}:{RUN}" for verb in ("read", "write", "unused"))
EDITOR, REVIEWER, SPARE = f"editor-{RUN}", f"org-reviewer-{RUN}", f"org-spare-{RUN}"
AGENT, ADDRESS = "first-application/1.0", "203.0.113.7"

story = Story()


def claims(world: World, access_token: str) -> dict[str, object]:
    """The token's claims, after its signature, times and issuer have been verified against the published keys."""
    keys = jwt.PyJWKClient(world.workos.user_management.get_jwks_url())
    key = keys.get_signing_key_from_jwt(access_token).key
    return jwt.decode(
        access_token, key, algorithms=["RS256"], issuer=ISSUER, options={"require": ["exp", "iat", "sub"]}
    )


def sealed(world: World, auth: object) -> object:
    """The SDK's session object over a sealed cookie, as a web application keeps it."""
    password = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    cookie = seal_session_from_auth_response(
        access_token=auth.access_token,
        refresh_token=auth.refresh_token,
        user=auth.user.to_dict(),
        cookie_password=password,
    )
    return world.workos.user_management.load_sealed_session(session_data=cookie, cookie_password=password)


# --- organizations ---------------------------------------------------------------------------------------------


@story.step("an organization is created with metadata, an external id and a domain")
def _(world: World) -> None:
    world.domain = f"acme-{RUN}.example.com"
    made = world.workos.organizations.create_organization(
        name=f"Acme {RUN}",
        external_id=f"acme-{RUN}",
        metadata={"tier": "gold", "region": "eu"},
        domain_data=[OrganizationDomainData(domain=world.domain, state="verified")],
    )
    world.organization = made
    holds(made.id.startswith("org_"), made.id)
    equal((made.name, made.external_id), (f"Acme {RUN}", f"acme-{RUN}"))
    equal(made.metadata, {"tier": "gold", "region": "eu"})
    equal([(d.domain, d.state, d.organization_id) for d in made.domains], [(world.domain, "verified", made.id)])


@story.step("an organization is read by its id and by its external id")
def _(world: World) -> None:
    by_id = world.workos.organizations.get_organization(world.organization.id)
    equal(by_id.to_dict(), world.organization.to_dict())
    by_external = world.workos.organizations.get_organization_by_external_id(f"acme-{RUN}")
    equal(by_external.to_dict(), by_id.to_dict())


@story.step("an external id may hold any ASCII character, and goes when it is set to null")
def _(world: World) -> None:
    organizations, odd = world.workos.organizations, f"a/b c?d=%2F#{RUN}"
    made = organizations.create_organization(name=f"Odd {RUN}", external_id=odd)
    world.odd = made.id
    equal(organizations.get_organization_by_external_id(odd).id, made.id)
    equal(organizations.update_organization(made.id, external_id=None).external_id, None)
    raises(NotFoundError, lambda: organizations.get_organization_by_external_id(odd))


@story.step("an update changes what it names, merges metadata and leaves the rest")
def _(world: World) -> None:
    updated = world.workos.organizations.update_organization(
        world.organization.id, name=f"Acme Inc {RUN}", metadata={"tier": "silver", "seats": "12", "region": None}
    )
    equal((updated.name, updated.external_id), (f"Acme Inc {RUN}", f"acme-{RUN}"))
    equal(updated.metadata, {"tier": "silver", "seats": "12"})
    equal([d.domain for d in updated.domains], [world.domain])
    holds(updated.updated_at >= updated.created_at, "updated_at went backwards")


@story.step("organizations are listed page by page, in both directions and in every order")
def _(world: World) -> None:
    def page(**where: object) -> object:
        return world.workos.organizations.list_organizations(search=f"pages {RUN}", limit=2, **where)

    made = [world.workos.organizations.create_organization(name=f"Pages {RUN} {n}").id for n in range(5)]
    world.pages = made
    newest = made[::-1]
    first = page()
    equal(([o.id for o in first.data], first.before, first.after), (newest[0:2], None, newest[1]))
    second = page(after=first.after)
    equal(([o.id for o in second.data], second.before, second.after), (newest[2:4], newest[2], newest[3]))
    last = page(after=second.after)
    equal(([o.id for o in last.data], last.before, last.after), (newest[4:], newest[4], None))
    equal([o.id for o in page(before=last.before).data], newest[2:4])
    equal([o.id for o in page(before=second.before).data], newest[0:2])
    equal([o.id for o in page(order="asc").data], made[0:2])
    equal([o.id for o in page(order="asc", after=made[1]).data], made[2:4])
    equal([o.id for o in page(order="normal", before=newest[1]).data], newest[2:4])
    equal([o.id for o in page().auto_paging_iter()], newest)


@story.step("organizations are found by domain")
def _(world: World) -> None:
    found = world.workos.organizations.list_organizations(domains=["nowhere.example.org", world.domain])
    equal([o.id for o in found.data], [world.organization.id])


# --- users -----------------------------------------------------------------------------------------------------


@story.step("a user is created with a password")
def _(world: World) -> None:
    world.email = f"Ada.{RUN}@example.com"
    made = world.workos.user_management.create_user(
        email=world.email,
        first_name="Ada",
        last_name="Byron",
        email_verified=True,
        external_id=f"user-{RUN}",
        metadata={"team": "engines", "floor": "2"},
        password=PasswordPlaintext(password=PASSWORD),
    )
    world.user = made
    holds(made.id.startswith("user_"), made.id)
    equal((made.email, made.first_name, made.email_verified), (world.email, "Ada", True))
    equal((made.metadata, made.last_sign_in_at), ({"team": "engines", "floor": "2"}, None))
    holds("password" not in json.dumps(made.to_dict()), "the user shows something of the password")


@story.step("a user is read, updated and found by e-mail address in any case")
def _(world: World) -> None:
    users = world.workos.user_management
    equal(users.get_user(world.user.id).email, world.email)
    equal(users.get_user_by_external_id(f"user-{RUN}").id, world.user.id)
    updated = users.update_user(world.user.id, last_name="Lovelace", metadata={"floor": None}, locale="en-GB")
    equal((updated.first_name, updated.last_name, updated.locale), ("Ada", "Lovelace", "en-GB"))
    equal(updated.metadata, {"team": "engines"})
    equal([u.id for u in users.list_users(email=world.email.upper()).data], [world.user.id])
    equal(users.get_user_identities(world.user.id), [])


@story.step("users are listed page by page")
def _(world: World) -> None:
    users = world.workos.user_management
    world.others = [users.create_user(email=f"other-{n}-{RUN}@example.com").id for n in range(2)]
    newest = users.list_users(limit=1)
    equal([u.id for u in newest.data], world.others[1:])
    equal([u.id for u in users.list_users(limit=1, after=newest.after).data], world.others[:1])


# --- permissions and roles -------------------------------------------------------------------------------------


@story.step("permissions are created, read, updated, listed and deleted")
def _(world: World) -> None:
    authorization = world.workos.authorization
    for slug in (READ, WRITE, UNUSED):
        made = authorization.create_permission(slug=slug, name=f"Posts {slug[:12]}", description="About posts")
        equal((made.slug, made.system, made.resource_type_slug), (slug, False, "organization"))
    updated = authorization.update_permission(READ, name="Read posts", description=None)
    equal((updated.name, updated.description), ("Read posts", None))
    equal(authorization.get_permission(READ).to_dict(), updated.to_dict())
    authorization.delete_permission(UNUSED)
    raises(NotFoundError, lambda: authorization.get_permission(UNUSED))
    listed = [p.slug for p in authorization.list_permissions(limit=2).auto_paging_iter()]
    equal([slug for slug in listed if slug.endswith(RUN)], [WRITE, READ])


@story.step("an environment role takes permissions")
def _(world: World) -> None:
    authorization = world.workos.authorization
    made = authorization.create_environment_role(slug=EDITOR, name="Editor", description="Writes")
    equal((made.slug, made.type, made.permissions), (EDITOR, "EnvironmentRole", []))
    equal(authorization.set_environment_role_permissions(EDITOR, permissions=[WRITE]).permissions, [WRITE])
    added = authorization.add_environment_role_permission(EDITOR, body_slug=READ)
    equal(sorted(added.permissions), [READ, WRITE])
    equal(authorization.update_environment_role(EDITOR, description="Writes posts").description, "Writes posts")
    equal(sorted(authorization.get_environment_role(EDITOR).permissions), [READ, WRITE])
    slugs = [r.slug for r in authorization.list_environment_roles().data]
    holds({"member", EDITOR} <= set(slugs), f"environment roles are {slugs}")


@story.step("an organization has roles of its own")
def _(world: World) -> None:
    authorization, organization = world.workos.authorization, world.organization.id
    made = authorization.create_organization_role(organization, slug=REVIEWER, name="Reviewer")
    equal((made.slug, made.type, made.permissions), (REVIEWER, "OrganizationRole", []))
    equal(authorization.update_organization_role(organization, REVIEWER, name="Reads").name, "Reads")
    authorization.set_organization_role_permissions(organization, REVIEWER, permissions=[WRITE])
    both = authorization.add_organization_role_permission(organization, REVIEWER, body_slug=READ)
    equal(sorted(both.permissions), [READ, WRITE])
    authorization.remove_organization_role_permission(organization, REVIEWER, WRITE)
    equal(authorization.get_organization_role(organization, REVIEWER).permissions, [READ])
    listed = {r.slug: r.type for r in authorization.list_organization_roles(organization).data}
    equal((listed.get(EDITOR), listed.get(REVIEWER)), ("EnvironmentRole", "OrganizationRole"))
    older = world.workos.request_raw(method="get", path=("organizations", organization, "roles"))
    equal([r["slug"] for r in older["data"]], list(listed))
    authorization.create_organization_role(organization, slug=SPARE, name="Spare")
    authorization.delete_organization_role(organization, SPARE)
    raises(NotFoundError, lambda: authorization.get_organization_role(organization, SPARE))


# --- memberships and checks ------------------------------------------------------------------------------------


@story.step("the user becomes a member with a role")
def _(world: World) -> None:
    members = world.workos.organization_membership
    made = members.create_organization_membership(
        user_id=world.user.id, organization_id=world.organization.id, role=RoleSingle(role_slug=EDITOR)
    )
    world.membership = made
    holds(made.id.startswith("om_"), made.id)
    equal((made.status, made.role.slug, [r.slug for r in made.roles]), ("active", EDITOR, [EDITOR]))
    equal((made.user.id, made.organization_name, made.directory_managed), (world.user.id, f"Acme Inc {RUN}", False))
    equal(members.get_organization_membership(made.id).to_dict(), made.to_dict())
    equal([m.id for m in members.list_organization_memberships(user_id=world.user.id).data], [made.id])
    users = world.workos.user_management.list_users(organization_id=world.organization.id)
    equal([u.id for u in users.data], [world.user.id])


def _allowed(world: World, permission: str) -> bool:
    target = root_of(world.organization.id)
    answer = world.workos.authorization.check(world.membership.id, permission_slug=permission, resource_target=target)
    return answer.authorized


@story.step("a permission of the member's role is granted on the organization, another is not")
def _(world: World) -> None:
    equal((_allowed(world, READ), _allowed(world, WRITE)), (True, True))
    world.workos.authorization.set_environment_role_permissions(EDITOR, permissions=[READ])
    equal((_allowed(world, READ), _allowed(world, WRITE)), (True, False))
    by_external = root_of(f"acme-{RUN}")
    answer = world.workos.authorization.check(world.membership.id, permission_slug=READ, resource_target=by_external)
    equal(answer.authorized, True)


@story.step("a check about an unknown membership or resource is not found")
def _(world: World) -> None:
    check = world.workos.authorization.check
    for membership, target in (("om_unknown", world.organization.id), (world.membership.id, "org_unknown")):
        raises(NotFoundError, lambda: check(membership, permission_slug=READ, resource_target=root_of(target)))


@story.step("a membership is deactivated and reactivated, and its role changes")
def _(world: World) -> None:
    members, where = world.workos.organization_membership, {"organization_id": world.organization.id}
    equal(members.deactivate_organization_membership(world.membership.id).status, "inactive")
    equal(members.deactivate_organization_membership(world.membership.id).status, "inactive")
    equal(members.list_organization_memberships(**where).data, [])
    inactive = members.list_organization_memberships(**where, statuses=["inactive", "pending"])
    equal([m.id for m in inactive.data], [world.membership.id])
    equal(_allowed(world, READ), False)
    again = members.reactivate_organization_membership(world.membership.id)
    equal((again.status, again.role.slug), ("active", EDITOR))
    changed = members.update_organization_membership(world.membership.id, role=RoleSingle(role_slug=REVIEWER))
    equal((changed.role.slug, [r.slug for r in changed.roles]), (REVIEWER, [REVIEWER]))
    equal(_allowed(world, READ), True)


# --- sign-in ---------------------------------------------------------------------------------------------------


@story.step("the user signs in with the password, into the only organization")
def _(world: World) -> None:
    auth = world.workos.user_management.authenticate_with_password(
        email=world.email.lower(), password=PASSWORD, ip_address=ADDRESS, user_agent=AGENT
    )
    world.auth = auth
    equal(
        (auth.user.id, auth.organization_id, auth.authentication_method),
        (world.user.id, world.organization.id, "Password"),
    )
    holds(world.workos.user_management.get_user(world.user.id).last_sign_in_at, "last_sign_in_at is not set")


@story.step("the access token is verified with the published keys and carries its claims")
def _(world: World) -> None:
    got = claims(world, world.auth.access_token)
    world.session_id = got["sid"]
    wanted = {"iss": ISSUER, "sub": world.user.id, "org_id": world.organization.id, "role": REVIEWER}
    equal({name: got.get(name) for name in wanted}, wanted)
    equal((got["roles"], got["permissions"], got["client_id"]), ([REVIEWER], [READ], CLIENT_ID))
    equal(got["exp"] - got["iat"], 300)
    holds(str(got["sid"]).startswith("session_") and isinstance(got["auth_time"], int), f"{got}")
    holds(got["jti"] and "aud" not in got, f"{got}")
    kids = [key.kid for key in world.workos.user_management.get_jwks(CLIENT_ID).keys]
    holds(jwt.get_unverified_header(world.auth.access_token)["kid"] in kids, f"kid is not one of {kids}")


@story.step("the issuer publishes its discovery document")
def _(world: World) -> None:
    with urllib.request.urlopen(f"{ISSUER}/.well-known/openid-configuration", timeout=10) as answer:
        document = json.load(answer)
    equal((document["issuer"], document["jwks_uri"]), (ISSUER, world.workos.user_management.get_jwks_url()))


@story.step("the SDK's session helper accepts the session and refreshes it")
def _(world: World) -> None:
    session = sealed(world, world.auth)
    seen = session.authenticate()
    equal((seen.authenticated, getattr(seen, "session_id", seen)), (True, world.session_id))
    equal((seen.organization_id, seen.role, seen.permissions), (world.organization.id, REVIEWER, [READ]))
    renewed = session.refresh()
    equal((renewed.authenticated, getattr(renewed, "session_id", renewed)), (True, world.session_id))


@story.step("a refresh keeps the session and its time of sign-in, and a repeated one gives the same successor")
def _(world: World) -> None:
    refresh = world.workos.user_management.authenticate_with_refresh_token
    first = refresh(refresh_token=world.auth.refresh_token)
    holds(first.refresh_token != world.auth.refresh_token, "the refresh token did not rotate")
    equal(refresh(refresh_token=world.auth.refresh_token).refresh_token, first.refresh_token)
    second = refresh(refresh_token=first.refresh_token)
    old, new = claims(world, world.auth.access_token), claims(world, second.access_token)
    equal((new["sid"], new["auth_time"], second.organization_id), (old["sid"], old["auth_time"], world.organization.id))
    equal(second.authentication_method, "Password")
    world.auth = second


@story.step("with a second organization the user must choose, and the choice completes the sign-in")
def _(world: World) -> None:
    users = world.workos.user_management
    world.second = world.workos.organizations.create_organization(name=f"Second {RUN}")
    world.workos.organization_membership.create_organization_membership(
        user_id=world.user.id, organization_id=world.second.id
    )
    choice = raises(
        OrganizationSelectionRequiredError,
        lambda: users.authenticate_with_password(email=world.email, password=PASSWORD),
    )
    equal(choice.code, "organization_selection_required")
    offered = {o["id"]: o["name"] for o in choice.organizations}
    equal(offered, {world.organization.id: f"Acme Inc {RUN}", world.second.id: f"Second {RUN}"})
    auth = users.authenticate_with_organization_selection(
        pending_authentication_token=choice.pending_authentication_token, organization_id=world.second.id
    )
    got = claims(world, auth.access_token)
    equal((auth.organization_id, got["org_id"], got["role"]), (world.second.id, world.second.id, "member"))
    world.other_session_id = got["sid"]
    switched = users.authenticate_with_refresh_token(
        refresh_token=auth.refresh_token, organization_id=world.organization.id
    )
    got = claims(world, switched.access_token)
    equal((got["sid"], got["org_id"], got["role"]), (world.other_session_id, world.organization.id, REVIEWER))


@story.step("sessions are listed, and a revoked one can no longer be refreshed")
def _(world: World) -> None:
    users = world.workos.user_management
    active = {s.id: s for s in users.list_sessions(world.user.id).data if s.status == "active"}
    equal(set(active), {world.session_id, world.other_session_id})
    mine = active[world.session_id]
    equal((mine.auth_method, mine.ip_address, mine.user_agent, mine.ended_at), ("password", ADDRESS, AGENT, None))
    users.revoke_session(session_id=world.session_id)
    left = [s.id for s in users.list_sessions(world.user.id).data if s.status == "active"]
    equal(left, [world.other_session_id])
    refused = raises(
        BadRequestError, lambda: users.authenticate_with_refresh_token(refresh_token=world.auth.refresh_token)
    )
    equal(refused.error, "invalid_grant")


# --- groups, keys, domains, flags and webhooks -----------------------------------------------------------------


@story.step("an endpoint is told of what happens from now on")
def _(world: World) -> None:
    world.receiver = Receiver()
    made = world.workos.webhooks.create_webhook_endpoint(
        endpoint_url=world.receiver.url, events=["group.created", "group.member_added", "api_key.created"]
    )
    world.endpoint = made
    holds(made.id.startswith("we_") and made.secret.startswith("whsec_"), made.id)
    holds(made.id in [e.id for e in world.workos.webhooks.list_webhook_endpoints().data], "the endpoint is not listed")


@story.step("a group is made, changed and filled")
def _(world: World) -> None:
    groups, organization = world.workos.groups, world.organization.id
    made = groups.create_organization_group(organization, name=f"Group {RUN}", description="Of people")
    world.group = made
    holds(made.id.startswith("group_"), made.id)
    equal((made.name, made.description, made.organization_id), (f"Group {RUN}", "Of people", organization))
    changed = groups.update_organization_group(organization, made.id, description=None)
    equal((changed.name, changed.description), (made.name, None))
    for _ in range(2):
        groups.create_group_organization_membership(
            organization, made.id, organization_membership_id=world.membership.id
        )
    members = groups.list_group_organization_memberships(organization, made.id).data
    equal([(m.id, m.user.id) for m in members], [(world.membership.id, world.user.id)])
    mine = world.workos.organization_membership.list_organization_membership_groups(world.membership.id)
    equal([g.id for g in mine.data], [made.id])


@story.step("members of a group change together, or not at all")
def _(world: World) -> None:
    groups, where = world.workos.groups, (world.organization.id, world.group.id)

    def members() -> list[str]:
        return [m.id for m in groups.list_group_organization_memberships(*where).data]

    groups.update_group_organization_memberships(*where, remove=[world.membership.id])
    equal(members(), [])
    raises(
        NotFoundError,
        lambda: groups.update_group_organization_memberships(*where, add=[world.membership.id, "om_unknown"]),
    )
    equal(members(), [])
    groups.update_group_organization_memberships(*where, add=[world.membership.id])
    both = {"add": [world.membership.id], "remove": [world.membership.id]}
    raises(UnprocessableEntityError, lambda: groups.update_group_organization_memberships(*where, **both))
    equal(members(), [world.membership.id])


@story.step("an API key of an organization is valid until it is expired")
def _(world: World) -> None:
    keys = world.workos.api_keys
    made = keys.create_organization_api_key(world.organization.id, name=f"Key {RUN}", permissions=[READ])
    world.api_key = made
    holds(made.value.startswith("sk_") and made.obfuscated_value.endswith(made.value[-4:]), made.obfuscated_value)
    found = keys.create_validation(value=made.value).api_key
    equal((found.id, found.owner.id, found.permissions), (made.id, world.organization.id, [READ]))
    holds(found.last_used_at is not None, "last_used_at is not set")
    listed = keys.list_organization_api_keys(world.organization.id).data
    equal([k.id for k in listed], [made.id])
    later = datetime.now(timezone.utc) + timedelta(days=1)
    holds(keys.create_api_key_expire(made.id, expires_at=later).expires_at is not None, "no expiration is planned")
    equal(keys.create_api_key_expire(made.id, expires_at=None).expires_at, None)
    keys.create_api_key_expire(made.id)
    equal(keys.create_validation(value=made.value).api_key, None)
    equal(raises(ConflictError, lambda: keys.create_api_key_expire(made.id)).code, "api_key_already_expired")
    keys.delete_api_key(made.id)
    raises(NotFoundError, lambda: keys.delete_api_key(made.id))
    raises(AuthenticationError, lambda: client(made.value).organizations.list_organizations())


@story.step("an API key of a user stands on the membership")
def _(world: World) -> None:
    users, organization = world.workos.user_management, world.organization.id
    made = users.create_user_api_key(world.user.id, name="Laptop", organization_id=organization)
    equal((made.owner.id, made.owner.organization_id), (world.user.id, organization))
    equal([k.id for k in users.list_user_api_keys(world.user.id, organization_id=organization).data], [made.id])
    validate = world.workos.api_keys.create_validation
    members = world.workos.organization_membership
    members.deactivate_organization_membership(world.membership.id)
    equal(validate(value=made.value).api_key, None)
    members.reactivate_organization_membership(world.membership.id)
    equal(validate(value=made.value).api_key.id, made.id)
    refused = raises(
        BadRequestError,
        lambda: users.create_user_api_key(world.others[0], name="Nobody's", organization_id=organization),
    )
    equal([e["field"] for e in refused.errors], ["organization_id"])


@story.step("a webhook arrives, signed, and the SDK knows what it says")
def _(world: World) -> None:
    wanted = {"group.created", "group.member_added", "api_key.created"}

    def arrived() -> dict[str, object] | None:
        told = {}
        for signature, body in list(world.receiver.received):
            event = world.workos.webhooks.verify_event(
                event_body=body, event_signature=signature, secret=world.endpoint.secret
            )
            told[event.event] = event
        return told if wanted <= set(told) else None

    told = eventually(arrived, 30)
    equal((told["group.created"].data.id, told["group.created"].data.name), (world.group.id, f"Group {RUN}"))
    equal(told["group.member_added"].data.organization_membership_id, world.membership.id)
    holds(all(type(e).__name__ != "EventSchemaUnknown" for e in told.values()), "an event that the SDK does not know")
    signature, body = world.receiver.received[0]
    verify = world.workos.webhooks.verify_event
    raises(ValueError, lambda: verify(event_body=body + b" ", event_signature=signature, secret=world.endpoint.secret))
    world.workos.webhooks.delete_webhook_endpoint(world.endpoint.id)
    world.receiver.close()


@story.step("a domain is claimed, looked for and given up")
def _(world: World) -> None:
    domains, name = world.workos.organization_domains, f"claimed-{RUN}.example.com"
    made = domains.create_organization_domain(domain=name, organization_id=world.organization.id)
    equal((made.domain, made.state, made.verification_strategy), (name, "pending", "dns"))
    holds(made.verification_token and made.verification_prefix, "there is nothing to put into the DNS")
    equal(domains.verify_organization_domain(made.id).id, made.id)
    equal(domains.get_organization_domain(made.id).domain, name)
    again = lambda: domains.create_organization_domain(domain=name, organization_id=world.organization.id)  # noqa: E731
    raises(ConflictError, again)
    domains.delete_organization_domain(made.id)
    raises(NotFoundError, lambda: domains.get_organization_domain(made.id))


@story.step("a feature flag is on for those who are its targets")
def _(world: World) -> None:
    flags, slug = world.workos.feature_flags, f"flag-{RUN}"
    new_flag(slug)
    equal(flags.get_feature_flag(slug).enabled, False)
    equal(flags.enable_feature_flag(slug).enabled, True)
    flags.add_flag_target(world.organization.id, slug)
    on = [f.slug for f in flags.list_organization_feature_flags(world.organization.id).data]
    equal([flag for flag in on if flag == slug], [slug])
    flags.remove_flag_target(world.organization.id, slug)
    on = [f.slug for f in flags.list_organization_feature_flags(world.organization.id).data]
    equal([flag for flag in on if flag == slug], [])
    raises(NotFoundError, lambda: flags.get_feature_flag(f"none-{RUN}"))


# --- invitations and waitlists ---------------------------------------------------------------------------------


@story.step("an invitation arrives by mail, its link leads to it, and accepting it makes a member")
def _(world: World) -> None:
    users, email = world.workos.user_management, f"Invited-{RUN}@example.com"
    made = users.send_invitation(
        email=email,
        organization_id=world.organization.id,
        role_slug=EDITOR,
        expires_in_days=3,
        inviter_user_id=world.user.id,
    )
    equal((made.email, made.state, made.organization_id), (email, "pending", world.organization.id))
    equal((made.role_slug, made.inviter_user_id), (EDITOR, world.user.id))
    holds(made.token in made.accept_invitation_url, "the link does not carry the token")
    equal(users.find_invitation_by_token(made.token).id, made.id)
    mail = eventually(lambda: letter(email, made.token), 30)
    equal((mail["To"], mail["Subject"]), (email, f"You have been invited to join Acme Inc {RUN}"))
    resent = users.resend_invitation(made.id)
    raises(NotFoundError, lambda: users.find_invitation_by_token(made.token))
    eventually(lambda: letter(email, resent.token), 30)
    accepted = users.accept_invitation(made.id)
    holds(accepted.state == "accepted" and accepted.accepted_user_id, "nobody has accepted")
    world.others = [*world.others, accepted.accepted_user_id]
    members = world.workos.organization_membership
    joined = members.list_organization_memberships(user_id=accepted.accepted_user_id).data
    equal([(m.organization_id, m.status, m.role.slug) for m in joined], [(world.organization.id, "active", EDITOR)])


@story.step("an address is invited once, until the invitation is revoked")
def _(world: World) -> None:
    users, email = world.workos.user_management, f"guest-{RUN}@example.com"
    made = users.send_invitation(email=email)
    equal(raises(BadRequestError, lambda: users.send_invitation(email=email)).code, "email_already_invited")
    equal([i.id for i in users.list_invitations(email=email.upper()).data], [made.id])
    equal(users.revoke_invitation(made.id).state, "revoked")
    equal(users.get_invitation(made.id).state, "revoked")
    equal(raises(BadRequestError, lambda: users.accept_invitation(made.id)).code, "invite_not_pending")
    equal(raises(BadRequestError, lambda: users.resend_invitation(made.id)).code, "invite_revoked")


@story.step("who waits to be let in is told so, and is approved, denied or forgotten")
def _(world: World) -> None:
    users = world.workos.user_management
    ann, ben = (f"{name}-{RUN}@example.com" for name in ("ann", "ben"))
    fields = {"company": "Acme", "seats": "12"}
    made = users.create_waitlist_entry("default", email=ann, additional_fields=fields, send_confirmation_email=True)
    waitlist = users.list_waitlists().data[0]
    equal(users.get_waitlist("default").id, waitlist.id)
    equal((made.state, made.additional_fields, made.waitlist_id), ("pending", fields, waitlist.id))
    mail = eventually(lambda: letter(ann, "on the waitlist"), 30)
    equal(mail["Subject"], "You are on the waitlist")
    other = users.create_waitlist_entry("default", email=ben)
    listed = users.list_waitlist_entries("default", state="pending", email=ben.upper()).data
    equal([e.id for e in listed], [other.id])
    equal(users.create_waitlist_entry_deny(other.id).state, "denied")
    raises(UnprocessableEntityError, lambda: users.create_waitlist_entry_deny(other.id))
    approved = users.create_waitlist_entry_approve(made.id)
    holds(approved.state == "approved" and approved.approved_at, "it is not approved")
    # Who is approved is invited.
    invited = users.list_invitations(email=ann).data
    equal([i.state for i in invited], ["pending"])
    eventually(lambda: letter(ann, invited[0].token), 30)
    for entry in (made, other):
        users.delete_waitlist_entry(entry.id)
        raises(NotFoundError, lambda: users.delete_waitlist_entry(entry.id))


# --- the settings of an application ------------------------------------------------------------------------------


@story.step("redirect URIs are made, listed and deleted")
def _(world: World) -> None:
    users = world.workos.user_management
    first, second = (f"https://app-{RUN}.example.com/{path}" for path in ("callback", "other"))
    kept = users.create_redirect_uri(uri=first)
    made = users.create_redirect_uri(uri=second)
    equal((made.uri, made.default), (second, False))
    listed = [u.uri for u in users.list_redirect_uris(limit=100).data]
    holds(first in listed and second in listed, f"the redirect URIs are {listed}")
    refused = raises(UnprocessableEntityError, lambda: users.create_redirect_uri(uri=first))
    equal(refused.code, "redirect_uri_already_exists")
    users.delete_redirect_uris(made.id)
    raises(NotFoundError, lambda: users.delete_redirect_uris(made.id))
    # The first one of an environment is its default, and stays.
    if kept.default:
        equal(raises(ConflictError, lambda: users.delete_redirect_uris(kept.id)).code, "default_redirect_uri")
    else:
        users.delete_redirect_uris(kept.id)


@story.step("origins of browsers are allowed once each")
def _(world: World) -> None:
    users, origin = world.workos.user_management, f"https://app-{RUN}.example.com"
    made = users.create_cors_origin(origin=origin)
    equal(made.origin, origin)
    equal(raises(ConflictError, lambda: users.create_cors_origin(origin=origin)).code, "duplicate_cors_origin")
    holds(made.id in [o.id for o in users.list_cors_origins(limit=100).data], "the origin is not listed")
    raises(UnprocessableEntityError, lambda: users.create_cors_origin(origin="nowhere"))


@story.step("the template of access tokens is checked and kept")
def _(world: World) -> None:
    users = world.workos.user_management
    content = '{ "team": {{ user.metadata.team || \'none\' }} }'
    equal(users.update_jwt_template(content=content).content, content)
    equal(users.list_jwt_template().content, content)
    raises(UnprocessableEntityError, lambda: users.update_jwt_template(content='{ "sub": "somebody else" }'))
    equal(users.list_jwt_template().content, content)


# --- errors ----------------------------------------------------------------------------------------------------


@story.step("a wrong password and an unknown user get the same answer")
def _(world: World) -> None:
    sign_in = world.workos.user_management.authenticate_with_password
    for email in (world.email, f"nobody-{RUN}@example.com"):
        refused = raises(BadRequestError, lambda: sign_in(email=email, password="not the password"))
        equal((refused.code, refused.message), ("invalid_credentials", f"Invalid credentials for '{email}'."))


@story.step("a key that does not exist is refused")
def _(world: World) -> None:
    refused = raises(AuthenticationError, lambda: client("sk_test_no_such_key").organizations.list_organizations())
    holds(refused.request_id, "no X-Request-ID on an error")


@story.step("what does not exist is not found")
def _(world: World) -> None:
    workos = world.workos
    raises(NotFoundError, lambda: workos.organizations.get_organization("org_01HZZZZZZZZZZZZZZZZZZZZZZZ"))
    raises(NotFoundError, lambda: workos.organizations.get_organization_by_external_id(f"none-{RUN}"))
    raises(NotFoundError, lambda: workos.user_management.get_user("user_01HZZZZZZZZZZZZZZZZZZZZZZZ"))
    raises(NotFoundError, lambda: workos.authorization.get_environment_role(f"none-{RUN}"))
    raises(NotFoundError, lambda: workos.request_raw(method="get", path=("no_such_route",)))


@story.step("a body that does not fit is unprocessable")
def _(world: World) -> None:
    workos, members = world.workos, world.workos.organization_membership
    raises(UnprocessableEntityError, lambda: workos.organizations.create_organization(name="  "))
    refused = raises(UnprocessableEntityError, lambda: workos.user_management.create_user(email="no address"))
    equal(refused.code, "invalid_request_parameters")
    raises(UnprocessableEntityError, lambda: workos.organizations.list_organizations(limit=1000))
    refused = raises(
        UnprocessableEntityError,
        lambda: members.update_organization_membership(world.membership.id, role=RoleSingle(role_slug=f"none-{RUN}")),
    )
    equal(refused.code, "invalid_role")


@story.step("what a rule forbids is a bad request or a conflict with its code")
def _(world: World) -> None:
    workos = world.workos
    refused = raises(
        BadRequestError, lambda: workos.organizations.create_organization(name="Twin", external_id=f"acme-{RUN}")
    )
    equal(refused.code, "external_id_already_used")
    refused = raises(BadRequestError, lambda: workos.user_management.create_user(email=world.email.lower()))
    equal((refused.code, len(refused.errors)), ("user_creation_error", 1))
    refused = raises(BadRequestError, workos.organization_membership.list_organization_memberships)
    equal(refused.code, "missing_user_id_or_organization_id")
    refused = raises(ConflictError, lambda: workos.authorization.create_permission(slug=READ, name="Twin"))
    equal(refused.code, "permission_slug_conflict")


# --- events ----------------------------------------------------------------------------------------------------

EXPECTED = [
    "organization.created",
    "user.created",
    "organization_membership.created",
    "session.created",
    "authentication.password_succeeded",
    "session.revoked",
    "authentication.password_failed",
]


def _read_on(world: World, cursor: str | None) -> tuple[list[object], str | None]:
    """All events after the cursor, five at a time, and the cursor to keep: the id of the last one read."""
    read: list[object] = []
    while True:
        where = {"after": cursor} if cursor else {"range_start": world.started}
        page = world.workos.events.list_events(events=EXPECTED, limit=5, **where)
        read += page.data
        cursor = page.data[-1].id if page.data else cursor
        if page.after is None:
            return read, cursor
        equal(page.after, cursor)


@story.step("the event log tells all of it once, oldest first, page by page from a cursor")
def _(world: World) -> None:
    def ours(event: object) -> bool:
        body = json.dumps(event.to_dict())
        return world.user.id in body or world.organization.id in body

    def complete() -> tuple[list[object], str | None] | None:
        read, cursor = _read_on(world, None)
        return (read, cursor) if set(EXPECTED) <= {e.event for e in read if ours(e)} else None

    read, world.cursor = eventually(complete)
    ids = [e.id for e in read]
    equal(len(ids), len(set(ids)))
    holds([e.created_at for e in read] == sorted(e.created_at for e in read), "not oldest first")
    holds(all(type(e).__name__ != "EventSchemaUnknown" for e in read), "an event that the SDK does not know")
    created = next(e for e in read if e.event == "organization.created" and e.data.id == world.organization.id)
    equal((created.data.name, created.data.external_id), (f"Acme {RUN}", f"acme-{RUN}"))
    succeeded = next(
        e for e in read if e.event == "authentication.password_succeeded" and e.data.user_id == world.user.id
    )
    equal((succeeded.data.ip_address, succeeded.data.user_agent), (ADDRESS, AGENT))
    equal(succeeded.data.email.lower(), world.email.lower())
    failed = next(e for e in read if e.event == "authentication.password_failed" and e.data.user_id == world.user.id)
    equal(failed.data.error.code, "invalid_credentials")
    revoked = next(e for e in read if e.event == "session.revoked" and e.data.id == world.session_id)
    equal((revoked.data.status, revoked.data.user_id), ("revoked", world.user.id))


@story.step("a cursor at the end waits there and goes on when something happens")
def _(world: World) -> None:
    equal(_read_on(world, world.cursor), ([], world.cursor))
    made = world.workos.organizations.create_organization(name=f"Later {RUN}")
    world.pages = [*world.pages, made.id]
    later = eventually(lambda: _read_on(world, world.cursor)[0] or None)
    equal([(e.event, e.data.id) for e in later], [("organization.created", made.id)])


@story.step("events are filtered by organization")
def _(world: World) -> None:
    names = ["organization.created", "organization.updated", "organization_membership.created"]
    read = world.workos.events.list_events(events=names, organization_id=world.second.id).data
    equal([e.event for e in read], ["organization.created", "organization_membership.created"])


# --- the end ---------------------------------------------------------------------------------------------------


@story.step("what is deleted is gone, and with a user go the memberships")
def _(world: World) -> None:
    workos, members = world.workos, world.workos.organization_membership
    second = members.list_organization_memberships(organization_id=world.second.id).data[0]
    members.delete_organization_membership(second.id)
    raises(NotFoundError, lambda: members.get_organization_membership(second.id))
    for user in (world.user.id, *world.others):
        workos.user_management.delete_user(user)
    raises(NotFoundError, lambda: workos.user_management.get_user(world.user.id))
    raises(NotFoundError, lambda: members.get_organization_membership(world.membership.id))
    for organization in (world.organization.id, world.second.id, world.odd, *world.pages):
        workos.organizations.delete_organization(organization)
    raises(NotFoundError, lambda: workos.organizations.get_organization(world.organization.id))
    deleted = eventually(
        lambda: workos.events.list_events(events=["user.deleted"], range_start=world.started).data or None
    )
    holds(world.user.id in [e.data.id for e in deleted], "no user.deleted")


def main() -> int:
    world = World()
    world.workos = client()
    world.started = datetime.now(timezone.utc) - timedelta(seconds=1)
    return story.run(world)


if __name__ == "__main__":
    sys.exit(main())
