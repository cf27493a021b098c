//! Table `successor_key`: keys that derive a refresh token's successor.
