//! What a server does by itself, over and over.
