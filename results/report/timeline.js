(function () {
'use strict';
var $ = function (id) { return document.getElementById(id); };
// The value under the pointer, or under a finger, stands below the figure's name. So does, without a pointer, the value that
// the arrows come to.
document.querySelectorAll('figure').forEach(function (f) {
  var out = f.querySelector('.value'), drawing = f.querySelector('svg.chart');
  if (!out || !drawing) return;
  var dots = dotsOf(drawing), ring = null, at = -1, stops = dots.length ? dots : Array.from(f.querySelectorAll('.tip')).map(function (t) { return { tip: t, text: t.querySelector('title').textContent }; });
  // mark puts a ring around a dot; without one it goes.
  function mark(dot) {
    if (!dot) { if (ring) ring.remove(); ring = null; return; }
    if (!ring) { ring = document.createElementNS(drawing.namespaceURI, 'circle'); ring.setAttribute('class', 'here'); ring.setAttribute('r', 6); drawing.appendChild(ring); }
    ring.setAttribute('cx', dot.x); ring.setAttribute('cy', dot.y);
  }
  function say(target) {
    var t = target.querySelector && target.querySelector('title');
    out.textContent = t && target.tagName !== 'svg' ? t.textContent : '';
  }
  f.addEventListener('pointerover', function (e) { say(e.target); });
  f.addEventListener('pointerleave', function () { out.textContent = ''; mark(null); });
  if (dots.length) drawing.addEventListener('pointermove', function (e) {
    var box = drawing.getBoundingClientRect(), scale = drawing.viewBox.baseVal.width / box.width, i = nearest(dots, (e.clientX - box.left) * scale, (e.clientY - box.top) * scale, 9);
    mark(dots[i]);
    if (i >= 0) { at = i; out.textContent = dots[i].text; } else say(e.target);
  });
  if (!stops.length) return;
  var box = f.querySelector('.scroll');
  box.tabIndex = 0;
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', f.querySelector('b').textContent + ': left and right arrows read the values');
  box.addEventListener('keydown', function (e) {
    if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight' || e.ctrlKey || e.metaKey || e.altKey) return;
    at = Math.min(Math.max(at + (e.key === 'ArrowRight' ? 1 : -1), 0), stops.length - 1);
    if (dots.length) mark(dots[at]);
    (ring || stops[at].tip).scrollIntoView({ block: 'nearest', inline: 'nearest' });
    out.textContent = stops[at].text;
    e.preventDefault();
  });
});

// dotsOf reads the dots of a drawing, in the order of time.
function dotsOf(drawing) {
  var all = [];
  drawing.querySelectorAll('[data-texts]').forEach(function (p) {
    var texts = p.dataset.texts.split('\n'), i = 0;
    p.getAttribute('d').replace(/M(\S+) ([^h]+)h0/g, function (_, x, y) { all.push({ x: +x, y: +y, text: texts[i++] }); });
  });
  return all.sort(function (a, b) { return a.x - b.x; });
}

// nearest is the dot that is nearest to a place, -1 if none is within far.
function nearest(dots, x, y, far) {
  var best = -1;
  dots.forEach(function (d, i) { var r = Math.hypot(d.x - x, d.y - y); if (r <= far) { far = r; best = i; } });
  return best;
}

var root = $('tl');
if (!root) return;
var meta = JSON.parse($('tl-meta').textContent);
var violations = meta.violations || [], faults = meta.faults || [], nodes = meta.nodes || [], sessions = meta.sessions || [];
var N = meta.count, SECOND = 1e6;
var invoke = new Float64Array(N), end = new Float64Array(N), session = new Int32Array(N), node = new Int32Array(N);
var flags = new Uint8Array(N), key = new Int32Array(N), lane = new Int32Array(N), broken = new Uint8Array(N), texts = [], keys = [];
var canvas = $('tl-canvas'), g = canvas.getContext('2d'), from = 0, to = meta.length_us, current = -1, selected = -1, longest = 0;
var faultRows = [], axis0 = 25;
var laneNames = [], top0 = 34, left0 = 92, right0 = 8, strip = 15, laneHeight = 12, width = 0, height = 0, scroll = 0, queued = false, colors = {};

// A row for each fault that overlaps others: the first that is free.
(function () {
  var ends = [];
  faults.forEach(function (f) {
    var row = ends.findIndex(function (e) { return e <= f.from_us; });
    if (row < 0) row = ends.length;
    ends[row] = f.to_us; faultRows.push(row);
  });
  axis0 = Math.max(1, ends.length) * strip + 10; top0 = axis0 + 10;
})();

function problem(e) { var p = $('tl-problem'); p.textContent = 'The timeline cannot be shown: ' + e + '. The rest of the page does not need it.'; p.hidden = false; }

function bytes(text) {
  var bin = atob(text.replace(/-/g, '+').replace(/_/g, '/')), out = new Uint8Array(bin.length);
  for (var i = 0; i < bin.length; i++) out[i] = bin.charCodeAt(i);
  return out;
}

// inflate is RFC 1951 for browsers without DecompressionStream; src is gzip
// without optional header fields.
function inflate(src) {
  var pos = 10, bit = 0, held = 0, out = new Uint8Array(1 << 20), n = 0;
  function need(k) { if (n + k > out.length) { var b = new Uint8Array(Math.max(out.length * 2, n + k)); b.set(out); out = b; } }
  function bits(k) { var v = 0; for (var i = 0; i < k; i++) { if (!bit) { held = src[pos++]; bit = 8; } v |= (held & 1) << i; held >>= 1; bit--; } return v; }
  function table(lengths) {
    var count = new Uint16Array(16), offset = new Uint16Array(16), symbols = new Uint16Array(lengths.length), i;
    for (i = 0; i < lengths.length; i++) count[lengths[i]]++;
    count[0] = 0;
    for (i = 1; i < 16; i++) offset[i] = offset[i - 1] + count[i - 1];
    for (i = 0; i < lengths.length; i++) if (lengths[i]) symbols[offset[lengths[i]]++] = i;
    return { count: count, symbols: symbols };
  }
  function symbol(t) {
    var code = 0, first = 0, index = 0;
    for (var l = 1; l < 16; l++) {
      code |= bits(1);
      if (code - t.count[l] < first) return t.symbols[index + (code - first)];
      index += t.count[l]; first = (first + t.count[l]) << 1; code <<= 1;
    }
    throw new Error('damaged data');
  }
  var LB = [3,4,5,6,7,8,9,10,11,13,15,17,19,23,27,31,35,43,51,59,67,83,99,115,131,163,195,227,258], LX = [0,0,0,0,0,0,0,0,1,1,1,1,2,2,2,2,3,3,3,3,4,4,4,4,5,5,5,5,0];
  var DB = [1,2,3,4,5,7,9,13,17,25,33,49,65,97,129,193,257,385,513,769,1025,1537,2049,3073,4097,6145,8193,12289,16385,24577];
  var order = [16,17,18,0,8,7,9,6,10,5,11,4,12,3,13,2,14,1,15], last, i;
  do {
    last = bits(1);
    var type = bits(2), lt, dt;
    if (type === 0) {
      bit = 0;
      var len = src[pos] | src[pos + 1] << 8; pos += 4; need(len);
      out.set(src.subarray(pos, pos + len), n); n += len; pos += len;
      continue;
    }
    if (type === 1) {
      var fixed = new Uint8Array(288);
      for (i = 0; i < 288; i++) fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
      lt = table(fixed); dt = table(new Uint8Array(30).fill(5));
    } else {
      var nl = bits(5) + 257, nd = bits(5) + 1, nc = bits(4) + 4, cl = new Uint8Array(19), all = new Uint8Array(nl + nd);
      for (i = 0; i < nc; i++) cl[order[i]] = bits(3);
      var ct = table(cl);
      for (i = 0; i < nl + nd;) {
        var s = symbol(ct), rep = 1, val = s;
        if (s === 16) { val = all[i - 1]; rep = 3 + bits(2); } else if (s === 17) { val = 0; rep = 3 + bits(3); } else if (s === 18) { val = 0; rep = 11 + bits(7); }
        while (rep--) all[i++] = val;
      }
      lt = table(all.subarray(0, nl)); dt = table(all.subarray(nl));
    }
    for (;;) {
      var c = symbol(lt);
      if (c === 256) break;
      if (c < 256) { need(1); out[n++] = c; continue; }
      var l = LB[c - 257] + bits(LX[c - 257]), d = symbol(dt), back = DB[d] + bits(d < 4 ? 0 : (d >> 1) - 1);
      need(l);
      for (i = 0; i < l; i++) { out[n] = out[n - back]; n++; }
    }
  } while (!last);
  return out.subarray(0, n);
}

function unpack(packed) {
  if (typeof DecompressionStream === 'undefined' || location.hash === '#selftest-inflate') return Promise.resolve(inflate(packed));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer().then(function (b) { return new Uint8Array(b); });
}

function decode(raw) {
  var view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength), at = 0, p, i, v;
  function column() { var n = view.getUint32(at, true); at += 4; var c = raw.subarray(at, at + n); at += n; p = 0; return c; }
  function next(c) { var v = 0, f = 1, b; do { b = c[p++]; v += (b & 127) * f; f *= 128; } while (b > 127); return v; }
  var c = column(), t = 0;
  for (i = 0; i < N; i++) { t += next(c); invoke[i] = t; }
  c = column();
  for (i = 0; i < N; i++) { v = next(c); end[i] = v ? invoke[i] + v - 1 : Infinity; if (v) longest = Math.max(longest, v); }
  c = column(); for (i = 0; i < N; i++) session[i] = next(c);
  c = column(); for (i = 0; i < N; i++) node[i] = next(c) - 1;
  c = column(); for (i = 0; i < N; i++) flags[i] = next(c);
  c = column(); for (i = 0; i < N; i++) key[i] = next(c);
  var utf = new TextDecoder();
  texts = JSON.parse(utf.decode(column()));
  keys = JSON.parse(utf.decode(column()));
  violations.forEach(function (b) { b.ops.forEach(function (o) { broken[o] = 1; }); });
}

// Filters and lanes.
var OUTCOME = ['info', 'ok', 'fail'];
function filter() {
  var kind = $('tl-lanes').value, k = $('tl-key').value.trim(), s = $('tl-session').value, n = $('tl-node').value;
  var wantKey = k === '' ? -1 : keys.indexOf(k), show = [$('tl-info').checked, $('tl-ok').checked, $('tl-fail').checked];
  var used = new Map(), count = 0, i;
  var order = kind === 'session' ? session : kind === 'node' ? node : key;
  for (i = 0; i < N; i++) {
    if ((k !== '' && key[i] !== wantKey && texts[i].indexOf(' ' + k + ' ') < 0) || (s !== '' && session[i] !== +s) || (n !== '' && node[i] !== +n) || !show[flags[i] & 3]) { lane[i] = -1; continue; }
    used.set(order[i], 0); lane[i] = order[i]; count++;
  }
  var ids = Array.from(used.keys());
  if (kind === 'session') ids.sort(function (a, b) { return sessions[a] - sessions[b]; });
  else ids.sort(function (a, b) { return a - b; });
  laneNames = ids.map(function (id, at) {
    used.set(id, at);
    return kind === 'session' ? 'session ' + sessions[id] : kind === 'node' ? (id < 0 ? 'no node' : nodes[id]) : keys[id];
  });
  for (i = 0; i < N; i++) if (lane[i] !== -1 || order[i] === -1) { if (used.has(lane[i])) lane[i] = used.get(lane[i]); }
  scroll = 0;
  $('tl-status').textContent = number(count, 'operation') + ' in ' + number(laneNames.length, 'lane') + (violations.length ? '; n and p show ' + (violations.length > 1 ? 'the ' + number(violations.length, 'violation') : 'the violation') : '') + '. Drag or arrows move, + and − zoom, Ctrl with the wheel zooms, a click shows an operation.';
  resize();
}

function number(n, what) { return n.toLocaleString('en') + ' ' + what + (n === 1 ? '' : 's'); }

function resize() {
  var box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
  width = box.width || 900; height = box.height || 420;
  laneHeight = Math.max(9, Math.min(30, Math.floor((height - 36 - top0) / Math.max(1, laneNames.length))));
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  var css = getComputedStyle(document.documentElement);
  ['ink', 'soft', 'line', 'ok', 'fail', 'info', 'bad', 'band', 'band-bg', 'card', 'open'].forEach(function (n) { colors[n] = css.getPropertyValue('--' + n).trim(); });
  draw();
}

function X(t) { return left0 + (t - from) / (to - from) * (width - left0 - right0); }
function T(x) { return from + (x - left0) / (width - left0 - right0) * (to - from); }
function Y(l) { return top0 + l * laneHeight - scroll; }
function draw() { if (!queued) { queued = true; requestAnimationFrame(paint); } }

function firstAt(t) { var lo = 0, hi = N; while (lo < hi) { var m = (lo + hi) >> 1; if (invoke[m] < t) lo = m + 1; else hi = m; } return lo; }

// A text behind its name, as much of it as there is room for: none of it is cut inside a letter.
function fitting(name, text, room) {
  var all = name + ' ' + text;
  if (g.measureText(all).width <= room) return all;
  for (var n = text.length - 1; n > 2; n--) { all = name + ' ' + text.slice(0, n).trim() + '…'; if (g.measureText(all).width <= room) return all; }
  return g.measureText(name).width <= room ? name : '';
}

function paint() {
  queued = false;
  var i, f, x, w, l;
  g.clearRect(0, 0, width, height);
  g.font = '11px system-ui, sans-serif'; g.textBaseline = 'middle';
  for (i = 0; i < faults.length; i++) {
    f = faults[i]; x = Math.max(left0, X(f.from_us)); w = Math.min(width, X(f.to_us)) - x;
    if (w <= 0) continue;
    var row = faultRows[i] * strip;
    g.globalAlpha = .35; g.fillStyle = colors['band-bg']; g.fillRect(x, row, w, height - row); g.globalAlpha = 1;
    g.fillStyle = colors.band; g.globalAlpha = f.bit ? .55 : .2; g.fillRect(x, row + 1, w, strip - 3); g.globalAlpha = 1;
    g.strokeStyle = colors.open; g.strokeRect(x + .5, row + 1.5, Math.max(1, w - 1), strip - 4);
  }
  // The names stand above the bands of other faults.
  g.fillStyle = colors.ink;
  for (i = 0; i < faults.length; i++) {
    f = faults[i]; x = Math.max(left0, X(f.from_us)); w = Math.min(width, X(f.to_us)) - x;
    if (w > 0) g.fillText(fitting('F' + f.id, f.name + (f.bit ? '' : ' (not seen to take effect)'), w - 8), x + 4, faultRows[i] * strip + 8);
  }
  g.strokeStyle = colors.line; g.beginPath();
  for (l = 0; l < laneNames.length; l++) { var ly = Y(l) + laneHeight; if (ly > top0 && ly < height) { g.moveTo(left0, ly - .5); g.lineTo(width, ly - .5); } }
  g.stroke();
  g.save(); g.beginPath(); g.rect(left0, top0, width - left0, height - top0); g.clip();
  var a = firstAt(from - longest), b = firstAt(to), bar = Math.max(3, laneHeight - 3), wide = SECOND / (to - from) * (width - left0);
  // One pass an outcome: an operation that falls on a pixel drawn already is skipped.
  var lastX = new Float64Array(laneNames.length);
  for (var o = 0; o < 3; o++) {
    lastX.fill(-1);
    g.fillStyle = g.strokeStyle = colors[OUTCOME[o]];
    for (i = (o === 0 ? 0 : a); i < b; i++) {
      if ((flags[i] & 3) !== o || (l = lane[i]) < 0) continue;
      if (end[i] < from && o !== 0) continue;
      x = X(invoke[i]); var y = Y(l) + 1;
      if (y < top0 - bar || y > height) continue;
      if (o === 0) {
        if (x < left0 - 40) continue;
        if (x - lastX[l] < 1) continue;
        lastX[l] = x;
        g.globalAlpha = .9; g.fillRect(x, y, 2, bar); g.fillRect(x, y, 7, 1.5); g.fillRect(x, y + bar - 1.5, 7, 1.5); g.globalAlpha = 1;
        continue;
      }
      w = Math.max(1, X(end[i]) - x);
      if (x + w - lastX[l] < .8) continue;
      lastX[l] = x + w;
      if (o === 1) g.fillRect(x, y, w, bar); else g.fillRect(x, y + bar / 2, w, bar / 2);
    }
  }
  // Texts where there is room.
  if (wide > 0 && (to - from) < longest * 400 && laneHeight >= 11) {
    g.fillStyle = colors.card; var drawn = 0;
    for (i = a; i < b && drawn < 400; i++) {
      if (lane[i] < 0 || end[i] === Infinity || (flags[i] & 3) !== 1) continue;
      x = X(invoke[i]); w = X(end[i]) - x;
      if (w < 46 || x + w < left0) continue;
      g.save(); g.beginPath(); g.rect(x, Y(lane[i]), w - 3, laneHeight); g.clip();
      g.fillText(texts[i], Math.max(x, left0) + 4, Y(lane[i]) + laneHeight / 2); g.restore(); drawn++;
    }
  }
  for (i = 0; i < violations.length; i++) violations[i].ops.forEach(function (op, n, list) {
    if (lane[op] < 0) return;
    var vx = X(invoke[op]), vy = Y(lane[op]) + laneHeight / 2, lastOp = violations[i].at_us === end[op] || n === list.length - 1;
    g.strokeStyle = g.fillStyle = violations[i].allowed ? colors.open : colors.bad; g.lineWidth = 2;
    if (i === current) g.strokeRect(vx - 1, vy - laneHeight / 2, Math.max(4, Math.min(width, X(Math.min(end[op], to))) - vx + 2), laneHeight - 1);
    g.lineWidth = 1;
    if (lastOp || i === current) { g.beginPath(); g.moveTo(vx, vy - 6); g.lineTo(vx + 6, vy); g.lineTo(vx, vy + 6); g.lineTo(vx - 6, vy); g.closePath(); g.fill(); }
  });
  if (selected >= 0 && lane[selected] >= 0) {
    g.strokeStyle = colors.ink; g.lineWidth = 2;
    g.strokeRect(X(invoke[selected]) - 2, Y(lane[selected]) - 1, Math.max(6, Math.min(X(end[selected]), width) - X(invoke[selected]) + 4), laneHeight + 1); g.lineWidth = 1;
  }
  g.restore();
  g.fillStyle = colors.card; g.fillRect(0, 0, left0, height);
  g.fillStyle = colors.soft; g.textAlign = 'right';
  var each = Math.max(1, Math.ceil(11 / laneHeight));
  for (l = 0; l < laneNames.length; l += each) { var ny = Y(l) + laneHeight / 2; if (ny > top0 && ny < height) g.fillText(laneNames[l].slice(0, 15), left0 - 8, ny); }
  g.textAlign = 'center';
  var step = nice((to - from) / Math.max(2, (width - left0) / 110));
  for (var t = Math.ceil(from / step) * step; t < to; t += step) {
    x = X(t); if (x < left0 + 20 || x > width - 28) continue;
    g.fillText(time(t, step), x, axis0); g.fillRect(x, axis0 + 6, 1, 3);
  }
  g.textAlign = 'left';
}

function nice(v) { var b = Math.pow(10, Math.floor(Math.log10(v))), r = v / b; return Math.max(1, (r <= 1 ? 1 : r <= 2 ? 2 : r <= 5 ? 5 : 10) * b); }
function time(t, step) { var digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(step)))); return (t / SECOND).toFixed(digits) + ' s'; }

function view(a, b) {
  var span = Math.max(20, Math.min(b - a, meta.length_us));
  a = Math.max(0, Math.min((a + b - span) / 2, meta.length_us - span));
  from = a; to = a + span; draw();
}
function zoom(f, at) { view(at - (at - from) * f, at + (to - at) * f); }

function show(op, violation) {
  selected = op;
  var d = $('tl-detail'); d.textContent = ''; d.className = violation ? violation.allowed ? 'broken allowed' : 'broken' : '';
  function line(t, strong) { var p = document.createElement('p'), e = strong ? document.createElement('b') : p; e.textContent = t; if (strong) p.appendChild(e); d.appendChild(p); }
  if (violation) {
    line('Violation ' + violation.number + ' of ' + violations.length + ': ' + violation.model, true); line(violation.text);
    var w = $('witness-' + violation.number);
    if (w) { var link = document.createElement('a'); link.href = '#witness-' + violation.number; link.textContent = 'see the witness'; d.appendChild(link); }
  }
  var took = end[op] === Infinity ? 'no answer' : ((end[op] - invoke[op]) / 1000).toFixed(3) + ' ms';
  line(texts[op], true);
  line(OUTCOME[flags[op] & 3] + ' · at ' + (invoke[op] / SECOND).toFixed(6) + ' s · ' + took + ' · session ' + sessions[session[op]] + (node[op] >= 0 ? ' · node ' + nodes[node[op]] : ''));
  var on = faults.filter(function (f) { return f.from_us <= end[op] && f.to_us >= invoke[op]; });
  if (on.length && end[op] !== Infinity) line('while fault ' + on.map(function (f) { return f.id + ' (' + f.name + ')'; }).join(', ') + ' was on');
  draw();
}

function jump(i) {
  if (!violations.length) return;
  current = (i + violations.length) % violations.length;
  var v = violations[current], a = Infinity, b = v.at_us;
  if (v.ops.some(function (o) { return lane[o] < 0; })) {
    $('tl-key').value = $('tl-session').value = $('tl-node').value = '';
    $('tl-ok').checked = $('tl-fail').checked = $('tl-info').checked = true; filter();
  }
  v.ops.forEach(function (o) { a = Math.min(a, invoke[o]); if (end[o] !== Infinity) b = Math.max(b, end[o]); });
  var pad = Math.max(500, (b - a) * .15);
  view(a - pad, b + pad);
  var last = v.ops.filter(function (o) { return end[o] >= v.at_us - 1 && end[o] <= v.at_us + 1; })[0];
  if (last === undefined) last = v.ops[v.ops.length - 1];
  var y = lane[last] * laneHeight;
  if (y - scroll > height - top0 - laneHeight || y < scroll) scroll = Math.max(0, y - 150);
  show(last, v);
}

function hit(x, y) {
  var l = Math.floor((y - top0 + scroll) / laneHeight), best = -1, near = 7, a = firstAt(T(x - 8) - longest), b = firstAt(T(x + 8));
  for (var i = a; i < b; i++) {
    if (lane[i] !== l) continue;
    var x1 = X(invoke[i]), x2 = end[i] === Infinity ? x1 + 7 : X(end[i]), d = x < x1 ? x1 - x : x > x2 ? x - x2 : 0;
    if (broken[i]) d -= 1;
    if (d < near) { near = d; best = i; }
  }
  return best;
}
function click(x, y) {
  var op = hit(x, y);
  if (op < 0) return;
  var v = null;
  violations.forEach(function (b, i) { if (!v && b.ops.indexOf(op) >= 0 && (current < 0 || current === i || violations[current].ops.indexOf(op) < 0)) { v = b; current = i; } });
  show(op, v);
}

function listen() {
  var drag = null;
  canvas.addEventListener('pointerdown', function (e) { drag = { x: e.offsetX, y: e.offsetY, from: from, to: to, scroll: scroll, moved: false }; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener('pointermove', function (e) {
    if (!drag) return;
    var dx = e.offsetX - drag.x;
    if (Math.abs(dx) + Math.abs(e.offsetY - drag.y) > 4) drag.moved = true;
    if (!drag.moved) return;
    scroll = Math.max(0, Math.min(drag.scroll - (e.offsetY - drag.y), Math.max(0, laneNames.length * laneHeight - height + top0)));
    var dt = dx / (width - left0) * (drag.to - drag.from); view(drag.from - dt, drag.to - dt);
  });
  canvas.addEventListener('pointerup', function (e) { if (drag && !drag.moved) click(e.offsetX, e.offsetY); drag = null; });
  canvas.addEventListener('pointercancel', function () { drag = null; });
  canvas.addEventListener('wheel', function (e) { if (!e.ctrlKey && !e.metaKey) return; e.preventDefault(); zoom(Math.pow(1.0015, e.deltaY), T(e.offsetX)); }, { passive: false });
  var middle = function () { return (from + to) / 2; };
  var keysOf = {
    n: function () { jump(current + 1); }, j: function () { jump(current + 1); },
    p: function () { jump(current < 0 ? -1 : current - 1); }, k: function () { jump(current < 0 ? -1 : current - 1); },
    '+': function () { zoom(.5, middle()); }, '=': function () { zoom(.5, middle()); }, '-': function () { zoom(2, middle()); }, '0': function () { view(0, meta.length_us); }
  };
  document.addEventListener('keydown', function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
    var step = (to - from) * .2;
    if (keysOf[e.key]) { keysOf[e.key](); e.preventDefault(); if ('njpk'.indexOf(e.key) >= 0) root.scrollIntoView({ block: 'nearest' }); return; }
    if (e.target !== canvas) return;
    if (e.key === 'ArrowLeft') view(from - step, to - step);
    else if (e.key === 'ArrowRight') view(from + step, to + step);
    else if (e.key === 'ArrowDown') { scroll = Math.min(scroll + laneHeight * 3, Math.max(0, laneNames.length * laneHeight - height + top0)); draw(); }
    else if (e.key === 'ArrowUp') { scroll = Math.max(0, scroll - laneHeight * 3); draw(); }
    else return;
    e.preventDefault();
  });
  $('tl-next').onclick = keysOf.n; $('tl-prev').onclick = keysOf.p; $('tl-in').onclick = keysOf['+']; $('tl-out').onclick = keysOf['-']; $('tl-all').onclick = keysOf['0'];
  ['tl-lanes', 'tl-session', 'tl-node', 'tl-ok', 'tl-fail', 'tl-info'].forEach(function (id) { $(id).addEventListener('change', filter); });
  $('tl-key').addEventListener('input', filter);
  window.addEventListener('resize', resize);
  if (window.matchMedia) matchMedia('(prefers-color-scheme: dark)').addEventListener('change', resize);
  document.querySelectorAll('.goto').forEach(function (b) { b.hidden = false; b.onclick = function () { jump(+b.dataset.violation - 1); root.scrollIntoView(); }; });
  // A link to a closed witness opens it.
  var reveal = function () { var d = /^#witness-\d+$/.test(location.hash) && $(location.hash.slice(1)); if (d) { d.open = true; d.scrollIntoView(); } };
  window.addEventListener('hashchange', reveal); reveal();
  window.addEventListener('beforeprint', function () { document.querySelectorAll('details').forEach(function (d) { d.open = true; }); });
}

function fill(select, names) { names.forEach(function (n) { var o = document.createElement('option'); o.value = n[0]; o.textContent = n[1]; select.appendChild(o); }); }

// The self-test goes through the page as a reader does; the project's tests open
// the report with #selftest and read the result from the document.
function selftest() {
  var r = { count: N, lanes: laneNames.length, jumps: [], clicked: '', filtered: 0, paintMs: 0 };
  function press(k) { document.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true })); }
  for (var i = 0; i < violations.length; i++) { press('n'); r.jumps.push($('tl-detail').textContent); }
  if (violations.length) {
    press('n'); paint();
    var want = selected; $('tl-detail').textContent = ''; selected = -1;
    var box = canvas.getBoundingClientRect(), x = Math.min(X(invoke[want]) + 1, width - 2), y = Y(lane[want]) + laneHeight / 2;
    ['pointerdown', 'pointerup'].forEach(function (type) { var e = new PointerEvent(type, { clientX: box.left + x, clientY: box.top + y, pointerId: 1, bubbles: true }); try { canvas.dispatchEvent(e); } catch (err) { r.error = String(err); } });
    r.clicked = $('tl-detail').textContent; r.same = selected === want;
    var b = document.querySelector('.goto'); if (b) { b.click(); r.button = current; }
  }
  $('tl-ok').checked = false; filter();
  for (i = 0; i < N; i++) if (lane[i] >= 0) r.filtered++;
  $('tl-ok').checked = true; filter(); press('0');
  var start = performance.now(); for (i = 0; i < 10; i++) paint(); r.paintMs = (performance.now() - start) / 10;
  var out = document.createElement('script'); out.type = 'application/json'; out.id = 'selftest'; out.textContent = JSON.stringify(r).replace(/</g, '\\u003c'); document.body.appendChild(out);
}

try {
  unpack(bytes(JSON.parse($('tl-data').textContent))).then(function (raw) {
    decode(raw);
    fill($('tl-session'), sessions.map(function (s, i) { return [i, s]; }).sort(function (a, b) { return a[1] - b[1]; }));
    fill($('tl-node'), nodes.map(function (n, i) { return [i, n]; }));
    root.hidden = false;
    listen(); filter();
    if (/^#selftest/.test(location.hash)) selftest();
  }).catch(problem);
} catch (e) { problem(e); }
})();
