// A line of text whose words are completed: the combobox of the ARIA practices. What may come next, the server says.
export function render({model, el}) {
  const root = document.createElement('div'), input = document.createElement('input'), list = document.createElement('div')
  root.className = 'combo'
  list.id = `offers-${model.id ?? Math.random().toString(36).slice(2)}`
  for (const [name, value] of Object.entries({role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false',
    'aria-controls': list.id, 'aria-label': model.label, autocomplete: 'off', spellcheck: 'false', type: 'text',
    placeholder: model.placeholder, maxlength: model.max_length})) input.setAttribute(name, value)
  list.setAttribute('role', 'listbox')
  list.setAttribute('aria-label', `ways to go on with: ${model.label}`)
  list.popover = 'manual'  // in the top layer, where no pane cuts it off
  const key = document.createElement('kbd')
  key.textContent = '/'
  key.setAttribute('aria-hidden', 'true')
  root.append(input, key, list)
  let typing = false, late = false  // a text that was not entered yet: what the server writes waits until it is given up
  let asked = 0, active = -1, found = {start: 0, end: 0, offers: []}
  const options = () => [...list.children]
  const open = () => list.matches(':popover-open')
  const mark = at => {
    active = at
    options().forEach((node, i) => node.setAttribute('aria-selected', i === at ? 'true' : 'false'))
    if (at < 0) { input.removeAttribute('aria-activedescendant'); return }
    input.setAttribute('aria-activedescendant', options()[at].id)
    options()[at].scrollIntoView({block: 'nearest'})
  }
  const close = () => {
    asked++
    if (open()) list.hidePopover()
    input.setAttribute('aria-expanded', 'false')
    mark(-1)
  }
  const ask = () => model.send_msg({ask: ++asked, text: input.value, caret: input.selectionStart ?? input.value.length})
  const place = () => {
    const box = input.getBoundingClientRect(), below = innerHeight - box.bottom - 12, above = box.top - 12
    const up = below < Math.min(list.scrollHeight, 240) && above > below
    list.style.left = `${Math.min(box.left, innerWidth - 292)}px`
    list.style.maxHeight = `${Math.min(240, up ? above : below)}px`
    list.style.top = up ? 'auto' : `${box.bottom + 4}px`
    list.style.bottom = up ? `${innerHeight - box.top + 4}px` : 'auto'
  }
  const take = at => {
    const offer = found.offers[at]
    if (offer.whole) input.value = offer.insert
    else input.setRangeText(offer.insert, found.start, found.end, 'end')
    close()
    input.focus()
    ask()
  }
  const show = () => {
    const told = model.offers
    if (told.ask !== asked || input.getRootNode().activeElement !== input) return
    found = told
    if (!told.offers.length) { close(); return }
    list.replaceChildren(...told.offers.map((offer, i) => {
      const row = document.createElement('div'), word = document.createElement('bdi'), kind = document.createElement('span')
      row.id = `${list.id}-${i}`
      row.setAttribute('role', 'option')
      word.textContent = offer.insert.trim()
      word.title = offer.insert.trim()
      kind.textContent = offer.kind
      row.append(word, kind)
      row.addEventListener('pointerdown', e => { e.preventDefault(); take(i) })
      return row
    }))
    if (!open()) list.showPopover()
    input.setAttribute('aria-expanded', 'true')
    mark(-1)
    place()
  }
  input.addEventListener('input', () => { typing = true; ask() })
  input.addEventListener('focus', ask)
  input.addEventListener('click', ask)
  const leave = () => { typing = false; if (late) write() }
  input.addEventListener('blur', () => { leave(); close() })
  input.addEventListener('keydown', e => {
    const shown = open(), size = found.offers.length
    const stop = () => { e.preventDefault(); e.stopPropagation() }
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      stop()
      if (!shown) ask()
      else mark(e.key === 'ArrowDown' ? (active + 1) % size : (active <= 0 ? size : active) - 1)
    } else if (e.key === 'Enter') {
      stop()
      if (shown && active >= 0) { take(active); return }
      close()
      typing = late = false
      model.send_msg({enter: input.value})
    } else if (e.key === 'Tab' && shown && !e.shiftKey && (active >= 0 || found.end > found.start)) {
      stop()
      take(Math.max(active, 0))
    } else if (e.key === 'Escape') {
      leave()
      if (shown) { stop(); close() }
    }
  })
  const write = () => {
    late = typing
    if (model.written.text !== undefined && !typing) input.value = model.written.text
  }
  model.on('offers', show)
  model.on('written', write)
  write()
  el.append(root)
}
