//! Tests of the page at `/` in a headless browser.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::browser::Browser;
use crate::program::{file, has_tool, program};

/// Returns the contrast of each visible text to its background, and the required contrast (WCAG
/// 2.2, 1.4.3).
const CONTRASTS_SCRIPT: &str = "(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = parse(color).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      const [, , , alpha = 1] = parse(color);
      if (alpha === 1) return color;
      if (alpha > 0) return 'rgb(128, 128, 128)';
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(hasText || element.matches('input, select')) || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const [one, other] = [luminance(style.color), luminance(background(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    found.push({ text: element.textContent.slice(0, 40), ratio: (one + 0.05) / (other + 0.05), wanted: large ? 3 : 4.5 });
  }
  return found;
})()";

/// The program, which serves the diagnosis of a capture. Dropping it kills the process.
struct PageServer {
    child: Child,
    url: String,
}

impl PageServer {
    /// Starts the program and waits until its log reports that the capture is read.
    fn start(arguments: &[&str]) -> Self {
        let mut child = program()
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "--labels.idle-timeout",
                "87600h",
            ])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let address = lines
            .find_map(|line| Some(line.split_once("http://")?.1.split_once('/')?.0.to_owned()))
            .unwrap();
        lines
            .find(|line| line.contains("capture files are read"))
            .unwrap();
        Self {
            child,
            url: format!("http://{address}/"),
        }
    }

    /// Starts the program with a capture from standard input, which begins with `first` and stays
    /// open.
    fn start_from_pipe(arguments: &[&str], first: &[u8]) -> Self {
        let mut child = program()
            .args([
                "--web.listen-address",
                "127.0.0.1:0",
                "--labels.idle-timeout",
                "87600h",
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program reads the header of its input before it listens.
        child.stdin.as_mut().unwrap().write_all(first).unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let address = lines
            .find_map(|line| Some(line.split_once("http://")?.1.split_once('/')?.0.to_owned()))
            .unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url: format!("http://{address}/"),
        }
    }

    /// Writes more of the capture to standard input.
    fn write_input(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Returns the DOM of the page as HTML, and the console messages.
    fn dump_dom(&self, fragment: &str) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args([
                "--enable-logging=stderr",
                "--virtual-time-budget=4000",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("{}{fragment}", self.url))
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        let console_errors = log
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect();
        (String::from_utf8(output.stdout).unwrap(), console_errors)
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Returns the verdicts of the rows in order.
fn rows(page: &str) -> Vec<&str> {
    page.split("data-verdict=\"")
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap().0)
        .collect()
}

#[test]
fn page_sorts_worst_first_and_applies_filter() {
    if !has_tool("chromium") {
        return;
    }
    let server = PageServer::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let (page, console_errors) = server.dump_dom("");
    assert_eq!(console_errors, Vec::<String>::new());
    assert_eq!(rows(&page).len(), 12, "{page}");
    assert_eq!(
        (rows(&page)[0], rows(&page)[11]),
        ("refused_on_the_way", "fine")
    );
    assert!(
        page.contains("Something is wrong with 10 of 12; the capture can be trusted"),
        "{page}"
    );
    let (page, console_errors) = server.dump_dom("#text=8003&vantage=client&open");
    assert_eq!(console_errors, Vec::<String>::new());
    assert_eq!(rows(&page), ["silent_drop"]);
    assert!(
        page.contains("None of 4 attempts to port 8003 of 10.77.2.2 was answered"),
        "{page}"
    );
    assert!(
        page.contains("tcpdump -nni any '(tcp and port 8003"),
        "{page}"
    );
    assert!(page.contains("5.109  SYN  ttl 64"), "{page}");
    let (page, _) = server.dump_dom("#text=nowhere");
    assert_eq!(rows(&page), Vec::<&str>::new());
    assert!(page.contains("No row fits the filter."), "{page}");
}

#[test]
fn page_escapes_names_of_peer_groups() {
    if !has_tool("chromium") {
        return;
    }
    let group = "<b>x</b><script>document.title</script>=10.77.2.0/24";
    let server = PageServer::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--labels.peer-group",
        group,
    ]);
    let (page, console_errors) = server.dump_dom("#open");
    assert_eq!(console_errors, Vec::<String>::new());
    assert!(
        page.contains("&lt;b&gt;x&lt;/b&gt;&lt;script&gt;document") && !page.contains("<b>"),
        "{page}"
    );
    assert!(
        page.contains("<title>TCP handshake exporter</title>"),
        "{page}"
    );
}

/// Opens the page in a browser and waits until it has rows. Returns `None` if no browser is
/// installed.
fn open(server: &PageServer, fragment: &str) -> Option<Browser> {
    if !has_tool("chromium") {
        return None;
    }
    let mut browser = Browser::open(&format!("{}{fragment}", server.url));
    browser.wait_until("document.querySelectorAll('tr.set').length > 0");
    Some(browser)
}

#[test]
fn page_is_usable_by_keyboard() {
    let server = PageServer::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let Some(mut browser) = open(&server, "") else {
        return;
    };
    tab_to(&mut browser, "id === 'text'");
    browser.type_text("8003 silent");
    browser.wait_until("document.querySelectorAll('tr.set').length === 1");
    tab_to(&mut browser, "closest('tr.set')");
    assert_eq!(
        browser.value("getComputedStyle(document.activeElement).outlineStyle"),
        "solid",
        "the focus is visible"
    );
    browser.press("Enter");
    browser.wait_until("document.activeElement.getAttribute('aria-expanded') === 'true'");
    browser.wait_until("document.getElementById(document.activeElement.getAttribute('aria-controls')).offsetHeight > 100");
    let shown = browser.value("document.querySelector('.details').innerText");
    assert!(
        shown.as_str().unwrap().contains("5.109  SYN  ttl 64"),
        "{shown}"
    );
    browser.press("Enter");
    browser.wait_until("document.activeElement.getAttribute('aria-expanded') === 'false'");
    // Replaces the filter by another one.
    browser.value(
        "(() => { const text = document.getElementById('text'); text.focus(); text.select(); })()",
    );
    browser.type_text("refused");
    browser.wait_until("document.querySelectorAll('tr.set').length === 2");
    tab_to(&mut browser, "id === 'pause'");
    browser.press("Space");
    browser.wait_until("document.activeElement.getAttribute('aria-pressed') === 'true'");
    assert_eq!(browser.console_errors, Vec::<String>::new());
}

/// Presses Tab until `wanted` holds for the focused element.
fn tab_to(browser: &mut Browser, wanted: &str) {
    for _ in 0..40 {
        browser.press("Tab");
        if browser.value(&format!(
            "Boolean(document.activeElement && document.activeElement.{wanted})"
        )) == true
        {
            return;
        }
    }
    panic!("no Tab leads to {wanted}");
}

#[test]
fn page_refreshes_and_keeps_focus() {
    let capture = |name: &str| std::fs::read(file(&format!("tests/captures/{name}.pcap"))).unwrap();
    let mut server = PageServer::start_from_pipe(
        &["-r", "-", "--capture.local", "10.77.1.2"],
        &capture("open"),
    );
    let Some(mut browser) = open(&server, "") else {
        return;
    };
    browser.wait_until("document.querySelector('tr.set').dataset.verdict === 'fine'");
    browser.value("window.marker = document.querySelector('tr.set button').focus()");
    browser.value("window.marker = 1");
    server.write_input(&capture("closed")[24..]);
    browser.wait_until("document.querySelectorAll('tr.set').length === 2");
    assert_eq!(
        browser.value("document.querySelector('tr.set').dataset.verdict"),
        "refused",
        "the worst verdict is first"
    );
    assert_eq!(
        browser.value("document.activeElement.closest('tr').dataset.verdict"),
        "fine",
        "the focus stays"
    );
    assert_eq!(
        browser.value("window.marker"),
        1,
        "the page was not reloaded"
    );
    assert_eq!(browser.console_errors, Vec::<String>::new());
    drop(server);
    browser.wait_until("document.getElementById('status').classList.contains('stale')");
    let status = browser.value("document.getElementById('status').innerText");
    assert!(
        status
            .as_str()
            .unwrap()
            .starts_with("The exporter does not answer ("),
        "{status}"
    );
}

#[test]
fn page_is_readable_on_any_screen() {
    let server = PageServer::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let Some(mut browser) = open(&server, "#open") else {
        return;
    };
    for (width, height) in [(1280, 1800), (400, 1800), (320, 1000)] {
        for dark in [false, true] {
            browser.emulate(width, height, dark);
            let wide = browser.value(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
            );
            assert_eq!(wide, true, "at {width} nothing overflows horizontally");
            let weak = browser.value(&format!(
                "({CONTRASTS_SCRIPT}).filter((one) => one.ratio < one.wanted)"
            ));
            assert_eq!(
                weak,
                serde_json::json!([]),
                "at {width}, dark: {dark}: text without contrast"
            );
            let texts = browser.value(&format!("({CONTRASTS_SCRIPT}).length"));
            assert!(
                texts.as_u64().unwrap() > 100,
                "only {texts} texts were checked"
            );
            browser.screenshot(&format!("{width}-{}", if dark { "dark" } else { "light" }));
        }
    }
    assert_eq!(browser.console_errors, Vec::<String>::new());
}
