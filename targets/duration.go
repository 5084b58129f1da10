package targets

import (
	"strings"
	"time"
)

// MaxDuration is the longest duration that an option takes for which the database itself has
// no bound.
const MaxDuration = 24 * time.Hour

// DurationOption reads a resolved option that is a duration from least to most. Its errors
// are *UsageError.
func DurationOption(options map[string]string, name string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(options[name])
	if err != nil || d < least || d > most {
		return 0, Usagef("--set %s=%s: want a duration from %s to %s, such as %s",
			name, options[name], short(least), short(most), short(min(max(least, 2*time.Second), most)))
	}
	return d, nil
}

// DurationSetting is an option that is a duration of at least Least, and where its value goes.
type DurationSetting struct {
	Option string
	Value  *time.Duration
	Least  time.Duration
}

// Durations reads resolved options that are durations, which have no bound above but MaxDuration,
// and leaves them in options as time.Duration writes them. Its errors are *UsageError.
func Durations(options map[string]string, settings []DurationSetting) (err error) {
	for _, s := range settings {
		if *s.Value, err = DurationOption(options, s.Option, s.Least, MaxDuration); err != nil {
			return err
		}
		options[s.Option] = s.Value.String()
	}
	return nil
}

// short is d without units of which there are none: 24h rather than 24h0m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, none := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}
