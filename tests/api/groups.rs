//! Groups and their members.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Test, story};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// Where the groups of an organization are.
fn of(organization: &Value) -> String {
    format!("/organizations/{}/groups", id(organization))
}

fn path(group: &Value) -> String {
    format!("/organizations/{}/groups/{}", group["organization_id"].as_str().unwrap(), id(group))
}

fn members(group: &Value) -> String {
    format!("{}/organization-memberships", path(group))
}

async fn group(t: &Test, organization: &Value, name: &str) -> Value {
    t.post(of(organization), json!({ "name": name })).await.created()
}

/// A new user's membership in the organization.
async fn member(t: &Test, organization: &Value, name: &str) -> Value {
    let user = t.user(&format!("{name}@example.com")).await;
    let pair = json!({ "user_id": user["id"], "organization_id": organization["id"] });
    t.post("/user_management/organization_memberships", pair).await.created()
}

async fn add(t: &Test, group: &Value, membership: &Value) -> Answer {
    t.post(members(group), json!({ "organization_membership_id": membership["id"] })).await
}

/// The ids of the members of a group, oldest first.
async fn list(t: &Test, group: &Value) -> Vec<Value> {
    let rows = t.pages(&format!("{}?limit=1&order=asc", members(group))).await;
    rows.into_iter().map(|mut row| row["id"].take()).collect()
}

#[test]
fn a_group_is_made_found_changed_and_deleted() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = t.post(of(&organization), json!({ "name": " Engineers ", "description": "Build" })).await.created();
        assert!(id(&made).starts_with("group_"));
        let expected = json!({
            "object": "group", "id": made["id"], "organization_id": organization["id"], "name": "Engineers",
            "description": "Build", "created_at": made["created_at"], "updated_at": made["created_at"],
        });
        assert_eq!(made, expected);
        assert_eq!(t.get(path(&made)).await.ok(), made);
        assert_eq!(t.patch(path(&made), json!({ "name": "Engineers" })).await.ok(), made);
        let changed = t.patch(path(&made), json!({ "name": "Builders", "description": null })).await.ok();
        assert_eq!((&changed["name"], &changed["description"]), (&json!("Builders"), &Value::Null));
        assert_eq!(t.get(path(&made)).await.ok(), changed);

        // The name need not be unique.
        let twin = group(&t, &organization, "Builders").await;
        assert_eq!(t.pages(&of(&organization)).await, [twin, changed.clone()]);
        t.delete(path(&made)).await.no_content();
        t.get(path(&made)).await.missing();
        t.patch(path(&made), json!({})).await.missing();
        t.delete(path(&made)).await.missing();
        t.assert_events(&["group.created", "group.updated", "group.created", "group.deleted"]).await;
        let events = t.events(&["group.deleted"]).await;
        assert_eq!(events[0]["data"], changed);
    });
}

#[test]
fn faults_of_a_group_are_named() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        t.post(of(&organization), json!({})).await.invalid(&["name"]);
        let long = json!({ "name": "x".repeat(257), "description": "x".repeat(151) });
        t.post(of(&organization), long.clone()).await.invalid(&["name", "description"]);
        t.post(of(&organization), json!({ "name": " " })).await.invalid(&["name"]);
        let made = group(&t, &organization, &"x".repeat(256)).await;
        t.patch(path(&made), long).await.invalid(&["name", "description"]);
        t.post("/organizations/org_none/groups", json!({ "name": "X" })).await.missing();
        t.get("/organizations/org_none/groups").await.missing();
        t.post(members(&made), json!({})).await.invalid(&["organization_membership_id"]);
        t.post(members(&made), json!({ "organization_membership_id": "user_1" }))
            .await
            .invalid(&["organization_membership_id"]);
        assert_eq!(t.get(path(&made)).await.ok(), made);
    });
}

#[test]
fn a_member_comes_once_and_goes_once() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "ann").await);
        assert_eq!(add(&t, &made, &ann).await.ok(), made);
        assert_eq!(add(&t, &made, &ann).await.ok(), made);

        let rows = t.pages(&members(&made)).await;
        let mut expected = ann.clone();
        for absent in ["role", "roles"] {
            expected.as_object_mut().unwrap().remove(absent);
        }
        assert_eq!(rows, [expected]);
        let groups = format!("/user_management/organization_memberships/{}/groups", id(&ann));
        assert_eq!(t.pages(&groups).await, std::slice::from_ref(&made));

        let one = format!("{}/{}", members(&made), id(&ann));
        t.delete(&one).await.no_content();
        t.delete(&one).await.missing();
        t.delete(format!("{}/om_none", members(&made))).await.missing();
        assert!(list(&t, &made).await.is_empty());
        assert!(t.pages(&groups).await.is_empty());
        t.assert_events(&["group.created", "group.member_added", "group.member_removed"]).await;
        let events = t.events(&["group.member_added", "group.member_removed"]).await;
        let data = json!({ "group_id": made["id"], "organization_membership_id": ann["id"] });
        assert!(events.iter().all(|event| event["data"] == data));
    });
}

#[test]
fn a_member_is_of_the_group_s_own_organization() {
    story(async |t| {
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let (made, stranger) = (group(&t, &acme, "G").await, member(&t, &other, "bob").await);
        let code = "organization_membership_of_another_organization";
        add(&t, &made, &stranger).await.fails(422, code);
        t.patch(members(&made), json!({ "add": [stranger["id"]] })).await.fails(422, code);
        // Who cannot be in it need not be taken out of it.
        t.patch(members(&made), json!({ "remove": [stranger["id"]] })).await.no_content();
        add(&t, &made, &json!({ "id": "om_none" })).await.missing();
        assert!(list(&t, &made).await.is_empty());

        // A group is found under its own organization only.
        let elsewhere = format!("/organizations/{}/groups/{}", id(&other), id(&made));
        t.get(&elsewhere).await.missing();
        t.patch(&elsewhere, json!({ "name": "X" })).await.missing();
        t.delete(&elsewhere).await.missing();
        t.get(format!("{elsewhere}/organization-memberships")).await.missing();
        let body = json!({ "organization_membership_id": stranger["id"] });
        t.post(format!("{elsewhere}/organization-memberships"), body).await.missing();
        assert_eq!(t.pages(&of(&other)).await, [] as [Value; 0]);
    });
}

#[test]
fn several_members_change_together_or_not_at_all() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = group(&t, &organization, "G").await;
        let mut all = Vec::new();
        for name in ["ann", "bob", "cid"] {
            all.push(member(&t, &organization, name).await["id"].clone());
        }
        t.patch(members(&made), json!({ "add": [all[0], all[1], all[0]] })).await.no_content();
        assert_eq!(list(&t, &made).await, all[..2]);
        let change = json!({ "add": [all[1], all[2]], "remove": [all[0], "om_none"] });
        t.patch(members(&made), change.clone()).await.no_content();
        assert_eq!(list(&t, &made).await, all[1..]);
        t.patch(members(&made), change).await.no_content();

        t.patch(members(&made), json!({ "add": [all[0], "om_none"], "remove": [all[1]] })).await.missing();
        t.patch(members(&made), json!({ "add": [all[0]], "remove": [all[1], all[0]] })).await.invalid(&["remove[1]"]);
        for nothing in [json!({}), json!({ "add": [] }), json!({ "add": null, "remove": [] })] {
            t.patch(members(&made), nothing).await.invalid(&["add"]);
        }
        let many: Vec<_> = (0..101).map(|i| format!("om_{i}")).collect();
        t.patch(members(&made), json!({ "remove": many })).await.invalid(&["add"]);
        t.patch(members(&made), json!({ "remove": many[..100] })).await.no_content();
        assert_eq!(list(&t, &made).await, all[1..]);
        t.assert_events(&[
            "group.created",
            "group.member_added",
            "group.member_added",
            "group.member_added",
            "group.member_removed",
        ])
        .await;
    });
}

#[test]
fn a_resting_member_keeps_its_groups() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "ann").await);
        add(&t, &made, &ann).await.ok();
        t.put(format!("/user_management/organization_memberships/{}/deactivate", id(&ann)), json!({})).await.ok();
        let rows = t.pages(&members(&made)).await;
        assert_eq!((&rows[0]["id"], &rows[0]["status"]), (&ann["id"], &json!("inactive")));
        let second = group(&t, &organization, "H").await;
        add(&t, &second, &ann).await.ok();
        assert_eq!(list(&t, &second).await, [ann["id"].clone()]);
    });
}

#[test]
fn who_leaves_the_organization_leaves_its_groups() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (ann, bob) = (member(&t, &organization, "ann").await, member(&t, &organization, "bob").await);
        let (first, second) = (group(&t, &organization, "G").await, group(&t, &organization, "H").await);
        for (group, membership) in [(&first, &ann), (&second, &ann), (&first, &bob)] {
            add(&t, group, membership).await.ok();
        }
        t.delete(format!("/user_management/organization_memberships/{}", id(&ann))).await.done();
        assert_eq!((list(&t, &first).await, list(&t, &second).await), (vec![bob["id"].clone()], Vec::new()));
        t.delete(format!("/user_management/users/{}", bob["user_id"].as_str().unwrap())).await.done();
        assert!(list(&t, &first).await.is_empty());
        let removed = "group.member_removed";
        let names = [removed, "organization_membership.deleted"];
        let events = t.events(&names).await;
        let happened: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(happened, [removed, removed, names[1], removed, names[1]]);
        let left: Vec<_> = events.iter().map(|event| event["data"]["group_id"].clone()).collect();
        assert_eq!(left[..2], [first["id"].clone(), second["id"].clone()]);
    });
}

#[test]
fn groups_end_with_their_organization() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "ann").await);
        add(&t, &made, &ann).await.ok();
        t.delete(format!("/organizations/{}", id(&organization))).await.accepted();
        t.get(path(&made)).await.missing();
        let names =
            ["group.member_removed", "group.deleted", "organization_membership.deleted", "organization.deleted"];
        let events = t.events(&names).await;
        let happened: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(happened, names[1..]);
    });
}

#[test]
fn a_membership_is_in_so_many_groups_and_no_more() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let ann = member(&t, &organization, "ann").await;
        // By hand, because it is the number that matters: all but two of those that it may be in.
        let database = t.app.database();
        let write = database.write(t.environment.key, async |tx| {
            let organization = vestibule::kernel::id::OrganizationId::verbatim(id(&organization));
            let membership = vestibule::kernel::id::OrganizationMembershipId::verbatim(id(&ann));
            for _ in 0..vestibule::domain::groups::MOST_GROUPS - 2 {
                let input = vestibule::domain::groups::Create { id: None, name: "G".to_owned(), description: None };
                let group = vestibule::domain::groups::create(tx, &organization, input).await?;
                let change = vestibule::domain::groups::Change { add: vec![membership.clone()], remove: Vec::new() };
                vestibule::domain::groups::change_members(tx, &organization, &group.id, &change).await?;
            }
            Ok(())
        });
        write.await.unwrap();
        let mut last = Vec::new();
        for _ in 0..6 {
            last.push(group(&t, &organization, "Last").await);
        }
        let answers = join_all(last.iter().map(|group| add(&t, group, &ann))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (2, 4));
        for answer in lost {
            answer.fails(400, "group_membership_limit_exceeded");
        }
    });
}

#[test]
fn of_many_who_add_one_member_at_once_one_announces_it() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "ann").await);
        for answer in join_all((0..8).map(|_| add(&t, &made, &ann))).await {
            answer.ok();
        }
        t.assert_events(&["group.created", "group.member_added"]).await;
    });
}

#[test]
fn changes_of_members_at_once_wait_for_one_another_and_not_in_a_circle() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = group(&t, &organization, "G").await;
        let mut all = Vec::new();
        for i in 0..4 {
            all.push(member(&t, &organization, &format!("user{i}")).await["id"].clone());
        }
        for _ in 0..6 {
            let there = json!({ "add": [all[0], all[1]], "remove": [all[3], all[2]] });
            let back = json!({ "add": [all[2], all[3]], "remove": [all[1], all[0]] });
            let changes = [&there, &back, &there, &back].map(|change| t.patch(members(&made), change.clone()));
            for answer in join_all(changes).await {
                answer.no_content();
            }
            let left = list(&t, &made).await;
            assert!(left == all[..2] || left == all[2..], "{left:?}");
        }
        let events = t.events(&["group.member_added", "group.member_removed"]).await;
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!(of("group.member_added"), of("group.member_removed") + 2);
    });
}

#[test]
fn whoever_is_added_while_they_leave_or_while_the_group_goes_is_gone_with_it() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        for i in 0..6 {
            let made = group(&t, &organization, "G").await;
            let (ann, bob) = (
                member(&t, &organization, &format!("ann{i}")).await,
                member(&t, &organization, &format!("bob{i}")).await,
            );
            add(&t, &made, &bob).await.ok();
            let leave = t.delete(format!("/user_management/organization_memberships/{}", id(&ann)));
            let (added, left) = tokio::join!(add(&t, &made, &ann), leave);
            left.done();
            assert!([200, 404].contains(&added.status.as_u16()), "{}", added.body);
            assert_eq!(list(&t, &made).await, [bob["id"].clone()]);

            let cid = member(&t, &organization, &format!("cid{i}")).await;
            let gone = format!("/user_management/organization_memberships/{}", id(&bob));
            let (added, deleted, left) = tokio::join!(add(&t, &made, &cid), t.delete(path(&made)), t.delete(gone));
            assert!([200, 404].contains(&added.status.as_u16()), "{}", added.body);
            deleted.no_content();
            left.done();
        }
        let gone = format!("/organizations/{}", id(&organization));
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "last").await);
        let leave = t.delete(format!("/user_management/organization_memberships/{}", id(&ann)));
        let (added, left, deleted) = tokio::join!(add(&t, &made, &ann), leave, t.delete(gone));
        assert!([200, 404].contains(&added.status.as_u16()), "{}", added.body);
        assert!([200, 404].contains(&left.status.as_u16()), "{}", left.body);
        deleted.accepted();
        let events = t.events(&["group.created", "group.deleted"]).await;
        let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        assert_eq!((of("group.created"), of("group.deleted")), (7, 7));
    });
}

#[test]
fn a_neighbour_neither_sees_nor_changes_a_group() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (made, ann) = (group(&t, &organization, "G").await, member(&t, &organization, "ann").await);
        add(&t, &made, &ann).await.ok();
        let neighbour = t.neighbour().await;
        neighbour.get(path(&made)).await.missing();
        neighbour.get(members(&made)).await.missing();
        neighbour.delete(path(&made)).await.missing();
        neighbour.patch(members(&made), json!({ "remove": [ann["id"]] })).await.missing();
        neighbour.get(format!("/user_management/organization_memberships/{}/groups", id(&ann))).await.missing();
        // Nor can it take a member of somebody else's into a group of its own.
        let own = neighbour.organization("Own").await;
        let own = group(&neighbour, &own, "Own").await;
        add(&neighbour, &own, &ann).await.missing();
        assert_eq!(list(&t, &made).await, [ann["id"].clone()]);
    });
}
