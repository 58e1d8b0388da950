//go:build !race

package reconcile_test

// thin is how much is left out: one place of so many is tried.
const thin = 1
