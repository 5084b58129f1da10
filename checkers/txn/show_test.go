package txn

// Show is show for tests from outside.
var Show = show
