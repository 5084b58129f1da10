package ability

import "fmt"

// Sync says that a node syncs what it writes to its disk, sooner or later. A target whose configuration
// has its servers sync nothing leaves it out: what is done to syncs meets none then.
var Sync Ability = of[Restarter]{"sync", "servers that sync what they write"}

// SyncsNothing is why Sync is not an ability, with the way out: the reason of targets.Lacker. Option=value is
// the setting that turns syncs off.
func SyncsNothing(option, value string) string {
	return fmt.Sprintf("with --set %s=%s nothing is synced that could be slow; leave that out, or see by power-failure what it costs", option, value)
}
