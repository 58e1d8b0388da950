//go:build race

package reconcile_test

// thin is how much is left out where the race detector makes everything slow:
// one place of so many is tried.
const thin = 5
