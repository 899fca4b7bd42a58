//! Runs the program on a capture file, and requests its pages.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::program::{file, program};

/// The running program. Dropping it kills the process.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Serves the bundled demo capture. Waits until the log reports that it is read.
    pub(crate) fn demo(arguments: &[&str]) -> Self {
        let mut child = program()
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "--labels.idle-timeout",
                "87600h",
            ])
            .args([
                "-r",
                &file("tests/captures/demo.pcap"),
                "--capture.local",
                "10.77.1.2",
            ])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let address = lines
            .find_map(|line| {
                line.split_once("address=")?
                    .1
                    .split(' ')
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap();
        lines
            .find(|line| line.contains("capture files are read"))
            .unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Sends a GET request with these header lines. Returns head and body of the response.
    pub(crate) fn get(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        get(self.address, path, headers).unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a GET request with these header lines. Returns head and body of the response; `None`
/// without a response.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> Option<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n{headers}\r\n").ok()?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).ok()?;
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((
        String::from_utf8(response[..end].to_vec()).ok()?,
        response[end + 4..].to_vec(),
    ))
}
