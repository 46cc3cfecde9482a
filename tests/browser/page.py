"""Clicks through the page of `memtrace report --html` in headless Chromium.

usage: page.py PAGE REPORT.json [PICTURES]

PAGE is held against what `memtrace analyze --json` says of the same trace. With PICTURES, a folder, pictures of the page
go there. Status 0: all is as it should be; 77: there is no Chromium, or nothing to drive it with.
"""

import json
import pathlib
import re
import sys

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
except ImportError:
    print("selenium is not installed (Debian: python3-selenium)")
    sys.exit(77)


def browser():
    options = webdriver.ChromeOptions()
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    try:
        return webdriver.Chrome(options=options)
    except WebDriverException as error:
        print(f"Chromium cannot be driven: {error.msg}")
        sys.exit(77)


def size(text):
    """Bytes of `12.34 MiB`."""
    number, unit = re.fullmatch(r"([\d.]+) (B|KiB|MiB|GiB|TiB)", text).groups()
    return float(number) * 1024 ** ["B", "KiB", "MiB", "GiB", "TiB"].index(unit)


class Page:
    def __init__(self, driver, report):
        self.driver, self.report = driver, report

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, element):
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def range(self):
        chart = self.one("#chart")
        return int(chart.get_attribute("data-from")), int(chart.get_attribute("data-to"))

    def nothing_was_loaded(self):
        loaded = self.driver.execute_script("return performance.getEntriesByType('resource').length")
        assert loaded == 0, f"{loaded} resources were loaded"
        said = self.driver.get_log("browser")
        assert not said, f"the browser complains: {said}"

    def findings(self):
        wrong = [one for one in self.report["findings"] if one["verdict"] in ("fail", "warn")]
        shown = self.all("#findings > details[open]")
        assert len(shown) == len(wrong), (len(shown), len(wrong))
        for one, element in zip(wrong, shown):
            assert one["id"] in element.text and one["verdict"].upper() in element.text, element.text
        places = self.all("#findings button[data-time]")
        if places:
            self.click(places[0])
            time = int(places[0].get_attribute("data-time"))
            first, last = self.range()
            assert first <= time <= last < self.report["trace"]["duration_ns"] * 1.01 and last - first < self.end(), (first, time, last)
            assert self.one("#readout").text, "the place is told"

    def end(self):
        return max(1, self.report["trace"]["duration_ns"])

    def timeline(self):
        self.click(self.one("#whole"))
        assert self.range() == (0, self.end()), (self.range(), self.end())
        heaps = self.all("#heaps button")
        assert [one.text for one in heaps] == [heap["name"] for heap in self.report["heaps"]]
        for button, heap in zip(heaps, self.report["heaps"]):
            self.click(button)
            assert button.get_attribute("aria-pressed") == "true"
            self.click(self.one("#to-peak"))
            told = self.one("#readout").text
            most = re.search(r"allocated (?:[\d.]+ \w+ to )?([\d.]+ \w+)", told).group(1)
            peak = heap["peak"]["allocated_bytes"]
            # Two digits behind the point are shown.
            assert abs(size(most) - peak) <= peak * 0.005, (told, peak)
        # A drag looks closer, a double click back at everything.
        self.click(self.one("#whole"))
        over = self.one("#chart .u-over")
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", over)
        quarter = over.size["width"] // 4
        ActionChains(self.driver).move_to_element_with_offset(over, -quarter, 0).click_and_hold().move_by_offset(
            2 * quarter, 0).release().perform()
        first, last = self.range()
        assert abs(first - self.end() / 4) < self.end() / 20 and abs(last - self.end() * 3 / 4) < self.end() / 20, (first, last)
        ActionChains(self.driver).double_click(over).perform()
        assert self.range() == (0, self.end()), self.range()
        self.click(self.one("#closer"))
        closer = self.range()
        assert closer[1] - closer[0] < 0.6 * self.end(), closer
        self.click(self.one("#later"))
        assert self.range()[0] > closer[0] or closer[1] == self.end()
        self.click(self.one("#whole"))
        ActionChains(self.driver).move_to_element(over).perform()
        assert "allocated" in self.one("#readout").text

    def residency(self):
        bars = self.all("#stays")
        if not bars:
            return
        charts = json.loads(self.one("#charts").get_attribute("textContent"))
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'start'})", bars[0])
        for row, module in list(enumerate(charts["modules"]))[:5]:
            tier, first, last = max(module["stays"], key=lambda stay: stay[2] - stay[1])
            left = 130
            width, height = bars[0].size["width"], bars[0].size["height"]
            x = left + (first + last) / 2 / self.end() * (width - left)
            # From the middle of the element.
            ActionChains(self.driver).move_to_element_with_offset(
                bars[0], int(x - width / 2), int(row * 18 + 9 - height / 2)).perform()
            told = self.one("#stay").text
            assert told.startswith(module["name"]) and charts["tiers"][tier] in told, (told, module["name"])
            recorded = [stay for one in self.report["modules"] for stay in one["residency"]]
            assert {"tier": charts["tiers"][tier], "from_ns": first, "to_ns": last} in recorded

    def tables(self):
        for table in self.all("#swaps table"):
            heads = table.find_elements(By.CSS_SELECTOR, "th")
            column = next(index for index, head in enumerate(heads) if head.text == "moved")
            for direction in ("descending", "ascending"):
                self.click(heads[column])
                assert heads[column].get_attribute("aria-sort") == direction
                cells = table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({column + 1})")
                values = [int(cell.get_attribute("data-value")) for cell in cells]
                assert values == sorted(values, reverse=direction == "descending") and values, values
        shown = len(self.all("#swaps table:first-of-type tbody tr")) > 0
        assert shown == (self.report["swaps"]["count"] > 0)

    def peak(self):
        for element, heap in zip(self.all("#peak > details"), self.report["heaps"]):
            if element.get_attribute("open") is None:
                self.click(element.find_element(By.CSS_SELECTOR, "summary"))
            for tree, shares in zip(element.find_elements(By.CSS_SELECTOR, ":scope > .tree"), ("by_module", "by_scope")):
                shown = tree.find_elements(By.CSS_SELECTOR, ":scope > li > div > .bytes, :scope > li > details > summary > .bytes")
                total = sum(size(re.match(r"[\d.]+ \w+", one.text).group(0)) for one in shown)
                expected = sum(share["bytes"] for share in heap["peak"][shares])
                assert abs(total - expected) <= max(expected, 1) * 0.01, (heap["name"], shares, total, expected)

    def sizes(self, pictures):
        for name, width, height in (("phone", 390, 844), ("desk", 1200, 900)):
            for scheme in ("light", "dark"):
                self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
                    "width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"})
                self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                    "features": [{"name": "prefers-color-scheme", "value": scheme}]})
                self.driver.execute_script("scrollTo(0, 0)")
                wide = self.driver.execute_script("return document.documentElement.scrollWidth")
                assert wide <= width, f"at {width} the page is {wide} wide"
                paper = self.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
                dark = sum(map(int, re.findall(r"\d+", paper)[:3])) < 384
                assert dark == (scheme == "dark"), (scheme, paper)
                if pictures:
                    self.driver.save_screenshot(str(pictures / f"page-{name}-{scheme}.png"))

    def nothing_in_a_name_ran(self):
        assert self.driver.execute_script("return window.owned") is None
        for tag in ("img", "iframe", "b"):
            assert not self.all(tag), f"a name became <{tag}>"
        assert len(self.all("script")) == 3


def main():
    page, report, *rest = sys.argv[1:]
    driver = browser()
    try:
        driver.get(pathlib.Path(page).resolve().as_uri())
        walk = Page(driver, json.loads(pathlib.Path(report).read_text()))
        walk.nothing_was_loaded()
        walk.nothing_in_a_name_ran()
        walk.findings()
        walk.timeline()
        walk.residency()
        walk.tables()
        walk.peak()
        walk.sizes(pathlib.Path(rest[0]) if rest else None)
        walk.nothing_was_loaded()
        walk.nothing_in_a_name_ran()
    finally:
        driver.quit()


main()
