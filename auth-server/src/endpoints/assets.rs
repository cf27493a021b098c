//! Style sheet and icons.
