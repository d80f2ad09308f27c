//! `watershed token`.

use super::database::text;
use super::table::print_rows;
use super::{Connection, Format, ServerArgs, print, say};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a database token. Its text is shown once and never again.
    Create {
        /// What the token is for.
        description: String,
        /// A database the token may query, `*` for all; may be given several times.
        #[arg(long, value_name = "DATABASE")]
        read_database: Vec<String>,
        /// A database the token may write to, `*` for all; may be given several times.
        #[arg(long, value_name = "DATABASE")]
        write_database: Vec<String>,
        /// When the token ends, for example 2027-01-01T00:00:00Z.
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List tokens, without their texts.
    List {
        /// Revoked tokens too.
        #[arg(long)]
        include_revoked: bool,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Revoke tokens, at once and for good.
    Revoke {
        /// Ids, as `watershed token list` shows them.
        #[arg(required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

pub(super) async fn run(command: TokenCommand) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create {
            description,
            read_database,
            write_database,
            expires_at,
            format,
            server,
        } => {
            let connection = Connection::open(&server)?;
            let right = |action: &str, name: &String| json!({ "action": action, "resource": name });
            let reads = read_database.iter().map(|name| right("read", name));
            let permissions: Vec<_> = reads
                .chain(write_database.iter().map(|name| right("write", name)))
                .collect();
            let body = json!({ "description": description, "permissions": permissions, "expiresAt": expires_at });
            let request = connection
                .request(Method::POST, "/api/v0/tokens")
                .json(&body);
            let token: Value = connection.json(request).await?;
            if format == Format::Json {
                return print(&format!("{}\n", serde_json::to_string_pretty(&token)?));
            }
            say(&format!(
                "Token {} ({description}). Its text is shown only this once:",
                text(&token["id"])
            ));
            print(&format!("{}\n", text(&token["accessToken"])))
        }
        TokenCommand::List {
            include_revoked,
            format,
            server,
        } => list(&server, include_revoked, format).await,
        TokenCommand::Revoke { ids, server } => {
            let connection = Connection::open(&server)?;
            for id in ids {
                connection
                    .send(connection.request(Method::DELETE, &format!("/api/v0/tokens/{id}")))
                    .await?;
                print(&format!("revoked token {id}\n"))?;
            }
            Ok(())
        }
    }
}

async fn list(server: &ServerArgs, include_revoked: bool, format: Format) -> anyhow::Result<()> {
    let connection = Connection::open(server)?;
    let mut tokens: Vec<Value> = connection
        .json(connection.request(Method::GET, "/api/v0/tokens"))
        .await?;
    tokens.retain(|token| include_revoked || token["revokedAt"].is_null());
    if format == Format::Json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&tokens)?));
    }
    let rows = tokens.iter().map(|token| {
        vec![
            text(&token["id"]),
            text(&token["description"]),
            rights(token),
            text(&token["createdAt"]),
            text(&token["expiresAt"]),
            text(&token["revokedAt"]),
        ]
    });
    let header = [
        "ID",
        "DESCRIPTION",
        "RIGHTS",
        "CREATED AT",
        "EXPIRES AT",
        "REVOKED AT",
    ];
    print_rows(format, &header, rows.collect())
}

fn rights(token: &Value) -> String {
    if token["operator"].as_bool() == Some(true) {
        return "operator".to_owned();
    }
    let list = token["permissions"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let each = list
        .iter()
        .map(|p| format!("{}:{}", text(&p["action"]), text(&p["resource"])));
    each.collect::<Vec<_>>().join(" ")
}
