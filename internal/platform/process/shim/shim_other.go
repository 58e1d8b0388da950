//go:build !linux

package shim

// Main does nothing: nothing starts a shim here.
func Main() {}
