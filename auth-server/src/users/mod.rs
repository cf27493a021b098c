//! People: accounts, passwords, sign-in, one-time links, set-up.
