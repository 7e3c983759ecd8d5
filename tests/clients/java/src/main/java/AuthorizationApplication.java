import com.workos.WorkOS;
import com.workos.authorization.Authorization;
import com.workos.authorization.Parent;
import com.workos.authorization.ParentResource;
import com.workos.authorization.ResourceTarget;
import com.workos.common.exceptions.NotFoundException;
import com.workos.common.exceptions.UnprocessableEntityException;
import com.workos.common.exceptions.WorkOSException;
import com.workos.common.exceptions.WorkOSGenericException;
import com.workos.common.http.Page;
import com.workos.common.http.PatchField;
import com.workos.models.AssignRole;
import com.workos.models.AuthorizationResource;
import com.workos.models.GroupRoleAssignment;
import com.workos.models.Permission;
import com.workos.models.Role;
import com.workos.models.UserOrganizationMembershipBaseListData;
import com.workos.models.UserRoleAssignment;
import com.workos.organizationmembership.CreateUserRole;
import com.workos.types.AuthorizationAssignment;
import com.workos.types.PaginationOrder;
import com.workos.types.UserRoleAssignmentSourceType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.StreamSupport;

/**
 * An application that keeps documents and lets people at them, with the official SDK for the JVM. Workspaces hold projects,
 * and projects documents. Ann has a role on one project, Ben has what his group was given on a workspace. It calls every
 * operation of the SDK's family of authorization; the SDK cannot change a group's roles by what is added and removed.
 *
 * <p>Needs VESTIBULE_URL, VESTIBULE_API_KEY and VESTIBULE_CLIENT_ID, and VESTIBULE_ADMIN_TOKEN for the types of resources.
 */
public final class AuthorizationApplication {
  private static final String RUN = Long.toString(System.nanoTime(), 36);
  private static final String WORKSPACE = "workspace-" + RUN;
  private static final String PROJECT = "project-" + RUN;
  private static final String DOCUMENT = "document-" + RUN;
  private static final String READ = "project:read:" + RUN;
  private static final String EDIT = "project:edit:" + RUN;
  private static final String OPEN = "document:open:" + RUN;
  private static final String SPARE = "spare:" + RUN;
  private static final String OWNER = "owner-" + RUN;
  private static final String READER = "reader-" + RUN;
  private static final String OPENER = "opener-" + RUN;
  private static final String WRITER = "org-writer-" + RUN;
  // Legal in an external id, and everything in it means something in a path or a query.
  private static final String ODD = "w/1 ?a=%2F#" + RUN;

  private final WorkOS workos = Sdk.client();
  private final Authorization api = workos.getAuthorization();
  private final Story story = new Story("java authorization");
  private final List<String> users = new ArrayList<>();
  private String organization;
  private String ann;
  private String ben;
  private String group;
  private AuthorizationResource root;
  private AuthorizationResource first;
  private AuthorizationResource second;
  private AuthorizationResource one;
  private AuthorizationResource two;
  private AuthorizationResource three;
  private AuthorizationResource paper;
  private UserRoleAssignment assignment;

  public static void main(String[] arguments) {
    AuthorizationApplication application = new AuthorizationApplication();
    application.typesAndPeople();
    application.roles();
    application.resources();
    application.rolesOfMembers();
    application.rolesOfGroups();
    application.assignments();
    application.reach();
    application.movesAndTheEnd();
    // The HTTP client of the SDK keeps threads that nobody waits for.
    System.exit(application.story.run() == 0 ? 0 : 1);
  }

  private static <T, R> List<R> all(Page<T> page, Function<T, R> what) {
    return StreamSupport.stream(page.autoPagingIterable().spliterator(), false).map(what).toList();
  }

  private static List<String> ids(Page<AuthorizationResource> page) {
    return all(page, AuthorizationResource::getId);
  }

  private static List<String> members(Page<UserOrganizationMembershipBaseListData> page) {
    return all(page, UserOrganizationMembershipBaseListData::getId);
  }

  private static ResourceTarget target(AuthorizationResource resource) {
    return new ResourceTarget.ById(resource.getId());
  }

  private static ResourceTarget named(AuthorizationResource resource) {
    return new ResourceTarget.ByExternalId(resource.getExternalId(), resource.getResourceTypeSlug());
  }

  private static ParentResource below(AuthorizationResource resource) {
    return new ParentResource.ById(resource.getId());
  }

  private static ParentResource belowNamed(String type, String externalId) {
    return new ParentResource.ByExternalId(type, externalId);
  }

  /** What the step is refused with, as a status and a code. */
  private static String refused(Story.Step step) {
    WorkOSException error = Story.raises(WorkOSGenericException.class, step);
    return error.status + " " + error.code;
  }

  private boolean allowed(String member, String permission, AuthorizationResource resource) {
    boolean byId = api.check(member, target(resource), permission).getAuthorized();
    Story.equal(api.check(member, named(resource), permission).getAuthorized(), byId);
    return byId;
  }

  private void typesAndPeople() {
    story.step("the operator declares the types of resources", () -> {
      Sdk.newResourceType(WORKSPACE, "organization");
      Sdk.newResourceType(PROJECT, WORKSPACE);
      Sdk.newResourceType(DOCUMENT, PROJECT);
    });
    story.step("an organization has two members, one of them in a group", () -> {
      organization = workos.getOrganizations().create("Acme " + RUN).getId();
      ann = member("ann");
      ben = member("ben");
      group = workos.getGroups().createOrganizationGroup(organization, "Owners").getId();
      workos.getGroups().createOrganizationMembership(organization, group, ben);
    });
  }

  private String member(String name) {
    String user = workos.getUserManagement().create(name + "-" + RUN + "@example.com").getId();
    users.add(user);
    var role = new CreateUserRole.Single("member");
    return workos.getOrganizationMembership().create(role, user, organization).getId();
  }

  private void roles() {
    story.step("a permission belongs to a type of resources", () -> {
      api.createPermission(READ, "May", null, PROJECT);
      api.createPermission(EDIT, "May", "Changes the project", PROJECT);
      api.createPermission(OPEN, "May", null, DOCUMENT);
      Story.equal(api.createPermission(SPARE, "May", null, DOCUMENT).getResourceTypeSlug(), DOCUMENT);
      Permission updated = api.updatePermission(READ, PatchField.<String>of("Read"), PatchField.<String>of("Sees it"));
      Story.equal(updated.getDescription(), "Sees it");
      Story.equal(api.getPermission(READ), updated);
      api.deletePermission(SPARE);
      Story.raises(NotFoundException.class, () -> api.getPermission(SPARE));
      var slugs = all(api.listPermissions(null, null, 2), Permission::getSlug);
      Story.equal(slugs.stream().filter(slug -> slug.endsWith(RUN)).toList(), List.of(OPEN, EDIT, READ));
    });
    story.step("a role of the environment belongs to a type, and takes permissions of the types below it alone", () -> {
      Story.equal(api.createEnvironmentRole(OWNER, "Role", null, WORKSPACE).getResourceTypeSlug(), WORKSPACE);
      api.createEnvironmentRole(READER, "Role", null, PROJECT);
      api.createEnvironmentRole(OPENER, "Role", null, DOCUMENT);
      api.updateEnvironmentRole(OWNER, PatchField.<String>of("Owner"), PatchField.<String>ofNull());
      api.setEnvironmentRolePermissions(OWNER, List.of(READ, EDIT));
      api.addEnvironmentRolePermission(OWNER, OPEN);
      Role owner = api.getEnvironmentRole(OWNER);
      Story.equal(owner.getPermissions().stream().sorted().toList(), List.of(OPEN, EDIT, READ));
      Story.equal(owner.getName(), "Owner");
      api.setEnvironmentRolePermissions(READER, List.of(READ, OPEN));
      Story.raises(UnprocessableEntityException.class,
          () -> api.setEnvironmentRolePermissions(OPENER, List.of(OPEN, READ)));
      var slugs = api.listEnvironmentRoles().getData().stream().map(Role::getSlug).toList();
      Story.holds(slugs.containsAll(List.of("member", OWNER, READER, OPENER)), "the roles are " + slugs);
    });
    story.step("so does a role of an organization", () -> {
      Role made = api.createOrganizationRole(organization, "Writer", WRITER, null, PROJECT);
      Story.equal(made.getResourceTypeSlug(), PROJECT);
      api.updateOrganizationRole(organization, WRITER, PatchField.<String>of("Writes"));
      api.setOrganizationRolePermissions(organization, WRITER, List.of(OPEN));
      api.addOrganizationRolePermission(organization, WRITER, EDIT);
      api.removeOrganizationRolePermission(organization, WRITER, OPEN);
      made = api.getOrganizationRole(organization, WRITER);
      Story.equal(made.getPermissions(), List.of(EDIT));
      Story.holds(api.listOrganizationRoles(organization).getData().contains(made), "the role is not listed");
    });
  }

  private void resources() {
    story.step("resources are created below the organization, below one by its id and below one by its external id", () -> {
      root = api.getResourceByExternalId(organization, "organization", organization);
      Story.equal(root.getParentResourceId(), null);
      first = api.createResource(ODD, "First", WORKSPACE, organization);
      Story.equal(first.getParentResourceId(), root.getId());
      second = api.createResource(below(root), "w2", "Second", WORKSPACE, organization, "Of two");
      Story.equal(second.getDescription(), "Of two");
      one = api.createResource(below(first), "p1", "One", PROJECT, organization);
      two = api.createResource(belowNamed(WORKSPACE, ODD), "p2", "Two", PROJECT, organization);
      Story.equal(List.of(one.getParentResourceId(), two.getParentResourceId()), List.of(first.getId(), first.getId()));
      three = api.createResource(belowNamed(WORKSPACE, "w2"), "p3", "Three", PROJECT, organization);
      paper = api.createResource(below(one), "d1", "Paper", DOCUMENT, organization);
      String twin = refused(() -> api.createResource(below(one), "d1", "Twin", DOCUMENT, organization));
      Story.equal(twin, "409 authorization_resource_external_id_conflict");
      Story.raises(UnprocessableEntityException.class, () -> api.createResource("d2", "Lost", DOCUMENT, organization));
    });
    story.step("a resource is read by its id and by its external id, whatever that holds", () -> {
      Story.equal(api.getResource(first.getId()), first);
      Story.equal(api.getResourceByExternalId(organization, WORKSPACE, ODD), first);
    });
    story.step("resources are listed by organization, by type, by parent and by external id", () -> {
      var everything = List.of(paper.getId(), three.getId(), two.getId(), one.getId(), second.getId(), first.getId());
      Story.equal(ids(api.listResources(null, null, 2, null, organization)).subList(0, 6), everything);
      var types = List.of(one.getId(), two.getId(), three.getId());
      Story.equal(ids(api.listResources(null, null, 10, PaginationOrder.Asc, null, PROJECT)), types);
      var named = api.listResources(null, null, 10, null, null, PROJECT, "p2");
      Story.equal(ids(named), List.of(two.getId()));
      var parent = new Parent.ById(first.getId());
      var under = List.of(two.getId(), one.getId());
      Story.equal(ids(api.listResources(null, null, 10, null, null, null, null, parent)), under);
      var parentNamed = new Parent.ByExternalId(WORKSPACE, ODD);
      Story.equal(ids(api.listResources(null, null, 10, null, organization, null, null, parentNamed)), under);
    });
    story.step("a resource is changed under both of its names", () -> {
      var name = PatchField.<String>of("Changed");
      AuthorizationResource changed =
          api.updateResource(one.getId(), (ParentResource) null, name, PatchField.<String>of("Project"));
      Story.equal(changed.getDescription(), "Project");
      var none = PatchField.<String>ofNull();
      var absent = PatchField.<String>absent();
      changed = api.updateResourceByExternalId(organization, PROJECT, "p1", (ParentResource) null, absent, none);
      Story.equal(changed.getName() + changed.getDescription(), "Changednull");
      Story.equal(changed.getParentResourceId(), first.getId());
    });
  }

  private void rolesOfMembers() {
    story.step("a member is given a role on a resource, once", () -> {
      assignment = api.assignRole(ann, target(one), READER);
      Story.equal(assignment.getRole().getSlug(), READER);
      Story.equal(assignment.getResource().getExternalId(), "p1");
      Story.equal(assignment.getSource().getType(), UserRoleAssignmentSourceType.Direct);
      Story.equal(api.assignRole(ann, named(one), READER), assignment);
      Story.raises(UnprocessableEntityException.class, () -> api.assignRole(ann, target(first), READER));
    });
    story.step("the role holds there and below, and nowhere else", () -> {
      Story.equal(List.of(allowed(ann, READ, one), allowed(ann, READ, two), allowed(ann, READ, first)),
          List.of(true, false, false));
      Story.equal(List.of(allowed(ann, OPEN, paper), allowed(ann, EDIT, paper)), List.of(true, false));
    });
    story.step("a role is taken from a member by what it is and by the id of its assignment, at once", () -> {
      api.removeRole(ann, named(one), READER);
      Story.equal(allowed(ann, READ, one), false);
      Story.raises(NotFoundException.class, () -> api.removeRole(ann, target(one), READER));
      String again = api.assignRole(ann, target(one), READER).getId();
      api.removeRoleAssignment(ann, again);
      Story.equal(allowed(ann, READ, one), false);
      assignment = api.assignRole(ann, target(one), READER);
    });
    story.step("a role of the organization is given on a resource, and stays while somebody has it", () -> {
      api.assignRole(ann, named(two), WRITER);
      Story.equal(allowed(ann, EDIT, two), true);
      Story.equal(refused(() -> api.deleteOrganizationRole(organization, WRITER)), "409 role_has_assignments");
      api.removeRole(ann, named(two), WRITER);
      api.deleteOrganizationRole(organization, WRITER);
      Story.equal(allowed(ann, EDIT, two), false);
    });
  }

  private void rolesOfGroups() {
    story.step("a group is given a role, and its member has it", () -> {
      GroupRoleAssignment made = api.createGroupRoleAssignment(group, OWNER, first.getId());
      String twin = refused(() -> api.createGroupRoleAssignment(group, OWNER, null, ODD, WORKSPACE));
      Story.equal(twin, "409 duplicate_group_role_assignment");
      Story.equal(api.getGroupRoleAssignment(group, made.getId()), made);
      Story.equal(List.of(allowed(ben, EDIT, two), allowed(ben, OPEN, paper), allowed(ben, EDIT, three)),
          List.of(true, true, false));
      var derived = all(api.listRoleAssignments(ben), Function.identity()).stream()
          .filter(it -> it.getRole().getSlug().equals(OWNER)).findFirst().orElseThrow();
      Story.equal(derived.getSource().getType(), UserRoleAssignmentSourceType.Group);
      Story.equal(derived.getSource().getGroupRoleAssignmentId(), made.getId());
      // It is the group's, and nobody takes it from its member alone.
      String taken = refused(() -> api.removeRoleAssignment(ben, derived.getId()));
      Story.equal(taken, "403 role_assignment_of_group");
    });
    story.step("the roles of a group are replaced as a whole", () -> {
      AssignRole everywhere = new AssignRole("member", null, null, null);
      AssignRole reader = new AssignRole(READER, null, "p2", PROJECT);
      var replaced = api.updateGroupRoleAssignments(group, List.of(everywhere, reader)).getData();
      // Newest first, as in the list.
      Story.equal(replaced.stream().map(it -> it.getRole().getSlug()).toList(), List.of(READER, "member"));
      Story.equal(List.of(allowed(ben, READ, two), allowed(ben, EDIT, two)), List.of(true, false));
      var listed = all(api.listGroupRoleAssignments(group, null, null, 1), it -> it.getRole().getSlug());
      Story.equal(listed, List.of(READER, "member"));
    });
    story.step("a role is taken from a group by what it is and by the id of its assignment", () -> {
      api.deleteGroupRoleAssignments(group, READER, null, "p2", PROJECT);
      Story.raises(NotFoundException.class, () -> api.deleteGroupRoleAssignments(group, READER, two.getId()));
      String everywhere = api.listGroupRoleAssignments(group).data.get(0).getId();
      api.deleteGroupRoleAssignment(group, everywhere);
      Story.equal(api.listGroupRoleAssignments(group).data, List.of());
      api.createGroupRoleAssignment(group, OWNER, null, ODD, WORKSPACE);
      Story.equal(allowed(ben, EDIT, one), true);
    });
  }

  private void assignments() {
    story.step("the assignments of a member are listed, all of them and those on a resource", () -> {
      Function<UserRoleAssignment, String> role = it -> it.getRole().getSlug();
      Story.equal(all(api.listRoleAssignments(ann, null, null, 1), role), List.of(READER, "member"));
      var byId = api.listRoleAssignments(ann, null, null, 10, null, one.getId());
      Story.equal(all(byId, Function.identity()), List.of(assignment));
      var byName = api.listRoleAssignments(ann, null, null, 10, null, null, "p1", PROJECT);
      Story.equal(all(byName, Function.identity()), List.of(assignment));
    });
    story.step("the assignments on a resource are listed, under both of its names", () -> {
      Story.equal(api.listRoleAssignmentsForResource(one.getId()).data, List.of(assignment));
      Story.equal(api.listRoleAssignmentsForResource(one.getId(), null, null, 10, null, OWNER).data, List.of());
      var onFirst = api.listRoleAssignmentsForResourceByExternalId(organization, WORKSPACE, ODD);
      Story.equal(all(onFirst, UserRoleAssignment::getOrganizationMembershipId), List.of(ben));
      Story.equal(api.listRoleAssignmentsForResourceByExternalId(organization, PROJECT, "p1").data, List.of(assignment));
    });
  }

  private void reach() {
    story.step("a member's resources are found below the organization and below any other", () -> {
      Story.equal(ids(api.listResourcesForMembership(ann, READ, below(root))), List.of(one.getId()));
      Story.equal(ids(api.listResourcesForMembership(ann, OPEN, belowNamed(WORKSPACE, ODD))), List.of(paper.getId()));
      var paged = api.listResourcesForMembership(ben, READ, null, null, 1, below(root));
      Story.equal(ids(paged), List.of(two.getId(), one.getId()));
      Story.equal(ids(api.listResourcesForMembership(ben, READ, below(second))), List.of());
    });
    story.step("who may is told for those who were given it there, and for everybody", () -> {
      Story.equal(members(api.listMembershipsForResource(one.getId(), READ)), List.of(ann));
      var everybody = AuthorizationAssignment.Indirect;
      var page = api.listMembershipsForResource(one.getId(), READ, null, null, 1, PaginationOrder.Desc, everybody);
      Story.equal(members(page), List.of(ben, ann));
      Story.equal(page.data.get(0).getUser().getId(), users.get(1));
      var named = api.listMembershipsForResourceByExternalId(organization, WORKSPACE, ODD, EDIT);
      Story.equal(members(named), List.of(ben));
      Story.equal(members(api.listMembershipsForResourceByExternalId(organization, PROJECT, "p1", READ)), List.of(ann));
    });
    story.step("what a member may do on a resource is what a check says", () -> {
      var byId = all(api.listEffectivePermissions(ben, paper.getId(), null, null, 1), Permission::getSlug);
      Story.equal(byId, List.of(OPEN, EDIT, READ));
      var byName = api.listEffectivePermissionsByExternalId(ann, PROJECT, "p1");
      Story.equal(all(byName, Permission::getSlug), List.of(OPEN, READ));
      for (String permission : List.of(OPEN, EDIT, READ)) {
        Story.equal(allowed(ben, permission, paper), true);
        Story.equal(allowed(ann, permission, one), !permission.equals(EDIT));
      }
    });
  }

  private void movesAndTheEnd() {
    story.step("a resource is moved, and what was inherited changes with it", () -> {
      Story.equal(api.updateResource(three.getId(), below(first)).getParentResourceId(), first.getId());
      Story.equal(allowed(ben, EDIT, three), true);
      var moved = api.updateResourceByExternalId(organization, PROJECT, "p3", belowNamed(WORKSPACE, "w2"));
      Story.equal(moved.getParentResourceId(), second.getId());
      Story.equal(allowed(ben, EDIT, three), false);
    });
    story.step("a resource with something below it is deleted when that is wanted, with the roles on it", () -> {
      Story.equal(refused(() -> api.deleteResource(first.getId())), "409 resource_has_dependents");
      api.deleteResourceByExternalId(organization, WORKSPACE, "w2", true);
      api.deleteResource(first.getId(), true);
      for (AuthorizationResource resource : List.of(first, one, paper, second, three)) {
        Story.raises(NotFoundException.class, () -> api.getResource(resource.getId()));
      }
      Story.equal(api.listGroupRoleAssignments(group).data, List.of());
    });
    story.step("types go when nothing belongs to them any more", () -> {
      workos.getOrganizations().delete(organization);
      users.forEach(user -> workos.getUserManagement().delete(user));
      List.of(READ, EDIT, OPEN).forEach(api::deletePermission);
      Sdk.forget(List.of(OWNER, READER, OPENER), List.of(DOCUMENT, PROJECT, WORKSPACE));
      Story.raises(NotFoundException.class, () -> api.getEnvironmentRole(OWNER));
    });
  }
}
