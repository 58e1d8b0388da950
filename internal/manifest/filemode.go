package manifest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// fileModes are whose the files of a service are that are written inside, and who
// may read or run them.
func (r *reader) fileModes(s types.ServiceConfig, v *staging.Service) {
	for _, x := range s.Secrets {
		r.fileMode(v, "secrets", secretTarget(x), types.FileReferenceConfig(x))
	}
	for _, x := range s.Configs {
		r.fileMode(v, "configs", configTarget(x), types.FileReferenceConfig(x))
	}
}

func (r *reader) fileMode(v *staging.Service, kind, target string, x types.FileReferenceConfig) {
	if x.Mode == nil && x.UID == "" && x.GID == "" {
		return
	}
	at := []string{"services", v.Name, kind}
	if slices.ContainsFunc(v.Mounts, func(m staging.Mount) bool { return m.Target == target }) {
		file, line, _ := r.item(at, x.Source)
		r.note(staging.NoteIgnored, file, line, strings.Join(at, "."), "owner and mode of "+target+" are ignored: a file of the repository is as Git has it", "")
		return
	}
	m := staging.FileMode{Mode: 0o444}
	if x.Mode != nil {
		m.Mode = uint32(*x.Mode) & 0o777
	}
	m.UID, m.GID = r.numeric(at, x.UID), r.numeric(at, x.GID)
	if v.Container.FileModes == nil {
		v.Container.FileModes = map[string]staging.FileMode{}
	}
	v.Container.FileModes[target] = m
}

// numeric is the id of a user or group, 0 for none.
func (r *reader) numeric(at []string, id string) int {
	if id == "" {
		return 0
	}
	n, err := strconv.ParseUint(id, 10, 31)
	if err != nil {
		file, line, _ := r.item(at, id)
		r.note(staging.NoteRefused, file, line, strings.Join(at, "."), strconv.Quote(id)+" is no id of a user or group", "write a number")
	}
	return int(n)
}
