-- Which instance runs a job that only one may run; held_until is the end of its turn unless it renews it.
CREATE TABLE job_lease (
    name       TEXT PRIMARY KEY,
    holder     TEXT NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;
