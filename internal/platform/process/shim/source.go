// Package shim is the small program that stands over every workload: it makes
// the closed view, starts the command under its own user, keeps what the
// command writes, starts it again after a crash, and writes down how it ended.
// It takes every descendant along when it goes, and needs no server to live.
//
// Where the host has namespaces it is PID 1 of them; elsewhere it is a
// subreaper, and finds what is the workload's by a marker and by descent.
//
// It is the offshoot binary under another name, so it imports the standard
// library and x/sys alone: what a large package does at start would be paid by
// every workload.
package shim

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
)

//go:embed *.go
var source embed.FS

// Source identifies the source that the shim was built of, so that a server
// never starts another one than its own.
func Source() string {
	sum := sha256.New()
	entries, err := source.ReadDir(".")
	if err != nil {
		return ""
	}
	for _, e := range entries {
		text, err := source.ReadFile(e.Name())
		if err != nil {
			return ""
		}
		_, _ = sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
