package server

import "html/template"

const head = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>:root{--bg:#fbfbf9;--ink:#1c2126;--soft:#5b636c;--line:#dfe1dd;--bad:#b3261e;--good:#17703f;--open:#8a5a00}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--ink:#e6e8ea;--soft:#9aa3ab;--line:#30363c;--bad:#ff8a80;--good:#6fd39b;--open:#f0be5a}}
body{margin:0 auto;max-width:1180px;padding:28px 24px;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
h1{font-size:24px;margin:0 0 18px}table+h1{margin-top:34px}h2{font-size:17px;margin:28px 0 8px}a{color:inherit}table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);font-weight:400}thead th,.soft{color:var(--soft);font-size:13px}
.violated{color:var(--bad);font-weight:650}.held{color:var(--good);font-weight:650}.inconclusive{color:var(--open);font-weight:650}
button{font:inherit;padding:4px 14px;margin:0 0 12px;cursor:pointer}.keep{white-space:nowrap}.scroll{overflow-x:auto}.wide{min-width:900px}.n{text-align:right;font-variant-numeric:tabular-nums}</style>`

// The pages are parsed once and never changed.
var (
	listPage = template.Must(template.New("list").Parse(head + `<title>lapse runs</title>{{with .Suites}}<h1>Suites</h1><table><thead><tr><th>suite</th><th>result</th><th>runs</th><th>file</th><th>started</th><th>seed</th></tr></thead>
{{range .}}<tr><td><a href="/suites/{{.ID}}">{{.ID}}</a></td>{{if .Exit}}<td class="{{if eq .Exit.Code 0}}held{{else if eq .Exit.Code 1}}violated{{else}}inconclusive{{end}}">{{if eq .Exit.Code 0}}✓ passed{{else if eq .Exit.Code 1}}✗ {{.Exit.Reason}}{{else}}? {{.Exit.Reason}}{{end}}</td>{{else}}<td>– {{.State}}</td>{{end}}<td>{{len .Cases}}</td><td>{{.File}}</td><td>{{.Started.UTC.Format "2006-01-02 15:04"}}</td><td>{{.Seed}}</td></tr>{{end}}</table>{{end}}
<h1>Runs</h1>
{{with .Runs}}<form action="/compare"><button>compare A with B</button><div class="scroll"><table class="wide"><thead><tr><th>A</th><th>B</th><th>run</th><th>verdict</th><th>target</th><th>levels</th><th>workload</th><th>seed</th><th>part of</th></tr></thead>
{{range $i, $r := .}}<tr><td><input type="radio" name="a" value="{{.Run}}" aria-label="A: {{.Run}}"{{if eq $i 1}} checked{{end}}></td><td><input type="radio" name="b" value="{{.Run}}" aria-label="B: {{.Run}}"{{if eq $i 0}} checked{{end}}></td>
<td class="keep"><a href="/runs/{{.Run}}">{{.Run}}</a></td><td class="keep {{.Status}}">{{if eq .Status "violated"}}✗ violated{{else if eq .Status "held"}}✓ held{{else if eq .Status "inconclusive"}}? inconclusive{{else}}– no verdict{{end}}</td><td>{{.Target}}</td><td>write {{.WriteLevel}}, read {{.ReadLevel}}</td><td>{{.Workload}}</td><td>{{.Seed}}</td><td class="soft">{{with .Part}}{{.Of}}: {{.Label}}{{end}}</td></tr>{{end}}
</table></div></form>{{else}}<p>There are no runs yet.</p>{{end}}`))

	comparePage = template.Must(template.New("compare").Parse(head + `<title>{{.A}} and {{.B}}</title><p class="soft"><a href="/">all runs</a></p><h1>Two runs compared</h1>
<h2>Verdicts</h2><table><thead><tr><th></th><th><a href="/runs/{{.A}}">{{.A}}</a></th><th><a href="/runs/{{.B}}">{{.B}}</a></th><th></th></tr></thead>{{range .Verdicts}}<tr><th>{{.Name}}</th><td>{{.A}}</td><td>{{.B}}</td><td>{{if ne .A .B}}≠ changed{{end}}</td></tr>{{end}}</table>
<h2>Figures</h2><table>{{range .Figures}}<tr><th>{{.Name}}</th><td class="n">{{.Text .A}}</td><td class="n">{{.Text .B}}</td><td class="n">{{.Delta}}</td></tr>{{end}}</table>
<h2>Settings and versions that differ</h2>{{if .Changes}}<table>{{range .Changes}}<tr><th>{{.Name}}</th><td>{{.A}}</td><td>{{.B}}</td></tr>{{end}}</table>{{else}}<p>None.</p>{{end}}`))
)
