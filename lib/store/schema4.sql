-- schema4.sql - version 4: whether a named vector is a place or a difference.
ALTER TABLE names ADD COLUMN weight REAL NOT NULL DEFAULT 1; -- the sum of its addresses' coefficients: 1 of queen - king + man, 0 of queen - king
