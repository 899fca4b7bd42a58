//! The page at `/`, as a browser shows it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::browser::Browser;
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
            at: format!("http://{address}/"),
        }
    }

    /// Reads standard input, which begins with this and goes on until this is dropped.
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
        // It opens what it reads before it listens.
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
            at: format!("http://{address}/"),
        }
    }

    /// More of a capture for it.
    fn pour(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// What a browser makes of the page, and what it complains about.
    fn shown(&self, fragment: &str) -> (String, Vec<String>) {
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
            .arg(format!("{}{fragment}", self.at))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let complaints = said
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect();
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
    page.split("data-verdict=\"")
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap().0)
        .collect()
}

#[test]
fn a_browser_shows_the_worst_first_and_heeds_the_filter() {
    if !has_tool("chromium") {
        return;
    }
    let serving = Serving::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let (page, complaints) = serving.shown("");
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(rows(&page).len(), 12, "{page}");
    assert_eq!(
        (rows(&page)[0], rows(&page)[11]),
        ("refused_on_the_way", "fine")
    );
    assert!(
        page.contains("Something is wrong with 10 of 12; the capture can be trusted"),
        "{page}"
    );
    let (page, complaints) = serving.shown("#text=8003&vantage=client&open");
    assert_eq!(complaints, Vec::<String>::new());
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
    let serving = Serving::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--labels.peer-group",
        group,
    ]);
    let (page, complaints) = serving.shown("#open");
    assert_eq!(complaints, Vec::<String>::new());
    assert!(
        page.contains("&lt;b&gt;x&lt;/b&gt;&lt;script&gt;document") && !page.contains("<b>"),
        "{page}"
    );
    assert!(
        page.contains("<title>TCP handshake exporter</title>"),
        "{page}"
    );
}

/// Whether a browser is there, and with it a page that shows what it holds.
fn opened(serving: &Serving, fragment: &str) -> Option<Browser> {
    if !has_tool("chromium") {
        return None;
    }
    let mut browser = Browser::open(&format!("{}{fragment}", serving.at));
    browser.until("document.querySelectorAll('tr.set').length > 0");
    Some(browser)
}

#[test]
fn all_is_done_by_keyboard() {
    let serving = Serving::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let Some(mut browser) = opened(&serving, "") else {
        return;
    };
    tab_to(&mut browser, "id === 'text'");
    browser.types("8003 silent");
    browser.until("document.querySelectorAll('tr.set').length === 1");
    tab_to(&mut browser, "closest('tr.set')");
    assert_eq!(
        browser.value("getComputedStyle(document.activeElement).outlineStyle"),
        "solid",
        "the focus can be seen"
    );
    browser.press("Enter");
    browser.until("document.activeElement.getAttribute('aria-expanded') === 'true'");
    browser.until("document.getElementById(document.activeElement.getAttribute('aria-controls')).offsetHeight > 100");
    let shown = browser.value("document.querySelector('.more').innerText");
    assert!(
        shown.as_str().unwrap().contains("5.109  SYN  ttl 64"),
        "{shown}"
    );
    browser.press("Enter");
    browser.until("document.activeElement.getAttribute('aria-expanded') === 'false'");
    // Back to all of them, and only those of one verdict.
    browser.value(
        "(() => { const text = document.getElementById('text'); text.focus(); text.select(); })()",
    );
    browser.types("refused");
    browser.until("document.querySelectorAll('tr.set').length === 2");
    tab_to(&mut browser, "id === 'pause'");
    browser.press("Space");
    browser.until("document.activeElement.getAttribute('aria-pressed') === 'true'");
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// Presses Tab until what has the focus is this.
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
fn the_page_brings_itself_up_to_date() {
    let capture = |name: &str| std::fs::read(file(&format!("tests/captures/{name}.pcap"))).unwrap();
    let mut serving = Serving::start_from_pipe(
        &["-r", "-", "--capture.local", "10.77.1.2"],
        &capture("open"),
    );
    let Some(mut browser) = opened(&serving, "") else {
        return;
    };
    browser.until("document.querySelector('tr.set').dataset.verdict === 'fine'");
    browser.value("window.stays = document.querySelector('tr.set button').focus()");
    browser.value("window.stays = 1");
    serving.pour(&capture("closed")[24..]);
    browser.until("document.querySelectorAll('tr.set').length === 2");
    assert_eq!(
        browser.value("document.querySelector('tr.set').dataset.verdict"),
        "refused",
        "the worst comes first"
    );
    assert_eq!(
        browser.value("document.activeElement.closest('tr').dataset.verdict"),
        "fine",
        "the focus stays"
    );
    assert_eq!(
        browser.value("window.stays"),
        1,
        "the page was not loaded anew"
    );
    assert_eq!(browser.complaints, Vec::<String>::new());
    drop(serving);
    browser.until("document.getElementById('status').classList.contains('stale')");
    let words = browser.value("document.getElementById('status').innerText");
    assert!(
        words
            .as_str()
            .unwrap()
            .starts_with("The exporter does not answer ("),
        "{words}"
    );
}

#[test]
fn it_can_be_read_in_any_light_and_on_a_narrow_screen() {
    let serving = Serving::start(&[
        "-r",
        &file("tests/captures/demo.pcap"),
        "--capture.local",
        "10.77.1.2",
    ]);
    let Some(mut browser) = opened(&serving, "#open") else {
        return;
    };
    for (width, height) in [(1280, 1800), (400, 1800), (320, 1000)] {
        for dark in [false, true] {
            browser.looks(width, height, dark);
            let wide = browser.value(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth",
            );
            assert_eq!(wide, true, "at {width} nothing sticks out");
            let weak = browser.value(&format!(
                "({CONTRASTS}).filter((one) => one.ratio < one.wanted)"
            ));
            assert_eq!(
                weak,
                serde_json::json!([]),
                "at {width}, dark: {dark}: text without contrast"
            );
            let texts = browser.value(&format!("({CONTRASTS}).length"));
            assert!(
                texts.as_u64().unwrap() > 100,
                "only {texts} texts were looked at"
            );
            browser.picture(&format!("{width}-{}", if dark { "dark" } else { "light" }));
        }
    }
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// Of each text that is shown: its contrast to what is behind it (WCAG 2.2, 1.4.3), and what it must be.
const CONTRASTS: &str = "(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
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
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(says || element.matches('input, select')) || element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(style.color), light(behind(element))].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    found.push({ text: element.textContent.slice(0, 40), ratio: (one + 0.05) / (other + 0.05), wanted: large ? 3 : 4.5 });
  }
  return found;
})()";
