//! Table `milestone`: things that happen once in the life of an installation.
