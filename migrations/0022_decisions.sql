-- A few resources, the roots above all, have very many assignments and a few subjects were given very many, while most
-- have none or one. Such an average makes the planner believe that it may as well read everything that was given on a
-- resource, or to a subject, as look for the one on this resource to that subject. From the next time that the table is
-- analysed on it expects many of both.
alter table role_assignments
    alter column resource set (n_distinct = -0.01),
    alter column subject set (n_distinct = -0.01);

-- One external id may be that of something in every organization ("default"). Without this the planner takes it for the
-- quickest way to a resource, and passes by those of all other organizations.
alter table resources alter column external_id set (n_distinct = -0.1);
