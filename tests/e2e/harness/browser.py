"""A Chromium without a window, by Debian's chromium, chromium-driver and python3-selenium."""

import os
import shutil

from harness.limits import limit, wait_until

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None


def missing():
    """What is not installed, or None."""
    absent = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if webdriver is None:
        absent.append("python3-selenium")
    return ", ".join(absent) + " not installed (scripts/install-deps.sh)" if absent else None


class Browser:
    """One window. `open` begins afresh: light, wide, with scripts, in UTC, and with an empty console."""

    def __init__(self, base_url):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("headless=new", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars", "no-first-run",
                         "disable-background-networking", "disable-component-update", "no-proxy-server"):
            options.add_argument(f"--{argument}")
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # which refuses to run as root
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(limit(20))
        self.driver.set_script_timeout(limit(20))
        self.base_url = base_url

    def quit(self):
        self.driver.quit()

    # -- what it pretends to be -------------------------------------------------------------------

    def command(self, name, **parameters):
        return self.driver.execute_cdp_cmd(name, parameters)

    def prefer(self, scheme):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def resize(self, width, height=900):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=False)

    def open(self, target, scripts=True, scheme="light", width=1100, zone="UTC"):
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command("Emulation.setTimezoneOverride", timezoneId=zone)
        self.prefer(scheme)
        self.resize(width)
        self.console()
        self.driver.get(self.base_url + target)

    # -- looking ----------------------------------------------------------------------------------

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def texts(self, selector):
        """The texts of all elements that match, in order, hidden ones too."""
        return self.script("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)", selector)

    def text(self, selector):
        [text] = self.texts(selector)
        return text

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def console(self):
        """What the console got since it was last asked: errors, and violations of the policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def wait(self, condition, what, seconds=20):
        """For what the page does by itself."""
        return wait_until(condition, what, seconds)

    def screenshot(self, path):
        self.driver.save_screenshot(os.fspath(path))

    # -- keys -------------------------------------------------------------------------------------

    def press(self, *keys):
        """Keys for whatever has the focus: characters, or names such as "TAB"."""
        self.driver.switch_to.active_element.send_keys(*[getattr(Keys, key, key) for key in keys])

    def focused(self):
        """The text of what has the focus."""
        return self.script("return document.activeElement.textContent")
