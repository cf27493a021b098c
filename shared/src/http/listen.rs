//! Binding the listeners.

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket};

/// Mass reconnects after a restart overflow the usual 1024, and each overflow costs its client seconds.
const BACKLOG: u32 = 4096;

/// An address that cannot be listened on, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{}", explain(address, cause))]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub cause: io::Error,
}

fn explain(address: &SocketAddr, cause: &io::Error) -> String {
    let (ip, port) = (address.ip(), address.port());
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} on {ip} is in use by another process; stop it or listen on another port")
        }
        io::ErrorKind::PermissionDenied => {
            format!(
                "listening on port {port} of {ip} is not permitted; ports below 1024 belong to the system's administrator"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{ip} is no address of this machine, so port {port} cannot be listened on there")
        }
        _ => format!("cannot listen on port {port} of {ip}: {cause}"),
    }
}

/// Listens on all `addresses`. On a machine without IPv6 its loopback address is left out, as long as another one
/// remains.
///
/// # Errors
/// The first address that cannot be listened on.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    let mut left_out = None;
    for &address in addresses {
        match bind_one(address) {
            Ok(listener) => listeners.push(listener),
            Err(cause) if is_absent_ipv6_loopback(address.ip(), &cause) => {
                left_out = Some(BindError { address, cause })
            }
            Err(cause) => return Err(BindError { address, cause }),
        }
    }
    match left_out {
        Some(error) if listeners.is_empty() => Err(error),
        Some(error) => {
            tracing::warn!(%error, "not listening there");
            Ok(listeners)
        }
        None => Ok(listeners),
    }
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Elsewhere than on unix this option would let two processes share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Each system has its own error for an address family that it does not speak; these two it has for addresses that are
/// there.
fn is_absent_ipv6_loopback(address: IpAddr, cause: &io::Error) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_loopback())
        && !matches!(cause.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::bind;

    #[tokio::test]
    async fn a_port_in_use_is_named_in_one_line() {
        let taken = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = taken[0].local_addr().unwrap();
        let message = bind(&[address]).unwrap_err().to_string();
        assert!(message.starts_with(&format!("port {} on 127.0.0.1 is in use", address.port())), "{message}");
        assert!(!message.contains('\n'));
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_named() {
        let message = bind(&["192.0.2.1:0".parse().unwrap()]).unwrap_err().to_string();
        assert!(message.contains("192.0.2.1 is no address of this machine"), "{message}");
    }
}
