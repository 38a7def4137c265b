-- schema2.sql - version 2: what a run took beside its ids, so that it can be run again.
ALTER TABLE runs ADD COLUMN types TEXT NOT NULL DEFAULT '';  -- JSON array of segments, one a token; '' where all are 0
ALTER TABLE runs ADD COLUMN target TEXT NOT NULL DEFAULT ''; -- JSON array: the decoder's ids of a model of two stacks; '' for none
ALTER TABLE runs ADD COLUMN mask TEXT NOT NULL DEFAULT '';   -- 'causal', 'full'; '' for the model's own
