#!/usr/bin/env python3
"""Looks at the live page of the example `inspect` in headless Chromium, by chromedriver and nothing else.

    live_page.py URL [FOLDER]

The program behind the URL was started with `--deadlock`. With a folder, pictures of the page are left there, in light and
dark, wide and narrow. Ends with the code 0 if the page shows what it has to.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

PATIENCE = 60  # seconds until something that has to come is given up
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's name of a reference to an element
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()


class Browser:
    """A session of chromedriver, in a profile of its own."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="live-page-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                self.base = f"http://127.0.0.1:{line.strip().rstrip('.').rsplit(' ', 1)[1]}"
                break
        options = {
            "args": [*FLAGS, f"--user-data-dir={self.profile}"],
            "binary": shutil.which("chromium") or shutil.which("google-chrome"),
        }
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        session = self.call("POST", "/session", {"capabilities": wanted})
        self.base += f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click")

    def choose(self, selector, value):
        self.run(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1]; e.dispatchEvent(new Event('change'));",
            selector,
            value,
        )

    def press(self, key):
        """A key, for whatever has the focus."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def cdp(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def until(self, what, script, *arguments):
        """The first value of the script that is one."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = self.run(script, *arguments)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"{what}: did not come within {PATIENCE} s\n{self.run('return document.body.innerText')}")

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)


ROWS = "return [...document.querySelectorAll('#rows tbody tr')].map(row => row.innerText)"


def check(browser, url):
    browser.call("POST", "/url", {"url": url})

    # The table fills: first with spawn sites, one of which has the thousand tasks that wait for orders.
    browser.until("the sites", "return [...document.querySelectorAll('#rows b')].some(b => b.textContent === '1,000 tasks')")

    # A deadlock is the first thing to see, and its cycle is in the graph.
    browser.until("the verdict", "return document.querySelector('#stuck .verdict').textContent.includes('Deadlock: 2 tasks')")
    stuck = browser.run("return document.querySelector('#stuck').innerText")
    assert "left hand" in stuck and "right hand" in stuck, stuck
    nodes = browser.run("return [...document.querySelectorAll('#graph .node.cycle')].map(n => n.getAttribute('aria-label'))")
    assert len(nodes) == 2, nodes
    assert nodes[0].startswith("left hand: lock of a mutex at 0x") and nodes[0].endswith("in a cycle"), nodes
    assert browser.run("return document.querySelectorAll('#graph .edge.cycle').length") == 2
    assert browser.run("return document.title").startswith("✕ "), "the title tells as well"

    # The filter leaves what it names, and the address keeps it.
    browser.choose("#group", "")
    browser.type("#filter", "clerk lock")
    rows = browser.until("the filtered rows", f"const rows = (() => {{ {ROWS} }})(); return rows.length === 5 ? rows : null")
    assert all("clerk" in row for row in rows), rows
    assert "filter=clerk" in browser.run("return location.hash")
    browser.run("document.querySelector('#filter').value = ''; document.querySelector('#filter').dispatchEvent(new Event('input'))")
    browser.until("all rows", f"const rows = (() => {{ {ROWS} }})(); return rows.length > 200")

    # Sorting by a heading says so to screen readers.
    browser.click("#rows th[data-sort=name] button")
    browser.until("the order", "return document.querySelector('#rows th[data-sort=name]').ariaSort === 'ascending'")
    browser.until("sorted rows", f"const rows = (() => {{ {ROWS} }})(); return rows[0].startsWith('clerk 0')")

    # By keyboard: to the filter, to a node of the graph, into its details and out of them.
    browser.press("/")
    assert browser.run("return document.activeElement.id") == "filter"
    browser.run("document.querySelector('#graph .node.cycle').focus()")
    browser.press("\ue007")
    title = browser.until("the details", "return document.querySelector('#details[open] h2')?.textContent.includes('left hand')")
    assert title
    calls = browser.until("a backtrace", "return document.querySelector('#backtrace')?.innerText")
    assert "take_both" in calls and "src/bin/inspect.rs:" in calls, calls
    browser.press("\ue00c")
    browser.until("the end of the details", "return !document.querySelector('#details').open")

    # It goes on by itself, until it is told to pause.
    first = browser.run("return document.querySelector('#freshness').textContent")
    browser.until("another dump", "return document.querySelector('#freshness').textContent !== arguments[0]", first)
    browser.until("the charts", "return document.querySelectorAll('.chart .curve[d^=M]').length >= 5")
    browser.click("#pause")
    assert browser.run("return document.querySelector('#pause').ariaPressed") == "true"
    browser.click("#pause")

    # Nothing is cut off, and nothing went wrong: no error of a script, nothing that the policy forbids.
    for width in (1400, 390):
        browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        wide = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], f"the page is wider than {width}: {wide}"
    log = browser.call("POST", "/se/log", {"type": "browser"})
    assert not log, log


def pictures(browser, folder):
    os.makedirs(folder, exist_ok=True)
    for scheme in ("light", "dark"):
        browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for width in (1400, 390):
            browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=width < 500)
            time.sleep(2)
            picture = browser.cdp("Page.captureScreenshot", captureBeyondViewport=True)
            with open(f"{folder}/{scheme}-{width}.png", "wb") as file:
                file.write(base64.b64decode(picture["data"]))


def main():
    browser = Browser()
    try:
        check(browser, sys.argv[1])
        if len(sys.argv) > 2:
            pictures(browser, sys.argv[2])
    finally:
        browser.close()
    print("the page shows what it has to")


main()
