// A card beside one part of the page after the other. It is no veil: all else goes on to work while it is there.
const SEEN = 'nnlens.tour', GAP = 12, EDGE = 8

function all(root, css) {
  const found = [...root.querySelectorAll(css)]
  for (const node of root.querySelectorAll('*')) if (node.shadowRoot) found.push(...all(node.shadowRoot, css))
  return found
}
const box_of = css => {  // of all that matches together; null where nothing is in sight
  const boxes = all(document, css).map(node => node.getBoundingClientRect()).filter(b => b.width > 1 && b.height > 1)
  if (!boxes.length) return null
  const [left, top] = ['left', 'top'].map(side => Math.min(...boxes.map(b => b[side])))
  const [right, bottom] = ['right', 'bottom'].map(side => Math.max(...boxes.map(b => b[side])))
  return {left, top, right, bottom}
}
const active = () => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  return node
}
const typing = node => ['INPUT', 'TEXTAREA', 'SELECT'].includes(node?.tagName) || node?.isContentEditable
const busy = () => all(document, '.MuiDialog-root, .MuiPopover-root').length > 0

function place(box, width, height) {  // below, above, left or right of a box, whichever first has room
  const within = (at, size, room) => Math.max(EDGE, Math.min(at, room - size - EDGE))
  const x = within((box.left + box.right - width) / 2, width, innerWidth)
  const y = within((box.top + box.bottom - height) / 2, height, innerHeight)
  const places = [[x, box.bottom + GAP], [x, box.top - GAP - height], [box.left - GAP - width, y], [box.right + GAP, y]]
  const fits = ([left, top]) => left >= EDGE && top >= EDGE && left + width <= innerWidth - EDGE && top + height <= innerHeight - EDGE
  return places.find(fits) ?? [innerWidth - width - EDGE, innerHeight - height - EDGE]
}

export function render({model, el}) {
  const make = (tag, name, text = '') => Object.assign(document.createElement(tag), {className: name, textContent: text})
  const ring = make('div', 'tour-ring'), card = make('div', 'tour-card')
  const title = make('div', 'b'), text = make('div', 'sec'), row = make('div', 'row')
  const next = make('button', 'do main'), back = make('button', 'do', 'Back'), skip = make('button', 'link', 'Skip tour')
  for (const each of [next, back, skip]) each.type = 'button'
  title.id = 'title'
  text.id = 'text'
  for (const each of [ring, card]) each.popover = 'manual'
  for (const [key, value] of Object.entries({role: 'dialog', 'aria-labelledby': 'title', 'aria-describedby': 'text'}))
    card.setAttribute(key, value)
  card.setAttribute('aria-live', 'polite')
  ring.setAttribute('aria-hidden', 'true')
  row.append(next, back, skip)
  card.append(title, text, row)
  el.append(ring, card)

  let steps = [], at = -1, before = null, timer = 0, gone = false
  const put = (node, style) => { for (const key in style) node.style[key] = `${style[key]}px` }
  const lay = () => {
    if (at < 0) return
    const box = box_of(steps[at].at)
    if (!box) return
    const out = box.bottom - box.top < 48 ? 6 : -2  // around what is small, along the edges of what is large
    put(ring, {left: box.left - out, top: box.top - out,
               width: box.right - box.left + 2 * out, height: box.bottom - box.top + 2 * out})
    const [left, top] = place(box, card.offsetWidth, card.offsetHeight)
    put(card, {left, top})
  }
  const show = step => {
    at = step
    title.textContent = `${at + 1} of ${steps.length} · ${steps[at].title}`
    text.textContent = steps[at].text
    next.textContent = at + 1 < steps.length ? 'Next' : 'Done'
    back.hidden = at === 0
    skip.hidden = at + 1 === steps.length
    lay()
  }
  const begin = () => {
    steps = model.steps.filter(step => box_of(step.at))
    if (!steps.length || gone) return
    try { localStorage.setItem(SEEN, 'seen') } catch {}
    if (at < 0) before = active()
    ring.showPopover()
    card.showPopover()
    show(0)
    if (!typing(active())) next.focus({preventScroll: true})
    clearInterval(timer)
    timer = setInterval(() => busy() ? end() : lay(), 300)  // the page may be laid out anew, or a dialog be opened
  }
  const end = () => {
    if (at < 0) return
    const inside = card.contains(el.getRootNode().activeElement)
    at = -1
    clearInterval(timer)
    ring.hidePopover()
    card.hidePopover()
    if (inside) before?.isConnected && before !== document.body ? before.focus({preventScroll: true}) : active()?.blur()
  }
  const go = by => { if (at + by >= steps.length) end(); else if (at + by >= 0) { show(at + by); next.focus({preventScroll: true}) } }
  next.onclick = () => go(1)
  back.onclick = () => go(-1)
  skip.onclick = end
  // before the page hears of it: esc ends the tour, and takes back nothing of the page
  const press = e => {
    if (at < 0 || typing(e.composedPath()[0])) return
    const step = {ArrowRight: 1, ArrowLeft: -1}[e.key], inside = e.composedPath().includes(card)
    if (e.key === 'Escape') end()
    else if (step && inside) go(step)
    else return
    e.preventDefault()
    e.stopImmediatePropagation()
  }
  window.addEventListener('keydown', press, true)
  window.addEventListener('resize', lay)
  // asked for in a dialog: that one goes first, for it gives the focus back as it goes, and the tour ends before dialogs
  const asked = left => {
    if (gone || !left) return
    if (busy()) setTimeout(() => asked(left - 1), 50)
    else begin()
  }
  model.on('msg:custom', () => asked(200))
  model.on('remove', () => {
    gone = true
    end()
    window.removeEventListener('keydown', press, true)
    window.removeEventListener('resize', lay)
  })

  let seen = 'seen'  // where the browser keeps nothing, the tour would come each time
  try { seen = localStorage.getItem(SEEN) } catch {}
  const first = left => {
    if (gone || at >= 0 || !left) return
    const veiled = document.getElementById('loader')?.style.display === 'flex'
    if (veiled) setTimeout(() => first(left), 250)  // however long the page takes
    else if (busy() || model.steps.some(step => !box_of(step.at))) setTimeout(() => first(left - 1), 250)
    else begin()
  }
  if (!seen) setTimeout(() => first(40), 250)
}
