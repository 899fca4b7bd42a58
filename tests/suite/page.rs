//! The page at `/`, as a browser shows it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::program::{file, has_tool, program};

/// The program, serving what a capture holds.
struct Serving {
    child: Child,
    at: String,
}

impl Serving {
    /// Waits, by its own word, until the capture is read.
    fn start(arguments: &[&str]) -> Self {
        let mut child = program()
            .args(["--web.listen-address", "127.0.0.1:0", "--labels.idle-timeout", "87600h"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| Some(line.split_once("http://")?.1.split_once('/')?.0.to_owned())).unwrap();
        lines.find(|line| line.contains("capture files are read")).unwrap();
        Self { child, at: format!("http://{address}/") }
    }

    /// What a browser makes of the page, and what it complains about.
    fn shown(&self, fragment: &str) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new("chromium")
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=4000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("{}{fragment}", self.at))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        (String::from_utf8(output.stdout).unwrap(), complaints)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The verdicts in the rows, from the top.
fn rows(page: &str) -> Vec<&str> {
    page.split("data-verdict=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
}

#[test]
fn a_browser_shows_the_worst_first_and_heeds_the_filter() {
    if !has_tool("chromium") {
        return;
    }
    let serving = Serving::start(&["-r", &file("tests/captures/demo.pcap"), "--capture.local", "10.77.1.2"]);
    let (page, complaints) = serving.shown("");
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(rows(&page).len(), 12, "{page}");
    assert_eq!((rows(&page)[0], rows(&page)[11]), ("refused_on_the_way", "fine"));
    assert!(page.contains("Something is wrong with 10 of 12; the capture can be trusted"), "{page}");
    let (page, complaints) = serving.shown("#text=8003&vantage=client&open");
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(rows(&page), ["silent_drop"]);
    assert!(page.contains("None of 4 attempts to port 8003 of 10.77.2.2 was answered"), "{page}");
    assert!(page.contains("tcpdump -nni any '(tcp and port 8003"), "{page}");
    assert!(page.contains("5.109  SYN  ttl 64"), "{page}");
    let (page, _) = serving.shown("#text=nowhere");
    assert_eq!(rows(&page), Vec::<&str>::new());
    assert!(page.contains("No row fits the filter."), "{page}");
}

#[test]
fn names_are_text_to_a_browser() {
    if !has_tool("chromium") {
        return;
    }
    let group = "<b>x</b><script>document.title</script>=10.77.2.0/24";
    let serving = Serving::start(&["-r", &file("tests/captures/demo.pcap"), "--labels.peer-group", group]);
    let (page, complaints) = serving.shown("#open");
    assert_eq!(complaints, Vec::<String>::new());
    assert!(page.contains("&lt;b&gt;x&lt;/b&gt;&lt;script&gt;document") && !page.contains("<b>"), "{page}");
    assert!(page.contains("<title>TCP handshake exporter</title>"), "{page}");
}
