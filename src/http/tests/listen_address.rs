//! Listen addresses: every notation, and every error message.

use std::io;
use std::net::{TcpListener, TcpStream};

use super::super::listen_address::listen_on_first;
use super::*;

fn parse(text: &str) -> ListenAddress {
    text.parse().unwrap()
}

fn parse_error(text: &str) -> String {
    text.parse::<ListenAddress>().unwrap_err().to_string()
}

#[test]
fn address_is_displayed_as_written() {
    for text in [
        ":10077",
        ":0",
        "127.0.0.1:0",
        "[::1]:10077",
        "[::]:80",
        "localhost:10077",
        "my-host_1.lan.:65535",
    ] {
        assert_eq!(parse(text).to_string(), text);
    }
}

#[test]
fn invalid_address_error_shows_the_notation() {
    for text in [
        "",
        "10077",
        "localhost",
        "localhost:",
        ":",
        "[::1]",
        "[::1]:",
    ] {
        assert_eq!(
            parse_error(text),
            format!(
                "no port in the listen address {text:?}: write it like :10077, 127.0.0.1:10077 or [::1]:10077"
            )
        );
    }
    for (text, port) in [
        (":http", "http"),
        (":65536", "65536"),
        (":+80", "+80"),
        ("localhost:-1", "-1"),
    ] {
        assert_eq!(
            parse_error(text),
            format!(
                "invalid port {port:?} in the listen address {text:?}: \
                 write a number from 0 (any free port) to 65535"
            )
        );
    }
    for text in ["::1:10077", "::", "fe80::1:80"] {
        assert_eq!(
            parse_error(text),
            format!(
                "an IPv6 address without brackets in the listen address {text:?}: write it like [::1]:10077"
            )
        );
    }
    for (text, host) in [
        ("127.0.0.256:80", "127.0.0.256"),
        ("127.1:80", "127.1"),
        ("[127.0.0.1]:80", "[127.0.0.1]"),
        ("[::1:80", "[::1"),
        ("http://localhost:80", "http://localhost"),
        ("two words:80", "two words"),
        ("*:80", "*"),
    ] {
        assert_eq!(
            parse_error(text),
            format!(
                "invalid host {host:?} in the listen address {text:?}: \
                 write an IP address of this host, or nothing"
            )
        );
    }
}

#[test]
fn address_without_host_listens_on_both_families() {
    for text in [":0", "[::]:0"] {
        if !has_ipv6() {
            continue;
        }
        let listener = parse(text).bind().unwrap();
        let port = listener.local_addr().unwrap().port();
        for client in ["127.0.0.1", "::1"] {
            TcpStream::connect((client, port)).unwrap();
        }
    }
}

#[test]
fn missing_ipv6_falls_back_to_next_address() {
    let foreign = "[2001:db8::1]:0".parse().unwrap();
    let listener = listen_on_first(&[foreign, "0.0.0.0:0".parse().unwrap()]).unwrap();
    assert!(listener.local_addr().unwrap().is_ipv4());
}

#[test]
fn port_in_use_does_not_fall_back() {
    let taken = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let holder = listen_on_first(&[taken]).unwrap();
    let error = listen_on_first(&[taken, "127.0.0.1:0".parse().unwrap()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(holder);
}

#[test]
fn localhost_listens_on_ipv4() {
    let listener = parse("localhost:0").bind().unwrap();
    assert!(listener.local_addr().unwrap().ip().is_loopback());
    assert!(listener.local_addr().unwrap().is_ipv4());
}

#[test]
fn port_in_time_wait_can_be_bound_again() {
    let listener = parse("127.0.0.1:0").bind().unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    listener.set_nonblocking(false).unwrap();
    // The server's side closes first, and is therefore in TIME_WAIT.
    drop(listener.accept().unwrap());
    drop((client, listener));
    parse(&address.to_string()).bind().unwrap();
}

#[test]
fn address_in_use_error_names_the_remedy() {
    let holder = parse("127.0.0.1:0").bind().unwrap();
    let address = parse(&holder.local_addr().unwrap().to_string());
    let port = holder.local_addr().unwrap().port();
    assert_eq!(
        address.bind().unwrap_err().to_string(),
        format!(
            "cannot listen on 127.0.0.1:{port}: address already in use: stop the program that listens there \
             (ss -ltnp 'sport = :{port}') or choose another --web.listen-address"
        )
    );
}

#[test]
fn address_of_another_host_error_names_the_remedy() {
    assert_eq!(
        parse("192.0.2.1:10077").bind().unwrap_err().to_string(),
        "cannot listen on 192.0.2.1:10077: this host has no such address: \
         choose an address of this host (ip address show) in --web.listen-address, or :10077 for all of them"
    );
}

#[test]
fn unresolvable_name_error_names_it() {
    let address = parse("unknown.invalid:10077");
    let error = address.bind().unwrap_err();
    assert!(matches!(&error, BindError::Name { .. }), "{error}");
    let reason = io::Error::other("Name or service not known");
    assert_eq!(
        BindError::Name { address, reason }.to_string(),
        "cannot listen on unknown.invalid:10077: Name or service not known: \
         write an IP address of this host in --web.listen-address"
    );
}

#[test]
fn privileged_port_error_names_the_remedy() {
    assert_eq!(
        BindError::Denied {
            address: parse(":80")
        }
        .to_string(),
        "cannot listen on :80: permission denied: \
         choose a port from 1024 in --web.listen-address, or give the program CAP_NET_BIND_SERVICE"
    );
}

#[test]
fn other_bind_error_contains_system_error() {
    let address = parse("[::1]:80");
    let reason = io::Error::from_raw_os_error(97);
    assert_eq!(
        BindError::Other { address, reason }.to_string(),
        "cannot listen on [::1]:80: Address family not supported by protocol (os error 97): \
         choose another --web.listen-address"
    );
}
