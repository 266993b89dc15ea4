// What follows is for a page that is ours alone: the keys stand on no other, a notebook for one.
// For every stroke Bokeh asks the styles for variables named --bk-…, of which this page sets none, and for every label of
// an axis for the size of letters that an em is, in which none is given: after each change of the page the browser
// computes all styles anew to answer
try {
  window.Bokeh.require('core/visuals/visual').VisualProperties.prototype._get_css_value = () => ''
  const plots = window.Bokeh.require('models/plots/plot_canvas').PlotView.prototype
  Object.defineProperty(plots, 'base_font_size', {get: () => 16})
} catch { /* another Bokeh: plots are drawn as ever */ }

// Each part of the page that changes its size has Bokeh lay the whole page out anew, also where fifty do so at once, as
// when the page comes: so the first of them does, and for all others one more time afterwards
try {
  const {LayoutDOMView} = window.Bokeh.require('models/layouts/layout_dom'), parts = LayoutDOMView.prototype
  if (!parts.nn_after_resize) {
    const laid = new Map()  // root: the part that has asked since
    parts.nn_after_resize = parts._after_resize
    parts._after_resize = function () {
      let root = this
      while (root.parent instanceof LayoutDOMView) root = root.parent
      if (laid.has(root)) { laid.set(root, this); return }
      laid.set(root, null)
      setTimeout(() => {
        const last = laid.get(root)
        laid.delete(root)
        if (last?.el.isConnected) last.nn_after_resize()
      })
      this.nn_after_resize()
    }
  }
} catch { /* another Bokeh: parts are laid out as ever */ }

// Panel enters every change of the address into the history, and takes nothing back from it: Back would change the
// address and not the page. Undo is a key of the page; Back leaves it, as a reader expects.
if (!history.nn_pushes) {
  history.nn_pushes = history.pushState
  history.pushState = history.replaceState
}

// The page's address holds its state, so that loading it again brings everything back: no session need survive.
const WAITS = [1, 2, 4, 8, 15]
function watch_connection(view) {
  if (document.nnWatched) return  // a page that has shown another run watches already
  document.nnWatched = true
  let bar = null, left = 0, tries = 0, trying = false
  const say = words => { bar.querySelector('span').textContent = `${words} The address keeps your view.` }
  const again = async () => {
    if (trying) return  // one at a time, and of something small beside the page: a second reload would end the first
    trying = true
    say('Trying again.')
    try {
      const asked = {method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(10000)}
      if ((await fetch('static/js/bokeh.min.js', asked)).ok) { say('Loading the page again.'); location.reload(); return }
    } catch { /* not there yet */ }
    left = WAITS[Math.min(++tries, WAITS.length - 1)]
    trying = false
  }
  const tick = () => {
    if (trying) return
    if (left > 0) say(`Trying again in ${left--} s.`)
    else again()
  }
  view.model.document.on_event('connection_lost', () => {
    if (bar) return
    bar = document.createElement('div')
    bar.setAttribute('role', 'alert')
    bar.style = 'position:fixed;left:50%;bottom:24px;transform:translateX(-50%);z-index:2000;display:flex;gap:16px;padding:12px 16px;' +
      'align-items:center;border-radius:8px;background:#14181F;color:#fff;font:13px/20px Roboto,sans-serif;box-shadow:0 8px 32px #0008'
    bar.innerHTML = '<b>Connection lost</b><span></span><button type="button" style="font:inherit;color:#fff;background:none;' +
      'border:1px solid #87919D;border-radius:6px;padding:3px 12px;cursor:pointer">Now</button>'
    bar.querySelector('button').onclick = () => { trying = false; again() }  // also where a reload was stopped
    document.body.append(bar)
    left = WAITS[0]
    tick()
    setInterval(tick, 1000)
  })
}

export function render({model, view}) {
  watch_connection(view)
  const active = () => { let a = document.activeElement
    while (a?.shadowRoot?.activeElement) a = a.shadowRoot.activeElement
    return a }
  const typing = () => { const a = active()
    return a && (['INPUT', 'TEXTAREA', 'SELECT'].includes(a.tagName) || a.isContentEditable) }
  const find = (root, css) => { for (const node of root.querySelectorAll('*')) {
    if (node.matches(css)) return node
    const hit = node.shadowRoot && find(node.shadowRoot, css)
    if (hit) return hit } }
  // a dialog gives the focus back to what the document calls active: that is the host of a shadow root, and lost on it
  const dialog = () => find(document, '.MuiDialog-root')
  let before = null, until = 0, waits = false
  const back = () => {
    if (dialog() && performance.now() < until) { setTimeout(back, 50); return }
    waits = false
    if (!dialog() && active() === document.body && before?.isConnected) before.focus()
  }
  const remember = () => {
    if (!dialog()) { before = active(); return }
    until = performance.now() + 15000  // where it is closed by the server, that may take a while
    if (!waits) { waits = true; setTimeout(back, 50) }
  }
  const press = e => {
    remember()
    if (e.key === 'Escape' && typing()) { active().blur(); return }
    if (find(document, '.MuiDialog-root, .MuiPopover-root')) return  // open dialogs and menus have keys of their own
    if (typing() || e.altKey) return
    const held = e.ctrlKey || e.metaKey
    // a server cannot focus a widget, so this one key is done here, through the shadow roots
    if (e.key === '/' && !held) { e.preventDefault(); find(document, model.filter)?.focus(); return }
    const key = held ? (e.key.toLowerCase() === 'z' ? (e.shiftKey ? 'redo' : 'undo') : '') : model.keys[e.key] ?? ''
    if (key) { e.preventDefault(); model.send_msg(key) }
  }
  window.addEventListener('keydown', press)
  window.addEventListener('click', remember)
  // two frames on, all that came with this piece stands
  const ready = matchMedia('(prefers-color-scheme: dark)').matches ? 'ready dark' : 'ready'
  requestAnimationFrame(() => requestAnimationFrame(() => model.send_msg(ready)))
  model.on('msg:custom', () => location.reload())
  model.on('remove', () => { window.removeEventListener('keydown', press); window.removeEventListener('click', remember) })
}
