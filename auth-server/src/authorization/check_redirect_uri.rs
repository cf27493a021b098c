//! `redirect_uri` (RFC 6749 §3.1.2.4, RFC 9700 §2.1): one that the client registered; until then nothing goes anywhere but onto a page.

use super::{PageRefusal, ReturnAddress};
use crate::{clients::Client, parameters::Parameters};

/// A longer `state` does not fit into every browser's and server's URLs.
const STATE_MAX_BYTES: usize = 4096;

/// Where the answer goes.
pub(super) fn check_redirect_uri(client: &Client, parameters: &Parameters) -> Result<ReturnAddress, PageRefusal> {
    let state = parameters.get("state");
    let address = ReturnAddress::of_client(client, parameters.get("redirect_uri"), state)?;
    if state.is_some_and(|state| state.len() > STATE_MAX_BYTES) {
        return Err(PageRefusal::StateTooLong);
    }
    Ok(address)
}
