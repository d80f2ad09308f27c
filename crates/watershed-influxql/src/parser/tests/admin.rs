//! Statements that change something, and those known by name only.

use super::{check, check_error, check_same, statements};

#[test]
fn statements_that_change_something() {
    check_same("CREATE DATABASE db");
    check_same("CREATE DATABASE db WITH DURATION 1w REPLICATION 1 SHARD DURATION 1h NAME rp");
    check_same("CREATE DATABASE db WITH DURATION INF");
    check_same("CREATE DATABASE db WITH NAME rp");
    check_same("DROP DATABASE \"select\"");
    check_same("DROP MEASUREMENT m");
    check_same("DELETE FROM m WHERE time < now()");
    check_same("DELETE FROM /m/");
    check_same("DELETE WHERE host = 'a'");
    check_error(
        "CREATE DATABASE db WITH",
        "found EOF, expected DURATION, REPLICATION, SHARD, NAME at line 1, char 24",
    );
    check_error(
        "DELETE",
        "found EOF, expected FROM, WHERE at line 1, char 7",
    );
}

#[test]
fn delete_names_no_database_and_drop_series_no_policy_either() {
    check_same("DELETE FROM rp.m, rp./n/");
    check_error(
        "DELETE FROM m, db..m",
        "database not supported at line 1, char 1",
    );
    check_error(
        "DELETE FROM db.rp./m/",
        "database not supported at line 1, char 1",
    );
    check_same("DROP SERIES FROM m, /n;/ WHERE host =~ /;/");
    check_same("DROP SERIES FROM m");
    check_same("DROP SERIES WHERE host = 'a'");
    check_error(
        "DROP SERIES FROM rp.m",
        "retention policy not supported at line 1, char 1",
    );
    check_error(
        "DROP SERIES FROM db..m",
        "database not supported at line 1, char 1",
    );
    check_error(
        "DROP SERIES",
        "found EOF, expected FROM, WHERE at line 1, char 12",
    );
    check_error(
        "DROP SERIES FROM m LIMIT 1",
        "found LIMIT, expected ; at line 1, char 20",
    );
    for (text, expected) in [
        (
            "DELETE FROM /rp*/.m",
            "found ., expected ; at line 1, char 18",
        ),
        (
            "DELETE FROM ...m",
            "found ., expected identifier at line 1, char 13",
        ),
    ] {
        check_error(text, expected);
    }
}

#[test]
fn retention_policies() {
    check_same("CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 1");
    check(
        "CREATE RETENTION POLICY rp ON db DURATION 0s REPLICATION 2147483647 SHARD DURATION 0h DEFAULT",
        "CREATE RETENTION POLICY rp ON db DURATION INF REPLICATION 2147483647 SHARD DURATION 0s DEFAULT",
    );
    check_same("ALTER RETENTION POLICY \"a b\" ON \"select\" DEFAULT");
    check(
        "ALTER RETENTION POLICY rp ON db DEFAULT SHARD DURATION 90m REPLICATION 2 DURATION INF",
        "ALTER RETENTION POLICY rp ON db DURATION INF REPLICATION 2 SHARD DURATION 1h30m DEFAULT",
    );
    check_same("DROP RETENTION POLICY rp ON db");
    for (text, expected) in [
        (
            "CREATE RETENTION POLICY rp ON db REPLICATION 1 DURATION 1h",
            "found REPLICATION, expected DURATION at line 1, char 34",
        ),
        (
            "CREATE RETENTION POLICY rp ON db DURATION 1h",
            "found EOF, expected REPLICATION at line 1, char 45",
        ),
        (
            "CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 0",
            "invalid value 0: must be 1 <= n <= 2147483647 at line 1, char 58",
        ),
        (
            "CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 1 SHARD DURATION INF",
            "invalid duration INF for shard duration at line 1, char 75",
        ),
        (
            "CREATE RETENTION POLICY rp ON db DURATION 1h REPLICATION 1 DEFAULT SHARD DURATION 1h",
            "found SHARD, expected ; at line 1, char 68",
        ),
        (
            "CREATE RETENTION POLICY rp DURATION 1h REPLICATION 1",
            "found DURATION, expected ON at line 1, char 28",
        ),
        (
            "ALTER RETENTION POLICY rp ON db",
            "found EOF, expected DURATION, REPLICATION, SHARD, DEFAULT at line 1, char 32",
        ),
        (
            "ALTER RETENTION POLICY rp ON db DURATION 3h DEFAULT DURATION 4h",
            "found duplicate DURATION option at line 1, char 53",
        ),
        (
            "ALTER RETENTION POLICY rp ON db SHARD DURATION 5",
            "found 5, expected duration at line 1, char 48",
        ),
        (
            "DROP RETENTION POLICY rp",
            "found EOF, expected ON at line 1, char 25",
        ),
        (
            "CREATE DATABASE db WITH REPLICATION 3000000000",
            "invalid value 3000000000: must be 1 <= n <= 2147483647 at line 1, char 37",
        ),
    ] {
        check_error(text, expected);
    }
}

#[test]
fn queries_are_shown_and_killed() {
    check_same("SHOW QUERIES");
    check_same("KILL QUERY 36");
    check_same("KILL QUERY 36 ON \"host:1\"");
    check_error(
        "KILL QUERY -1",
        "found -, expected integer (a negative number cannot stand here) at line 1, char 12",
    );
    check_error(
        "KILL QUERY 36 ON 'host'",
        "found 'host', expected identifier (names stand in double quotes) at line 1, char 18",
    );
}

#[test]
fn stats_and_diagnostics() {
    for name in ["SHOW STATS", "SHOW DIAGNOSTICS"] {
        check_same(name);
        check_same(&format!("{name} FOR 'it\\'s'"));
    }
    check_error(
        "SHOW STATS FOR indexes",
        "found indexes, expected string (strings stand in single quotes) at line 1, char 16",
    );
}

#[test]
fn statements_known_by_name_only() {
    for (text, name) in [
        (
            "CREATE CONTINUOUS QUERY q ON db BEGIN SELECT mean(v) INTO n FROM m GROUP BY time(1m) END",
            "CREATE CONTINUOUS QUERY",
        ),
        (
            "CREATE SUBSCRIPTION s ON db.rp DESTINATIONS ALL 'udp://a:1'",
            "CREATE SUBSCRIPTION",
        ),
        (
            "CREATE USER u WITH PASSWORD 'p;p' WITH ALL PRIVILEGES",
            "CREATE USER",
        ),
        ("DROP CONTINUOUS QUERY q ON db", "DROP CONTINUOUS QUERY"),
        ("DROP SHARD 1", "DROP SHARD"),
        ("DROP SUBSCRIPTION s ON db.rp", "DROP SUBSCRIPTION"),
        ("DROP USER u", "DROP USER"),
        ("GRANT READ ON db TO u", "GRANT"),
        ("REVOKE ALL PRIVILEGES FROM u", "REVOKE"),
        ("SET PASSWORD FOR u = 'p'", "SET PASSWORD"),
        ("SHOW CONTINUOUS QUERIES", "SHOW CONTINUOUS QUERIES"),
        ("SHOW GRANTS FOR u", "SHOW GRANTS"),
        ("SHOW SHARD GROUPS", "SHOW SHARD GROUPS"),
        ("SHOW SHARDS", "SHOW SHARDS"),
        ("SHOW SUBSCRIPTIONS", "SHOW SUBSCRIPTIONS"),
        ("SHOW USERS", "SHOW USERS"),
    ] {
        check(
            &format!("{text}; SHOW DATABASES"),
            &format!("{name}; SHOW DATABASES"),
        );
        check_same(name);
        assert_eq!(statements(text)[0].name(), name);
    }
}

#[test]
fn a_statement_known_by_name_only_still_has_whole_tokens() {
    check_error(
        "CREATE USER u WITH PASSWORD 'p",
        "unterminated string literal at line 1, char 29",
    );
}
