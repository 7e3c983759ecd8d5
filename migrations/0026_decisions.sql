-- On a few resources, the roots above all, there are very many assignments, and on most of them none or one. The average
-- makes the planner believe that it may as well read all assignments on a resource as look for those of one subject.
-- From the next time that the table is analysed on it expects many.
alter table role_assignments alter column resource set (n_distinct = -0.01);
