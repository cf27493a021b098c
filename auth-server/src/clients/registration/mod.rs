//! Dynamic registration (RFC 7591): what a client asks for and what it gets.
