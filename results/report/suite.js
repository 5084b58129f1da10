(function () {
'use strict';
// Filters the table of runs; without scripts all of it is shown.
var box = document.getElementById('filter');
if (!box) return;
var text = document.getElementById('filter-text'), open = document.getElementById('filter-open'), count = document.getElementById('filter-count');
var rows = [].slice.call(document.querySelectorAll('#runs tbody tr'));
function apply() {
  var want = text.value.trim().toLowerCase(), shown = 0;
  rows.forEach(function (r) {
    var on = (!open.checked || r.dataset.status !== 'passed') && r.textContent.toLowerCase().indexOf(want) >= 0;
    r.hidden = !on;
    if (on) shown++;
  });
  count.textContent = shown + ' of ' + rows.length + ' runs';
}
text.addEventListener('input', apply);
open.addEventListener('change', apply);
box.hidden = false;
apply();
// A link to a closed witness opens it.
function reveal() { var d = /^#witness-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1)); if (d) { d.open = true; d.scrollIntoView(); } }
window.addEventListener('hashchange', reveal); reveal();
window.addEventListener('beforeprint', function () { document.querySelectorAll('details').forEach(function (d) { d.open = true; }); });
})();
