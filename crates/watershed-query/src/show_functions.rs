//! `SHOW FUNCTIONS`.
//!
//! DataFusion's own lists only functions of which it can tell the types of their arguments: neither `count` nor the
//! functions of InfluxDB are among them. Here all are listed, and those types where they are known.

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{ShowStatementFilter, Statement as SqlStatement};

/// The columns are those that DataFusion gives.
const QUERY: &str = "
SELECT DISTINCT
    routine.routine_name AS function_name,
    coalesce(signature.return_type, routine.data_type) AS return_type,
    signature.parameters,
    signature.parameter_types,
    routine.function_type,
    routine.description,
    routine.syntax_example
FROM information_schema.routines AS routine
LEFT JOIN (
    SELECT
        result.specific_name AS name,
        result.data_type AS return_type,
        array_agg(argument.parameter_name ORDER BY argument.ordinal_position) AS parameters,
        array_agg(argument.data_type ORDER BY argument.ordinal_position) AS parameter_types
    FROM information_schema.parameters AS result
    LEFT JOIN information_schema.parameters AS argument
        ON argument.specific_name = result.specific_name
        AND argument.rid = result.rid
        AND argument.parameter_mode = 'IN'
    WHERE result.parameter_mode = 'OUT'
    GROUP BY result.specific_name, result.data_type, result.rid
) AS signature
    ON signature.name = routine.routine_name AND routine.function_type <> 'TABLE'
";

/// The query that stands for the statement, if it is `SHOW FUNCTIONS` or `SHOW FUNCTIONS LIKE '…'`.
pub(crate) fn query(statement: &Statement) -> Option<String> {
    let Statement::Statement(statement) = statement else {
        return None;
    };
    let SqlStatement::ShowFunctions { filter } = statement.as_ref() else {
        return None;
    };
    let condition = match filter {
        None => String::new(),
        Some(ShowStatementFilter::Like(pattern)) => {
            let pattern = pattern.replace('\'', "''");
            format!("WHERE routine.routine_name LIKE '{pattern}'\n")
        }
        // Others are refused where the statement is planned.
        Some(_) => return None,
    };
    Some(format!(
        "{QUERY}{condition}ORDER BY function_name, function_type"
    ))
}
