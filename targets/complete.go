package targets

import (
	"slices"
	"strings"
)

// Complete is cfg with its options resolved and, where it leaves something open, with the
// defaults of info: its number of nodes, the first of its levels, DefaultOpTimeout. Its
// errors are *UsageError.
func Complete(info Info, cfg Config) (Config, error) {
	options, err := ResolveOptions(info, cfg.Options)
	if err != nil {
		return cfg, err
	}
	cfg.Options = options
	if cfg.Nodes == 0 {
		cfg.Nodes = info.DefaultNodes
	}
	if cfg.ReadLevel == "" {
		cfg.ReadLevel = first(info.ReadLevels)
	}
	if cfg.WriteLevel == "" {
		cfg.WriteLevel = first(info.WriteLevels)
	}
	if cfg.OpTimeout == 0 {
		cfg.OpTimeout = DefaultOpTimeout
	}
	return cfg, nil
}

func first(levels []string) string {
	if len(levels) == 0 {
		return ""
	}
	return levels[0]
}

// CheckLevels is a *UsageError unless info, whose levels are all that there are, has those
// of cfg.
func CheckLevels(info Info, cfg Config) error {
	for _, l := range []struct {
		flag, asked string
		there       []string
	}{{"--read-level", cfg.ReadLevel, info.ReadLevels}, {"--write-level", cfg.WriteLevel, info.WriteLevels}} {
		if !slices.Contains(l.there, l.asked) {
			return Usagef("%s %s: %s has %s", l.flag, l.asked, info.Name, strings.Join(l.there, ", "))
		}
	}
	return nil
}
