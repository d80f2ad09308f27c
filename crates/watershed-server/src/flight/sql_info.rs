//! What drivers ask about the server as such (`CommandGetSqlInfo`).

mod words;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use arrow_flight::error::Result;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity, SqlSupportedTransaction,
    SqlSupportsConvert as Convert,
};
use std::collections::BTreeMap;
use words::{DATETIME_FUNCTIONS, KEYWORDS, NUMERIC_FUNCTIONS, STRING_FUNCTIONS, SYSTEM_FUNCTIONS};

/// The most of anything whose limit is no fixed number: drivers take it for "as much as you like".
const MANY: i64 = i32::MAX as i64;

/// All answers, by their number.
pub(super) fn all(version: &str) -> Result<SqlInfoData> {
    let mut infos = SqlInfoDataBuilder::new();
    server(&mut infos, version);
    names(&mut infos);
    language(&mut infos);
    limits(&mut infos);
    absent(&mut infos);
    infos.build()
}

fn server(infos: &mut SqlInfoDataBuilder, version: &str) {
    infos.append(SqlInfo::FlightSqlServerName, "Watershed");
    infos.append(SqlInfo::FlightSqlServerVersion, version);
    infos.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    infos.append(SqlInfo::FlightSqlServerReadOnly, true);
    infos.append(SqlInfo::FlightSqlServerSql, true);
    infos.append(SqlInfo::FlightSqlServerSubstrait, false);
    infos.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    infos.append(SqlInfo::FlightSqlServerCancel, true);
    infos.append(SqlInfo::FlightSqlServerBulkIngestion, false);
    infos.append(SqlInfo::FlightSqlServerStatementTimeout, 0_i32);
    infos.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
}

fn names(infos: &mut SqlInfoDataBuilder) {
    infos.append(SqlInfo::SqlDdlCatalog, false);
    infos.append(SqlInfo::SqlDdlSchema, false);
    infos.append(SqlInfo::SqlDdlTable, false);
    infos.append(
        SqlInfo::SqlIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32,
    );
    infos.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    infos.append(
        SqlInfo::SqlQuotedIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32,
    );
    infos.append(SqlInfo::SqlAllTablesAreSelectable, true);
    infos.append(
        SqlInfo::SqlNullOrdering,
        SqlNullOrdering::SqlNullsSortedHigh as i32,
    );
    infos.append(SqlInfo::SqlSearchStringEscape, "\\");
    infos.append(SqlInfo::SqlExtraNameCharacters, "");
    infos.append(SqlInfo::SqlSchemaTerm, "schema");
    infos.append(SqlInfo::SqlProcedureTerm, "procedure");
    infos.append(SqlInfo::SqlCatalogTerm, "catalog");
    infos.append(SqlInfo::SqlCatalogAtStart, true);
}

fn language(infos: &mut SqlInfoDataBuilder) {
    infos.append(SqlInfo::SqlKeywords, KEYWORDS);
    infos.append(SqlInfo::SqlNumericFunctions, NUMERIC_FUNCTIONS);
    infos.append(SqlInfo::SqlStringFunctions, STRING_FUNCTIONS);
    infos.append(SqlInfo::SqlSystemFunctions, SYSTEM_FUNCTIONS);
    infos.append(SqlInfo::SqlDatetimeFunctions, DATETIME_FUNCTIONS);
    infos.append(SqlInfo::SqlSupportsConvert, conversions());
    for supported in [
        SqlInfo::SqlSupportsColumnAliasing,
        SqlInfo::SqlNullPlusNullIsNull,
        SqlInfo::SqlSupportsTableCorrelationNames,
        SqlInfo::SqlSupportsExpressionsInOrderBy,
        SqlInfo::SqlSupportsOrderByUnrelated,
        SqlInfo::SqlSupportsLikeEscapeClause,
        SqlInfo::SqlSupportsNonNullableColumns,
        SqlInfo::SqlCorrelatedSubqueriesSupported,
    ] {
        infos.append(supported, true);
    }
    infos.append(SqlInfo::SqlSupportsDifferentTableCorrelationNames, false);
    infos.append(SqlInfo::SqlSupportsIntegrityEnhancementFacility, false);
    // Bits of the enumerations of the protocol: unrelated columns, and more than those selected.
    infos.append(SqlInfo::SqlSupportedGroupBy, 0b11_i32);
    // The core grammar.
    infos.append(SqlInfo::SqlSupportedGrammar, 0b1_i32);
    // Entry, intermediate and full level.
    infos.append(SqlInfo::SqlAnsi92SupportedLevel, 0b111_i32);
    // Full outer joins.
    infos.append(SqlInfo::SqlOuterJoinsSupportLevel, 0b10_i32);
    // In comparisons, EXISTS, IN and quantified ones.
    infos.append(SqlInfo::SqlSupportedSubqueries, 0b1111_i32);
    // UNION and UNION ALL.
    infos.append(SqlInfo::SqlSupportedUnions, 0b11_i32);
}

fn limits(infos: &mut SqlInfoDataBuilder) {
    for limit in [
        SqlInfo::SqlMaxBinaryLiteralLength,
        SqlInfo::SqlMaxCharLiteralLength,
        SqlInfo::SqlMaxColumnNameLength,
        SqlInfo::SqlMaxColumnsInGroupBy,
        SqlInfo::SqlMaxColumnsInIndex,
        SqlInfo::SqlMaxColumnsInOrderBy,
        SqlInfo::SqlMaxColumnsInSelect,
        SqlInfo::SqlMaxColumnsInTable,
        SqlInfo::SqlMaxConnections,
        SqlInfo::SqlMaxCursorNameLength,
        SqlInfo::SqlMaxIndexLength,
        SqlInfo::SqlDbSchemaNameLength,
        SqlInfo::SqlMaxProcedureNameLength,
        SqlInfo::SqlMaxCatalogNameLength,
        SqlInfo::SqlMaxRowSize,
        SqlInfo::SqlMaxStatementLength,
        SqlInfo::SqlMaxStatements,
        SqlInfo::SqlMaxTableNameLength,
        SqlInfo::SqlMaxTablesInSelect,
        SqlInfo::SqlMaxUsernameLength,
    ] {
        infos.append(limit, MANY);
    }
    infos.append(SqlInfo::SqlMaxRowSizeIncludesBlobs, true);
}

/// What there is not: transactions, cursors, procedures, changes.
fn absent(infos: &mut SqlInfoDataBuilder) {
    for bits in [
        SqlInfo::SqlSchemasSupportedActions,
        SqlInfo::SqlCatalogsSupportedActions,
        SqlInfo::SqlSupportedPositionedCommands,
        SqlInfo::SqlDefaultTransactionIsolation,
        SqlInfo::SqlSupportedTransactionsIsolationLevels,
        SqlInfo::SqlSupportedResultSetTypes,
        SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified,
        SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly,
        SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive,
        SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive,
    ] {
        infos.append(bits, 0_i32);
    }
    for absent in [
        SqlInfo::SqlSelectForUpdateSupported,
        SqlInfo::SqlStoredProceduresSupported,
        SqlInfo::SqlTransactionsSupported,
        SqlInfo::SqlDataDefinitionCausesTransactionCommit,
        SqlInfo::SqlBatchUpdatesSupported,
        SqlInfo::SqlSavepointsSupported,
        SqlInfo::SqlNamedParametersSupported,
        SqlInfo::SqlLocatorsUpdateCopy,
        SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported,
    ] {
        infos.append(absent, false);
    }
    infos.append(SqlInfo::SqlDataDefinitionsInTransactionsIgnored, true);
}

/// The types that each type can be cast to, as the engine does it.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    let types = [
        (Convert::SqlConvertBigint, DataType::Int64),
        (Convert::SqlConvertBit, DataType::Boolean),
        (Convert::SqlConvertChar, DataType::Utf8),
        (Convert::SqlConvertDate, DataType::Date32),
        (Convert::SqlConvertDecimal, DataType::Decimal128(38, 10)),
        (Convert::SqlConvertFloat, DataType::Float32),
        (Convert::SqlConvertInteger, DataType::Int32),
        (
            Convert::SqlConvertIntervalDayTime,
            DataType::Interval(IntervalUnit::DayTime),
        ),
        (
            Convert::SqlConvertIntervalYearMonth,
            DataType::Interval(IntervalUnit::YearMonth),
        ),
        (Convert::SqlConvertLongvarchar, DataType::LargeUtf8),
        (Convert::SqlConvertNumeric, DataType::Decimal128(38, 10)),
        (Convert::SqlConvertReal, DataType::Float32),
        (Convert::SqlConvertSmallint, DataType::Int16),
        (
            Convert::SqlConvertTime,
            DataType::Time64(TimeUnit::Nanosecond),
        ),
        (
            Convert::SqlConvertTimestamp,
            DataType::Timestamp(TimeUnit::Nanosecond, None),
        ),
        (Convert::SqlConvertTinyint, DataType::Int8),
        (Convert::SqlConvertVarchar, DataType::Utf8),
    ];
    let targets = |from: &DataType| {
        let targets = types.iter().filter(|(_, to)| can_cast_types(from, to));
        targets.map(|(number, _)| *number as i32).collect()
    };
    let all = types.iter();
    all.map(|(number, from)| (*number as i32, targets(from)))
        .collect()
}
