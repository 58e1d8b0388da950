// Package process is the platform that runs workloads as plain processes of
// this host, each under a shim: in namespaces of its own where the host has
// such, found by a marker elsewhere.
//
// All it knows is in folders below its data directory, so that a new server
// adopts what an old one started. It keeps no secret there: the environment of
// a workload goes through a pipe.
package process

import (
	"log/slog"
	"time"
)

// Config is what a driver needs to know of the host.
type Config struct {
	// Dir is the server's data directory; environments live in Dir/env.
	Dir string
	Log *slog.Logger
	// Shape forces one, "" tries which is the best here.
	Shape Shape
	// Path is the PATH whose programs workloads find after their own, "" for
	// that of this process.
	Path string
	// Silence is after how long without output a build says that it goes on;
	// 0 is 30 s.
	Silence time.Duration
	// Patience is how long trying one shape may take; 0 is two minutes.
	Patience time.Duration
}

// Shape is how far the host lets workloads be kept apart.
type Shape string

// The shapes, best first.
const (
	// ShapeRoot is namespaces made by root, and users of their own.
	ShapeRoot Shape = "root"
	// ShapeUser is the same view in an unprivileged user namespace: every
	// environment runs as the server's user, with the limits that it was given.
	ShapeUser Shape = "userns"
	// ShapePlain is process groups, found by a marker.
	ShapePlain Shape = "plain"
)
