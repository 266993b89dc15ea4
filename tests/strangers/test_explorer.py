"""A stranger's analysis in the explorer: its controls, its view; broken ones are rows in a list."""

import re
import signal
import subprocess

import pytest

from nnlens.testing import tiny_store
from nnlens.testing.browser import NO_TOUR

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATIENCE = 60_000


@pytest.fixture(scope="module")
def page(stranger, chromium, tmp_path_factory):
    """The explorer of the stranger's environment in a browser, on a run of its own."""
    run = tmp_path_factory.mktemp("explored") / "run"
    tiny_store(run)
    command = [stranger.python, "-m", "nnlens", "explore", run, "--no-browser"]
    served = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=stranger.folder,
        start_new_session=True,
    )
    try:
        address = served.stdout.readline().strip()
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.add_init_script(NO_TOUR)
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        yield page
        page.close()
        served.send_signal(signal.SIGINT)
        served.communicate(timeout=60)
    finally:
        served.kill()
        served.communicate()


def test_its_page_has_a_tab_and_a_state_of_its_own(page):
    page.get_by_role("tab", name="Far from class").click()
    page.get_by_text("0 of 8 are selected").wait_for()
    page.get_by_role("combobox", name="Center of a class").click()
    page.get_by_role("menuitem", name="median").click()
    page.wait_for_url(re.compile("page.nnlens-template%3Afar_from_class=.*median"))
    page.get_by_text(re.compile("Sample [0-9]+")).first.click()
    page.wait_for_url(re.compile("focus=[0-9]+"))
    other = page.context.browser.new_page(viewport={"width": 1440, "height": 900})
    other.set_default_timeout(PATIENCE)
    other.add_init_script(NO_TOUR)
    other.goto(page.url)
    other.get_by_role("tab", name="Far from class").click()
    other.get_by_role("combobox", name="Center of a class").get_by_text("median").wait_for()
    other.get_by_role("button", name="Select these").click()
    other.get_by_text("8 of 8 are selected").wait_for()
    assert page.get_by_text("0 of 8 are selected").count() == 1
    other.close()


def test_its_controls_come_from_its_parameters_and_its_view_shows_the_result(page):
    page.get_by_role("tab", name="Analyses").click()
    page.get_by_role("combobox", name="Analysis").select_option("Distance to class center")
    page.get_by_text("Measure how far each sample lies").wait_for()
    page.get_by_role("button", name="median").click()
    page.get_by_text("Normalize").first.wait_for()
    page.get_by_role("button", name="Compute", exact=True).last.click()
    page.get_by_text(re.compile("median · 60 samples · 0 left out")).wait_for()


def test_broken_ones_are_listed_with_their_error_and_the_page_lives(page):
    page.get_by_role("tab", name="Plugins").click()
    page.get_by_text("4 cannot be used").wait_for()
    for words in ("the stranger's import failed", "sys.exit", "plugin api 99"):
        page.get_by_text(re.compile(re.escape(words))).first.wait_for()
    page.get_by_text("nnlens-template").first.wait_for()
