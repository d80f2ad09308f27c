//! Plays `tests/golden/plans.txt`: the physical plans of queries that dashboards send, in each of them one
//! scan a table with columns, times and limits pushed into it, and no sort of everything where rows can
//! stream.
//!
//! A block of the file is a line `# what is shown`, a line `> query`, and the plan. When a plan changes on
//! purpose, `WATERSHED_GOLDEN_UPDATE=1` writes the file anew; read the difference.

use crate::world::World;
use arrow::array::AsArray;
use futures::TryStreamExt;
use watershed_influxql::parse_statements;
use watershed_query::QueryOptions;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/plans.txt");

/// Three days of `cpu` in files and the last one also in memory, written twice in part, and `mem`.
async fn world() -> World {
    let world = World::new().await;
    world
        .table("cpu", "host:tag region:tag usage:f64 idle:f64 count:i64")
        .await;
    for day in 1..=3 {
        let rows = [0, 1, 2].map(|minute| {
            format!(
                "host=a,region=x usage={minute},count=1i 2024-01-0{day}T12:0{minute}:00Z\n\
                 host=b,region=y usage={minute},idle=2 2024-01-0{day}T12:0{minute}:00Z"
            )
        });
        world.file("cpu", &rows.join("\n")).await;
    }
    world
        .buffer("cpu", "host=a,region=x usage=7 2024-01-03T12:01:00Z")
        .await;
    world.table("mem", "host:tag used:i64").await;
    world
        .file("mem", "host=a used=1i 2024-01-01T12:00:00Z")
        .await;
    world
}

async fn plan(world: &World, query: &str) -> String {
    let statements = parse_statements(&format!("EXPLAIN {query}")).unwrap();
    let output = world
        .engine
        .influxql(&world.database, &statements[0], QueryOptions::default())
        .await
        .unwrap();
    let batches: Vec<_> = output.stream.try_collect().await.unwrap();
    let batch = batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .expect("a plan");
    let (kinds, plans) = (
        batch.column(0).as_string::<i32>(),
        batch.column(1).as_string::<i32>(),
    );
    let at = (0..batch.num_rows())
        .find(|at| kinds.value(*at) == "physical_plan")
        .expect("a physical plan");
    plans.value(at).trim_end().to_owned()
}

#[tokio::test]
async fn plans_of_dashboard_queries() {
    let world = world().await;
    let golden = std::fs::read_to_string(FILE).unwrap();
    let (mut found, mut queries) = (String::new(), 0);
    for line in golden.lines().filter(|line| line.starts_with(['#', '>'])) {
        if line.starts_with('#') && !found.is_empty() {
            found.push('\n');
        }
        found.push_str(line);
        found.push('\n');
        if let Some(query) = line.strip_prefix("> ") {
            queries += 1;
            found.push_str(&plan(&world, query).await);
            found.push('\n');
        }
    }
    assert!(queries > 10, "{queries} queries");
    if std::env::var_os("WATERSHED_GOLDEN_UPDATE").is_some() {
        std::fs::write(FILE, &found).unwrap();
    }
    for (found, golden) in found.split("\n\n").zip(golden.split("\n\n")) {
        assert_eq!(found.trim_end(), golden.trim_end());
    }
    assert_eq!(found.trim_end(), golden.trim_end());
}

#[tokio::test]
async fn explain_analyze_tells_what_was_pruned() {
    let world = world().await;
    let query = "ANALYZE SELECT usage FROM cpu WHERE host = 'a' \
                 AND time >= '2024-01-02T00:00:00Z' AND time < '2024-01-03T00:00:00Z'";
    let statements = parse_statements(&format!("EXPLAIN {query}")).unwrap();
    let output = world
        .engine
        .influxql(&world.database, &statements[0], QueryOptions::default())
        .await
        .unwrap();
    let batches: Vec<_> = output.stream.try_collect().await.unwrap();
    let plans = batches[0].column(1).as_string::<i32>().value(0).to_owned();
    let scan = plans
        .lines()
        .find(|line| line.contains("ScanExec"))
        .unwrap();
    for wanted in [
        "partitions=1/3",
        "files=1",
        "files_read=1",
        "row_groups=1",
        "row_groups_read=1",
        "file_rows=6",
        "file_rows_read=4",
        "unpersisted_rows_read=0",
        "output_rows=4",
    ] {
        assert!(scan.contains(wanted), "{wanted} in {scan}");
    }
}
