package cli

import (
	"strconv"
	"strings"
	"time"

	"offshoot/internal/staging"
)

// duration reads 30d and 2w besides what Go reads.
func duration(text string) (time.Duration, error) {
	for unit, hours := range map[string]time.Duration{"d": 24, "w": 7 * 24} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			if n, err := strconv.ParseUint(number, 10, 16); err == nil {
				return time.Duration(n) * hours * time.Hour, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, staging.Errorf(staging.CodeUsage, "for example 90m, 24h or 30d", "%q is no duration", text)
	}
	return d, nil
}

// never is the word for a time that does not come.
const never = "never"

// lasting is a flag that is a duration as people write it; where endless is
// set, also never, which is kept as a negative one.
type lasting struct {
	value   *time.Duration
	endless bool
}

func (l lasting) String() string {
	switch {
	case l.value == nil:
		return ""
	case l.endless && *l.value < 0:
		return never
	}
	return l.value.String()
}

func (l lasting) Type() string { return "duration" }

func (l lasting) Set(text string) error {
	if l.endless && text == never {
		*l.value = -1
		return nil
	}
	d, err := duration(text)
	if err == nil {
		*l.value = d
	}
	return err
}
