// A button with a menu of files. A file is made on the server when it is asked for, and saved here; nothing is fetched.
const node = (tag, text, attributes = {}) => {
  const made = document.createElement(tag)
  made.textContent = text
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}
const bytes = base64 => Uint8Array.from(atob(base64), sign => sign.charCodeAt(0))
const save = (name, parts) => {
  const link = node('a', '', {download: name, href: URL.createObjectURL(new Blob(parts))})
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}
const place = (box, button) => {
  const at = button.getBoundingClientRect(), size = box.getBoundingClientRect()
  const below = at.bottom + 4 + size.height < innerHeight
  box.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`
  box.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - size.height)}px`
}

export function render({model, el}) {
  let parts = [], late = 0
  const root = node('div', '', {class: 'takeout'})
  const label = () => model.busy ? `making ${model.busy}` : model.title
  const button = node('button', '', {class: 'icon', type: 'button', 'aria-haspopup': 'menu'})
  const menu = node('div', '', {popover: '', role: 'menu', class: 'menu'})
  const told = node('div', '', {popover: 'manual', role: 'status', class: 'menu told'})
  const tell = () => {
    if (!model.busy || !late) { told.hidePopover(); return }
    const words = node('span', [model.busy, model.at].filter(Boolean).join(' · '), {class: 'cut'})
    const stop = node('button', 'Cancel', {class: 'do', type: 'button'})
    stop.onclick = () => { parts = []; model.send_msg({cancel: true}); button.focus() }
    if (told.firstChild && model.at) told.firstChild.textContent = words.textContent  // Cancel keeps its focus
    else told.replaceChildren(words, ...(model.at ? [stop] : []))
    if (!told.matches(':popover-open')) told.showPopover()
    place(told, button)
  }
  const paint = () => {
    const sign = node('span', model.busy ? 'hourglass_empty' : 'file_download', {class: 'i', 'aria-hidden': 'true'})
    button.replaceChildren(sign, ...(model.words ? [node('span', model.words, {class: 'words'})] : []))
    button.classList.toggle('worded', !!model.words)
    for (const name of ['title', 'aria-label']) button.setAttribute(name, label())
    button.setAttribute('aria-busy', String(!!model.busy))
    menu.replaceChildren(...model.items.map((item, place) => {
      const choice = node('button', item, {class: 'choice', type: 'button', role: 'menuitem'})
      choice.onclick = () => { menu.hidePopover(); model.send_msg({item: place}); button.focus() }
      return choice
    }))
    menu.setAttribute('aria-label', model.title)
  }
  button.onclick = () => {
    if (model.busy) return
    menu.togglePopover()
    if (!menu.matches(':popover-open')) return
    place(menu, button)
    menu.firstElementChild?.focus()
  }
  menu.addEventListener('keydown', e => {
    const choices = [...menu.children], at = choices.indexOf(menu.getRootNode().activeElement)
    const step = {ArrowDown: 1, ArrowUp: -1}[e.key]
    if (e.key === 'Escape') { menu.hidePopover(); button.focus() }
    if (step) choices[(at + step + choices.length) % choices.length].focus()
    if (step || e.key === 'Escape') e.preventDefault()
    e.stopPropagation()  // the keys of the page are for the page
  })
  model.on('msg:custom', event => {
    const {copy, name, content, last, dropped} = event.data ?? event
    if (copy !== undefined) { navigator.clipboard?.writeText(copy); return }
    if (dropped) { parts = []; return }
    parts.push(bytes(content))
    if (last) { save(name, parts); parts = [] }
    else model.send_msg({more: true})
  })
  let timer
  model.on('busy', () => {
    clearTimeout(timer)
    late = 0
    if (model.busy) timer = setTimeout(() => { late = 1; tell() }, 1000)
    else { told.replaceChildren() }
    paint()
    tell()
  })
  model.on('items', paint)
  model.on('words', paint)
  model.on('at', tell)
  paint()
  root.append(button, menu, told)
  el.append(root)
}
