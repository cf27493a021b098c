-- The time by which things were last forgotten: it follows the clock, but never jumps ahead with it.
CREATE TABLE sweep_time (
    singleton BIGINT PRIMARY KEY CHECK (singleton = 1),
    at        BIGINT NOT NULL
);
