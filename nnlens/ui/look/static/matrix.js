// What the browser does in a matrix on its own: its cells stay square, and the server hears which one the pointer is on.
const s = (figure.nn ??= {n: 0, at: ''})
const send = at => {
  if (at === s.at) return
  s.at = at
  wire.data = {cell: [at], n: [++s.n]}
}
const fit = () => {
  const w = figure.inner_width - margin, h = figure.inner_height
  if (!(w > 10 && h > 10)) return
  const unit = Math.max(columns / w, rows / h)
  figure.x_range.setv({start: -0.5, end: -0.5 + unit * figure.inner_width})
  figure.y_range.setv({start: 0.5 - rows, end: 0.5 - rows + unit * h})
}
if (cb_obj.event_name === 'mousemove') {
  const row = Math.round(-cb_obj.y), column = Math.round(cb_obj.x)
  send(row >= 0 && column >= 0 && row < rows && column < columns ? `${row},${column}` : '')
} else if (cb_obj.event_name === 'mouseleave') send('')
else fit()
