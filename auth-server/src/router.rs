//! Every URL of this server in one table.
