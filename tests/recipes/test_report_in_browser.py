"""The page of a report in a browser: Debian's packages chromium and chromium-driver, driven by selenium."""

import json
import os
import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image

from skimgfeat.cli import main
from skimgfeat.jobs import load_features
from skimgfeat.recipes import write_report
from skimgfeat.recipes._report_page import render

pytest.importorskip("pyarrow")
pytest.importorskip("selenium")
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not on the PATH")

N_IMAGES, N_ON_A_PAGE = 1000, 60
EVIL = "<img src=x onerror=alert(1)>.jpg"
LABELS = ['"stripes"', "it's </script><script>alert(2)</script>", "<b>bold</b>", "&amp;"]
BROKEN = ["zz_empty.jpg", 'zz_"quoted"<i>.jpg']


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of 1,000 textures as JPEG, of four directions, and two files that are none; and their labels."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    row, col = np.mgrid[:96, :128]
    for number in range(N_IMAGES):
        angle = np.pi * (number % len(LABELS)) / len(LABELS) + rng.normal(0, 0.1)
        wave = np.sin((np.cos(angle) * col + np.sin(angle) * row) / rng.uniform(2, 3) + rng.uniform(0, 6))
        pixels = 127 + 90 * wave[..., None] * rng.uniform(0.3, 1, 3) + rng.normal(0, 15, (96, 128, 1))
        name = EVIL if number == 7 else f"{number:04d}_texture.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=85)
    for name in BROKEN:
        (folder / name).write_bytes(b"")
    labels = folder.parent / f"{folder.name}.npy"
    names = sorted(os.listdir(folder), key=os.fsencode)
    np.save(labels, [LABELS[3 if not name[0].isdigit() else int(name[:4]) % len(LABELS)] for name in names])
    return folder, labels


@pytest.fixture(scope="module")
def page(photos, tmp_path_factory):
    """What the commands write: the job folder and the page of it."""
    folder, labels = photos
    run = tmp_path_factory.mktemp("run") / "features"
    options = ["--features", "resize((32, 32)) | hog", "--mode", "gray", "--labels", str(labels), "--quiet"]
    assert main(["extract", str(folder), str(run), *options]) == 3
    assert main(["report", str(run), "--max-images", "2000", "--quiet"]) == 0
    return run, run / "report.html"


@pytest.fixture(scope="module")
def driver():
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    # Without motion, what is clicked stays where it is.
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "force-prefers-reduced-motion"):
        options.add_argument(f"--{argument}")
    options.add_argument("--window-size=1360,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver, page):
    """The browser at the page, at nothing that it wanted to say, and asked for nothing but the page afterwards."""
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    driver.get("about:blank")
    driver.get(page[1].as_uri())
    yield driver
    with pytest.raises(NoAlertPresentException):
        driver.switch_to.alert  # noqa: B018
    assert driver.get_log("browser") == []  # errors, and what the policy has kept from running or being fetched
    asked = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in asked if event["method"] == "Network.requestWillBeSent"]
    assert {url for url in urls if not url.startswith(("data:", "about:"))} == {page[1].as_uri()}


def find(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def wait(browser, condition):
    return WebDriverWait(browser, 10).until(lambda _: condition())


def texts(browser, selector):
    return [element.get_attribute("textContent") for element in find(browser, selector)]


def write(browser, words):
    box = browser.find_element(By.ID, "find")
    box.clear()
    box.send_keys(words)


def chosen_name(browser):
    return browser.find_element(By.CSS_SELECTOR, "#detail h3").get_attribute("textContent")


@pytest.fixture(scope="module")
def neighbors(page):
    """By name: the names of the nearest images, and their distances; from all distances."""
    X, items = load_features(page[0], return_items=True)
    good = items["status"] == "ok"
    X, names = X[good].astype(np.float64), items["image_path"][good]
    squares = (X**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * X @ X.T, 0))
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1)
    return {name: (names[order[at, :12]].tolist(), distances[at, order[at, :12]]) for at, name in enumerate(names)}


def test_a_thousand_images_are_there_soon(browser, page, record_property):
    start = time.perf_counter()
    browser.get(page[1].as_uri())
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("data-ready") == "yes"
    record_property("seconds", time.perf_counter() - start)
    record_property("bytes", page[1].stat().st_size)
    assert len(find(browser, ".tile")) == N_ON_A_PAGE
    assert "1,000 images; 1 to 60" in browser.find_element(By.ID, "count").text
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.tile img')].map((each) => each.naturalWidth)"
    )
    assert widths == [128] * N_ON_A_PAGE
    assert len(find(browser, "circle")) == N_IMAGES
    assert page[1].stat().st_size < 8e6


def test_names_and_labels_are_texts(browser):
    write(browser, "onerror")
    wait(browser, lambda: len(find(browser, ".tile")) == 1)
    find(browser, ".tile")[0].click()
    wait(browser, lambda: chosen_name(browser) == EVIL)
    assert find(browser, ".tile")[0].get_attribute("aria-label") == f"{EVIL}, label &amp;"
    assert texts(browser, "#label option") == ["all", *sorted(LABELS)]
    assert texts(browser, "#legend li") == sorted(LABELS)
    # No element but those of the page itself.
    assert find(browser, "img[src='x'], b, i, #label option *") == []
    assert len(find(browser, "script")) == 2


def test_a_click_shows_the_neighbors(browser, neighbors):
    tile = find(browser, ".tile")[33]
    name = tile.get_attribute("aria-label").partition(",")[0]
    tile.click()
    wait(browser, lambda: chosen_name(browser) == name)
    expected, distances = neighbors[name]
    nearest = find(browser, "#detail [aria-label=Nearest] .card")
    assert [card.get_attribute("title") for card in nearest] == expected
    shown = [float(card.find_element(By.CLASS_NAME, "distance").text) for card in nearest]
    np.testing.assert_allclose(shown, distances, rtol=1e-3)
    assert len(find(browser, "#detail [aria-label=Farthest] .card")) == 6
    assert len(find(browser, ".point.near")) == 12
    # A point of the map tells what it is.
    point = browser.find_element(By.CSS_SELECTOR, ".point.chosen")
    ActionChains(browser).move_to_element(point).perform()
    assert wait(browser, lambda: texts(browser, "#tip:not([hidden]) .caption"))[0] == name
    # On to one of them, and back by the browser's own button.
    nearest[0].click()
    wait(browser, lambda: chosen_name(browser) == expected[0])
    assert browser.switch_to.active_element.text == expected[0]
    browser.back()
    wait(browser, lambda: chosen_name(browser) == name)


def test_keys(browser):
    find(browser, ".tile")[0].click()
    first = find(browser, ".tile")
    across = len({tile.location["x"] for tile in first})
    for keys, place in (
        (Keys.ARROW_RIGHT, 1),
        (Keys.ARROW_DOWN, 1 + across),
        (Keys.ARROW_LEFT, across),
        (Keys.END, 59),
    ):
        browser.switch_to.active_element.send_keys(keys)
        assert browser.switch_to.active_element == first[place]
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert "61 to 120 on this page" in browser.find_element(By.ID, "count").text
    focused = browser.switch_to.active_element
    assert focused == find(browser, ".tile")[0]
    assert len(find(browser, ".tile[tabindex='0']")) == 1
    name = focused.get_attribute("aria-label").partition(",")[0]
    assert chosen_name(browser) != name
    focused.send_keys(Keys.ENTER)
    wait(browser, lambda: chosen_name(browser) == name)
    assert browser.switch_to.active_element.get_attribute("aria-selected") == "true"
    assert browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for keys, text in ((Keys.PAGE_DOWN, "121 to 180"), (Keys.PAGE_UP, "61 to 120"), (Keys.HOME, "61 to 120")):
        browser.switch_to.active_element.send_keys(keys)
        assert text in browser.find_element(By.ID, "count").text


def test_filters_orders_and_pages(browser):
    write(browser, "_TEXTURE")
    wait(browser, lambda: "999 of 1,000 images" in browser.find_element(By.ID, "count").text)
    browser.find_element(By.CSS_SELECTOR, "[aria-label='Last page']").click()
    assert len(find(browser, ".tile")) == 999 - 16 * N_ON_A_PAGE
    assert not browser.find_element(By.CSS_SELECTOR, "[aria-label='Next page']").is_enabled()
    Select(browser.find_element(By.ID, "label")).select_by_visible_text(LABELS[0])
    wait(browser, lambda: "250 of 1,000 images; 1 to 60" in browser.find_element(By.ID, "count").text)
    assert {
        text.partition(", label ")[2] for text in (t.get_attribute("aria-label") for t in find(browser, ".tile"))
    } == {LABELS[0]}
    Select(browser.find_element(By.ID, "order")).select_by_value("near")
    firsts = []
    for place in (0, 1, 59):
        find(browser, ".tile")[place].click()
        time.sleep(0.1)
        firsts.append(float(find(browser, "#detail .distance")[0].text))
    assert firsts == sorted(firsts)
    write(browser, "no such name")
    wait(browser, lambda: "No image of 1,000 matches." in browser.find_element(By.ID, "count").text)


def test_failed_images_are_listed(browser):
    assert "2 images have no features" in browser.find_element(By.ID, "errors-text").text
    assert texts(browser, "#codes td") == ["empty", "2"]
    rows = [texts(row, "td") for row in find(browser, "#failures tbody tr")]
    assert [row[1:] for row in rows] == [[name, "empty", "the file is empty"] for name in sorted(BROKEN)]
    assert {row[0] for row in rows} == {"1,000", "1,001"}


def test_tables_sort_and_filter(browser):
    columns = browser.find_element(By.ID, "columns")
    columns.find_element(By.XPATH, ".//th[2]/button").click()
    means = [float(text) for text in texts(columns, "tbody td:nth-child(2)")]
    assert means == sorted(means, reverse=True)
    columns.find_element(By.CSS_SELECTOR, "input").send_keys("r0_c0_b00_o1")
    wait(browser, lambda: texts(columns, "tbody td:first-child") == ["hog_r0_c0_b00_o1"])


def test_labels_that_are_numbers_sort_as_numbers(driver, tmp_path):
    write_report(np.eye(6), tmp_path / "report.html", y=[10, 10, 10, 2, 2, 9], max_images=2)
    driver.get((tmp_path / "report.html").as_uri())
    head = driver.find_element(By.CSS_SELECTOR, "#classes th button")
    for expected in (["2", "9", "10"], ["10", "9", "2"]):
        head.click()
        assert texts(driver, "#classes tbody td:first-child") == expected


def test_features_of_no_run_have_no_file_of_errors(driver, tmp_path):
    write_report(np.full((5001, 1), np.nan), tmp_path / "report.html")
    driver.get((tmp_path / "report.html").as_uri())
    text = driver.find_element(By.ID, "errors-text").text
    assert text == "5,001 images have no features; the first 5,000 are listed."


def test_more_images_than_a_call_takes_arguments(driver, tmp_path):
    n = 130_000
    write_report(np.eye(3), tmp_path / "small.html", y=["a", "b", "c"])
    data = json.loads(re.search('<script[^>]*id="data"[^>]*>(.*?)</script>', (tmp_path / "small.html").read_text())[1])
    data["images"] = {name: (values or [0, 0, 0])[:1] * n for name, values in data["images"].items()}
    data["images"]["places"] = list(range(n))
    data["map"] |= {"x": list(range(n)), "y": list(range(n))}
    for name in ("nearest", "farthest"):
        data[name] = {"indices": [[]] * n, "distances": [[]] * n}
    (tmp_path / "large.html").write_bytes(render("Many", data))
    driver.get((tmp_path / "large.html").as_uri())
    WebDriverWait(driver, 180).until(
        lambda _: driver.find_element(By.TAG_NAME, "html").get_attribute("data-ready") == "yes"
    )
    assert driver.execute_script("return document.querySelectorAll('#map circle').length") == n
    assert driver.find_elements(By.CSS_SELECTOR, "circle")[0].get_attribute("cx") == "14.0"
    driver.get("about:blank")


@pytest.mark.parametrize(("width", "is_dark"), [(1360, False), (390, False), (1360, True)])
def test_it_fits_any_screen(browser, tmp_path, width, is_dark):
    scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        browser.refresh()
        browser.execute_script("arguments[0].click()", find(browser, ".tile")[11])
        root = "document.documentElement"
        assert browser.execute_script(f"return {root}.scrollWidth <= {root}.clientWidth")
        background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background.removeprefix("rgb(").removesuffix(")").split(","))) < 200) == is_dark
        path = tmp_path / f"report_{width}_{scheme['value']}.png"
        assert browser.save_screenshot(str(path))
        assert len(np.unique(np.asarray(Image.open(path).convert("L")))) > 100
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
