module offshoot

go 1.26.0

require pgregory.net/rapid v1.3.0

require (
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
