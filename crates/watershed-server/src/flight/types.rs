//! The types of columns, as ODBC and JDBC drivers ask for them (`CommandGetXdbcTypeInfo`).

use arrow_flight::error::Result;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};

/// All types, ordered by their number and name.
pub(super) fn all() -> Result<XdbcTypeInfoData> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    types.append(number("BIGINT", XdbcDataType::XdbcBigint, 64));
    types.append(XdbcTypeInfo {
        unsigned_attribute: Some(true),
        ..number("BIGINT UNSIGNED", XdbcDataType::XdbcBigint, 64)
    });
    types.append(number("INTEGER", XdbcDataType::XdbcInteger, 32));
    types.append(number("FLOAT", XdbcDataType::XdbcFloat, 24));
    types.append(number("DOUBLE", XdbcDataType::XdbcDouble, 53));
    types.append(XdbcTypeInfo {
        column_size: Some(1),
        ..named("BOOLEAN", XdbcDataType::XdbcBit)
    });
    types.append(XdbcTypeInfo {
        create_params: Some(vec!["length".to_owned()]),
        case_sensitive: true,
        ..quoted("VARCHAR", XdbcDataType::XdbcVarchar)
    });
    types.append(quoted("TIMESTAMP", XdbcDataType::XdbcTimestamp));
    types.append(XdbcTypeInfo {
        datetime_subcode: Some(XdbcDatetimeSubcode::XdbcSubcodeUnknown),
        ..quoted("INTERVAL", XdbcDataType::XdbcInterval)
    });
    types.build()
}

/// A type with literals between quotes.
fn quoted(name: &str, kind: XdbcDataType) -> XdbcTypeInfo {
    XdbcTypeInfo {
        column_size: Some(i32::MAX),
        literal_prefix: Some("'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        ..named(name, kind)
    }
}

/// A type of numbers with so many binary digits.
fn number(name: &str, kind: XdbcDataType, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        column_size: Some(digits),
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        num_prec_radix: Some(2),
        ..named(name, kind)
    }
}

fn named(name: &str, kind: XdbcDataType) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        local_type_name: Some(name.to_owned()),
        data_type: kind,
        sql_data_type: kind,
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Full,
        ..XdbcTypeInfo::default()
    }
}
