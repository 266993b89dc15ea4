"""What tests and benchmarks ask of a real browser: how to start one, and scripts that see through shadow roots.

The scripts are for Playwright's ``page.evaluate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from nnlens.testing.waiting import wait_until

T = TypeVar("T")
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

LOOK = 0.1
"""Seconds between two looks at a page: each walks through all its roots, on the thread that draws it."""

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

IN_DIALOG = """(() => {
  for (let node = document.activeElement; node; node = node.shadowRoot?.activeElement)
    if (node.closest('.MuiDialog-root')) return true
  return false
})()"""
"""True once an open dialog has the focus, which it takes a moment after it is drawn: keys before that are lost."""

HEADS = f"() => ({ALL})('.ph').map(node => node.textContent)"
"""Function: what stands above each of the two maps of the explorer."""


FIGURES = """() => {
  const views = []
  const visit = view => {
    if (!view || views.includes(view)) return
    views.push(view)
    for (const child of view.child_views ?? []) visit(child)
    try { for (const child of view.children()) visit(child) } catch {}
  }
  for (const root of Bokeh.index.roots) visit(root)
  return views.filter(v => v.model?.type === 'Figure')
}"""
"""Function: the views of all figures of Bokeh that a page holds, shown or not."""

PLACE = f"""([kinds, x, y]) => {{
  const holds = (view, kind) => view.model.renderers.some(r => r.glyph.type === kind)
  const view = ({FIGURES})().find(v => v.el.checkVisibility() && kinds.every(kind => holds(v, kind)))
  const range = view?.model.x_range, frame = view?.frame
  if (!view || Math.abs(frame.x_scale.compute(range.start) - frame.bbox.left) > 1
    || Math.abs(frame.x_scale.compute(range.end) - frame.bbox.right) > 1) return null
  const box = view.canvas_view.el.getBoundingClientRect()
  return [box.left + frame.x_scale.compute(x), box.top + frame.y_scale.compute(y)]
}}"""
"""Function: where on the page a place lies of the first shown figure with glyphs of these kinds, once it is drawn."""


def calm(page: Any) -> Any:
    """Have a page's own ``wait_for_function`` wait calmly; gives the page back.

    It looks every `LOOK` seconds, not at every frame. A script that throws is not true yet: Playwright would give up,
    but what it reads may just be drawn anew. What it threw last is told when the time is over.
    """
    wait = page.wait_for_function

    def waiting(expression: str, **options: Any) -> Any:
        try:
            return wait(_PATIENT % expression, **{"polling": 1e3 * LOOK, "timeout": 6e4} | options)
        except Exception as error:
            error.add_note(f"waited for: {expression}")
            if not page.is_closed():
                error.add_note(f"it threw: {page.evaluate('window.threw')}")
            raise

    page.wait_for_function = waiting
    return page


_PATIENT = """given => {
  try {
    const made = (%s)
    window.threw = null
    return typeof made === 'function' ? made(given) : made
  } catch (error) { window.threw = String(error) }
}"""
"""Function: what a script gives, or nothing where it throws."""


def at_rest(look: Callable[[], T]) -> T:
    """Give what a look at a page tells once three in a row tell the same: what moves does so in steps."""
    seen: list[T] = []

    def same() -> bool:
        seen.append(look())
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]

    wait_until(same, what="a page at rest", interval=LOOK, seen=lambda: seen[-2:])
    return seen[-1]


def stands(page: Any) -> Any:
    """Wait until an explorer hears keys, which is when it writes its address; gives the page back."""
    page.wait_for_function("location.search.includes('map_a')")
    return page


_AIM = """([css, which, of]) => {
  const node = window[of](css)[which]
  if (!node) return `only ${window[of](css).length} of ${css}`
  node.scrollIntoView({block: 'nearest', inline: 'nearest'})
  const box = node.getBoundingClientRect(), place = [box.x + box.width / 2, box.y + box.height / 2]
  let hit = document.elementFromPoint(...place), inner
  while ((inner = hit?.shadowRoot?.elementFromPoint(...place)) && inner !== hit) hit = inner
  for (let up = hit; up; up = up.parentNode ?? up.host) if (up === node) return place
  return `over ${css} lies ${hit?.outerHTML.slice(0, 200)}`
}"""
"""Function: bring a node into sight and give its middle; or in words why a click there would not reach it."""


class Driver:
    """A page of Playwright with short names for what a user does; everything else is the page's own.

    Parameters
    ----------
    page : Page
    words : str
        Script that reads the text: `WORDS`, or `SHOWN_WORDS` for what is not hidden.

    Notes
    -----
    In the page stand ``all(css)``, ``seen(css)`` (those that are drawn) and ``words()``.
    """

    def __init__(self, page: Any, words: str = WORDS) -> None:
        self.page = calm(page)
        self._tools = f"""() => {{
          window.all = {ALL}
          window.words = {words}
          window.seen = css => all(css).filter(n => n.getBoundingClientRect().width && n.checkVisibility())
        }}"""
        self.prepare()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def prepare(self) -> None:
        """Put the scripts into the page; again after it was loaded again."""
        self.page.evaluate(self._tools)

    def words(self) -> str:
        """Return the text of the page."""
        return str(self.page.evaluate("words()"))

    def wait_for(self, *texts: str) -> None:
        """Wait until all of these stand on the page."""

        def stand() -> bool:
            words = self.words()
            return all(text in words for text in texts)

        wait_until(stand, what=f"{texts} on the page", interval=LOOK, seen=self.words)

    def wait_gone(self, text: str) -> None:
        """Wait until this does not stand on the page."""
        wait_until(
            lambda: text not in self.words(), what=f"no {text} on the page", interval=LOOK, seen=self.words
        )

    def count(self, css: str) -> int:
        """Return how many nodes a selector matches."""
        return int(self.page.evaluate("css => all(css).length", css))

    def click(self, css: str, which: int = 0, *, of: str = "all", **options: Any) -> None:
        """Scroll to a node and click in its middle with the mouse; `of` is "seen" for those that are drawn."""

        def aim() -> Any:
            return self.page.evaluate(_AIM, [css, which, of])

        def place() -> Any:
            return found if isinstance(found := aim(), list) else None

        reached = wait_until(place, what=f"a way to {css}", interval=LOOK, seen=aim)
        self.page.mouse.click(*reached, **options)

    def place(self, kinds: Sequence[str], x: float, y: float) -> tuple[float, float]:
        """Return where a place of a figure lies on the page: of the first that is shown with glyphs of these kinds."""
        told = wait_until(
            lambda: self.page.evaluate(PLACE, [[*kinds], float(x), float(y)]), what=f"a figure with {kinds}"
        )
        return told[0], told[1]

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    @contextmanager
    def keyboard_held(self, key: str) -> Iterator[None]:
        """Hold a key down meanwhile."""
        self.page.keyboard.down(key)
        try:
            yield
        finally:
            self.page.keyboard.up(key)
