//go:build !linux

package wiring

// calmSysmon does nothing: only Linux lets one thread sleep less exactly.
func calmSysmon() {}
