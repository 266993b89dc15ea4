// A link that opens the browser's own choice of a file, and sends what was chosen.
export function render({model, el}) {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = model.accept
  input.hidden = true
  input.setAttribute('aria-hidden', 'true')
  input.setAttribute('aria-label', model.title)
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'link own'
  button.textContent = model.label
  button.title = model.title
  button.addEventListener('click', () => { input.value = ''; input.click() })
  input.addEventListener('change', () => {
    const file = input.files[0]
    if (!file) return
    if (file.size > model.limit) { model.send_msg({name: file.name}); return }
    const reader = new FileReader()
    reader.onload = () => model.send_msg({name: file.name, data: reader.result.split(',')[1] ?? ''})
    reader.readAsDataURL(file)
  })
  const tell = () => {
    button.disabled = Boolean(model.busy)
    button.textContent = model.busy ? `reading ${model.busy}…` : model.label
  }
  model.on('busy', tell)
  tell()
  el.append(button, input)
}
