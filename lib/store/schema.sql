-- schema.sql - version 1 of a vecscope file.  Compiled into the library; a later version is a file of its own that
-- alters this one (schema2.sql; store.c, steps[]).
--
-- Every vector is a blob of little-endian 32-bit floats, one after another: what numpy's frombuffer(vec, '<f4') reads.
-- `at` is UTC, ISO 8601.  Numbers that are hashes are 64 bits, shown by SQLite as signed.

-- A model that was run, as it was then.  A file that changed is another model.
CREATE TABLE models (
    id          INTEGER PRIMARY KEY,
    path        TEXT NOT NULL,
    size        INTEGER NOT NULL,           -- bytes
    mtime       INTEGER NOT NULL,           -- seconds since 1970
    header_hash INTEGER NOT NULL,           -- of the file's header, which names every tensor
    arch        TEXT NOT NULL,              -- 'gemma3'
    config      TEXT NOT NULL,              -- JSON: {"name": what it went by}
    UNIQUE (path, size, mtime, header_hash)
);

-- The vocabulary of a model: what the ids of a run mean.
CREATE TABLE tokens (
    model       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    id          INTEGER NOT NULL,
    piece       TEXT NOT NULL,
    PRIMARY KEY (model, id)
) WITHOUT ROWID;

-- A set of vectors of one width, each with a key: word vectors, a copy of an embedding table.
CREATE TABLE spaces (
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id < 2147483648), -- never used twice
    name        TEXT NOT NULL UNIQUE,
    model       INTEGER REFERENCES models (id) ON DELETE SET NULL,
    place       TEXT NOT NULL,              -- 'words', 'W_E', 'W_U', ...
    dim         INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    metric      TEXT NOT NULL,              -- 'cosine'
    source      TEXT NOT NULL,              -- the file it came from, its size and time then
    source_size  INTEGER NOT NULL,
    source_mtime INTEGER NOT NULL,
    generation  INTEGER NOT NULL,           -- drawn anew whenever its vectors change: what cache files are checked by
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

-- The rows of all spaces.  id holds space and row in one number, so that a space is one range of the table, writing it is
-- appending, and no second index is kept: spaces are written at the speed of the disk.
CREATE TABLE vectors (
    id          INTEGER PRIMARY KEY,        -- space_id * 2^32 + row
    space_id    INTEGER GENERATED ALWAYS AS (id >> 32) VIRTUAL,
    row         INTEGER GENERATED ALWAYS AS (id & 4294967295) VIRTUAL,
    key         TEXT NOT NULL,
    vec         BLOB NOT NULL               -- [dim]
);

-- Whoever changes vectors by hand makes the cache files of that space stale.  (vecscope itself writes spaces with
-- triggers off and draws the number once.)
CREATE TRIGGER vectors_inserted AFTER INSERT ON vectors BEGIN
    UPDATE spaces SET generation = random() WHERE id = new.id >> 32;
END;
CREATE TRIGGER vectors_updated AFTER UPDATE ON vectors BEGIN
    UPDATE spaces SET generation = random() WHERE id IN (old.id >> 32, new.id >> 32);
END;
CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN
    UPDATE spaces SET generation = random() WHERE id = old.id >> 32;
END;
CREATE TRIGGER spaces_resized AFTER UPDATE OF rows, dim ON spaces BEGIN
    UPDATE spaces SET generation = random() WHERE id = new.id;
END;
CREATE TRIGGER spaces_deleted AFTER DELETE ON spaces BEGIN
    DELETE FROM vectors WHERE id BETWEEN old.id << 32 AND (old.id << 32) + 4294967295;
END;

-- A pass of a model over a text, whose activations were stored.  Written in one transaction with them.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    model       INTEGER REFERENCES models (id) ON DELETE CASCADE,
    text        TEXT NOT NULL,
    ids         TEXT NOT NULL,              -- JSON array of token ids: SELECT value FROM runs, json_each(runs.ids)
    edits       TEXT NOT NULL,              -- the edits in force, as typed; '' for none
    seed        INTEGER NOT NULL,
    threads     INTEGER NOT NULL,
    isa         TEXT NOT NULL,
    version     TEXT NOT NULL,              -- of vecscope
    request     TEXT NOT NULL,              -- what was asked to be stored
    fingerprint INTEGER NOT NULL,           -- of what the run was of: finds a run again when a dump resumes
    status      TEXT NOT NULL,              -- 'done'; nobody but its writer ever sees another
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX runs_by_fingerprint ON runs (fingerprint);

-- One vector of a pass: at a site, in a layer, of a head, at a position.  NULL where a site has no layer, head or position.
CREATE TABLE activations (
    id          INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    site        TEXT NOT NULL,
    layer       INTEGER,
    head        INTEGER,
    position    INTEGER,
    vec         BLOB NOT NULL
);
CREATE INDEX activations_by_run ON activations (run, site, layer);

-- $name = expression.
CREATE TABLE names (
    name        TEXT PRIMARY KEY,           -- without the $
    expr        TEXT NOT NULL,
    space       TEXT NOT NULL,              -- where its neighbours are looked up; '' for none
    vec         BLOB NOT NULL,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

-- What an experiment found: numbers by name.  SELECT subject, data ->> 'prob' FROM results WHERE kind = 'facts'
CREATE TABLE results (
    id          INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    data        TEXT NOT NULL,              -- a JSON object
    model       INTEGER REFERENCES models (id) ON DELETE CASCADE,
    run         INTEGER REFERENCES runs (id) ON DELETE CASCADE,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX results_by_kind ON results (kind, subject);
CREATE INDEX results_by_run ON results (run);
