//! The command line: what `auth-server` offers and `postern` mounts.
