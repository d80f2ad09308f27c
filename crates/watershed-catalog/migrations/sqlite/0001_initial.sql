-- Times are nanoseconds since 1970-01-01T00:00:00Z. AUTOINCREMENT everywhere: an id that was given
-- once is never given again, not even after its row is gone.

PRAGMA application_id = 0x57534844; -- "WSHD"

CREATE TABLE database (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL,
    retention_nanos INTEGER,            -- null: for ever
    tables_max      INTEGER,            -- null: the default of the running version
    columns_max     INTEGER,            -- null: the default of the running version
    created_at      INTEGER NOT NULL,
    deleted_at      INTEGER             -- null: active
) STRICT;

CREATE UNIQUE INDEX database_active_name ON database (name) WHERE deleted_at IS NULL;

-- A table is active while it and its database are.
CREATE TABLE database_table (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    database_id INTEGER NOT NULL REFERENCES database (id),
    name        TEXT NOT NULL,
    columns_max INTEGER NOT NULL,       -- fixed when the table is created, `time` counts
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;

CREATE UNIQUE INDEX database_table_active_name
    ON database_table (database_id, name) WHERE deleted_at IS NULL;

CREATE TABLE table_column (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    table_id INTEGER NOT NULL REFERENCES database_table (id),
    name     TEXT NOT NULL,
    type     TEXT NOT NULL CHECK (type IN ('tag', 'time', 'f64', 'i64', 'u64', 'bool', 'string')),
    UNIQUE (table_id, name)
) STRICT;

CREATE TABLE token (
    number      INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of creation
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    description TEXT NOT NULL,
    operator    INTEGER NOT NULL CHECK (operator IN (0, 1)),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,                -- null: never
    revoked_at  INTEGER                 -- null: in force
) STRICT;

CREATE TABLE token_permission (
    token_number INTEGER NOT NULL REFERENCES token (number),
    position     INTEGER NOT NULL,
    action       TEXT NOT NULL CHECK (action IN ('read', 'write')),
    database     TEXT,                  -- null: every database
    PRIMARY KEY (token_number, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE writer (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch      INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;

CREATE TABLE partition (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    table_id   INTEGER NOT NULL REFERENCES database_table (id),
    key        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (table_id, key)
) STRICT;

-- Everything of the writer in the partition up to and including `counter` is persisted.
CREATE TABLE progress (
    partition_id INTEGER NOT NULL REFERENCES partition (id),
    writer_id    INTEGER NOT NULL,
    counter      INTEGER NOT NULL,
    PRIMARY KEY (partition_id, writer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX progress_writer ON progress (writer_id);

CREATE TABLE parquet_file (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id      BLOB NOT NULL UNIQUE CHECK (length(file_id) = 16),
    table_id     INTEGER NOT NULL REFERENCES database_table (id),
    partition_id INTEGER NOT NULL REFERENCES partition (id),
    writer_id    INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    counter_min  INTEGER NOT NULL,
    counter_max  INTEGER NOT NULL,
    level        INTEGER NOT NULL,
    time_min     INTEGER NOT NULL,
    time_max     INTEGER NOT NULL,
    rows         INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER                -- null: part of the table
) STRICT;

-- Every query asks for the files of one table that end after some time: that is one range of this
-- index.
CREATE INDEX parquet_file_active_times
    ON parquet_file (table_id, time_max, time_min) WHERE deleted_at IS NULL;

PRAGMA user_version = 1;
