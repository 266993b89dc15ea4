// A picture, or weights, dropped anywhere on the page, or chosen from a file by whatever carries data-choose.
export function render({model}) {
  const here = new AbortController()  // all that listens goes with it: another run may open on the same page
  const listen = (target, event, does) => target.addEventListener(event, does, {signal: here.signal})
  const input = document.createElement('input')
  input.type = 'file'
  const veil = document.createElement('div')
  veil.style = 'position:fixed;inset:8px;z-index:2000;display:none;place-items:center;pointer-events:none;border-radius:12px;' +
    'border:2px dashed #87919D;background:#14181FCC;color:#fff;font:700 20px/24px Roboto,sans-serif;text-align:center'
  veil.className = 'nn-drop'
  veil.textContent = model.words
  document.body.append(veil)
  const send = message => { if (!here.signal.aborted) model.send_msg(message) }
  const read = (part, done, failed) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result.split(',')[1] ?? '')
    reader.onerror = failed
    reader.readAsDataURL(part)
  }
  const picture = file => {
    const {name, size} = file
    if (size > model.limit) { send({name, size}); return }
    read(file, data => send({name, size, data}), () => send({name, size, failed: true}))
  }
  // weights go in pieces, each when it is asked for: a connection takes no larger messages, and others wait for it; the
  // count goes along, so that what is asked of one file is never answered with a piece of another
  const sending = new Map()
  let last = 0
  const weights = file => {
    sending.set(++last, file)
    send({name: file.name, size: file.size, weights: last})
  }
  model.on('msg:custom', event => {
    const {at, count} = event.data ?? event, file = sending.get(count)
    if (!file || at === undefined) return
    for (const each of sending.keys()) if (each < count) sending.delete(each)  // this one took their place
    const until = at + model.piece
    if (until >= file.size) sending.delete(count)
    read(file.slice(at, until), data => send({at, count, data}), () => send({at: -1, count}))
  })
  const isWeights = file => model.endings.some(end => file.name.toLowerCase().endsWith(end))
  const give = files => {
    const [its, pictures] = [true, false].map(kind => [...files].filter(file => isWeights(file) === kind))
    if (its.length) weights(its[0])
    if (pictures.length) picture(pictures[0])
  }
  const files = e => [...(e.dataTransfer?.types ?? [])].includes('Files')
  const show = on => { veil.style.display = on ? 'grid' : 'none' }
  listen(window, 'dragover', e => { if (files(e)) { e.preventDefault(); show(true) } })
  listen(window, 'dragleave', e => { if (!e.relatedTarget) show(false) })
  listen(window, 'drop', e => {
    show(false)
    if (files(e)) { e.preventDefault(); give(e.dataTransfer.files) }
  })
  listen(window, 'click', e => {
    const hit = e.composedPath().find(node => node.dataset && 'choose' in node.dataset)
    if (!hit) return
    input.accept = hit.dataset.choose || 'image/*'
    input.value = ''
    input.click()
  })
  listen(input, 'change', () => give(input.files))
  model.on('remove', () => {
    here.abort()
    veil.remove()
    input.remove()
    sending.clear()
  })
}
