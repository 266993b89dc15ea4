// Shows all of a map at one scale in x and y, centered: at first, when its size or the plot's changes, at a double click.
const s = (figure.nn ??= {})
const {x_range: x, y_range: y, inner_width: w, inner_height: h} = figure
const fit = () => {
  if (!(w > 10 && h > 10)) return
  const columns = home.data.width[0], rows = home.data.height[0], unit = Math.max(columns / w, rows / h)
  x.setv({start: columns / 2 - unit * w / 2, end: columns / 2 + unit * w / 2})
  y.setv({start: rows / 2 - unit * h / 2, end: rows / 2 + unit * h / 2})
}
if (cb_obj.event_name === 'mouseenter') {
  const surface = cb_context.index.find_one_by_id(figure.id)?.canvas_view?.events_el
  if (surface && !s.named) { s.named = true; surface.setAttribute('role', 'group'); surface.setAttribute('aria-label', label); surface.style.outline = 'none' }
} else fit()
