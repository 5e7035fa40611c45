//! A page in a browser of its own.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use serde_json::{Value, json};

use crate::{Chromium, Image};

/// A page in a browser of its own. A test uses the page as a person does, with keys and the mouse.
///
/// All functions panic if the browser fails or does not answer within a minute. Then the test fails, too.
#[derive(Debug)]
pub struct Page {
    browser: Chromium,
    session: String,
    errors: Vec<String>,
}

/// The browser's errors if it goes to another page while it computes a value.
const LEFT: [&str; 3] = [
    "Inspected target navigated or closed",
    "Execution context was destroyed.",
    "Cannot find default execution context",
];

/// A promise that is done after two frames.
const TWO_FRAMES: &str = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";

/// Limits for the screenshots of a page.
#[derive(Clone, Copy, Debug)]
pub struct Looks {
    /// Each colour must fill less than this percentage of the picture.
    pub one_colour: usize,
    /// With the dark theme, the mean brightness must be below this value (0 to 255).
    pub dark: f64,
    /// With the light theme, the mean brightness must be above this value.
    pub light: f64,
}

impl Page {
    /// An empty page of this size; `None` if there is no browser ([`Chromium::launch`]).
    pub fn new(width: u32, height: u32) -> Option<Page> {
        let mut browser = Chromium::launch()?;
        let target = browser.call(None, "Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call(None, "Target.attachToTarget", &attach);
        let session = attached["sessionId"].as_str().expect("a session has an id").to_string();
        let mut page = Page { browser, session, errors: Vec::new() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page.resize(width, height);
        page.dark(false);
        Some(page)
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Sets the size of the window, in CSS pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Makes the system prefer dark or light colours.
    pub fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Writes a document to a file, opens the file, and waits until the page is painted. Returns how long the
    /// opening took.
    pub fn open(&mut self, html: &str) -> Duration {
        let path = self.browser.dir().join("page.html");
        fs::write(&path, html).expect("the browser's folder can be written");
        self.go(&format!("file://{}", path.display()))
    }

    /// Goes to a URL. If only the fragment of the URL is new, the document is not loaded again.
    pub fn go(&mut self, url: &str) -> Duration {
        self.collect();
        let start = Instant::now();
        let went = self.call("Page.navigate", &json!({ "url": url }));
        assert!(went.get("errorText").is_none(), "{url}: {}", went["errorText"]);
        if went.get("loaderId").is_some() {
            // The events are collected while the page loads. So no message that the page writes during this
            // time is lost.
            let deadline = Instant::now() + Duration::from_secs(60);
            while !self.collect() {
                assert!(Instant::now() < deadline, "{url} did not load");
                thread::sleep(Duration::from_millis(1));
                self.eval("0");
            }
        }
        self.settle();
        start.elapsed()
    }

    /// The value of an expression. If the value is a promise, the function waits for the result of the
    /// promise.
    pub fn eval(&mut self, expression: &str) -> Value {
        self.try_eval(expression).unwrap_or_else(|| panic!("{expression}: the browser has left the page"))
    }

    /// Like [`eval`](Page::eval), but returns `None` if the browser leaves the page before it has the value.
    fn try_eval(&mut self, expression: &str) -> Option<Value> {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut done = match self.browser.try_call(Some(&self.session), "Runtime.evaluate", &params) {
            Ok(done) => done,
            Err(error) if LEFT.iter().any(|text| error["message"] == *text) => return None,
            Err(error) => panic!("{expression}: {error}"),
        };
        assert!(done.get("exceptionDetails").is_none(), "{expression}: {}", done["exceptionDetails"]);
        Some(done["result"]["value"].take())
    }

    /// The value of an expression that is a number.
    pub fn number(&mut self, expression: &str) -> f64 {
        let value = self.eval(expression);
        value.as_f64().unwrap_or_else(|| panic!("{expression} is {value}, expected a number"))
    }

    /// The text that an element shows.
    pub fn text(&mut self, selector: &str) -> String {
        let value = self.eval(&format!("document.querySelector({}).innerText", json!(selector)));
        value.as_str().unwrap_or_else(|| panic!("{selector} has no text")).to_string()
    }

    /// Waits until an expression is true. Meanwhile, the browser may go to another page.
    pub fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.try_eval(expression) != Some(Value::Bool(true)) {
            assert!(Instant::now() < deadline, "this has not become true: {expression}");
            self.settle();
        }
    }

    /// Waits for two frames, so that the last change is on the screen. After a click on a link, the browser
    /// may leave the page meanwhile. Then wait for the other page with [`until`](Page::until).
    pub fn settle(&mut self) {
        let _ = self.try_eval(TWO_FRAMES);
    }

    /// Presses and releases a key. The key is named as in `KeyboardEvent.key`.
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => Some("\r"),
            _ if key.chars().count() == 1 => Some(key),
            _ => None,
        };
        let mut down = json!({ "type": "keyDown", "key": key });
        if let Some(text) = text {
            down["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", &down);
        self.call("Input.dispatchKeyEvent", &json!({ "type": "keyUp", "key": key }));
        self.settle();
    }

    /// Types a text into the element that has the focus.
    pub fn write(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
        self.settle();
    }

    fn mouse(&mut self, kind: &str, (x, y): (f64, f64), more: &Value) {
        let mut event = json!({ "type": kind, "x": x, "y": y });
        for (name, value) in more.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        self.call("Input.dispatchMouseEvent", &event);
    }

    /// Moves the pointer to a place.
    pub fn point(&mut self, at: (f64, f64)) {
        self.mouse("mouseMoved", at, &json!({}));
        self.settle();
    }

    /// Clicks at a place.
    pub fn click(&mut self, at: (f64, f64)) {
        self.drag(at, at);
    }

    /// Clicks the middle of an element.
    pub fn click_on(&mut self, selector: &str) {
        let script = "(() => { const b = document.querySelector(SELECTOR).getBoundingClientRect();
            return [b.x + b.width / 2, b.y + b.height / 2]; })()";
        let at = self.eval(&script.replace("SELECTOR", &json!(selector).to_string()));
        self.click((
            at[0].as_f64().expect("the value is a number"),
            at[1].as_f64().expect("the value is a number"),
        ));
    }

    /// Drags from one place to another.
    pub fn drag(&mut self, from: (f64, f64), to: (f64, f64)) {
        let button = json!({ "button": "left", "buttons": 1, "clickCount": 1 });
        self.mouse("mouseMoved", from, &json!({}));
        self.mouse("mousePressed", from, &button);
        if from != to {
            let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
            self.mouse("mouseMoved", middle, &button);
            self.mouse("mouseMoved", to, &button);
        }
        self.mouse("mouseReleased", to, &button);
        self.settle();
    }

    /// Drags from one place to another while Shift is held.
    pub fn drag_with_shift(&mut self, from: (f64, f64), to: (f64, f64)) {
        let button = json!({ "button": "left", "buttons": 1, "clickCount": 1, "modifiers": 8 });
        let middle = (f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1));
        for (kind, at) in
            [("mousePressed", from), ("mouseMoved", middle), ("mouseMoved", to), ("mouseReleased", to)]
        {
            self.mouse(kind, at, &button);
        }
        self.settle();
    }

    /// Turns the wheel downwards at a place.
    pub fn wheel(&mut self, at: (f64, f64), down: f64) {
        self.mouse("mouseWheel", at, &json!({ "deltaX": 0, "deltaY": down }));
        self.settle();
    }

    /// Turns the wheel downwards at a place while Alt is held.
    pub fn wheel_alt(&mut self, at: (f64, f64), down: f64) {
        self.mouse("mouseWheel", at, &json!({ "deltaX": 0, "deltaY": down, "modifiers": 1 }));
        self.settle();
    }

    /// A screenshot. If `LAB_SCREENSHOTS` names a folder, the screenshot is stored there under `name`.
    pub fn screenshot(&mut self, name: &str) -> Image {
        self.settle();
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let png = base64(shot["data"].as_str().expect("a screenshot is a text"));
        if let Some(dir) = env::var_os("LAB_SCREENSHOTS") {
            let file = Path::new(&dir).join(format!("{name}.png"));
            fs::create_dir_all(&dir)
                .and_then(|()| fs::write(&file, &png))
                .expect("LAB_SCREENSHOTS is writable");
        }
        Image::of_png(&png)
    }

    /// Fails if the console has any message.
    #[track_caller]
    pub fn no_errors(&mut self) {
        let errors = self.errors();
        assert!(errors.is_empty(), "the console has: {errors:#?}");
    }

    /// Waits until the view stops moving. The page must have an axis of time.
    pub fn rest(&mut self) {
        const VIEW: &str = "[page.axis.from, page.axis.to]";
        loop {
            let before = self.eval(VIEW);
            self.settle();
            self.settle();
            if self.eval(VIEW) == before {
                return;
            }
        }
    }

    /// Checks the page at this size, with the light and the dark theme. Its picture must be within the limits
    /// of `Looks`, and nothing may be wider than the page. `name` is used for the screenshots.
    #[track_caller]
    pub fn has_a_picture(&mut self, name: &str, (width, height): (u32, u32), looks: &Looks) {
        self.resize(width, height);
        for dark in [false, true] {
            self.dark(dark);
            let shot = self.screenshot(&format!("{name}-{width}-{}", if dark { "dark" } else { "light" }));
            assert_eq!((shot.width, shot.height), (width, height));
            let colours = shot.colours();
            assert!(colours.len() > 100, "{width}: only {} colours", colours.len());
            let most = colours.values().max().copied().unwrap_or(0);
            let room = shot.pixels.len() * looks.one_colour;
            assert!(most * 100 < room, "{width}: one colour fills nearly the whole picture");
            let brightness = shot.brightness();
            let right = if dark { brightness < looks.dark } else { brightness > looks.light };
            assert!(right, "{width}: {brightness}");
            let wide = self.number("document.documentElement.scrollWidth");
            assert!(wide <= f64::from(width), "{width}: {wide} pixels wide");
        }
    }

    /// All problems of the page so far: errors and warnings of the console, exceptions, and requests for
    /// anything except the document.
    pub fn errors(&mut self) -> &[String] {
        self.collect();
        &self.errors
    }

    /// Reads the events that have arrived. Returns whether one of these events says that the page is loaded.
    fn collect(&mut self) -> bool {
        let mut loaded = false;
        for event in self.browser.take_events() {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Page.loadEventFired" => loaded = true,
                "Runtime.exceptionThrown" => self.errors.push(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "warning" => {
                    self.errors.push(params["args"].to_string());
                }
                "Log.entryAdded" if params["entry"]["level"] != "verbose" => {
                    self.errors.push(params["entry"].to_string());
                }
                "Network.requestWillBeSent" if params["type"] != "Document" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    if !url.starts_with("data:") {
                        self.errors.push(format!("asks for {url}"));
                    }
                }
                _ => {}
            }
        }
        loaded
    }
}

fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut n) = (0u32, 0);
    for c in text.bytes().take_while(|&c| c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("{c:#x} is not a digit of base 64"),
        };
        bits = bits << 6 | u32::from(value);
        n += 6;
        if n >= 8 {
            n -= 8;
            bytes.push((bits >> n & 0xff) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base_64_of_each_length() {
        let cases = [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmE/", "fooba?")];
        for (text, bytes) in cases {
            assert_eq!(base64(text), bytes.as_bytes(), "{text}");
        }
    }
}
