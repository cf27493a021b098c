-- Which database this is: positions of the change log mean nothing in another one.
CREATE TABLE history (
    singleton BIGINT PRIMARY KEY CHECK (singleton = 1),
    id        TEXT NOT NULL
);
INSERT INTO history (singleton, id) VALUES (1, replace(gen_random_uuid()::text, '-', ''));
