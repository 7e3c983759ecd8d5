import com.workos.WorkOS;
import com.workos.authorization.ResourceTarget;
import com.workos.common.exceptions.BadRequestException;
import com.workos.common.exceptions.NotFoundException;
import com.workos.common.exceptions.UnauthorizedException;
import com.workos.common.exceptions.UnprocessableEntityException;
import com.workos.common.exceptions.WorkOSException;
import com.workos.common.exceptions.WorkOSGenericException;
import com.workos.common.http.PatchField;
import com.workos.models.ApiKey;
import com.workos.models.Flag;
import com.workos.models.Group;
import com.workos.models.Invitation;
import com.workos.models.Organization;
import com.workos.models.OrganizationApiKeyWithValue;
import com.workos.models.OrganizationDomain;
import com.workos.models.OrganizationMembership;
import com.workos.models.UserApiKeyWithValue;
import com.workos.models.WebhookEndpoint;
import com.workos.models.WorkOSEvent;
import com.workos.organizationmembership.CreateUserRole;
import com.workos.types.CreateWebhookEndpointEvents;
import com.workos.types.InvitationState;
import com.workos.usermanagement.CreateUserPassword;
import com.workos.webhooks.Webhook;
import java.security.SignatureException;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * The first application, with the official SDK for the JVM, unchanged but for its base URL: it walks the story of the ones in
 * Python and Node. It may run against a server that already holds data: all names are new on each run.
 *
 * <p>Needs VESTIBULE_URL, VESTIBULE_API_KEY, VESTIBULE_CLIENT_ID and, for a flag, VESTIBULE_ADMIN_TOKEN; and a server that
 * may send webhooks to 127.0.0.1.
 */
public final class FirstApplication {
  private static final String RUN = Long.toString(System.nanoTime(), 36);
  private static final String PASSWORD = "violet-harbour-" + RUN + "-Lantern!";
  private static final String READ = "posts:read:" + RUN;
  private static final String EDITOR = "editor-" + RUN;
  private static final String EMAIL = "Ada." + RUN + "@example.com";

  private final WorkOS workos = Sdk.client();
  private final Story story = new Story("java");
  private Organization organization;
  private String user;
  private OrganizationMembership membership;
  private Group group;
  private Receiver receiver;
  private WebhookEndpoint endpoint;

  public static void main(String[] arguments) {
    FirstApplication application = new FirstApplication();
    application.organizationsAndUsers();
    application.signIn();
    application.groups();
    application.apiKeys();
    application.domainsAndFlags();
    application.invitations();
    application.settings();
    application.webhooksAndEvents();
    application.refusalsAndTheEnd();
    // The HTTP client of the SDK keeps threads that nobody waits for.
    System.exit(application.story.run() == 0 ? 0 : 1);
  }

  private void organizationsAndUsers() {
    story.step("an organization is created, read, changed and listed", () -> {
      organization = workos.getOrganizations()
          .create("Acme " + RUN, null, null, null, Map.of("tier", "gold"), "acme-" + RUN);
      Story.holds(organization.getId().startsWith("org_"), organization.getId());
      Story.equal(organization.getMetadata(), Map.of("tier", "gold"));
      Story.equal(workos.getOrganizations().getByExternalId("acme-" + RUN), organization);
      organization = workos.getOrganizations().update(organization.getId(), "Acme Inc " + RUN);
      Story.equal(organization.getName(), "Acme Inc " + RUN);
      var first = workos.getOrganizations().list(null, null, 1);
      var all = StreamSupport.stream(first.autoPagingIterable().spliterator(), false).limit(100);
      Story.holds(all.anyMatch(one -> one.getId().equals(organization.getId())), "it is not in the list");
    });
    story.step("a user is created and becomes a member with a role", () -> {
      var password = new CreateUserPassword.Plaintext(PASSWORD);
      user = workos.getUserManagement()
          .create(password, EMAIL, "Ada", "Byron", null, true, Map.of("team", "engines"), null, null, null, null)
          .getId();
      Story.equal(workos.getUserManagement().get(user).getEmail(), EMAIL);
      workos.getAuthorization().createPermission(READ, "Read posts");
      workos.getAuthorization().createEnvironmentRole(EDITOR, "Editor");
      workos.getAuthorization().setEnvironmentRolePermissions(EDITOR, List.of(READ));
      var role = new CreateUserRole.Single(EDITOR);
      membership = workos.getOrganizationMembership().create(role, user, organization.getId());
      Story.equal(membership.getRole().getSlug(), EDITOR);
      Story.equal(membership.getUser().getId(), user);
    });
    story.step("a permission of the member's role is granted on the organization, another is not", () -> {
      var root = new ResourceTarget.ByExternalId(organization.getId(), "organization");
      var authorization = workos.getAuthorization();
      Story.equal(authorization.check(membership.getId(), root, READ).getAuthorized(), true);
      Story.equal(authorization.check(membership.getId(), root, "none-" + RUN).getAuthorized(), false);
    });
  }

  private void signIn() {
    story.step("the user signs in with the password, and the session is refreshed", () -> {
      var users = workos.getUserManagement();
      var signedIn = users.authenticateWithPassword(EMAIL, PASSWORD, null, null, null, null, null, null);
      Story.equal(signedIn.getUser().getId(), user);
      Story.equal(signedIn.getOrganizationId(), organization.getId());
      var renewed = users.authenticateWithRefreshToken(signedIn.getRefreshToken(), null, null, null, null);
      Story.holds(!renewed.getRefreshToken().equals(signedIn.getRefreshToken()), "the refresh token did not rotate");
    });
  }

  private void groups() {
    story.step("an endpoint is told of what happens from now on", () -> {
      receiver = new Receiver();
      var events = List.of(CreateWebhookEndpointEvents.GroupCreated, CreateWebhookEndpointEvents.ApiKeyCreated);
      endpoint = workos.getWebhooks().createEndpoint(receiver.url(), events);
      Story.holds(endpoint.getSecret().startsWith("whsec_"), endpoint.getId());
    });
    story.step("a group is made, changed, filled and emptied", () -> {
      var groups = workos.getGroups();
      String organizationId = organization.getId();
      group = groups.createOrganizationGroup(organizationId, "Group " + RUN, "Of people");
      Story.equal(group.getDescription(), "Of people");
      group = groups.updateOrganizationGroup(
          organizationId, group.getId(), PatchField.<String>of("Others " + RUN), PatchField.<String>ofNull());
      Story.equal(group.getName(), "Others " + RUN);
      Story.equal(group.getDescription(), null);
      groups.createOrganizationMembership(organizationId, group.getId(), membership.getId());
      groups.createOrganizationMembership(organizationId, group.getId(), membership.getId());
      var members = groups.listOrganizationMemberships(organizationId, group.getId()).data;
      Story.equal(members.size(), 1);
      Story.equal(members.get(0).getUser().getId(), user);
      var mine = workos.getOrganizationMembership().listGroups(membership.getId()).data;
      Story.equal(mine, List.of(group));
      groups.deleteOrganizationMembership(organizationId, group.getId(), membership.getId());
      Story.equal(groups.listOrganizationMemberships(organizationId, group.getId()).data, List.of());
    });
  }

  private void apiKeys() {
    story.step("an API key of an organization is valid until it is expired", () -> {
      var keys = workos.getApiKeys();
      OrganizationApiKeyWithValue made =
          keys.createOrganizationApiKey(organization.getId(), "Key " + RUN, List.of(READ));
      ApiKey found = keys.createValidation(made.getValue()).getApiKey();
      Story.equal(found.getId(), made.getId());
      Story.equal(found.getPermissions(), List.of(READ));
      Story.equal(keys.listOrganizationApiKeys(organization.getId()).data.size(), 1);
      Story.holds(keys.createExpire(made.getId(), OffsetDateTime.now().plusDays(1)).getExpiresAt() != null, "no plan");
      keys.createExpire(made.getId(), OffsetDateTime.now().minusDays(1));
      Story.equal(keys.createValidation(made.getValue()).getApiKey(), null);
      WorkOSException again =
          Story.raises(WorkOSGenericException.class, () -> keys.createExpire(made.getId(), OffsetDateTime.now()));
      Story.equal(again.status + " " + again.code, "409 api_key_already_expired");
      keys.delete(made.getId());
      Story.raises(NotFoundException.class, () -> keys.delete(made.getId()));
    });
    story.step("an API key of a user stands on the membership", () -> {
      UserApiKeyWithValue made =
          workos.getUserManagement().createApiKey(user, "Laptop", organization.getId(), List.of(READ), null);
      Story.equal(made.getOwner().getOrganizationId(), organization.getId());
      Story.equal(workos.getUserManagement().listApiKeys(user, null, null, 10).data.size(), 1);
      workos.getOrganizationMembership().deactivate(membership.getId());
      Story.equal(workos.getApiKeys().createValidation(made.getValue()).getApiKey(), null);
      workos.getOrganizationMembership().reactivate(membership.getId());
      Story.equal(workos.getApiKeys().createValidation(made.getValue()).getApiKey().getId(), made.getId());
    });
  }

  private void domainsAndFlags() {
    story.step("a domain is claimed, looked for and given up", () -> {
      var domains = workos.getOrganizationDomains();
      String name = "claimed-" + RUN + ".example.com";
      OrganizationDomain made = domains.create(name, organization.getId());
      Story.equal(made.getDomain(), name);
      Story.equal(domains.verify(made.getId()).getId(), made.getId());
      Story.equal(domains.get(made.getId()).getDomain(), name);
      domains.delete(made.getId());
      Story.raises(NotFoundException.class, () -> domains.get(made.getId()));
    });
    story.step("a feature flag is on for those who are its targets", () -> {
      var flags = workos.getFeatureFlags();
      String slug = "flag-" + RUN;
      Sdk.newFlag(slug);
      Flag flag = flags.enable(slug);
      Story.equal(flag.getEnabled(), true);
      flags.addFlagTarget(slug, organization.getId());
      Story.equal(slugs(slug), List.of(slug));
      flags.removeFlagTarget(slug, organization.getId());
      Story.equal(slugs(slug), List.of());
    });
  }

  /** Of the flags that are on for the organization, that one. */
  private List<String> slugs(String slug) {
    var on = workos.getFeatureFlags().listOrganizationFeatureFlags(organization.getId()).data;
    return on.stream().map(Flag::getSlug).filter(slug::equals).toList();
  }

  private void invitations() {
    story.step("an invitation is sent, sent again and accepted, which makes a member", () -> {
      var users = workos.getUserManagement();
      String email = "Invited-" + RUN + "@example.com";
      Invitation made = users.sendInvitation(email, organization.getId(), EDITOR, 3L, user);
      Story.equal(made.getEmail(), email);
      Story.equal(made.getRoleSlug(), EDITOR);
      Story.equal(made.getInviterUserId(), user);
      Story.equal(users.findInvitationByToken(made.getToken()).getId(), made.getId());
      Invitation resent = users.resendInvitation(made.getId());
      Story.raises(NotFoundException.class, () -> users.findInvitationByToken(made.getToken()));
      Story.equal(users.findInvitationByToken(resent.getToken()).getId(), made.getId());
      String accepted = users.acceptInvitation(made.getId()).getAcceptedUserId();
      Story.equal(users.getInvitation(made.getId()).getState(), InvitationState.Accepted);
      Story.equal(users.get(accepted).getEmail(), email);
      users.delete(accepted);
    });
    story.step("an address is invited once, until the invitation is revoked", () -> {
      var users = workos.getUserManagement();
      String email = "guest-" + RUN + "@example.com";
      Invitation made = users.sendInvitation(email);
      WorkOSException again = Story.raises(BadRequestException.class, () -> users.sendInvitation(email));
      Story.equal(again.code, "email_already_invited");
      var listed = users.listInvitations(null, null, 10, null, null, email).data;
      Story.equal(listed.stream().map(Invitation::getId).toList(), List.of(made.getId()));
      Story.equal(users.revokeInvitation(made.getId()).getState(), InvitationState.Revoked);
      WorkOSException late = Story.raises(BadRequestException.class, () -> users.acceptInvitation(made.getId()));
      Story.equal(late.code, "invite_not_pending");
    });
  }

  private void settings() {
    story.step("redirect URIs, origins and the template of access tokens are kept", () -> {
      var users = workos.getUserManagement();
      String origin = "https://java-" + RUN + ".example.com";
      users.createRedirectUri(origin + "/callback");
      String other = users.createRedirectUri(origin + "/other").getId();
      Story.holds(
          users.listRedirectUris(null, null, 100).data.stream().anyMatch(one -> one.getId().equals(other)), "not listed");
      users.deleteRedirectUris(other);
      Story.raises(NotFoundException.class, () -> users.deleteRedirectUris(other));
      Story.equal(users.createCorsOrigin(origin).getOrigin(), origin);
      WorkOSException again = Story.raises(WorkOSGenericException.class, () -> users.createCorsOrigin(origin));
      Story.equal(again.status + " " + again.code, "409 duplicate_cors_origin");
      String content = "{ \"team\": {{ user.metadata.team || 'none' }} }";
      Story.equal(users.updateJWTTemplate(content).getContent(), content);
      Story.equal(users.listJWTTemplate().getContent(), content);
      Story.raises(UnprocessableEntityException.class, () -> users.updateJWTTemplate("{\"sub\": \"me\"}"));
    });
  }

  private void webhooksAndEvents() {
    story.step("a webhook arrives, signed, and the SDK knows what it says", () -> {
      Webhook webhook = new Webhook();
      Map<String, WorkOSEvent> told = new HashMap<>();
      Story.eventually(() -> {
        for (Receiver.Delivery one : receiver.deliveries) {
          try {
            WorkOSEvent event = webhook.constructTypedEvent(one.body(), one.signature(), endpoint.getSecret());
            told.put(event.getEvent(), event);
          } catch (SignatureException error) {
            throw new AssertionError(error);
          }
        }
        return told.keySet().containsAll(List.of("group.created", "api_key.created")) ? told : null;
      });
      Receiver.Delivery one = receiver.deliveries.get(0);
      Story.raises(SignatureException.class,
          () -> webhook.constructTypedEvent(one.body() + " ", one.signature(), endpoint.getSecret()));
      workos.getWebhooks().deleteEndpoint(endpoint.getId());
      receiver.close();
    });
    // Not by the SDK: version 7.2 cannot read its own list of events, for the type of the list is not that of its items.
    story.step("the event log tells of it, oldest first", () -> {
      List<String> names = List.of("organization.created", "group.created", "group.updated", "api_key.revoked");
      // The key was expired at once, and then deleted.
      List<String> told = Stream.concat(names.stream(), Stream.of("api_key.revoked")).toList();
      String path = "/events?events=" + String.join(",", names) + "&limit=100&organization_id=" + organization.getId();
      Story.eventually(() -> {
        Matcher found = Pattern.compile("\"event\":\"([a-z_.]+)\"").matcher(Sdk.get(path));
        List<String> read = found.results().map(one -> one.group(1)).toList();
        return read.equals(told) ? read : null;
      });
    });
  }

  private void refusalsAndTheEnd() {
    story.step("refusals have the classes that an application catches", () -> {
      Story.raises(NotFoundException.class, () -> workos.getOrganizations().get("org_01HZZZZZZZZZZZZZZZZZZZZZZZ"));
      Story.raises(UnauthorizedException.class, () -> Sdk.client("sk_test_no_such_key").getOrganizations().list());
      Story.raises(UnprocessableEntityException.class, () -> workos.getOrganizations().create("  "));
      WorkOSException refused = Story.raises(UnprocessableEntityException.class,
          () -> workos.getGroups().createOrganizationGroup(organization.getId(), " "));
      Story.equal(refused.code, "invalid_request_parameters");
      Story.holds(refused.requestId != null, "no X-Request-ID on an error");
    });
    story.step("what is deleted is gone", () -> {
      workos.getGroups().deleteOrganizationGroup(organization.getId(), group.getId());
      workos.getUserManagement().delete(user);
      workos.getOrganizations().delete(organization.getId());
      Story.raises(NotFoundException.class, () -> workos.getOrganizations().get(organization.getId()));
      Story.raises(NotFoundException.class, () -> workos.getOrganizationMembership().get(membership.getId()));
    });
  }
}
