// A button with a menu of files. A file is made on the server when it is asked for, and saved here; nothing is fetched.
const node = (tag, text, attributes = {}) => {
  const made = document.createElement(tag)
  made.textContent = text
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}
const save = (name, base64) => {
  const bytes = Uint8Array.from(atob(base64), sign => sign.charCodeAt(0))
  const link = node('a', '', {download: name, href: URL.createObjectURL(new Blob([bytes]))})
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}

export function render({model, el}) {
  const root = node('div', '', {class: 'takeout'})
  const label = () => model.busy ? `making ${model.busy}` : model.title
  const button = node('button', '', {class: 'icon', type: 'button', 'aria-haspopup': 'menu'})
  const menu = node('div', '', {popover: '', role: 'menu', class: 'menu'})
  const paint = () => {
    button.replaceChildren(node('span', model.busy ? 'hourglass_empty' : 'file_download', {class: 'i', 'aria-hidden': 'true'}))
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
    const at = button.getBoundingClientRect(), size = menu.getBoundingClientRect()
    const below = at.bottom + 4 + size.height < innerHeight
    menu.style.left = `${Math.max(8, Math.min(at.right - size.width, innerWidth - size.width - 8))}px`
    menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - size.height)}px`
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
    const {copy, name, content} = event.data ?? event
    if (copy !== undefined) navigator.clipboard?.writeText(copy)
    else save(name, content)
  })
  model.on('items', paint)
  model.on('busy', paint)
  paint()
  root.append(button, menu)
  el.append(root)
}
