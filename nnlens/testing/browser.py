"""What tests and benchmarks ask of a real browser: how to start one, and scripts that see through shadow roots.

The scripts are for Playwright's ``page.evaluate``.
"""

from __future__ import annotations

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Options with which Chromium runs without a screen and asks nothing of another host."""

NO_TOUR = "try { localStorage.setItem('nnlens.tour', 'seen') } catch {}"
"""To be run before a page loads, as by ``add_init_script``: the visit is not the first, so no tour comes."""

READY = (
    "window.Bokeh && Bokeh.documents.length && Bokeh.documents[0].is_idle"
    " && document.getElementById('loader')?.style.display !== 'flex'"
)
"""True once a page stands and the template's spinner no longer lies over it and takes every click."""

ALL = """css => {
  const walk = root => [...root.querySelectorAll(css), ...[...root.querySelectorAll('*')].flatMap(node =>
    node.shadowRoot ? walk(node.shadowRoot) : [])]
  return walk(document)
}"""
"""Function: all nodes that a selector matches."""

_WORDS = """() => {
  const found = []
  const shown = SHOWN
  const walk = root => { for (const node of root.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) found.push(node.textContent)
    else if (node.nodeType === Node.ELEMENT_NODE && !['STYLE', 'SCRIPT'].includes(node.tagName) && shown(node)) {
      walk(node)
      if (node.shadowRoot) walk(node.shadowRoot)
    }
  } }
  walk(document.body)
  return found.join(' ').replace(/\\s+/g, ' ')
}"""

WORDS = _WORDS.replace("SHOWN", "() => true")
"""Function: the text of a page, hidden or not."""

SHOWN_WORDS = _WORDS.replace(
    "SHOWN",
    "node => getComputedStyle(node).display === 'contents' || node.checkVisibility({visibilityProperty: true})",
)
"""Function: the text of a page that is not hidden."""

HEADS = f"() => ({ALL})('.ph').map(node => node.textContent)"
"""Function: what stands above each of the two maps of the explorer."""
