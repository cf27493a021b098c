//! The signing keys and the successor key of this installation: made once, sealed, loaded, reloaded.
