//! One file a grant type, through the machines of oxide-auth.
