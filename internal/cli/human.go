package cli

import (
	"time"

	"offshoot/internal/human"
)

func ago(t time.Time) string { return human.Span(time.Since(t)) + " ago" }

func until(t time.Time) string { return "in " + human.Span(time.Until(t)) }
