//go:build linux

package process

import (
	"embed"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"offshoot/internal/platform/process/shim"
)

//go:embed embedded
var embedded embed.FS

// programFD is a number that no child needs for itself.
const programFD = 100

// shimProgram is what is executed as the shim: the small program that was built
// in, from memory, for as long as the file is open; nil where there is none of
// the same source, and this program is its own shim.
func shimProgram() (*os.File, error) {
	source, err := embedded.ReadFile("embedded/source")
	if err != nil || strings.TrimSpace(string(source)) != shim.Source() {
		return nil, nil
	}
	text, err := embedded.ReadFile("embedded/shim")
	if err != nil {
		return nil, nil
	}
	fd, err := unix.MemfdCreate(shim.Name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("memory for the shim: %w", err)
	}
	f := os.NewFile(uintptr(fd), shim.Name)
	defer func() { _ = f.Close() }()
	if _, err := f.Write(text); err != nil {
		return nil, fmt.Errorf("write the shim: %w", err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		return nil, fmt.Errorf("seal the shim: %w", err)
	}
	kept, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, programFD)
	if err != nil {
		return nil, fmt.Errorf("keep the shim: %w", err)
	}
	return os.NewFile(uintptr(kept), shim.Name), nil
}

// program is the path that is executed as the shim: a child finds the memory by
// its number.
func (d *Driver) program() string {
	if d.shim == nil {
		return "/proc/self/exe"
	}
	return fmt.Sprintf("/proc/self/fd/%d", d.shim.Fd())
}
