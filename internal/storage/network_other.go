//go:build !linux

package storage

// networks is empty: no server runs here.
var networks map[int64]string
