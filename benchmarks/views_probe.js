// What `views.py` asks of a page: where things are, when they were painted.
(() => {
  const nn = window.nn = {figures: [], log: [], t0: null}
  nn.find = () => {
    const seen = new Set(), found = []
    const visit = view => {
      if (!view || seen.has(view)) return
      seen.add(view)
      if (view.model?.type === 'Figure') found.push(view)
      for (const child of view.child_views ?? []) visit(child)
      try { for (const child of view.children()) visit(child) } catch {}
    }
    for (const root of Bokeh.index.roots) visit(root)
    // the maps first: they have a lasso
    const lasso = view => view.model.toolbar.tools.some(tool => tool.type === 'LassoSelectTool')
    nn.figures = [...found.filter(lasso), ...found.filter(view => !lasso(view))]
    nn.figures.forEach((view, i) => {
      if (view.watched) return
      view.watched = true
      const paint = view._actual_paint.bind(view)
      view._actual_paint = () => { paint(); nn.log.push([performance.now(), i]) }
    })
    return nn.figures.length
  }
  const source = (i, kind) => nn.figures[i]?.model.renderers.find(r => r.glyph?.type === kind)?.data_source.data
  nn.points = i => (source(i, 'Image')?.image?.[0]?.length ?? 0) > 1 || (source(i, 'Scatter')?.x?.length ?? 0) > 0
  const screen = (view, x, y) => {
    const box = view.canvas_view.el.getBoundingClientRect()
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)]
  }
  nn.at = (i, x, y) => {
    const view = nn.figures[i], {x_range: h, y_range: v} = view.model
    const half = Math.min(h.end - h.start, v.end - v.start) / 2
    return screen(view, (h.start + h.end) / 2 + half * x, (v.start + v.end) / 2 + half * y)
  }
  nn.named = i => {
    const names = source(i, 'Text')
    return [...names.x].map((x, k) => screen(nn.figures[i], x, names.y[k])).filter(([x]) => Number.isFinite(x))
  }
  nn.all = (css, root = document) => {
    const found = [...root.querySelectorAll(css)]
    for (const node of root.querySelectorAll('*')) if (node.shadowRoot) found.push(...nn.all(css, node.shadowRoot))
    return found
  }
  nn.pictures = () => nn.all('img').filter(image => image.complete && image.naturalWidth).map(image => image.src)
  nn.start = event => {
    nn.log = []; nn.t0 = null
    window.addEventListener(event, () => { nn.t0 = performance.now() }, {once: true, capture: true})
  }
  nn.until = test => new Promise(done => {
    const end = performance.now() + 5000
    const look = () => {
      if (nn.t0 !== null && test()) done(performance.now() - nn.t0)
      else if (performance.now() > end) done(null)
      else requestAnimationFrame(look)
    }
    look()
  })
  nn.quiet = wait => new Promise(done => {
    const from = performance.now()
    const look = () => {
      const last = Math.max(from, nn.log.length ? nn.log[nn.log.length - 1][0] : 0)
      if (performance.now() - last > wait) done()
      else setTimeout(look, 20)
    }
    look()
  })
  // what follows after a pause is something else, as the card of a sample that zooming brought under the pointer
  nn.last = pause => {
    let last = null
    for (const [time] of nn.log) {
      if (time <= nn.t0) continue
      if (last !== null && time - last > pause) break
      last = time
    }
    return last === null ? null : last - nn.t0
  }
})()
