-- Foreign keys that made every writer of an environment hold one and the same row of it. What guards the same now is
-- written in the architecture's "What guards what".

alter table organizations drop constraint organizations_environment_fkey;
alter table users drop constraint users_environment_fkey;
alter table resources drop constraint resources_type_fkey;

-- A resource is deleted with all that is below it, so whatever has an ancestor goes before or with it by its other key.
alter table resource_ancestors drop constraint resource_ancestors_ancestor_fkey;
