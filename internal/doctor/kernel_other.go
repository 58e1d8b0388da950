//go:build !linux

package doctor

import "context"

// namespaces are of Linux: what the platform says is enough.
func namespaces(context.Context) []Check { return nil }

// adrift is not known here.
func adrift() bool { return false }
