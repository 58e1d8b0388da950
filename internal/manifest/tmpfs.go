package manifest

import (
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// tmpfsFlags are the options that a tmpfs may have (tmpfs(5), mount(8)), and
// whether they have a value.
var tmpfsFlags = map[string]bool{"size": true, "mode": true, "uid": true, "gid": true, "nr_inodes": true, "nr_blocks": true,
	"rw": false, "ro": false, "exec": false, "noexec": false, "suid": false, "nosuid": false, "dev": false, "nodev": false,
	"sync": false, "async": false, "atime": false, "noatime": false, "diratime": false, "nodiratime": false, "relatime": false, "norelatime": false}

// tmpfsOptions refuses what a tmpfs cannot have.
func (r *reader) tmpfsOptions(s types.ServiceConfig, options string) string {
	if options == "" {
		return ""
	}
	for option := range strings.SplitSeq(options, ",") {
		name, value, _ := strings.Cut(option, "=")
		if valued, known := tmpfsFlags[name]; !known || valued != (value != "") {
			at := []string{"services", s.Name, "tmpfs"}
			file, line, _ := r.item(at, option)
			r.note(staging.NoteRefused, file, line, strings.Join(at, "."), strconv.Quote(option)+" is no option of a tmpfs", "for example /run:size=64m,mode=1777")
		}
	}
	return options
}

// tmpfsSize are the options of Compose's long form.
func tmpfsSize(t *types.ServiceVolumeTmpfs) string {
	if t == nil {
		return ""
	}
	var list []string
	if t.Size > 0 {
		list = append(list, "size="+strconv.FormatInt(int64(t.Size), 10))
	}
	if t.Mode > 0 {
		list = append(list, "mode="+strconv.FormatUint(uint64(t.Mode), 8))
	}
	return strings.Join(list, ",")
}
