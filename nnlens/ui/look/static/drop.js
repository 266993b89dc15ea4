// A picture, or weights, dropped anywhere on the page, or chosen from a file by whatever carries data-choose.
export function render({model}) {
  const input = document.createElement('input')
  input.type = 'file'
  const veil = document.createElement('div')
  veil.style = 'position:fixed;inset:8px;z-index:2000;display:none;place-items:center;pointer-events:none;border-radius:12px;' +
    'border:2px dashed #87919D;background:#14181FCC;color:#fff;font:700 20px/24px Roboto,sans-serif;text-align:center'
  veil.textContent = 'Drop a picture to find the samples like it, or weights of the same architecture'
  document.body.append(veil)
  const read = (part, done) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result.split(',')[1] ?? '')
    reader.readAsDataURL(part)
  }
  const picture = file => {
    if (file.size > model.limit) { model.send_msg({name: file.name, size: file.size}); return }
    read(file, data => model.send_msg({name: file.name, size: file.size, data}))
  }
  // weights go in pieces, each when it is asked for: a connection takes no larger messages, and others wait for it
  let sending = null
  const weights = file => {
    sending = file
    model.send_msg({name: file.name, size: file.size, weights: true})
  }
  model.on('msg:custom', event => {
    const {at} = event.data ?? event
    if (sending && at !== undefined) read(sending.slice(at, at + model.piece), data => model.send_msg({at, data}))
  })
  const isWeights = file => model.endings.some(end => file.name.toLowerCase().endsWith(end))
  const give = files => {
    const [its, pictures] = [true, false].map(kind => [...files].filter(file => isWeights(file) === kind))
    if (its.length) weights(its[0])
    if (pictures.length) picture(pictures[0])
  }
  const files = e => [...(e.dataTransfer?.types ?? [])].includes('Files')
  const show = on => { veil.style.display = on ? 'grid' : 'none' }
  window.addEventListener('dragover', e => { if (files(e)) { e.preventDefault(); show(true) } })
  window.addEventListener('dragleave', e => { if (!e.relatedTarget) show(false) })
  window.addEventListener('drop', e => {
    show(false)
    if (files(e)) { e.preventDefault(); give(e.dataTransfer.files) }
  })
  window.addEventListener('click', e => {
    const hit = e.composedPath().find(node => node.dataset && 'choose' in node.dataset)
    if (!hit) return
    input.accept = hit.dataset.choose || 'image/*'
    input.value = ''
    input.click()
  })
  input.addEventListener('change', () => give(input.files))
}
