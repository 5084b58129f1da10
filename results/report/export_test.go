package report

// What the tests of pages that import this package need of its own.
var (
	Chromium = chromium
	Hostile  = hostile

	StaleRead     = staleRead
	Rendered      = render
	SuiteOf       = suiteOf
	RenderedSuite = renderSuite
)
