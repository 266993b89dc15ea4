// What the browser does on its own in a plot: keeps one unit as long in x as in y, waits until the pointer rests,
// reads the keys held in a drag, and tells the server in one message each. Called for every event it is hung on.
const s = (figure.nn ??= {n: 0, inside: false, shown: false, borrowed: false, keys: {}, timers: {}})
const send = (kind, body) => { wire.data = {kind: [kind], body: [JSON.stringify(body)], n: [++s.n]} }
const soon = (name, wait, act) => { clearTimeout(s.timers[name]); s.timers[name] = setTimeout(act, wait) }
const {x_range: x, y_range: y} = figure

const screen = () => {
  if (figure.inner_width > 10 && figure.inner_height > 10)
    send('screen', [x.start, y.start, x.end, y.end, figure.inner_width, figure.inner_height])
}
const fit = () => {  // data_aspect does nothing on a responsive plot with fixed ranges
  const w = figure.inner_width, h = figure.inner_height
  if (!equal || !(w > 10 && h > 10)) return
  const unit = Math.min(x.end - x.start, y.end - y.start) / Math.min(w, h)
  const cx = (x.start + x.end) / 2, cy = (y.start + y.end) / 2
  x.setv({start: cx - unit * w / 2, end: cx + unit * w / 2})
  y.setv({start: cy - unit * h / 2, end: cy + unit * h / 2})
}
const away = () => { clearTimeout(s.timers.rest); if (s.shown) { s.shown = false; send('hover', null) } }
const choose = mode => {
  s.mode = mode
  if (mode === 'turn') for (const tool of [lasso, box, pan]) tool.active = false
  else if (mode === 'pan' && pan) pan.active = true
  else if (mode === 'box' || !lasso) box.active = true
  else lasso.active = true
}
// a turn is sent once the one before is drawn, and holds all that was dragged since
const flush = () => {
  if (!s.turn || s.busy) return
  s.busy = true
  soon('busy', 1000, () => { s.busy = false; flush() })
  send('turn', s.turn)
  s.turn = null
}
const turn = (right, up, rest, front = false) => {
  const by = s.turn?.by ?? [0, 0]
  s.turn = {by: [by[0] + right, by[1] + up], rest, front}
  flush()
}
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}
const typed = e => {
  if ((s.mode ?? order.data.mode[0]) !== 'turn' || e.ctrlKey || e.metaKey || e.altKey) return
  const arrow = ARROWS[e.key], step = e.shiftKey ? 60 : 20
  if (!arrow && e.key !== 'Home') return
  e.preventDefault()
  e.stopPropagation()
  arrow ? turn(step * arrow[0], step * arrow[1], true) : turn(0, 0, true, true)
}
const listen = () => {
  const canvas = cb_context.index.find_one_by_id(figure.id)?.canvas_view, surface = canvas?.events_el
  if (s.listening || !surface) return
  s.listening = true
  // Bokeh takes a button held still for 0.3 s as a press, and ignores the drag that follows: a lasso begun with thought
  const touch = canvas.ui_event_bus?.ui_gestures
  if (touch) touch._start_timeout = () => {}
  surface.setAttribute('role', 'group')
  surface.setAttribute('aria-label', label)
  // a plot clicked with the mouse wears no ring; one reached by keys has the page's own, not Bokeh's pale dots
  surface.style.outline = 'none'
  surface.addEventListener('focus', () => {
    surface.style.outline = surface.matches(':focus-visible') ? '2px solid var(--nn-ink)' : 'none'
    surface.style.outlineOffset = '-2px'
  })
  surface.addEventListener('blur', () => { surface.style.outline = 'none' })
  surface.addEventListener('keydown', typed)
  // before the plot itself hears of it: a drag with shift is a box
  const gone = new AbortController(), first = {capture: true, signal: gone.signal}
  window.addEventListener('pointerdown', e => {
    if (!surface.isConnected) { s.listening = false; gone.abort(); return }
    if (!s.inside) return
    s.keys = {ctrl: e.ctrlKey || e.metaKey, alt: e.altKey}
    if (e.shiftKey && (lasso?.active || s.mode === 'turn')) { box.active = true; s.borrowed = true }
    away()
  }, first)
  window.addEventListener('pointerup', () => setTimeout(() => {
    if (s.borrowed) { s.borrowed = false; choose(s.mode ?? 'lasso') }
  }), first)
}
const rest = ({sx, sy, x, y}) => {
  if (s.dragging) return
  if (s.shown && Math.hypot(sx - s.at[0], sy - s.at[1]) > 4) away()
  if (!s.shown) soon('rest', delay, () => { s.shown = true; s.at = [sx, sy]; send('hover', [x, y]) })
}
const drawn = ({geometry: g, final}) => {
  if (!final) return
  const mode = s.keys.ctrl ? 'add' : s.keys.alt ? 'remove' : 'replace'
  const span = a => Math.max(...a) - Math.min(...a)
  if (g.type === 'rect' && Math.max(Math.abs(g.sx1 - g.sx0), Math.abs(g.sy1 - g.sy0)) > 3)
    send('box', {mode, box: [g.x0, g.y0, g.x1, g.y1]})
  if (g.type === 'poly' && Math.max(span([...g.sx]), span([...g.sy])) > 3)
    send('lasso', {mode, corners: [...g.x].map((v, i) => [v, g.y[i]])})
}

const name = cb_obj.event_name
if (name === 'mousemove') rest(cb_obj)
else if (name === 'mouseenter') { s.inside = true; listen() }
else if (name === 'mouseleave') { s.inside = false; away() }
else if (name === 'panstart') { s.dragging = true; s.last = [cb_obj.sx, cb_obj.sy]; away() }
else if (name === 'pan') {
  if (s.mode === 'turn' && !s.borrowed) turn(cb_obj.sx - s.last[0], s.last[1] - cb_obj.sy, false)
  s.last = [cb_obj.sx, cb_obj.sy]
} else if (name === 'panend') {
  s.dragging = false
  if (s.mode === 'turn' && !s.borrowed) turn(0, 0, true)
}
else if (name === 'selectiongeometry') drawn(cb_obj)
else if (cb_obj === figure) { s.mode ??= order.data.mode[0]; listen(); fit(); soon('screen', 30, screen) }
else if (cb_obj === order) {
  s.busy = false
  if (order.data.mode[0] !== s.mode) choose(order.data.mode[0])
  flush()
}
else { away(); soon('screen', 40, screen) }
