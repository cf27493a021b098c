//! `redirect_uri` (RFC 6749 §3.1.2.4, RFC 9700 §2.1): one that the client registered; until then nothing goes anywhere but onto a page.

use super::{PageRefusal, ReturnAddress};
use crate::{clients::Client, parameters::Parameters};

/// As it goes back in a URL: with the longest redirect URI, a code and the issuer it stays below the 8 KiB that browsers, proxies and servers
/// take. Base64url of that length fits, and whatever else up to a third of it.
const STATE_MAX_ENCODED_BYTES: usize = 3 * 1024;

/// Where the answer goes.
pub(super) fn check_redirect_uri(client: &Client, parameters: &Parameters) -> Result<ReturnAddress, PageRefusal> {
    let address = ReturnAddress::of_client(client, parameters.get("redirect_uri"), parameters.get("state"))?;
    if address.encoded_state_bytes() > STATE_MAX_ENCODED_BYTES {
        return Err(PageRefusal::StateTooLong);
    }
    Ok(address)
}
