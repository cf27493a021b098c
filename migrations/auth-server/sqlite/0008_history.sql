-- Which database this is: positions of the change log mean nothing in another one.
CREATE TABLE history (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    id        TEXT NOT NULL
) STRICT;
INSERT INTO history (singleton, id) VALUES (1, lower(hex(randomblob(16))));
