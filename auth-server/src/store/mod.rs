//! One file a table: SQL constants and functions that state intent. Absent is `Ok(None)`, a lost race is a value.
