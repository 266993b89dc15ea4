// A picture that is dropped anywhere on the page, or chosen from a file by whatever carries data-choose.
export function render({model}) {
  const input = document.createElement('input')
  input.type = 'file'
  input.accept = 'image/*'
  const veil = document.createElement('div')
  veil.style = 'position:fixed;inset:8px;z-index:2000;display:none;place-items:center;pointer-events:none;border-radius:12px;' +
    'border:2px dashed #87919D;background:#14181FCC;color:#fff;font:700 20px/24px Roboto,sans-serif'
  veil.textContent = 'Drop a picture to find the samples like it'
  document.body.append(veil)
  const give = file => {
    if (!file) return
    if (file.size > model.limit) { model.send_msg({name: file.name, size: file.size}); return }
    const reader = new FileReader()
    reader.onload = () => model.send_msg({name: file.name, size: file.size, data: reader.result.split(',')[1] ?? ''})
    reader.readAsDataURL(file)
  }
  const files = e => [...(e.dataTransfer?.types ?? [])].includes('Files')
  const show = on => { veil.style.display = on ? 'grid' : 'none' }
  window.addEventListener('dragover', e => { if (files(e)) { e.preventDefault(); show(true) } })
  window.addEventListener('dragleave', e => { if (!e.relatedTarget) show(false) })
  window.addEventListener('drop', e => {
    show(false)
    if (files(e)) { e.preventDefault(); give(e.dataTransfer.files[0]) }
  })
  window.addEventListener('click', e => {
    if (e.composedPath().some(node => node.dataset && 'choose' in node.dataset)) { input.value = ''; input.click() }
  })
  input.addEventListener('change', () => give(input.files[0]))
}
