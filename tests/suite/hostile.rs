//! Clients that mean harm, by the hundred, against the whole program: the scrape goes on, memory stays, and the capture
//! misses nothing.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::lab::Laboratory;
use crate::lab::exporter::Exporter;
use crate::lab::exposition::Exposition;
use crate::program::has_tool;
use crate::serving::Serving;
use crate::web;

/// Ways to be a bad client: what is sent before there is silence.
fn evils() -> Vec<Vec<u8>> {
    let head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n".to_vec();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    vec![
        vec![],
        b"G".to_vec(),
        head.clone(),
        [head.clone(), b"X-Long: ".to_vec(), vec![b'x'; 40_000]].concat(),
        [head.clone(), b"Content-Length: 1000000\r\n\r\n".to_vec()].concat(),
        // The answer is never read.
        [head, b"\r\n".to_vec()].concat().repeat(50),
        hello.clone(),
        [hello, vec![0; 20_000]].concat(),
        vec![0xff; 30_000],
    ]
}

/// Connects so many times and does each evil in turn; the connections stay open as long as the server lets them.
fn storm(address: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let evils = evils();
    let connect = |evil: &Vec<u8>| {
        // Not from where the scrape comes from.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into())
            .expect("all of 127/8 is ours");
        socket.connect(&address.into()).expect("it listens");
        let mut stream = TcpStream::from(socket);
        stream.set_nonblocking(true).expect("a socket option");
        // It may have been closed for another by now.
        let _ = stream.write_all(evil);
        stream
    };
    evils
        .iter()
        .cycle()
        .take(connections)
        .map(connect)
        .collect()
}

/// What the program says of itself is in bounds.
fn assert_in_bounds(page: &Exposition) {
    let value = |name: &str| {
        page.get(name, &[])
            .unwrap_or_else(|| panic!("{name}:\n{page}"))
    };
    let (memory, files) = (
        value("process_resident_memory_bytes"),
        value("process_open_fds"),
    );
    assert!(
        memory < 64.0 * 1024.0 * 1024.0,
        "{} MiB",
        memory / 1024.0 / 1024.0
    );
    assert!(files < 300.0, "{files} open files");
}

#[test]
fn evil_clients_hold_up_neither_a_scrape_nor_the_capture() {
    let Some(laboratory) =
        Laboratory::open("evil_clients_hold_up_neither_a_scrape_nor_the_capture")
    else {
        return;
    };
    let host = laboratory.host("host");
    let exporter = Exporter::start(&host, &["-i", "lo", "--capture.buffer-size", "2MiB"]);
    let port = exporter.port();
    let labels = [
        ("vantage", "local"),
        ("local_address", "127.0.0.9"),
        ("port", &port),
        ("peer", "127.0.0.1"),
    ];
    let (mut slowest, mut open) = (Duration::ZERO, Vec::new());
    for _ in 0..5 {
        open.extend(host.inside(|| storm(exporter.address(), 200)));
        let start = Instant::now();
        assert_in_bounds(&exporter.metrics());
        slowest = slowest.max(start.elapsed());
    }
    assert!(
        slowest < Duration::from_secs(5),
        "a scrape took {slowest:?}"
    );
    // Every connection of the storm was an attempt, answered by this host's own kernel.
    let page = exporter.metrics_once("all connections are counted", |page| {
        page.get("tcp_handshake_answered_total", &labels) == Some(1_000.0)
    });
    assert_eq!(
        page.get("tcp_handshake_attempts_total", &labels),
        Some(1_000.0),
        "{page}"
    );
    let drops = page.only(|series| series.name == "tcp_handshake_exporter_dropped_packets_total");
    assert!(
        drops.values().iter().all(|dropped| *dropped == 0.0),
        "{drops}"
    );
}

/// Scrapes with curl, which must succeed within its time.
fn scrape(arguments: &[&str]) -> Exposition {
    let output = Command::new("curl")
        .args(["--silent", "--fail", "--max-time", "20"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{:?}: {arguments:?}",
        output.status
    );
    Exposition::parse(&String::from_utf8(output.stdout).unwrap())
}

#[test]
fn handshakes_that_never_end_hold_up_no_scrape() {
    if !has_tool("curl") {
        return;
    }
    let (folder, config) = web::folder(web::TLS);
    let serving = Serving::demo(&["--web.config.file", &config.display().to_string()]);
    let port = serving.address.port();
    let certificate = folder.path().join("server.crt").display().to_string();
    let resolve = format!("localhost:{port}:127.0.0.1");
    let url = format!("https://localhost:{port}/metrics");
    let mut open = Vec::new();
    for _ in 0..4 {
        open.extend(storm(serving.address, 150));
        assert_in_bounds(&scrape(&[
            "--cacert",
            &certificate,
            "--resolve",
            &resolve,
            &url,
        ]));
    }
}

#[test]
fn guessing_passwords_costs_no_scrape_and_no_memory() {
    if !has_tool("curl") {
        return;
    }
    let users = format!(
        "basic_auth_users:\n  alice: {}\n",
        bcrypt::hash("wonderland", 6).unwrap()
    );
    let (_folder, config) = web::folder(&users);
    let serving = Serving::demo(&["--web.config.file", &config.display().to_string()]);
    let url = format!("http://{}/metrics", serving.address);
    let guesses = |from: usize| {
        let guess = |number: usize| {
            let mut stream = TcpStream::connect(serving.address).unwrap();
            // Not base64 of anything in particular, but a user and a password all the same.
            let token = format!("YWxpY2U6{number:08}");
            let long = "YWFh".repeat(2_000);
            let _ = write!(
                stream,
                "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}{long}\r\n\r\n"
            );
            stream
        };
        (from..from + 150).map(guess).collect::<Vec<_>>()
    };
    let mut open = Vec::new();
    for round in 0..3 {
        open.extend(guesses(round * 150));
        // From another address of this host: it has its own turn.
        let start = Instant::now();
        assert_in_bounds(&scrape(&[
            "--interface",
            "127.0.0.2",
            "--user",
            "alice:wonderland",
            &url,
        ]));
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        thread::sleep(Duration::from_millis(100));
    }
}
