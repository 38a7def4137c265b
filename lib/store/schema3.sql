-- schema3.sql - version 3: contextual spaces, whose rows are occurrences of words in texts.
ALTER TABLE spaces ADD COLUMN layer INTEGER;                   -- of a model's block; NULL where the place has none
ALTER TABLE spaces ADD COLUMN edits TEXT NOT NULL DEFAULT '';  -- in force when a model made the vectors, as typed

-- Where a vector of a contextual space was met.
CREATE TABLE contexts (
    id          INTEGER PRIMARY KEY,        -- that of the vector
    space_id    INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
    row         INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
    line        INTEGER NOT NULL,           -- of the corpus, from 1: where the text begins
    label       TEXT,                       -- what the corpus calls its sense; NULL where it does not say
    text        TEXT NOT NULL,
    word        TEXT NOT NULL,              -- as it is written there
    at          INTEGER NOT NULL,           -- the byte of the text where it begins, from 0
    first       INTEGER NOT NULL,           -- the tokens whose vectors were averaged: first..position
    position    INTEGER NOT NULL
);

-- One table of all that is known: SELECT label, text FROM occurrences WHERE space = 'bank@6'
CREATE VIEW occurrences AS
    SELECT s.name AS space, c.row, s.place AS site, s.layer, c.line, c.label, c.text, c.word, c.at, c.first, c.position, v.key, v.vec
    FROM spaces s JOIN contexts c ON c.id BETWEEN s.id << 32 AND (s.id << 32) + 4294967295 JOIN vectors v ON v.id = c.id;

DROP TRIGGER vectors_deleted;
CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN
    DELETE FROM contexts WHERE id = old.id;
    UPDATE spaces SET generation = random() WHERE id = old.id >> 32;
END;
