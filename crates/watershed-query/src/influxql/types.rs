//! The types of InfluxQL values and how they appear in Arrow.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, cast, lit};
use std::fmt;
use watershed_model::ColumnType;

/// What a value is. `Null` is the type of a column that does not exist, and of what is computed from
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ValueType {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
    Tag,
    Null,
}

impl ValueType {
    /// The type of a column of a table; `None` for `time`.
    pub(super) fn of_column(column_type: ColumnType) -> Option<Self> {
        Some(match column_type {
            ColumnType::F64 => Self::Float,
            ColumnType::I64 => Self::Integer,
            ColumnType::U64 => Self::Unsigned,
            ColumnType::String => Self::String,
            ColumnType::Bool => Self::Boolean,
            ColumnType::Tag => Self::Tag,
            ColumnType::Time => return None,
        })
    }

    /// How the type is stored in a result. A column without type is shown as text without values.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Float => DataType::Float64,
            Self::Integer => DataType::Int64,
            Self::Unsigned => DataType::UInt64,
            Self::String | Self::Null => DataType::Utf8,
            Self::Boolean => DataType::Boolean,
            Self::Tag => tag_data_type(),
        }
    }

    /// The value of the field metadata `iox::column::type`, for columns that come straight from a
    /// table.
    pub(super) fn metadata(self) -> Option<&'static str> {
        let column_type = match self {
            Self::Float => ColumnType::F64,
            Self::Integer => ColumnType::I64,
            Self::Unsigned => ColumnType::U64,
            Self::String => ColumnType::String,
            Self::Boolean => ColumnType::Bool,
            Self::Tag => ColumnType::Tag,
            Self::Null => return None,
        };
        Some(column_type.influx_name())
    }

    /// Float, integer or unsigned.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Float | Self::Integer | Self::Unsigned)
    }

    /// Neither a tag nor without type.
    pub(super) fn is_field(self) -> bool {
        !matches!(self, Self::Tag | Self::Null)
    }

    /// The type of a column that has this type in one table and `other` in another; `None` when one
    /// is a tag and the other a field.
    pub(super) fn merge(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Null, known) | (known, Self::Null) => Some(known),
            (Self::Tag, _) | (_, Self::Tag) => None,
            (a, b) => Some(if a.rank() < b.rank() { a } else { b }),
        }
    }

    /// Which type wins when tables disagree: the lowest.
    fn rank(self) -> u8 {
        match self {
            Self::Float => 0,
            Self::Integer => 1,
            Self::Unsigned => 2,
            Self::String => 3,
            Self::Boolean => 4,
            Self::Tag => 5,
            Self::Null => 6,
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Unsigned => "unsigned",
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Tag => "tag",
            Self::Null => "unknown",
        })
    }
}

/// How a tag is stored.
pub(super) fn tag_data_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// How time is stored while a statement is computed.
pub(super) fn time_data_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, None)
}

/// An instant as a literal.
pub(super) fn instant(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(nanos), None))
}

/// An expression and what it is.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) expr: Expr,
    pub(super) value_type: ValueType,
}

impl Value {
    pub(super) fn new(expr: Expr, value_type: ValueType) -> Self {
        Self { expr, value_type }
    }

    /// No value, and no type either.
    pub(super) fn null() -> Self {
        Self::new(lit(ScalarValue::Utf8(None)), ValueType::Null)
    }

    /// Whether the value is a literal.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.expr, Expr::Literal(..))
    }

    /// The value as a float. Only for numbers.
    pub(super) fn float(self) -> Expr {
        if self.value_type == ValueType::Float {
            return self.expr;
        }
        cast(self.expr, DataType::Float64)
    }

    /// The value with one zero: for what compares values, -0.0 is another float than 0.0.
    pub(super) fn one_zero(self) -> Expr {
        match self.value_type {
            ValueType::Float => self.expr + lit(0.0),
            _ => self.expr,
        }
    }

    /// The value as a column of a result of that type, which must be one the value can have by
    /// [`ValueType::merge`]. Text and booleans have no form as a number: there the column is null.
    pub(super) fn stored_as(
        self,
        wanted: ValueType,
    ) -> Result<Expr, datafusion::error::DataFusionError> {
        let data_type = wanted.data_type();
        let fits = self.value_type == wanted || (self.value_type.is_number() && wanted.is_number());
        if !fits {
            return Ok(lit(ScalarValue::try_from(&data_type)?));
        }
        // Tags may have become plain text on the way.
        if wanted == ValueType::Tag || self.value_type != wanted {
            return Ok(cast(self.expr, data_type));
        }
        Ok(self.expr)
    }
}
