// What TestReadableInBrowser asks of pages: each is shown in frames of several widths, and every text and mark is held against what is behind it.
(function () {
'use strict';
function colour(text) {
  var n = (text.match(/[\d.]+/g) || []).map(Number);
  return text.indexOf('rgb') === 0 ? {r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1} : null;
}
function hex(text) { return {r: parseInt(text.slice(1, 3), 16), g: parseInt(text.slice(3, 5), 16), b: parseInt(text.slice(5, 7), 16), a: 1}; }
function over(f, b, a) { a *= f.a; return {r: f.r * a + b.r * (1 - a), g: f.g * a + b.g * (1 - a), b: f.b * a + b.b * (1 - a), a: 1}; }
function light(c) {
  var l = [c.r, c.g, c.b].map(function (v) { v /= 255; return v <= .03928 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4); });
  return .2126 * l[0] + .7152 * l[1] + .0722 * l[2];
}
function contrast(a, b) { var x = light(a), y = light(b); return (Math.max(x, y) + .05) / (Math.min(x, y) + .05); }

window.readable = function (pages, widths) {
  var out = [];
  return pages.reduce(function (before, page) {
    return widths.reduce(function (before, width, first) {
      return before.then(function () { return show(page, width); }).then(function (frame) {
        look(frame, page.Name, width, first === 0, out);
        frame.remove();
      });
    }, before);
  }, Promise.resolve()).then(function () { return out; });
};

function show(page, width) {
  return new Promise(function (done) {
    var frame = document.createElement('iframe');
    frame.style.cssText = 'border:0;height:900px;width:' + width + 'px';
    frame.srcdoc = page.HTML;
    frame.onload = function () { done(frame); };
    document.body.appendChild(frame);
  });
}

function look(frame, name, width, colours, out) {
  var w = frame.contentWindow, d = w.document, seen = {}, counted = {Page: name, Width: width, Texts: 0, Marks: 0, Inside: d.querySelectorAll('.fault-name.inside').length, Wide: d.documentElement.scrollWidth, Faults: []};
  out.push(counted);
  if (!colours) return;
  d.querySelectorAll('details').forEach(function (e) { e.open = true; });
  var css = function (e) { return w.getComputedStyle(e); };
  function fault(kind, e, ratio, least, what) {
    var key = kind + ' .' + (e.getAttribute('class') || e.tagName);
    if (ratio >= least || seen[key]) return;
    seen[key] = true;
    counted.Faults.push(key + ' has ' + ratio.toFixed(2) + ' of ' + least + ': ' + what.trim().slice(0, 40));
  }
  function faded(e) { var a = 1; for (; e && e.nodeType === 1; e = e.parentNode) a *= Number(css(e).opacity); return a; }
  function behind(e) {
    var all = [], base = {r: 255, g: 255, b: 255, a: 1};
    for (; e && e.nodeType === 1; e = e.parentNode) { var c = colour(css(e).backgroundColor); if (c && c.a > 0) all.push(c); }
    return all.reverse().reduce(function (b, c) { return over(c, b, 1); }, base);
  }
  function painted(svg, fill) {
    if (fill.indexOf('url(') < 0) return colour(fill);
    var hatch = svg.querySelector('.hatch-bg');
    return hatch && colour(css(hatch).fill);
  }
  // What is behind a text of a drawing: all colours that any part of it can stand on.
  function drawnBehind(t) {
    var svg = t.ownerSVGElement, style = css(t), halo = style.paintOrder.indexOf('stroke') === 0 && colour(style.stroke);
    if (halo) return [halo];
    var all = [behind(svg)], box = t.getBoundingClientRect();
    Array.prototype.forEach.call(svg.querySelectorAll('rect'), function (r) {
      if (!(r.compareDocumentPosition(t) & 4) || r.closest('defs')) return;
      var b = r.getBoundingClientRect(), s = css(r), f = painted(svg, s.fill);
      if (!f || f.a * s.fillOpacity * s.opacity === 0 || b.right <= box.left || b.left >= box.right || b.bottom <= box.top || b.top >= box.bottom) return;
      var mixed = all.map(function (c) { return over(f, c, s.fillOpacity * faded(r)); });
      all = b.left <= box.left && b.right >= box.right && b.top <= box.top && b.bottom >= box.bottom ? mixed : all.concat(mixed);
    });
    return all;
  }
  var walk = d.createTreeWalker(d.body, 4), node;
  while ((node = walk.nextNode())) {
    var e = node.parentElement;
    if (!node.data.trim() || e.closest('script,style,title,noscript,template') || !e.getClientRects().length || css(e).visibility === 'hidden') continue;
    var drawing = e.closest('svg'), style = css(e), ink = colour(drawing ? style.fill : style.color);
    if (!ink || drawing && e.tagName !== 'text') continue;
    counted.Texts++;
    (drawing ? drawnBehind(e) : [behind(e)]).forEach(function (b) { fault('text', e, contrast(over(ink, b, faded(e) * (drawing ? style.fillOpacity : 1)), b), 4.5, node.data); });
  }
  d.querySelectorAll('input,select,button').forEach(function (e) { if (e.getClientRects().length) fault('text', e, contrast(colour(css(e).color), behind(e)), 4.5, e.value || ''); });
  d.querySelectorAll('.series,.point,.whisker,[class*=line-],[class*=curve-],.dots,.fault-bar,.fault-edge,.node-hit,.took-effect,.moment,.load-end,.bar,.txn,.dep,.message,.lane.node').forEach(function (e) {
    var s = css(e), c = colour(s.stroke);
    if (!c || !e.closest('svg')) return;
    counted.Marks++;
    var b = behind(e.closest('svg'));
    fault('mark', e, contrast(over(c, b, faded(e) * s.strokeOpacity), b), 3, '');
  });
  d.querySelectorAll('.dot').forEach(function (e) {
    var s = css(e), c = colour(s.backgroundColor), b = behind(e.parentNode);
    counted.Marks++;
    fault('mark', e, contrast(c.a ? c : colour(s.borderTopColor), b), 3, '');
  });
  // What the timeline paints, and the ring around what has the focus.
  var root = css(d.documentElement), v = function (n) { var t = root.getPropertyValue('--' + n).trim(); if (t.length === 4) t = '#' + t[1] + t[1] + t[2] + t[2] + t[3] + t[3]; return hex(t); };
  function pair(kind, a, b, least) { var r = contrast(a, b); if (!(r >= least)) counted.Faults.push(kind + ' has ' + r.toFixed(2) + ' of ' + least); }
  pair('ring', v('ok'), v('bg'), 3);
  if (!d.getElementById('tl-canvas')) return;
  pair('lane of the timeline', v('soft'), v('card'), 4.5);
  pair('operation of the timeline', v('card'), v('ok'), 4.5);
  pair('fault of the timeline', v('ink'), over(v('band'), v('card'), .55), 4.5);
  ['ok', 'fail', 'info', 'bad', 'open'].forEach(function (n) { pair('--' + n + ' of the timeline', v(n), v('card'), 3); });
}
})();
