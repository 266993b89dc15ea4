// A click on an empty surface beside the dialog closes it. What acts itself does so, and the dialog stays.
const ACTS = 'button, a, input, select, textarea, label, summary, canvas, [data-act], [data-copy], [role=button], [role=tab], [tabindex],' +
  ' .bk-Canvas, .bk-events, .tabulator-row, .MuiDialog-root, .MuiPopover-root'
export function render({model}) {
  const press = e => {
    if (!model.listens) return
    const path = e.composedPath().filter(node => node instanceof Element)
    if (!path.some(node => node.classList.contains('dialog') || node.matches(ACTS))) model.send_msg('outside')
  }
  window.addEventListener('pointerdown', press, true)
  model.on('remove', () => window.removeEventListener('pointerdown', press, true))
}
