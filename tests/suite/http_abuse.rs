//! Hundreds of abusive HTTP clients against the whole program: scrapes succeed, memory stays within
//! its bound, and the capture drops no packet.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::netns::Laboratory;
use crate::netns::exporter::Exporter;
use crate::netns::exposition::Exposition;
use crate::program::has_tool;
use crate::serving::Serving;
use crate::web;

/// Returns what each kind of abusive client sends before it falls silent.
fn abusive_requests() -> Vec<Vec<u8>> {
    let head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n".to_vec();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    vec![
        vec![],
        b"G".to_vec(),
        head.clone(),
        [head.clone(), b"X-Long: ".to_vec(), vec![b'x'; 40_000]].concat(),
        [head.clone(), b"Content-Length: 1000000\r\n\r\n".to_vec()].concat(),
        // The responses are never read.
        [head, b"\r\n".to_vec()].concat().repeat(50),
        hello.clone(),
        [hello, vec![0; 20_000]].concat(),
        vec![0xff; 30_000],
    ]
}

/// Opens connections that send each abusive request in turn. They stay open as long as the server
/// allows.
fn flood(address: SocketAddr, connections: usize) -> Vec<TcpStream> {
    let requests = abusive_requests();
    let connect = |request: &Vec<u8>| {
        // From another address than the scrape.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into())
            .expect("all of 127/8 is local");
        socket.connect(&address.into()).expect("the server listens");
        let mut stream = TcpStream::from(socket);
        stream.set_nonblocking(true).expect("a socket option");
        // The server may have evicted the connection by now.
        let _ = stream.write_all(request);
        stream
    };
    requests
        .iter()
        .cycle()
        .take(connections)
        .map(connect)
        .collect()
}

/// Asserts that the memory and open files of the program are within their bounds.
fn assert_in_bounds(page: &Exposition) {
    let value = |name: &str| {
        page.get(name, &[])
            .unwrap_or_else(|| panic!("{name}:\n{page}"))
    };
    let memory = value("process_resident_memory_bytes");
    let files = value("process_open_fds");
    assert!(
        memory < 64.0 * 1024.0 * 1024.0,
        "{} MiB",
        memory / 1024.0 / 1024.0
    );
    assert!(files < 300.0, "{files} open files");
}

#[test]
fn abusive_clients_delay_no_scrape_and_no_packet() {
    let Some(laboratory) = Laboratory::open("abusive_clients_delay_no_scrape_and_no_packet") else {
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
    let mut slowest = Duration::ZERO;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.extend(host.inside(|| flood(exporter.address(), 200)));
        let start = Instant::now();
        assert_in_bounds(&exporter.metrics());
        slowest = slowest.max(start.elapsed());
    }
    assert!(
        slowest < Duration::from_secs(5),
        "a scrape took {slowest:?}"
    );
    // Every connection of the flood was an attempt that the kernel of this host answered.
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

/// Scrapes with curl, and asserts that it succeeds within its timeout.
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
fn endless_tls_handshakes_delay_no_scrape() {
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
        open.extend(flood(serving.address, 150));
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
fn password_guessing_delays_no_scrape() {
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
            // Valid base64 of a user and a meaningless password.
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
        // From another address of this host, which has its own place in the fair queue.
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
