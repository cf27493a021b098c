//! What a person is asked before a client gets a grant, and what may be remembered of the answer.
