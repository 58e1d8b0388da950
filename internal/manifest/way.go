package manifest

import (
	"github.com/compose-spec/compose-go/v2/types"

	"offshoot/internal/staging"
)

// way is how a platform reads a stack: the rules in which one that runs images
// differs from one that runs the checkout as processes. The table of keys has a
// column for each.
type way interface {
	// rule is what becomes of a key of Compose.
	rule(k Key) Rule
	// service says how one runs, where its ports, checks and variables are known.
	service(r *reader, p *types.Project, s types.ServiceConfig, x serviceExtension, v *staging.Service)
	// mount is what becomes of a mount: one without a Kind is left out, for the
	// reason ignored where it is to be said. A volume without a Source is
	// anonymous.
	mount(r *reader, v *staging.Service, m staging.Mount) (out staging.Mount, ignored string)
	// procfile are the lines of a Procfile that count beside a Compose file, or
	// without one.
	procfile(r *reader, list []process, compose bool) []process
	// finish completes services by what else is known, and refuses those that
	// cannot run.
	finish(r *reader)
}

// wayOf is the way of a platform by its name.
func wayOf(platform string) way {
	if platform == "" || platform == "process" {
		return processes{}
	}
	return images{}
}
