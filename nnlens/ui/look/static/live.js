const model_of = name => window.Bokeh?.Models.get(name)?.prototype

// Bokeh measures what is put into a page that stands before plots in it have a layout, and stops there with an error
const plot = model_of('Plot')?.default_view?.prototype
if (plot?._measure_layout && !plot.nn_measure) {
  plot.nn_measure = plot._measure_layout
  plot._measure_layout = function (...args) {
    if (!this.layout) this.update_layout()
    return this.nn_measure(...args)
  }
}

// Bokeh's ring around a plot that has the focus is a pale blue, which is hardly seen on white
const canvas = model_of('Canvas')?.default_view?.prototype
if (canvas?.stylesheets && !canvas.nn_sheets) {
  canvas.nn_sheets = canvas.stylesheets
  canvas.stylesheets = function () {
    return [...this.nn_sheets(), '.bk-events:focus-visible { outline: 2px solid var(--nn-ink) !important; outline-offset: -2px }']
  }
}

// Tabulator's pages are buttons straight inside of its grid, where a screen reader finds rows only: a row of their own
const table = model_of('panel.models.tabulator.DataTabulator')?.default_view?.prototype
if (table?.tableBuilt && !table.nn_built) {
  table.nn_built = table.tableBuilt
  table.tableBuilt = function (...args) {
    this.nn_built(...args)
    const parts = {tableholder: 'rowgroup', table: 'presentation', footer: 'rowgroup', 'footer-contents': 'row', paginator: 'gridcell'}
    for (const [part, role] of Object.entries(parts))
      for (const node of this.shadow_el.querySelectorAll(`.tabulator-${part}`)) node.setAttribute('role', role)
  }
}

// Panel's widgets write back what the server has given them. Where the next value has overtaken it meanwhile, that
// undoes it and looks like a choice of the user. So without a touch a widget cannot go back to what it was just given.
const TOUCHES = ['pointerdown', 'keydown', 'click', 'input'], GIVEN = ['value', 'active']
let models = model_of('Plot')
while (models && !Object.hasOwn(models, 'setv')) models = Object.getPrototypeOf(models)
if (models && !models.nn_setv) {
  const given = new WeakMap() // model: what the server gave it, or took from it, since the last touch
  let touches = 0
  for (const kind of TOUCHES) window.addEventListener(kind, () => touches++, {capture: true, passive: true})
  const since = model => {
    if (given.get(model)?.touches !== touches) given.set(model, {touches, value: new Set(), active: new Set()})
    return given.get(model)
  }
  const held = (model, attribute) => { // to ask for what is unset is an error
    const property = model.properties[attribute]
    return property && !property.is_unset ? property.get_value() : undefined
  }
  models.nn_setv = models.setv
  models.setv = function (changed, options) {
    const [attribute, ...others] = Object.keys(changed)
    if (!others.length && GIVEN.includes(attribute)) {
      const values = since(this)[attribute], value = changed[attribute]
      if (options?.sync === false) values.add(value).add(held(this, attribute)) // it may be older than this script
      else if (values.has(value)) return
    }
    return this.nn_setv(changed, options)
  }
}

const FIELDS = ['SELECT', 'INPUT']

export function render({model, el}) {
  const root = document.createElement('div')
  root.className = 'live'
  const marked = e => e.target.closest ? e.target.closest('[data-act]') : null
  const send = (hit, e, double) => {
    if (hit.getAttribute('aria-disabled') === 'true') return
    model.send_msg({act: hit.dataset.act, value: hit.dataset.value ?? '',
                    shift: !!e.shiftKey, ctrl: !!(e.ctrlKey || e.metaKey), double})  // a change has no keys at all
  }
  const focused = () => root.getRootNode().activeElement?.dataset?.key
  const dress = () => {
    for (const node of root.querySelectorAll('[data-face]')) {
      const [url, kind] = model.faces?.[node.dataset.face] ?? []
      node.style.setProperty('--face', url ? `url("${url}")` : 'none')
      node.className = `face ${kind ?? ''}`
    }
  }
  const paint = () => {
    const field = root.getRootNode().activeElement, typed = field?.dataset?.typing ? field.value : undefined
    const key = focused(), inner = root.querySelector('[data-scroll]')?.scrollTop
    root.innerHTML = model.html
    if (inner) { const box = root.querySelector('[data-scroll]'); if (box) box.scrollTop = inner }
    if (key) {
      const same = [...root.querySelectorAll('[data-key]')].find(node => node.dataset.key === key)
      const next = same ?? root.querySelector('[data-turn] [data-scroll] [data-act]')  // a page was turned by the keyboard
      next?.focus({preventScroll: true})
      if (typed !== undefined && same?.tagName === 'INPUT') same.value = typed  // what is being typed stays
    }
    dress()
  }
  // what the hand is on must stand until it is let go: what is pressed, a menu that is open, what is being typed
  let held = null, late = false
  const renew = () => { if (held?.isConnected) late = true; else paint() }
  let presses = 0
  const free = () => {  // after click and change; what is pressed again meanwhile, as by a double click, goes on standing
    const mine = presses
    setTimeout(() => { if (mine === presses) { held = null; if (late) { late = false; paint() } } })
  }
  const release = () => { if (held && held.tagName !== 'SELECT' && !held.dataset.typing) free() }
  const ends = ['pointerup', 'pointercancel']
  root.addEventListener('pointerdown', e => { held = e.target.closest('select') ?? e.target; presses++ })
  root.addEventListener('input', e => { if (e.target.tagName === 'INPUT' && e.target.type !== 'range') held = e.target })
  root.addEventListener('pointermove', e => { if (held?.tagName === 'SELECT' && !e.buttons) free() })  // its menu is closed
  for (const kind of ['change', 'focusout']) root.addEventListener(kind, free)
  for (const kind of ends) window.addEventListener(kind, release, true)
  model.on('remove', () => { for (const kind of ends) window.removeEventListener(kind, release, true) })
  root.addEventListener('click', e => {
    const hit = marked(e), copy = e.target.closest?.('[data-copy]')
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy || location.href)
    if (hit && !FIELDS.includes(hit.tagName)) send(hit, e, e.detail === 2)
  })
  root.addEventListener('change', e => {
    const hit = marked(e)
    if (FIELDS.includes(hit?.tagName)) {
      delete hit.dataset.typing
      hit.dataset.value = hit.validity?.badInput ? '?' : hit.value  // what is no number has an empty value, as nothing has
      send(hit, e, false)
    }
  })
  root.addEventListener('input', e => {
    const sets = e.target.dataset?.sets  // a slider shows at once what it does
    if (e.target.tagName === 'INPUT') e.target.dataset.typing = '1'
    if (sets) e.target.closest('[style]')?.style.setProperty(sets, `${e.target.value}%`)
  })
  root.addEventListener('keydown', e => {
    const page = {PageDown: 1, PageUp: -1}[e.key]
    if (page && e.target.closest('[data-turn]')) { e.preventDefault(); model.send_msg({act: 'turn', value: page}) }
    const hit = marked(e)
    if (!hit || FIELDS.includes(hit.tagName)) return
    if ((e.key === 'Enter' || e.key === ' ') && hit.tagName !== 'BUTTON') { e.preventDefault(); send(hit, e, false) }
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[e.key], group = hit.closest('[data-walk]')
    if (!step || !group) return
    e.preventDefault()
    const all = [...group.querySelectorAll('[data-act]')].filter(node => node === hit || !node.hasAttribute('data-aside'))
    all[(all.indexOf(hit) + step + all.length) % all.length].focus()
  })
  root.addEventListener('error', e => { if (e.target.tagName === 'IMG') e.target.classList.add('lost') }, true)
  model.on('html', renew)
  if (model.faces !== undefined) model.on('faces', dress)
  paint()
  el.append(root)
}
